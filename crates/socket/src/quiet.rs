//! The quiet bind: what gives a socket its source address before it connects.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use ipaddr_policy::errno::Errno;
use ipaddr_policy::{Family, Policy};
use libc::AF_INET6;

use crate::call::Call;
use crate::host::Host;
use crate::sockaddr::Sockaddr;
use crate::socket::Socket;

/// Binds to `source`, whose port is 0. `IP_BIND_ADDRESS_NO_PORT` leaves the port to connect, which
/// picks it by 4-tuple: else each connection would cost an ephemeral port of its own.
///
/// # Errors
/// Those of bind(2), `EINVAL` above all: the socket is bound already.
pub(crate) fn bind(call: &Call<impl Socket, impl Host>, source: &Sockaddr) -> Result<(), Errno> {
    let _ = call.set_bind_address_no_port(true);
    call.socket.bind(source)
}

/// After a connect that failed: the socket keeps the address, without a port. To bind it to the
/// wildcard again would leave it free for a moment, in which another thread may listen on it, or
/// connect it. What is put back is that a bind to port 0 chooses a port.
pub(crate) fn end_failed(call: &Call<impl Socket, impl Host>, errno: Errno) {
    if !call.host.is_confined() && errno != Errno(libc::EINPROGRESS) {
        leave_bound(call);
    }
}

/// After an association was dissolved: the same, if the socket has an address that a quiet bind chooses.
pub(crate) fn end_dissolved(call: &Call<impl Socket, impl Host>) {
    if !call.host.is_confined()
        && let Some(policy) = call.host.latched()
        && let Ok(local) = call.socket.getsockname()
        && let Some(endpoint) = local.endpoint()
        && is_source(policy, endpoint.ip())
    {
        leave_bound(call);
    }
}

fn leave_bound(call: &Call<impl Socket, impl Host>) {
    call.host.note_left_bound();
    let _ = call.set_bind_address_no_port(false);
}

/// Whether a quiet bind may have left the socket bound to `local`: another source may replace it, if
/// the socket has no port. (getsockname(2) goes on to show the port that a stream has had, so of a
/// stream only the kernel knows: it refuses to bind one again that has a port.)
pub(crate) fn may_be_left(
    call: &Call<impl Socket, impl Host>,
    policy: &Policy<'_>,
    local: SocketAddr,
) -> bool {
    call.host.may_have_left_bound()
        && is_source(policy, local.ip())
        && !(call.host.may_have_chosen_source() && is_chosen(call))
}

/// Before an AF_INET6 socket reaches a destination of a family that isn't assigned: if a quiet bind
/// has left it bound to an address of the other family, the kernel would refuse the destination. It
/// becomes a socket of the destination's family alone, so that at no moment does it have an
/// address of the other family that isn't assigned.
pub(crate) fn free_for(call: &Call<impl Socket, impl Host>, policy: &Policy<'_>, family: Family) {
    if !call.host.may_have_left_bound() || call.host.is_confined() {
        return;
    }
    let Ok(local) = call.socket.getsockname() else {
        return;
    };
    let is_left = |endpoint: SocketAddr| {
        Family::of(endpoint.ip()) != family && may_be_left(call, policy, endpoint)
    };
    if local.family() != AF_INET6 || !local.endpoint().is_some_and(is_left) {
        return;
    }
    let mut wildcard = Sockaddr::wildcard(AF_INET6);
    if family == Family::Ipv4 {
        wildcard.set_address(Ipv4Addr::UNSPECIFIED.into());
    }
    // Fails if the socket has a port: then it isn't ours to change.
    if call.set_ipv6_only(family == Family::Ipv6).is_ok() {
        let _ = bind(call, &wildcard);
        let _ = call.set_bind_address_no_port(false);
    }
}

/// Before an AF_INET6 socket that is bound to `local` reaches IPv4: a quiet bind to an IPv6 address
/// sets `IPV6_V6ONLY`, so what has left it bound has to be taken back. Says whether it was.
pub(crate) fn take_ipv4_again(
    call: &Call<impl Socket, impl Host>,
    policy: &Policy<'_>,
    local: SocketAddr,
) -> bool {
    local.is_ipv6()
        && may_be_left(call, policy, local)
        // Fails if the socket has a port: then it isn't ours to change.
        && call.set_ipv6_only(false).is_ok()
}

/// Whether an address is one that a quiet bind may choose.
fn is_source(policy: &Policy<'_>, address: IpAddr) -> bool {
    let family = Family::of(address);
    let assignment = policy.family(family);
    let primary = assignment.primary();
    primary.map(|number| family.address(number)) == Some(address)
        || (assignment.is_forbidden() && address == family.loopback())
        || policy.rules.is_some_and(|rules| rules.has_source(address))
}

/// A bind to an explicit address and port 0 is about to be made.
///
/// What the host notes then is about the process, not in a table of descriptors, which dup(2),
/// close(2) by number and fork(2) would make wrong.
pub(crate) fn note_chosen_source(call: &Call<impl Socket, impl Host>) {
    let known = call.host.may_have_chosen_source() || call.host.is_confined();
    if !known && is_chosen(call) {
        call.host.note_chosen_source();
    }
}

/// Whether the program has bound the socket, or is about to, to an address of its own choice that a
/// second bind would replace. A quiet bind takes the option back when it is over.
fn is_chosen(call: &Call<impl Socket, impl Host>) -> bool {
    call.has_bind_address_no_port() || call.is_raw()
}
