//! Binding in advance: an IPv4 datagram socket of a process that sends many is bound to the assigned
//! address, without a port, before anybody sends on it. The process decides when
//! ([`Host::has_bound_datagrams`]); this is what becomes of one socket.

use core::ffi::c_int;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipaddr_policy::errno::Errno;
use ipaddr_policy::judge::judge_address;
use ipaddr_policy::rules::Protocol;
use ipaddr_policy::{Family, Policy, Request, Verdict};
use libc::{AF_INET, AF_INET6, IPPROTO_MPTCP, IPPROTO_TCP, IPPROTO_UDP, SOCK_DGRAM, SOCK_STREAM};

use crate::call::Call;
use crate::host::Host;
use crate::local::Local;
use crate::sockaddr::Sockaddr;
use crate::socket::Socket;

/// It isn't sure that what the socket sends leaves from an address that the process may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsure;

impl From<Errno> for Unsure {
    fn from(_: Errno) -> Self {
        Self
    }
}

/// Binds a socket that is there, if it is one that sends IPv4 datagrams and isn't bound. What isn't a
/// socket is fine.
///
/// # Errors
/// [`Unsure`]
pub fn bind(call: &Call<impl Socket, impl Host>, policy: &Policy<'_>) -> Result<(), Unsure> {
    let Ok((domain, kind, protocol)) = call.description() else {
        return Ok(());
    };
    match Sends::of(domain, kind, protocol) {
        Sends::NoIpv4Datagrams => Ok(()),
        Sends::Ipv4Datagrams => match Local::of(call)? {
            Local::Bound(local) => may_stay(policy, local.ip()),
            Local::Unbound(_) => bind_without_port(call, policy, call.has_bind_address_no_port()),
            Local::NotInternet => Err(Unsure),
        },
        Sends::Ipv6Datagrams => match Local::of(call)? {
            Local::Bound(local) if !call.is_dual_stack() => may_stay(policy, local.ip()),
            _ => Err(Unsure),
        },
        Sends::Otherwise => Err(Unsure),
    }
}

/// Binds a new socket, of the arguments of socket(2), if it is one that sends IPv4 datagrams.
///
/// # Errors
/// [`Unsure`]
pub fn bind_new(
    call: &Call<impl Socket, impl Host>,
    domain: c_int,
    kind: c_int,
    protocol: c_int,
) -> Result<(), Unsure> {
    let kind = kind & !(libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK);
    match (call.host.latched(), Sends::of(domain, kind, protocol)) {
        (_, Sends::NoIpv4Datagrams) => Ok(()),
        (Some(policy), Sends::Ipv4Datagrams) => bind_without_port(call, policy, false),
        _ => Err(Unsure),
    }
}

/// Whether a socket with this address may send anywhere.
fn may_stay(policy: &Policy<'_>, local: IpAddr) -> Result<(), Unsure> {
    // Some address that isn't the socket's own.
    let remote = match Family::of(local) {
        Family::Ipv4 => IpAddr::V4(Ipv4Addr::BROADCAST),
        Family::Ipv6 => IpAddr::V6(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1)),
    };
    let request = Request::ConnectBound {
        remote: SocketAddr::new(remote, 0),
        protocol: Protocol::Udp,
        local,
    };
    match judge_address(policy, request) {
        Verdict::Pass => Ok(()),
        Verdict::Rewrite(_) | Verdict::Deny(_) => Err(Unsure),
    }
}

/// Binds to the assigned address. `IP_BIND_ADDRESS_NO_PORT` is there for this bind only, unless the
/// program has set it: it would keep its own bind to port 0 from choosing a port.
fn bind_without_port(
    call: &Call<impl Socket, impl Host>,
    policy: &Policy<'_>,
    is_set: bool,
) -> Result<(), Unsure> {
    let primary = policy.assignments.ipv4.primary().ok_or(Unsure)?;
    // From loopback it may not send anywhere.
    may_stay(policy, Family::Ipv4.address(primary))?;
    let mut sockaddr = Sockaddr::wildcard(AF_INET);
    sockaddr.set_address(Family::Ipv4.address(primary));
    // An older kernel lacks it, and would choose a port now.
    call.set_bind_address_no_port(true)?;
    let bound = call.socket.bind(&sockaddr);
    call.set_bind_address_no_port(is_set)?;
    Ok(bound?)
}

/// What a socket sends, as far as the source of an IPv4 datagram goes.
enum Sends {
    /// A stream, or another family.
    NoIpv4Datagrams,
    Ipv4Datagrams,
    /// Those too, unless `IPV6_V6ONLY` keeps them out.
    Ipv6Datagrams,
    /// Those too, but it takes more to bind one.
    Otherwise,
}

impl Sends {
    const fn of(domain: c_int, kind: c_int, protocol: c_int) -> Self {
        match (domain, kind, protocol) {
            (AF_INET, SOCK_DGRAM, 0 | IPPROTO_UDP) => Self::Ipv4Datagrams,
            (AF_INET6, SOCK_DGRAM, 0 | IPPROTO_UDP) => Self::Ipv6Datagrams,
            (AF_INET | AF_INET6, SOCK_STREAM, 0 | IPPROTO_TCP | IPPROTO_MPTCP) => {
                Self::NoIpv4Datagrams
            }
            (AF_INET | AF_INET6, ..) => Self::Otherwise,
            _ => Self::NoIpv4Datagrams,
        }
    }
}
