//! The quiet bind: what gives a socket its source address before it connects.

use core::ffi::c_int;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::sync::atomic::{AtomicBool, Ordering};

use ipaddr_policy::{Family, Policy};
use libc::AF_INET6;

use crate::abi::real;
use crate::process::assignment;
use crate::socket::sockopt;
use crate::sys::errno::{Errno, ThreadErrno};
use crate::sys::seccomp;
use ipaddr_socket::sockaddr::Sockaddr;

/// Binds to `source`, whose port is 0. `IP_BIND_ADDRESS_NO_PORT` leaves the port to
/// connect, which picks it by 4-tuple: else each connection would cost an ephemeral port of its
/// own.
///
/// # Errors
/// Those of bind(2), `EINVAL` above all: the socket is bound already.
pub fn bind(fd: c_int, source: &Sockaddr) -> Result<(), Errno> {
    let _ = sockopt::set_bind_address_no_port(fd, true);
    real::bind_quietly(fd, source)
}

/// After a connect that failed: the socket keeps the address, without a port. To bind it to the
/// wildcard again would leave it free for a moment, in which another thread may listen on it, or
/// connect it. What is put back is that a bind to port 0 chooses a port.
pub fn end_failed(fd: c_int) {
    if seccomp::is_confined() {
        return;
    }
    let errno = Errno::get();
    if errno.0 != libc::EINPROGRESS {
        leave_bound(fd);
    }
    errno.set();
}

/// After an association was dissolved: the same, if the socket has an address of ours.
pub fn end_dissolved(fd: c_int) {
    if seccomp::is_confined() {
        return;
    }
    let errno = Errno::get();
    if let Some(policy) = assignment::latched()
        && let Ok(local) = sockopt::local_address(fd)
        && let Some(endpoint) = local.endpoint()
        && is_source(policy, endpoint.ip())
    {
        leave_bound(fd);
    }
    errno.set();
}

fn leave_bound(fd: c_int) {
    LEFT_BOUND.store(true, Ordering::Relaxed);
    let _ = sockopt::set_bind_address_no_port(fd, false);
}

/// Whether this process has a socket that a quiet bind has left bound. Only from then on is a socket
/// looked at that is bound to one family and about to reach the other.
static LEFT_BOUND: AtomicBool = AtomicBool::new(false);

/// Whether a quiet bind may have left the socket bound to `local`: another source may replace it, if
/// the socket has no port. (getsockname(2) goes on to show the port that a stream has had, so of a
/// stream only the kernel knows: it refuses to bind one again that has a port.)
pub fn may_be_left(fd: c_int, policy: &Policy, local: SocketAddr) -> bool {
    LEFT_BOUND.load(Ordering::Relaxed)
        && is_source(policy, local.ip())
        && !(may_have_chosen_source() && is_chosen(fd))
}

/// Before an AF_INET6 socket reaches a destination of a family that isn't assigned: if a quiet bind
/// has left it bound to an address of the other family, the kernel would refuse the destination. It
/// becomes a socket of the destination's family alone, so that at no moment does it have an
/// address of the other family that isn't assigned.
pub fn free_for(fd: c_int, policy: &Policy, family: Family) {
    if !LEFT_BOUND.load(Ordering::Relaxed) || seccomp::is_confined() {
        return;
    }
    let Ok(local) = sockopt::local_address(fd) else {
        return;
    };
    let is_left = |endpoint: SocketAddr| {
        Family::of(endpoint.ip()) != family && may_be_left(fd, policy, endpoint)
    };
    if local.family() != AF_INET6 || !local.endpoint().is_some_and(is_left) {
        return;
    }
    let mut wildcard = Sockaddr::wildcard(AF_INET6);
    if family == Family::Ipv4 {
        wildcard.set_address(Ipv4Addr::UNSPECIFIED.into());
    }
    // Fails if the socket has a port: then it isn't ours to change.
    if sockopt::set_ipv6_only(fd, family == Family::Ipv6).is_ok() {
        let _ = bind(fd, &wildcard);
        let _ = sockopt::set_bind_address_no_port(fd, false);
    }
}

/// Before an AF_INET6 socket that is bound to `local` reaches IPv4: a quiet bind to an IPv6 address
/// sets `IPV6_V6ONLY`, so what has left it bound has to be taken back. Says whether it was.
pub fn take_ipv4_again(fd: c_int, policy: &Policy, local: SocketAddr) -> bool {
    local.is_ipv6()
        && may_be_left(fd, policy, local)
        // Fails if the socket has a port: then it isn't ours to change.
        && sockopt::set_ipv6_only(fd, false).is_ok()
}

/// Whether an address is one that a quiet bind may choose.
fn is_source(policy: &Policy, address: IpAddr) -> bool {
    let family = Family::of(address);
    let assignment = policy.family(family);
    let primary = assignment.primary();
    primary.map(|number| family.address(number)) == Some(address)
        || (assignment.is_forbidden() && address == family.loopback())
        || policy.rules.is_some_and(|rules| rules.has_source(address))
}

/// Whether this process ever bound a socket to an address of its own choice in such a way that a
/// second bind would replace it: without a port and with `IP_BIND_ADDRESS_NO_PORT`, as nginx's
/// proxy_bind and curl's --interface do, or a raw socket.
///
/// From then on each connect asks for the socket's address first. A flag for the process and not a
/// table of descriptors, which dup(2), close(2) by number and fork(2) would make wrong.
static CHOSEN_SOURCE: AtomicBool = AtomicBool::new(false);

/// A bind to an explicit address and port 0 is about to be made.
pub fn note_chosen_source(fd: c_int) {
    let known = may_have_chosen_source() || seccomp::is_confined();
    if !known && is_chosen(fd) {
        CHOSEN_SOURCE.store(true, Ordering::Relaxed);
    }
}

/// Whether a quiet bind might replace an address that the program has chosen.
pub fn may_have_chosen_source() -> bool {
    CHOSEN_SOURCE.load(Ordering::Relaxed)
}

/// Whether the program has bound the socket, or is about to, in such a way. A quiet bind takes the
/// option back when it is over.
fn is_chosen(fd: c_int) -> bool {
    sockopt::has_bind_address_no_port(fd) || sockopt::is_raw(fd)
}
