//! Every row of the design's tables about bind, on real sockets.

use shim_tests::{Shim, skip};

const ADDRESS: &str = "127.0.0.2";

/// Runs `bind KIND ADDRESS 0`, and returns the outcome and the address it ended with.
#[track_caller]
fn bind(shim: &Shim, kind: &str, address: &str) -> (String, String) {
    let run = shim.harness("bind", &[kind, address, "0"]);
    match run.words().as_slice() {
        [outcome, local, _port] => ((*outcome).to_owned(), (*local).to_owned()),
        words => panic!("{words:?} {}", run.err),
    }
}

#[track_caller]
fn becomes(shim: &Shim, kind: &str, address: &str, expected: &str) {
    let (outcome, local) = bind(shim, kind, address);
    assert_eq!(
        (outcome.as_str(), local.as_str()),
        ("0", expected),
        "{kind} {address}"
    );
}

#[track_caller]
fn is_refused(shim: &Shim, kind: &str, address: &str) {
    assert_eq!(bind(shim, kind, address).0, "EPERM", "{kind} {address}");
}

#[test]
fn without_an_assignment_nothing_changes() {
    for kind in skip::kinds(&["tcp4", "udp4", "raw4", "mptcp4"]) {
        becomes(&Shim::new(), kind, "0.0.0.0", "0.0.0.0");
        becomes(&Shim::new(), kind, "127.0.0.9", "127.0.0.9");
    }
    becomes(&Shim::new(), "tcp6", "::", "::");
}

#[test]
fn ipv4() {
    let shim = Shim::ipv4(ADDRESS);
    for kind in skip::kinds(&["tcp4", "udp4", "raw4", "mptcp4"]) {
        becomes(&shim, kind, "0.0.0.0", ADDRESS);
        becomes(&shim, kind, "127.0.0.1", "127.0.0.1");
        becomes(&shim, kind, ADDRESS, ADDRESS);
        is_refused(&shim, kind, "127.0.0.3");
        is_refused(&shim, kind, "192.0.2.1");
        is_refused(&shim, kind, "255.255.255.255");
    }
}

#[test]
fn the_port_is_kept() {
    // A port that is free on the address now; nobody else binds to it there.
    let free = Shim::without().harness("bind", &["tcp4", "127.0.0.2", "0"]);
    let port = free.words()[2];
    let run = Shim::ipv4(ADDRESS).harness("bind", &["tcp4", "0.0.0.0", port]);
    run.says(&format!("0 127.0.0.2 {port}"));
    let run = Shim::ipv4(ADDRESS).harness("bind", &["tcp6", "::", port]);
    run.says(&format!("0 ::ffff:127.0.0.2 {port}"));
}

#[test]
fn ipv4_mapped() {
    let shim = Shim::ipv4(ADDRESS);
    for kind in skip::kinds(&["tcp6", "udp6", "mptcp6"]) {
        becomes(&shim, kind, "::ffff:0.0.0.0", "::ffff:127.0.0.2");
        becomes(&shim, kind, "::ffff:127.0.0.1", "::ffff:127.0.0.1");
        becomes(&shim, kind, "::ffff:127.0.0.2", "::ffff:127.0.0.2");
        is_refused(&shim, kind, "::ffff:127.0.0.3");
    }
    // The kernel's own answer: a V6ONLY socket has no IPv4 half.
    assert_eq!(bind(&shim, "tcp6only", "::ffff:127.0.0.2").0, "EINVAL");
}

#[test]
fn dual_stack() {
    if !skip::ipv6() {
        return;
    }
    for kind in skip::kinds(&["tcp6", "udp6", "mptcp6"]) {
        becomes(&Shim::ipv4(ADDRESS), kind, "::", "::ffff:127.0.0.2");
        becomes(&Shim::ipv4(ADDRESS), kind, "::1", "::1");
        becomes(
            &Shim::ipv4(ADDRESS).var("IPADDR_IPV6", "::1"),
            kind,
            "::",
            "::1",
        );
        becomes(
            &Shim::ipv4(ADDRESS).var("IPADDR_IPV6", "none"),
            kind,
            "::",
            "::ffff:127.0.0.2",
        );
        becomes(&Shim::ipv6("none"), kind, "::", "::ffff:0.0.0.0");
        becomes(
            &Shim::ipv4(ADDRESS).var("IPADDR_IPV6", "loopback"),
            kind,
            "::",
            "::ffff:127.0.0.2",
        );
        becomes(&Shim::ipv6("loopback"), kind, "::", "::ffff:0.0.0.0");
        becomes(&Shim::ipv4("loopback"), kind, "::", "::ffff:127.0.0.1");
        let both = Shim::ipv4("loopback").var("IPADDR_IPV6", "loopback");
        becomes(&both, kind, "::", "::1");
        let no_ipv4 = Shim::ipv4("none").var("IPADDR_IPV6", "loopback");
        becomes(&no_ipv4, kind, "::", "::1");
        is_refused(&Shim::ipv4("none"), kind, "::");
    }
    for kind in ["tcp6only", "udp6only"] {
        becomes(&Shim::ipv4(ADDRESS), kind, "::", "::");
        becomes(&Shim::ipv4("none"), kind, "::", "::");
        becomes(&Shim::ipv6("::1"), kind, "::", "::1");
        is_refused(&Shim::ipv4(ADDRESS).var("IPADDR_IPV6", "none"), kind, "::");
    }
}

/// Raw and ping sockets of IPv6 have no IPv4 half, though their `IPV6_V6ONLY` is 0.
#[test]
fn ipv6_without_an_ipv4_half() {
    if !skip::ipv6() {
        return;
    }
    for kind in skip::kinds(&["raw6"]) {
        becomes(&Shim::ipv4(ADDRESS), kind, "::", "::");
        becomes(&Shim::ipv6("::1"), kind, "::", "::1");
        is_refused(&Shim::ipv6("none"), kind, "::");
    }
}

#[test]
fn ping_sockets() {
    let Some(netns) = skip::netns_for_ping() else {
        return;
    };
    let shim = |shim: Shim| shim.netns(&netns);
    becomes(&shim(Shim::ipv4(ADDRESS)), "ping4", "0.0.0.0", ADDRESS);
    becomes(
        &shim(Shim::ipv4(ADDRESS)),
        "ping4",
        "127.0.0.1",
        "127.0.0.1",
    );
    is_refused(&shim(Shim::ipv4(ADDRESS)), "ping4", "127.0.0.3");
    becomes(&shim(Shim::ipv4(ADDRESS)), "ping6", "::", "::");
    becomes(&shim(Shim::ipv6("::1")), "ping6", "::", "::1");
}

#[test]
fn ipv6() {
    let Some(netns) = skip::netns_with(&["fd00::5/128", "fd00::6/128"]) else {
        return;
    };
    let shim = Shim::ipv6("fd00::5").netns(&netns);
    for kind in skip::kinds(&["tcp6", "tcp6only", "udp6", "udp6only", "raw6", "mptcp6"]) {
        becomes(&shim, kind, "::", "fd00::5");
        becomes(&shim, kind, "::1", "::1");
        becomes(&shim, kind, "fd00::5", "fd00::5");
        is_refused(&shim, kind, "fd00::6");
    }
    // IPv4 isn't assigned, so it is untouched.
    becomes(&shim, "tcp4", "0.0.0.0", "0.0.0.0");
    becomes(&shim, "tcp6", "::ffff:0.0.0.0", "::ffff:0.0.0.0");
    // And without an IPv6 assignment, IPv6 is.
    becomes(
        &Shim::ipv4(ADDRESS).netns(&netns),
        "tcp6",
        "fd00::6",
        "fd00::6",
    );
}

#[test]
fn af_unspec() {
    let unspec = |shim: &Shim, kind, address| {
        let run = shim.harness("bind_unspec", &[kind, address]);
        run.source()
    };
    let shim = Shim::ipv4(ADDRESS);
    assert_eq!(unspec(&Shim::without(), "tcp4", "0.0.0.0"), "0 0.0.0.0");
    for kind in ["tcp4", "udp4"] {
        assert_eq!(unspec(&shim, kind, "0.0.0.0"), "0 127.0.0.2");
        assert_eq!(unspec(&shim, kind, "127.0.0.2"), "EAFNOSUPPORT 0.0.0.0");
    }
    assert_eq!(
        unspec(&shim, "tcp6", "0.0.0.0"),
        unspec(&Shim::without(), "tcp6", "0.0.0.0")
    );
    assert_eq!(
        unspec(&Shim::ipv4("none"), "tcp4", "0.0.0.0"),
        "EPERM 0.0.0.0"
    );
}

/// A raw IPv4 socket is bound to whatever IPv4 address lies there, whatever the family.
#[test]
fn the_family_of_a_raw_socket() {
    if !skip::root_for("raw sockets") {
        return;
    }
    let bind = |shim: &Shim, kind: &str, address: &str, form: &[&str]| {
        let arguments = [&[kind, address], form].concat();
        let run = shim.harness("bind_unspec", &arguments);
        run.source()
    };
    let forms: [&[&str]; 6] = [
        &["0"],
        &["1"],
        &["10"],
        &["77"],
        &["10", "28"],
        &["0", "128"],
    ];
    for form in forms {
        let raw = |shim: &Shim, address| bind(shim, "raw4", address, form);
        assert_eq!(raw(&Shim::without(), "127.0.0.3"), "0 127.0.0.3");
        assert_eq!(raw(&Shim::new(), "127.0.0.3"), "0 127.0.0.3");
        let shim = Shim::ipv4(ADDRESS);
        assert_eq!(raw(&shim, "127.0.0.3"), "EPERM 0.0.0.0", "{form:?}");
        assert_eq!(raw(&shim, ADDRESS), "0 127.0.0.2", "{form:?}");
        assert_eq!(raw(&shim, "127.0.0.1"), "0 127.0.0.1", "{form:?}");
        let nonsense = raw(&Shim::ipv4("nonsense"), "127.0.0.3");
        assert_eq!(nonsense, "EPERM 0.0.0.0", "{form:?}");
        // No other socket takes them (but for an address of IPv6), and the kernel says so.
        for kind in ["tcp4", "udp4", "tcp6", "raw6"] {
            if *form == ["10", "28"] && kind.ends_with('6') {
                continue;
            }
            let bare = bind(&Shim::without(), kind, "127.0.0.3", form);
            assert!(bare.starts_with('E'), "{kind} {form:?}: {bare}");
            assert_eq!(
                bind(&shim, kind, "127.0.0.3", form),
                bare,
                "{kind} {form:?}"
            );
        }
    }
}

#[test]
fn lists() {
    let shim = Shim::ipv4("127.0.0.2,127.0.0.5,127.7.0.0/24,!127.7.0.9");
    becomes(&shim, "tcp4", "0.0.0.0", "127.0.0.2");
    becomes(&shim, "tcp4", "127.0.0.5", "127.0.0.5");
    becomes(&shim, "tcp4", "127.7.0.8", "127.7.0.8");
    is_refused(&shim, "tcp4", "127.7.0.9");
    is_refused(&shim, "tcp4", "127.7.1.0");
    // A network is no stand-in for the wildcard.
    let networks = Shim::ipv4("127.7.0.0/24");
    is_refused(&networks, "tcp4", "0.0.0.0");
    becomes(&networks, "tcp4", "127.7.0.1", "127.7.0.1");
}

#[test]
fn none() {
    for kind in ["tcp4", "udp4"] {
        is_refused(&Shim::ipv4("none"), kind, "0.0.0.0");
        is_refused(&Shim::ipv4("none"), kind, "127.0.0.2");
        becomes(&Shim::ipv4("none"), kind, "127.0.0.1", "127.0.0.1");
    }
    if skip::ipv6() {
        becomes(&Shim::ipv6("none"), "tcp6", "::1", "::1");
        becomes(&Shim::ipv6("none"), "tcp4", "0.0.0.0", "0.0.0.0");
    }
}

#[test]
fn loopback() {
    let ipv4 = Shim::ipv4("loopback");
    for kind in skip::kinds(&["tcp4", "udp4", "raw4", "mptcp4"]) {
        becomes(&ipv4, kind, "0.0.0.0", "127.0.0.1");
        becomes(&ipv4, kind, "127.0.0.1", "127.0.0.1");
        is_refused(&ipv4, kind, "127.0.0.2");
    }
    if !skip::ipv6() {
        return;
    }
    let ipv6 = Shim::ipv4(ADDRESS).var("IPADDR_IPV6", "loopback");
    for kind in skip::kinds(&["tcp6only", "udp6only", "raw6"]) {
        becomes(&ipv6, kind, "::", "::1");
        becomes(&ipv6, kind, "::1", "::1");
        is_refused(&ipv6, kind, "fd00::5");
    }
    let free = Shim::without().harness("bind", &["tcp6only", "::1", "0"]);
    let port = free.words()[2];
    let run = ipv6.harness("bind", &["tcp6only", "::", port]);
    run.says(&format!("0 ::1 {port}"));
    let run = ipv6.harness("bind", &["tcp6", "fd00::5", "0"]);
    assert!(run.err.contains("IPv6 is confined to ::1"), "{}", run.err);
}

/// Nobody checks that the machine has the address: the kernel does.
#[test]
fn an_address_that_the_machine_has_not() {
    assert_eq!(
        bind(&Shim::ipv4("192.0.2.1"), "tcp4", "0.0.0.0").0,
        "EADDRNOTAVAIL"
    );
    assert_eq!(
        bind(&Shim::ipv4("192.0.2.1"), "tcp6", "::").0,
        "EADDRNOTAVAIL"
    );
}
