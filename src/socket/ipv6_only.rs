//! `IPV6_V6ONLY` says which families a bind to `::` is about, and another thread may clear it between
//! the question and the bind. Once the socket has a port nobody can, so it is asked again then.

use core::ffi::c_int;
use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use ipaddr_policy::errno::EPERM;
use ipaddr_policy::rules::Chain;
use ipaddr_policy::{Request, Verdict, judge};

use libc::AF_INET6;

use crate::abi::entry::Afterwards;
use crate::abi::real;
use crate::process::assignment;
use crate::socket::local::Local;
use crate::socket::refusal::Refusal;
use crate::socket::{protocol, sockopt};
use crate::sys::errno::{Errno, ThreadErrno};
use crate::sys::seccomp;
use ipaddr_socket::sockaddr::Sockaddr;

/// After a call that bound the socket to `::`, which was passed because the socket took IPv6 alone:
/// what the program gets if it takes IPv4 too by now, and isn't allowed to.
pub fn check(call: &str, fd: c_int, port: u16) -> Option<isize> {
    let errno = Errno::get();
    let refused = is_refused(call, fd, port).map(Refusal::answer);
    if refused.is_none() {
        errno.set();
    }
    refused
}

/// Before a socket that takes IPv6 alone, and isn't bound, is left to the kernel to be refused an IPv4
/// destination: so that it is refused, whatever other threads do. `afterwards` is of the bind to the
/// wildcard, which a datagram socket has behind it.
///
/// # Errors
/// `ENETUNREACH` for a stream, what the kernel says; for a datagram socket that takes IPv4 by now
/// what [`check`] says.
pub fn keep_from_ipv4(call: &str, fd: c_int, afterwards: Afterwards) -> Result<(), Refusal> {
    if sockopt::is_stream(fd) {
        return Err(Refusal::from(Errno(libc::ENETUNREACH)));
    }
    // Without a port the option can still change, and the kernel would choose one now.
    let no_port = sockopt::has_bind_address_no_port(fd);
    if no_port {
        sockopt::set_bind_address_no_port(fd, false)?;
    }
    let bound = match afterwards {
        Afterwards::CheckIpv6Only(_) => real::bind_quietly(fd, &Sockaddr::wildcard(AF_INET6)),
        _ if no_port => rebind(fd),
        _ => Ok(()),
    };
    if no_port {
        sockopt::set_bind_address_no_port(fd, true)?;
    }
    bound?;
    match afterwards {
        Afterwards::CheckIpv6Only(port) => is_refused(call, fd, port).map_or(Ok(()), Err),
        _ => Ok(()),
    }
}

/// Binds a socket to the address that it has, to get a port.
fn rebind(fd: c_int) -> Result<(), Errno> {
    real::bind_quietly(fd, &sockopt::local_address(fd)?.with_any_port())
}

fn is_refused(call: &str, fd: c_int, port: u16) -> Option<Refusal> {
    let policy = assignment::latched()?;
    if !sockopt::is_dual_stack(fd) {
        return None;
    }
    // Without a port, or with an address since, it is judged by the next call.
    match Local::of(fd) {
        Ok(Local::Bound(local)) if local.ip().is_unspecified() => {}
        _ => return None,
    }
    let request = Request::Bind {
        local: SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port),
        protocol: protocol::of(fd, policy, Chain::Bind),
        dual_stack: true,
    };
    let (request, errno) = match judge(policy, request) {
        Verdict::Pass => return None,
        // Of IPv6 it was judged already: it is the IPv4 half that isn't allowed.
        Verdict::Rewrite(_) => (ipv4_half(request), EPERM),
        Verdict::Deny(errno) => (request, errno),
    };
    receive_nothing(fd);
    Some(Refusal::judged(call, fd, policy, request, errno))
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
fn receive_nothing(fd: c_int) {
    // A program that has changed `IPV6_V6ONLY` may set options.
    if !seccomp::may_set_options() {
        return;
    }
    if sockopt::is_listening(fd) {
        // SAFETY: shutdown has no preconditions.
        let _ = unsafe { libc::shutdown(fd, libc::SHUT_RDWR) };
    }
    let mut drop_all = libc::sock_filter {
        code: (libc::BPF_RET | libc::BPF_K) as u16,
        jt: 0,
        jf: 0,
        k: 0,
    };
    let filter = libc::sock_fprog {
        len: 1,
        filter: &raw mut drop_all,
    };
    let _ = real::set_option_quietly(fd, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &filter);
    let _ = real::set_option_quietly(
        fd,
        libc::SOL_SOCKET,
        libc::SO_LOCK_FILTER,
        &c_int::from(true),
    );
}
