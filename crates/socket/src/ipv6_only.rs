//! `IPV6_V6ONLY` says which families a bind to `::` is about, and another thread may clear it between
//! the query and the bind. Once the socket has a port nobody can, so it is checked again then.

use core::ffi::c_int;
use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use ipaddr_policy::errno::{EPERM, Errno};
use ipaddr_policy::rules::Chain;
use ipaddr_policy::{Request, Verdict, judge};
use libc::{AF_INET6, sock_filter};

use crate::after::After;
use crate::call::Call;
use crate::host::Host;
use crate::local::Local;
use crate::refusal::Refusal;
use crate::request;
use crate::sockaddr::Sockaddr;
use crate::socket::Socket;

/// After a call that bound the socket to `::`, which was passed because the socket took IPv6 alone.
///
/// # Errors
/// What the program gets if it takes IPv4 too by now, and isn't allowed to.
pub(crate) fn check(call: &Call<impl Socket, impl Host>, port: u16) -> Result<(), Refusal> {
    let Some(policy) = call.host.latched() else {
        return Ok(());
    };
    if !call.is_dual_stack() {
        return Ok(());
    }
    // Without a port, or with an address since, it is judged by the next call.
    match Local::of(call) {
        Ok(Local::Bound(local)) if local.ip().is_unspecified() => {}
        _ => return Ok(()),
    }
    let request = Request::Bind {
        local: SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port),
        protocol: request::protocol(call, policy, Chain::Bind),
        dual_stack: true,
    };
    let (request, errno) = match judge(policy, request) {
        Verdict::Pass => return Ok(()),
        // Of IPv6 it was judged already: it is the IPv4 half that isn't allowed.
        Verdict::Rewrite(_) => (ipv4_half(request), EPERM),
        Verdict::Deny(errno) => (request, errno),
    };
    receive_nothing(call);
    Err(Refusal::judged(call, policy, request, errno))
}

/// Before a socket that takes IPv6 alone, and isn't bound, is left to the kernel to be refused an IPv4
/// destination: so that it is refused, whatever other threads do. `after` is of the bind to the
/// wildcard, which a datagram socket has behind it.
///
/// # Errors
/// `ENETUNREACH` for a stream, what the kernel says; for a datagram socket that takes IPv4 by now
/// what [`check`] says.
pub(crate) fn keep_from_ipv4(
    call: &Call<impl Socket, impl Host>,
    after: After,
) -> Result<(), Refusal> {
    if call.is_stream() {
        return Err(Refusal::from(Errno(libc::ENETUNREACH)));
    }
    // Without a port the option can still change, and the kernel would choose one now. A quiet bind
    // may have set the other option, which keeps a bind from choosing one, where the program has not.
    let no_port = call.has_bind_address_no_port();
    let is_taken_back = call.set_bind_address_no_port(false);
    if no_port {
        is_taken_back?;
    }
    let bound = match after {
        After::CheckIpv6Only(_) => call.socket.bind(&Sockaddr::wildcard(AF_INET6)),
        _ => get_port(call),
    };
    if no_port {
        call.set_bind_address_no_port(true)?;
    }
    bound?;
    match after {
        After::CheckIpv6Only(port) => check(call, port),
        _ => Ok(()),
    }
}

/// Binds a socket without a port to the address that it has, to get one.
fn get_port(call: &Call<impl Socket, impl Host>) -> Result<(), Errno> {
    let local = call.socket.getsockname()?;
    if local.port() == 0 {
        call.socket.bind(&local)?;
    }
    Ok(())
}

/// For the log, which says what is assigned.
fn ipv4_half(request: Request) -> Request {
    match request {
        Request::Bind {
            local, protocol, ..
        } => Request::Bind {
            local: SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), local.port()),
            protocol,
            dual_stack: false,
        },
        other => other,
    }
}

/// A socket with a port can't be unbound. A stream isn't listened on, or no longer; a datagram socket
/// gets a filter (see socket(7)) that drops every packet, for good.
fn receive_nothing(call: &Call<impl Socket, impl Host>) {
    const DROP_ALL: sock_filter = sock_filter {
        code: (libc::BPF_RET | libc::BPF_K) as u16,
        jt: 0,
        jf: 0,
        k: 0,
    };
    // A program that has changed `IPV6_V6ONLY` may set options.
    if !call.host.may_set_options() {
        return;
    }
    if call.is_listening() {
        let _ = call.socket.shutdown(libc::SHUT_RDWR);
    }
    let on = c_int::from(true).to_ne_bytes();
    let _ = call.socket.attach_filter(&[DROP_ALL]);
    let _ = call
        .socket
        .setsockopt(libc::SOL_SOCKET, libc::SO_LOCK_FILTER, &on);
}
