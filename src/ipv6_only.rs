//! `IPV6_V6ONLY` says which families a bind to `::` is about, and another thread may clear it between
//! the question and the bind. Once the socket has a port nobody can, so it is asked again then.

use core::ffi::c_int;
use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use ipaddr_policy::judge::EPERM;
use ipaddr_policy::rules::Chain;
use ipaddr_policy::{Request, Verdict, judge};

use crate::assignment;
use crate::errno::Errno;
use crate::local::Local;
use crate::refusal::Refusal;
use crate::{protocol, real, socket};

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

fn is_refused(call: &str, fd: c_int, port: u16) -> Option<Refusal> {
    let policy = assignment::latched()?;
    if !socket::is_dual_stack(fd) {
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
    if socket::is_listening(fd) {
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
