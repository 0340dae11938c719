//! What a policy says to a bind(2) or a connect(2).
//!
//! Addresses are canonical here: a v4-mapped IPv6 address has been turned into the IPv4 address
//! that the packets will carry, and the caller turns the answer back.

use core::net::{IpAddr, Ipv4Addr};

use crate::list::{Family, number};
use crate::policy::{Assignment, Policy};

/// The errno of a refusal, as the RFC has it; see errno(3).
pub const EPERM: i32 = 1;

/// What a program asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// bind(2) to `address`.
    Bind {
        /// The local address that was asked for.
        address: IpAddr,
        /// Whether the socket takes IPv4 too: AF_INET6 with `IPV6_V6ONLY` 0. Matters for `::` only.
        dual_stack: bool,
    },
    /// connect(2) to `remote` on a socket that has no local address yet.
    Connect {
        /// The destination.
        remote: IpAddr,
    },
    /// connect(2) to `remote` on a socket that is bound already.
    ConnectBound {
        /// The destination.
        remote: IpAddr,
        /// The local address that the socket has.
        local: IpAddr,
    },
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The call goes to the kernel as it is.
    Pass,
    /// A bind takes this address instead; a connect is preceded by a bind to it. Ports are kept.
    Rewrite(IpAddr),
    /// The call fails with this errno.
    Deny(i32),
}

/// Judges a request.
#[must_use]
pub fn judge(policy: &Policy, request: Request) -> Verdict {
    match request {
        Request::Bind {
            address,
            dual_stack: true,
        } if address.is_unspecified() && address.is_ipv6() => bind_dual_stack(policy, address),
        Request::Bind { address, .. } => bind(policy, address),
        Request::Connect { remote } => connect(policy, remote),
        Request::ConnectBound { remote, local } => connect_bound(policy, remote, local),
    }
}

fn bind(policy: &Policy, address: IpAddr) -> Verdict {
    let family = Family::of(address);
    let assignment = policy.family(family);
    if assignment.is_unassigned() || address == family.loopback() {
        Verdict::Pass
    } else if address.is_unspecified() {
        primary(assignment, family)
    } else if assignment.allowed().contains(number(address)) {
        Verdict::Pass
    } else {
        Verdict::Deny(EPERM)
    }
}

/// `::` that takes IPv4 too. A socket has one address, so with both families assigned the IPv6 one
/// wins: it is what the program asked for by name.
fn bind_dual_stack(policy: &Policy, wildcard: IpAddr) -> Verdict {
    let ipv4_wildcard = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    if policy.ipv6.is_unassigned() {
        // With IPv4 forbidden only IPV6_V6ONLY could save the IPv6 half, and that is the
        // program's to set.
        bind(policy, ipv4_wildcard)
    } else if !policy.ipv6.is_forbidden() {
        bind(policy, wildcard)
    } else if policy.ipv4.is_unassigned() {
        Verdict::Rewrite(ipv4_wildcard)
    } else {
        primary(&policy.ipv4, Family::Ipv4)
    }
}

fn connect(policy: &Policy, remote: IpAddr) -> Verdict {
    let family = Family::of(remote);
    let assignment = policy.family(family);
    if assignment.is_unassigned() {
        Verdict::Pass
    } else if assignment.is_forbidden() && leads_to_loopback(remote) {
        Verdict::Rewrite(family.loopback())
    } else {
        primary(assignment, family)
    }
}

fn connect_bound(policy: &Policy, remote: IpAddr, local: IpAddr) -> Verdict {
    let family = Family::of(remote);
    let assignment = policy.family(family);
    let allowed = if assignment.is_unassigned() {
        true
    } else if Family::of(local) != family {
        // An AF_INET6 socket bound to IPv6 that is to send IPv4: the kernel would pick 127.0.0.6.
        // The other way about, a v4-mapped socket and an IPv6 destination, the kernel refuses.
        family == Family::Ipv6
    } else if local == family.loopback() {
        !assignment.is_forbidden() || leads_to_loopback(remote)
    } else {
        assignment.allowed().contains(number(local))
    };
    if allowed {
        Verdict::Pass
    } else {
        Verdict::Deny(EPERM)
    }
}

/// A wildcard stands for the primary address; without one nothing can stand in for it.
fn primary(assignment: &Assignment, family: Family) -> Verdict {
    match assignment.primary() {
        Some(primary) => Verdict::Rewrite(family.address(primary)),
        None => Verdict::Deny(EPERM),
    }
}

/// Whether a socket bound to the loopback address reaches nothing else through `remote`: the
/// kernel takes a wildcard destination for the socket's own address.
fn leads_to_loopback(remote: IpAddr) -> bool {
    remote == Family::of(remote).loopback() || remote.is_unspecified()
}
