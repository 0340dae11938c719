//! What a policy says to a bind(2) or a connect(2).
//!
//! Addresses are canonical here: a v4-mapped IPv6 address has been turned into the IPv4 address
//! that the packets will carry, and the caller turns the answer back.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::errno::EPERM;
use crate::family::{Family, may_be_source, number};
use crate::policy::{Assignment, Policy};
use crate::rules::{Chain, Decision, Ends, Protocol, Target};

/// What a program requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// bind(2), or listen(2) on a socket that is not bound.
    Bind {
        /// The local endpoint that was requested; port 0 leaves it to the kernel.
        local: SocketAddr,
        /// The socket's protocol.
        protocol: Protocol,
        /// Whether the socket takes IPv4 too: AF_INET6 with `IPV6_V6ONLY` 0. Matters for `::` only.
        dual_stack: bool,
    },
    /// connect(2) to `remote` on a socket that has no local address yet.
    Connect {
        /// The destination.
        remote: SocketAddr,
        /// The socket's protocol.
        protocol: Protocol,
    },
    /// connect(2) to `remote` on a socket that is bound already.
    ConnectBound {
        /// The destination.
        remote: SocketAddr,
        /// The socket's protocol.
        protocol: Protocol,
        /// The local address that the socket has.
        local: IpAddr,
    },
    /// accept(2) of a connection.
    Accept {
        /// Where it comes from.
        peer: SocketAddr,
        /// The local end of it.
        local: SocketAddr,
        /// The socket's protocol.
        protocol: Protocol,
    },
}

impl Request {
    /// The endpoint that was requested: bind's local one, connect's remote one, accept's peer.
    #[must_use]
    pub const fn asked(&self) -> SocketAddr {
        match *self {
            Self::Bind { local, .. } => local,
            Self::Connect { remote, .. } | Self::ConnectBound { remote, .. } => remote,
            Self::Accept { peer, .. } => peer,
        }
    }

    /// The same connect, on a socket that is bound to `local`; other requests as they are.
    #[must_use]
    pub const fn on_bound(self, local: IpAddr) -> Self {
        match self {
            Self::Connect { remote, protocol }
            | Self::ConnectBound {
                remote, protocol, ..
            } => Self::ConnectBound {
                remote,
                protocol,
                local,
            },
            other => other,
        }
    }
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The call goes to the kernel as it is.
    Pass,
    /// A bind takes this address instead; a connect is preceded by a bind to it. Ports are kept. On a
    /// socket that is bound already, to an address that packets can't come from, a datagram has to be
    /// given this source by a control message.
    Rewrite(IpAddr),
    /// The call fails with this errno; a connection that was to be accepted is reset.
    Deny(i32),
}

/// Judges a request: the rules for ports and peers filter, and the rules for addresses apply to
/// what they let through.
#[must_use]
pub fn judge(policy: &Policy<'_>, request: Request) -> Verdict {
    let verdict = judge_address(policy, request);
    if policy.rules.is_none() {
        return verdict;
    }
    match (deciding(policy, request).target, request, verdict) {
        (Target::Snat(source), Request::Connect { .. }, _)
        | (Target::Snat(source), Request::ConnectBound { .. }, Verdict::Rewrite(_)) => {
            match snat(policy, request.on_bound(source)) {
                Verdict::Pass => Verdict::Rewrite(source),
                refused => refused,
            }
        }
        (Target::Reject(errno), _, Verdict::Pass | Verdict::Rewrite(_)) => Verdict::Deny(errno),
        // A socket that is bound keeps its address, whatever SNAT says.
        _ => verdict,
    }
}

/// A connect from the source that SNAT gives. Where the destination is the wildcard, that source is
/// the destination too, and may not be refused as such.
fn snat(policy: &Policy<'_>, request: Request) -> Verdict {
    let verdict = judge_address(policy, request);
    if verdict == Verdict::Pass
        && request.asked().ip().is_unspecified()
        && let Target::Reject(errno) = deciding(policy, request).target
    {
        return Verdict::Deny(errno);
    }
    verdict
}

/// Where the packets of a connect go: of a wildcard destination the kernel makes an address of the
/// machine itself (`ip_route_output_key_hash_rcu` in net/ipv4/route.c, `tcp_v6_connect` in
/// net/ipv6/tcp_ipv6.c, `udpv6_sendmsg` in net/ipv6/udp.c). `None` for other requests, and where
/// there is no address that the socket could be given.
#[must_use]
pub fn reached(policy: &Policy<'_>, request: Request) -> Option<SocketAddr> {
    let (remote, local) = match request {
        Request::Connect { remote, .. } => (remote, None),
        Request::ConnectBound { remote, local, .. } => (remote, Some(local)),
        Request::Bind { .. } | Request::Accept { .. } => return None,
    };
    if !remote.ip().is_unspecified() {
        return Some(remote);
    }
    let address = match (remote.ip(), local) {
        // Of IPv6 always loopback, of IPv4 on a socket that is bound v4-mapped.
        (IpAddr::V6(_), Some(IpAddr::V4(_))) => Family::Ipv4.loopback(),
        (IpAddr::V6(_), _) => Family::Ipv6.loopback(),
        // The socket's own address, or the one that it gets.
        (IpAddr::V4(_), Some(local))
            if local.is_ipv4() && !local.is_unspecified() && may_be_source(local) =>
        {
            local
        }
        (IpAddr::V4(_), Some(local)) if may_be_source(local) => Family::Ipv4.loopback(),
        (IpAddr::V4(_), _) => match &policy.assignments.ipv4 {
            ipv4 if ipv4.is_unassigned() || ipv4.is_confined() => Family::Ipv4.loopback(),
            ipv4 => Family::Ipv4.address(ipv4.primary()?),
        },
    };
    Some(SocketAddr::new(address, remote.port()))
}

/// What the rules for ports and peers say to a request, and which of them.
#[must_use]
pub fn deciding<'r>(policy: &Policy<'r>, request: Request) -> Decision<'r> {
    let nothing = Decision {
        target: Target::Accept,
        by: None,
    };
    let Some(rules) = policy.rules else {
        return nothing;
    };
    match request {
        Request::Bind {
            local,
            protocol,
            dual_stack,
        } => {
            // On the wire there is the address that the socket gets, not the one that was requested.
            let address = match judge_address(policy, request) {
                Verdict::Rewrite(address) => address,
                Verdict::Pass | Verdict::Deny(_) => local.ip(),
            };
            let decide = |address| {
                let local = SocketAddr::new(address, local.port());
                rules.decide(Chain::Bind, from(local, protocol))
            };
            match decide(address) {
                Decision {
                    target: Target::Accept,
                    ..
                } if dual_stack && is_ipv6_wildcard(address) => decide(IPV4_WILDCARD),
                decision => decision,
            }
        }
        Request::Connect { remote, protocol }
        | Request::ConnectBound {
            remote, protocol, ..
        } => {
            let remote = reached(policy, request).unwrap_or(remote);
            rules.decide(Chain::Connect, to(remote, protocol))
        }
        Request::Accept {
            peer,
            local,
            protocol,
        } => {
            let ends = Ends {
                source: peer,
                destination: local,
                protocol,
            };
            rules.decide(Chain::Accept, ends)
        }
    }
}

/// Judges a request by the rules for addresses only.
#[must_use]
pub fn judge_address(policy: &Policy<'_>, request: Request) -> Verdict {
    let reach = |remote: SocketAddr| reached(policy, request).unwrap_or(remote).ip();
    match request {
        Request::Bind {
            local, dual_stack, ..
        } if dual_stack && is_ipv6_wildcard(local.ip()) => bind_dual_stack(policy, local.ip()),
        Request::Bind { local, .. } => bind(policy, local.ip()),
        Request::Connect { remote, .. } => connect(policy, reach(remote)),
        Request::ConnectBound { remote, local, .. } => connect_bound(policy, reach(remote), local),
        Request::Accept { .. } => Verdict::Pass,
    }
}

const IPV4_WILDCARD: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

fn is_ipv6_wildcard(address: IpAddr) -> bool {
    address.is_ipv6() && address.is_unspecified()
}

/// The ends of a socket of which the remote one is of no account.
fn from(local: SocketAddr, protocol: Protocol) -> Ends {
    Ends {
        source: local,
        destination: SocketAddr::new(IPV4_WILDCARD, 0),
        protocol,
    }
}

/// The ends of a socket of which the local one is of no account.
fn to(remote: SocketAddr, protocol: Protocol) -> Ends {
    Ends {
        source: SocketAddr::new(IPV4_WILDCARD, 0),
        destination: remote,
        protocol,
    }
}

fn bind(policy: &Policy<'_>, address: IpAddr) -> Verdict {
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
/// wins: it is what the program named. IPv6 that is confined to loopback yields to IPv4
/// that isn't.
fn bind_dual_stack(policy: &Policy<'_>, wildcard: IpAddr) -> Verdict {
    if policy.assignments.ipv6.is_unassigned() {
        // With IPv4 forbidden only IPV6_V6ONLY could save the IPv6 half, and that is the
        // program's to set.
        bind(policy, IPV4_WILDCARD)
    } else if !policy.assignments.ipv6.is_confined()
        || policy.assignments.ipv6.is_loopback() && policy.assignments.ipv4.is_confined()
    {
        bind(policy, wildcard)
    } else if policy.assignments.ipv4.is_unassigned() {
        Verdict::Rewrite(IPV4_WILDCARD)
    } else {
        primary(&policy.assignments.ipv4, Family::Ipv4)
    }
}

fn connect(policy: &Policy<'_>, remote: IpAddr) -> Verdict {
    let family = Family::of(remote);
    let assignment = policy.family(family);
    if assignment.is_unassigned() {
        Verdict::Pass
    } else if assignment.is_confined() {
        if remote == family.loopback() {
            Verdict::Rewrite(remote)
        } else {
            Verdict::Deny(EPERM)
        }
    } else {
        primary(assignment, family)
    }
}

fn connect_bound(policy: &Policy<'_>, remote: IpAddr, local: IpAddr) -> Verdict {
    let family = Family::of(remote);
    let assignment = policy.family(family);
    let allowed = if assignment.is_unassigned() {
        true
    } else if Family::of(local) != family {
        // An AF_INET6 socket bound to IPv6 that is to send IPv4: the kernel would pick 127.0.0.6.
        // The other way about, a v4-mapped socket and an IPv6 destination, the kernel refuses.
        family == Family::Ipv6
    } else if local == family.loopback() {
        !assignment.is_confined() || remote == local
    } else if !may_be_source(local) && assignment.allowed().contains(number(local)) {
        return primary(assignment, family);
    } else {
        assignment.allowed().contains(number(local))
    };
    if allowed {
        Verdict::Pass
    } else {
        Verdict::Deny(EPERM)
    }
}

/// A wildcard becomes the primary address; if there is none, it is refused.
fn primary(assignment: &Assignment, family: Family) -> Verdict {
    match assignment.primary() {
        Some(primary) => Verdict::Rewrite(family.address(primary)),
        None => Verdict::Deny(EPERM),
    }
}
