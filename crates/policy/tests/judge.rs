//! The rules, against tables written from the design and the RFC.

use std::net::{IpAddr, SocketAddr};

use ipaddr_policy::Verdict::{self, Deny, Pass, Rewrite};
use ipaddr_policy::family::{Family, may_be_source, number};
use ipaddr_policy::judge::reached;
use ipaddr_policy::list::{self, Separator};
use ipaddr_policy::rules::Protocol;
use ipaddr_policy::{Policy, Request, judge};
use proptest::prelude::*;

const EPERM: i32 = 1;

/// A policy from the two lists; "" is no list at all.
fn policy(ipv4: &str, ipv6: &str) -> Policy<'static> {
    let mut policy = Policy::UNASSIGNED;
    for (family, text) in [(Family::Ipv4, ipv4), (Family::Ipv6, ipv6)] {
        if !text.is_empty() {
            let assignment = policy.family_mut(family);
            list::parse(text.as_bytes(), Separator::Line, family, assignment).unwrap();
        }
    }
    policy
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn rewrite(text: &str) -> Verdict {
    Rewrite(ip(text))
}

fn bind(policy: &Policy, address: &str, dual_stack: bool) -> Verdict {
    judge(policy, bind_request(ip(address), dual_stack))
}

fn bind_request(address: IpAddr, dual_stack: bool) -> Request {
    Request::Bind {
        local: SocketAddr::new(address, 80),
        protocol: Protocol::Tcp,
        dual_stack,
    }
}

fn connect_request(remote: IpAddr) -> Request {
    Request::Connect {
        remote: SocketAddr::new(remote, 80),
        protocol: Protocol::Tcp,
    }
}

fn connect(policy: &Policy, remote: &str) -> Verdict {
    judge(policy, connect_request(ip(remote)))
}

fn connect_bound(policy: &Policy, remote: &str, local: &str) -> Verdict {
    judge(policy, connect_request(ip(remote)).on_bound(ip(local)))
}

#[test]
fn bind_ipv4() {
    let table = [
        // assignment, address, verdict
        ("", "0.0.0.0", Pass),
        ("", "192.0.2.1", Pass),
        ("10.0.0.5", "0.0.0.0", rewrite("10.0.0.5")),
        ("10.0.0.5", "127.0.0.1", Pass),
        ("10.0.0.5", "127.0.0.2", Deny(EPERM)),
        ("10.0.0.5", "10.0.0.5", Pass),
        ("10.0.0.5", "10.0.0.6", Deny(EPERM)),
        ("10.0.0.5", "255.255.255.255", Deny(EPERM)),
        ("10.0.0.5", "224.0.0.1", Deny(EPERM)),
        ("10.0.0.5\n10.0.0.6", "0.0.0.0", rewrite("10.0.0.5")),
        ("10.0.0.5\n10.0.0.6", "10.0.0.6", Pass),
        ("10.1.0.0/24\n10.0.0.5", "0.0.0.0", rewrite("10.0.0.5")),
        ("10.1.0.0/24\n!10.1.0.1", "10.1.0.2", Pass),
        ("10.1.0.0/24\n!10.1.0.1", "10.1.0.1", Deny(EPERM)),
        // Without a plain address nothing can stand in for the wildcard.
        ("10.1.0.0/24", "0.0.0.0", Deny(EPERM)),
        ("none", "127.0.0.1", Pass),
        ("none", "0.0.0.0", Deny(EPERM)),
        ("none", "10.0.0.5", Deny(EPERM)),
        ("loopback", "127.0.0.1", Pass),
        ("loopback", "0.0.0.0", rewrite("127.0.0.1")),
        ("loopback", "127.0.0.2", Deny(EPERM)),
        ("loopback", "10.0.0.5", Deny(EPERM)),
    ];
    for (assignment, address, verdict) in table {
        let policy = policy(assignment, "");
        assert_eq!(
            bind(&policy, address, false),
            verdict,
            "{assignment:?} {address}"
        );
    }
}

#[test]
fn bind_ipv6() {
    let table = [
        // IPv4, IPv6, address, dual-stack, verdict
        ("10.0.0.5", "", "::", true, rewrite("10.0.0.5")),
        ("10.0.0.5", "", "::", false, Pass),
        ("10.0.0.5", "", "::1", true, Pass),
        ("10.0.0.5", "", "fd00::6", true, Pass),
        ("", "", "::", true, Pass),
        ("", "fd00::5", "::", true, rewrite("fd00::5")),
        ("10.0.0.5", "fd00::5", "::", true, rewrite("fd00::5")),
        ("10.0.0.5", "fd00::5", "::", false, rewrite("fd00::5")),
        ("", "fd00::5", "fd00::5", false, Pass),
        ("", "fd00::5", "fd00::6", false, Deny(EPERM)),
        ("", "fd00::5", "::1", false, Pass),
        ("", "fd00::/64", "::", false, Deny(EPERM)),
        ("10.0.0.5", "none", "::", true, rewrite("10.0.0.5")),
        ("10.0.0.5", "none", "::", false, Deny(EPERM)),
        ("", "none", "::", true, rewrite("0.0.0.0")),
        ("", "none", "::1", false, Pass),
        ("", "none", "fd00::5", false, Deny(EPERM)),
        ("none", "", "::", true, Deny(EPERM)),
        ("none", "", "::", false, Pass),
        ("none", "none", "::", true, Deny(EPERM)),
        ("none", "fd00::5", "::", true, rewrite("fd00::5")),
        ("10.0.0.5", "loopback", "::", false, rewrite("::1")),
        ("10.0.0.5", "loopback", "::1", false, Pass),
        ("10.0.0.5", "loopback", "fd00::5", false, Deny(EPERM)),
        // A dual-stack wildcard keeps the half that isn't confined.
        ("10.0.0.5", "loopback", "::", true, rewrite("10.0.0.5")),
        ("10.0.0.0/24", "loopback", "::", true, Deny(EPERM)),
        ("", "loopback", "::", true, rewrite("0.0.0.0")),
        ("none", "loopback", "::", true, rewrite("::1")),
        ("loopback", "loopback", "::", true, rewrite("::1")),
        ("loopback", "none", "::", true, rewrite("127.0.0.1")),
        ("loopback", "fd00::5", "::", true, rewrite("fd00::5")),
        // As with any other IPv4 assignment.
        ("loopback", "", "::", true, rewrite("127.0.0.1")),
        ("loopback", "", "::", false, Pass),
    ];
    for (ipv4, ipv6, address, dual_stack, verdict) in table {
        let policy = policy(ipv4, ipv6);
        let context = format!("{ipv4:?} {ipv6:?} {address} {dual_stack}");
        assert_eq!(bind(&policy, address, dual_stack), verdict, "{context}");
    }
}

#[test]
fn connect_unbound() {
    let table = [
        // IPv4, IPv6, destination, verdict
        ("", "", "192.0.2.1", Pass),
        ("10.0.0.5", "", "192.0.2.1", rewrite("10.0.0.5")),
        ("10.0.0.5", "", "127.0.0.1", rewrite("10.0.0.5")),
        ("10.0.0.5", "", "0.0.0.0", rewrite("10.0.0.5")),
        ("10.0.0.5", "", "2001:db8::1", Pass),
        ("10.1.0.0/24", "", "192.0.2.1", Deny(EPERM)),
        ("", "fd00::5", "192.0.2.1", Pass),
        ("", "fd00::5", "2001:db8::1", rewrite("fd00::5")),
        ("", "fd00::5", "::1", rewrite("fd00::5")),
        ("none", "", "192.0.2.1", Deny(EPERM)),
        ("none", "", "127.0.0.1", rewrite("127.0.0.1")),
        ("none", "", "127.0.0.2", Deny(EPERM)),
        ("none", "", "0.0.0.0", rewrite("127.0.0.1")),
        ("", "none", "2001:db8::1", Deny(EPERM)),
        ("", "none", "::1", rewrite("::1")),
        ("", "none", "192.0.2.1", Pass),
        ("loopback", "", "192.0.2.1", Deny(EPERM)),
        ("loopback", "", "127.0.0.1", rewrite("127.0.0.1")),
        ("loopback", "", "127.0.0.2", Deny(EPERM)),
        ("loopback", "", "0.0.0.0", rewrite("127.0.0.1")),
        ("", "loopback", "2001:db8::1", Deny(EPERM)),
        ("", "loopback", "::1", rewrite("::1")),
        ("", "loopback", "::", rewrite("::1")),
        ("", "loopback", "192.0.2.1", Pass),
    ];
    for (ipv4, ipv6, remote, verdict) in table {
        let policy = policy(ipv4, ipv6);
        assert_eq!(
            connect(&policy, remote),
            verdict,
            "{ipv4:?} {ipv6:?} {remote}"
        );
    }
}

#[test]
fn connect_on_a_bound_socket() {
    let table = [
        // IPv4, IPv6, destination, local address, verdict
        ("10.0.0.5", "", "192.0.2.1", "10.0.0.5", Pass),
        ("10.0.0.5", "", "192.0.2.1", "127.0.0.1", Pass),
        ("10.0.0.5", "", "192.0.2.1", "0.0.0.0", Deny(EPERM)),
        ("10.0.0.5", "", "192.0.2.1", "10.0.0.6", Deny(EPERM)),
        ("10.0.0.5\n10.0.0.6", "", "192.0.2.1", "10.0.0.6", Pass),
        ("10.1.0.0/24", "", "192.0.2.1", "10.1.0.9", Pass),
        ("10.0.0.5", "", "192.0.2.1", "::", Deny(EPERM)),
        ("10.0.0.5", "", "192.0.2.1", "::1", Deny(EPERM)),
        ("10.0.0.5", "", "2001:db8::1", "fd00::9", Pass),
        ("10.0.0.5", "fd00::5", "2001:db8::1", "fd00::9", Deny(EPERM)),
        ("10.0.0.5", "fd00::5", "2001:db8::1", "fd00::5", Pass),
        ("", "fd00::5", "2001:db8::1", "::", Deny(EPERM)),
        ("", "fd00::5", "2001:db8::1", "::1", Pass),
        ("none", "", "192.0.2.1", "127.0.0.1", Deny(EPERM)),
        ("none", "", "127.0.0.1", "127.0.0.1", Pass),
        ("none", "", "127.0.0.1", "10.0.0.5", Deny(EPERM)),
        ("", "none", "::1", "::1", Pass),
        ("", "none", "2001:db8::1", "::1", Deny(EPERM)),
        // Packets don't come from a group: a datagram is given the primary for its source.
        (
            "10.0.0.5\n224.0.0.9",
            "",
            "192.0.2.1",
            "224.0.0.9",
            rewrite("10.0.0.5"),
        ),
        (
            "10.0.0.5\n224.0.0.9",
            "",
            "0.0.0.0",
            "224.0.0.9",
            rewrite("10.0.0.5"),
        ),
        ("10.0.0.5", "", "192.0.2.1", "224.0.0.9", Deny(EPERM)),
        ("224.0.0.9", "", "192.0.2.1", "224.0.0.9", Deny(EPERM)),
        (
            "",
            "fd00::5\nff02::fb",
            "2001:db8::1",
            "ff02::fb",
            rewrite("fd00::5"),
        ),
        ("10.0.0.5", "", "2001:db8::1", "ff02::fb", Pass),
        ("loopback", "", "192.0.2.1", "127.0.0.1", Deny(EPERM)),
        ("loopback", "", "127.0.0.1", "127.0.0.1", Pass),
        ("loopback", "", "127.0.0.1", "10.0.0.5", Deny(EPERM)),
        ("", "loopback", "::1", "::1", Pass),
        ("", "loopback", "2001:db8::1", "::1", Deny(EPERM)),
        ("", "loopback", "::1", "::", Deny(EPERM)),
    ];
    for (ipv4, ipv6, remote, local, verdict) in table {
        let policy = policy(ipv4, ipv6);
        let context = format!("{ipv4:?} {ipv6:?} {remote} from {local}");
        assert_eq!(connect_bound(&policy, remote, local), verdict, "{context}");
    }
}

/// Where a wildcard destination leads, by the kernel's rules.
#[test]
fn a_wildcard_as_destination() {
    let table = [
        // IPv4, IPv6, destination, local address, where to
        ("", "", "0.0.0.0", None, Some("127.0.0.1")),
        ("10.0.0.5", "", "0.0.0.0", None, Some("10.0.0.5")),
        ("none", "", "0.0.0.0", None, Some("127.0.0.1")),
        ("loopback", "", "0.0.0.0", None, Some("127.0.0.1")),
        ("10.0.0.0/24", "", "0.0.0.0", None, None),
        (
            "10.0.0.5",
            "",
            "0.0.0.0",
            Some("10.0.0.6"),
            Some("10.0.0.6"),
        ),
        (
            "10.0.0.5",
            "",
            "0.0.0.0",
            Some("0.0.0.0"),
            Some("127.0.0.1"),
        ),
        ("", "", "::", None, Some("::1")),
        ("", "fd00::5", "::", None, Some("::1")),
        ("", "fd00::5", "::", Some("fd00::5"), Some("::1")),
        ("10.0.0.5", "", "::", Some("10.0.0.5"), Some("127.0.0.1")),
        ("10.0.0.5", "", "192.0.2.1", None, Some("192.0.2.1")),
    ];
    for (ipv4, ipv6, remote, local, expected) in table {
        let policy = policy(ipv4, ipv6);
        let request = connect_request(ip(remote));
        let request = local.map_or(request, |local| request.on_bound(ip(local)));
        let address = reached(&policy, request).map(|it| it.ip());
        let context = format!("{ipv4:?} {ipv6:?} {remote} {local:?}");
        assert_eq!(address, expected.map(ip), "{context}");
    }
    // On a socket that somebody else has bound v4-mapped `::` is IPv4.
    let assigned = policy("10.0.0.5", "");
    assert_eq!(connect_bound(&assigned, "::", "10.0.0.9"), Deny(EPERM));
    assert_eq!(connect_bound(&assigned, "::", "10.0.0.5"), Pass);
    assert_eq!(connect_bound(&assigned, "::", "fd00::9"), Pass);
}

proptest! {
    /// The RFC's function ipaddr_cgroup_bind, in its own order, for one assigned address.
    #[test]
    fn one_address_is_the_rfc(
        assigned in any::<[u8; 4]>().prop_filter("no primary", |&address| {
            address != [0; 4] && may_be_source(address.into())
        }),
        address in prop_oneof![
            Just([0, 0, 0, 0]),
            Just([127, 0, 0, 1]),
            any::<[u8; 4]>(),
        ],
        own in any::<bool>(),
    ) {
        let address = if own { assigned } else { address };
        let (assigned, address) = (IpAddr::from(assigned), IpAddr::from(address));
        let expected = if address == ip("0.0.0.0") {
            Rewrite(assigned)
        } else if address == ip("127.0.0.1") || address == assigned {
            Pass
        } else {
            Deny(EPERM)
        };
        let policy = policy(&assigned.to_string(), "");
        prop_assert_eq!(judge(&policy, bind_request(address, false)), expected);
        prop_assert_eq!(judge(&policy, connect_request(address)), Rewrite(assigned));
    }

    /// Whatever the lists and the request, what comes out is an address that the list allows, or
    /// one of the two that are always free: loopback, and the wildcard of an unassigned family.
    #[test]
    fn nothing_else_ever_comes_out(
        ipv4 in prop_oneof![Just(""), Just("none"), Just("loopback"), Just("10.0.0.5"), Just("10.0.0.0/30"),
                            Just("10.0.0.0/29\n!10.0.0.5\n10.0.0.1")],
        ipv6 in prop_oneof![Just(""), Just("none"), Just("loopback"), Just("fd00::5"),
                            Just("fd00::/126")],
        address in prop_oneof![
            Just(ip("0.0.0.0")), Just(ip("127.0.0.1")), Just(ip("::")), Just(ip("::1")),
            (0_u8..16).prop_map(|low| IpAddr::from([10, 0, 0, low])),
            (0_u16..16).prop_map(|low| IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 0, low])),
        ],
        dual_stack in any::<bool>(),
    ) {
        let policy = policy(ipv4, ipv6);
        let used = match judge(&policy, bind_request(address, dual_stack)) {
            Deny(errno) => {
                prop_assert_eq!(errno, EPERM);
                return Ok(());
            }
            Pass => address,
            Rewrite(to) => to,
        };
        let family = Family::of(used);
        let assignment = policy.family(family);
        prop_assert!(
            assignment.is_unassigned()
                || used == family.loopback()
                || assignment.allowed().contains(number(used)),
            "{:?} {:?} {} {} -> {}", ipv4, ipv6, address, dual_stack, used
        );
        // A dual-stack wildcard that stays one takes IPv4 on every address.
        if used == ip("::") && dual_stack {
            prop_assert!(policy.assignments.ipv4.is_unassigned());
        }
    }
}
