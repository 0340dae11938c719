//! bind(2)

use core::ffi::{c_int, c_void};
use core::net::SocketAddr;

use ipaddr_policy::family::may_be_source;
use ipaddr_policy::rules::Chain;
use ipaddr_policy::{Family, Policy, Request, Verdict, judge};

use crate::abi::frame::{Afterwards, Frame, sockaddr_call};
use crate::abi::next;
use crate::process::assignment::{self, Assignment};
use crate::process::log::Level;
use crate::process::{datagrams, log};
use crate::socket::refusal::Refusal;
use crate::socket::{confined, ipv6_only, protocol, quiet, sockopt};
use crate::sys::errno::{Errno, ThreadErrno};
use ipaddr_socket::sockaddr::Sockaddr;

/// bind(2): a wildcard becomes the assigned address; the assigned addresses and loopback pass.
///
/// `EPERM` for anything else, and where there is a policy that can't be used; the errno of a
/// rule that refuses the port. Otherwise the kernel's own answers.
pub unsafe extern "C" fn before(frame: *mut Frame) -> *const c_void {
    // SAFETY: the entry code's promise: the frame of a call with bind's signature.
    let real = unsafe { sockaddr_call(frame, &next::BIND, 1, rewrite) };
    if !real.is_null() {
        datagrams::begin_bind();
    }
    real
}

pub unsafe extern "C" fn after(frame: *mut Frame, result: isize) -> isize {
    // SAFETY: the frame that `before` has filled.
    let frame = unsafe { &*frame };
    let failed = frame.result(result) < 0;
    if failed {
        // The kernel may have taken its address away.
        confined::note_unbound();
        datagrams::note_bind_failed(frame.fd());
    }
    datagrams::end_bind();
    let wildcard = match frame.afterwards {
        Afterwards::LogBind(wildcard) => wildcard,
        Afterwards::CheckIpv6Only(_) => None,
        _ => return result,
    };
    if let Afterwards::CheckIpv6Only(port) = frame.afterwards
        && !failed
        && let Some(refused) = ipv6_only::check("bind", frame.fd(), port)
    {
        return refused;
    }
    if failed || log::wants(Level::Info) {
        // SAFETY: a sockaddr was taken: it was judged.
        log_outcome(
            frame.fd(),
            unsafe { frame.taken_sockaddr() },
            wildcard,
            failed,
        );
    }
    result
}

/// What the kernel has made of a bind. One that it refuses to an address that isn't assigned is the
/// program's affair.
#[cold]
fn log_outcome(fd: c_int, sockaddr: &Sockaddr, wildcard: Option<Family>, failed: bool) {
    let Some(local) = sockaddr.bind_endpoint() else {
        return;
    };
    let (address, family) = (local.ip(), Family::of(local.ip()));
    let asked = wildcard.map_or(local, |family| {
        SocketAddr::new(family.address(0), local.port())
    });
    let is_assigned = |policy: &Policy<'_>| {
        !policy.family(family).is_unassigned() && address != family.loopback()
    };
    if !failed {
        log::bound("bind", fd, asked, address);
    } else if wildcard.is_some() || assignment::latched().is_some_and(is_assigned) {
        log::not_bound("bind", fd, asked, address, Errno::get());
    } else {
        log::not_passed("bind", fd, asked, Errno::get());
    }
}

/// Reads who asks, judges, and writes the answer into `sockaddr`.
fn rewrite(fd: c_int, sockaddr: &mut Sockaddr) -> Result<Afterwards, Refusal> {
    if is_ipv4_by_its_socket(fd, sockaddr) {
        sockaddr.set_family(libc::AF_INET);
    }
    let Some(local) = sockaddr.bind_endpoint() else {
        return Ok(Afterwards::Nothing);
    };
    let policy = match assignment::current() {
        Assignment::Unrestricted => return Ok(Afterwards::Nothing),
        Assignment::Unusable => return Err(Refusal::unusable("bind", fd, local)),
        Assignment::Restricted(policy) => policy,
    };
    let request = request(policy, fd, local);
    match judge(policy, request) {
        Verdict::Pass => {
            if !may_be_source(local.ip()) {
                // What is sent from there has to be given a source.
                datagrams::give_up();
                confined::note_foreign();
            }
            if local.port() == 0 && !local.ip().is_unspecified() {
                quiet::note_chosen_source(fd);
            }
            Ok(if is_ipv6_only(request) {
                Afterwards::CheckIpv6Only(local.port())
            } else {
                Afterwards::LogBind(None)
            })
        }
        Verdict::Rewrite(assigned) => {
            sockaddr.set_address(assigned);
            Ok(Afterwards::LogBind(Some(Family::of(local.ip()))))
        }
        Verdict::Deny(errno) => Err(Refusal::judged("bind", fd, policy, request, errno)),
    }
}

/// Whether the kernel reads an address of another family as IPv4: a raw socket's `raw_bind`
/// (net/ipv4/raw.c) doesn't look at the family. Not asked while nothing is assigned, nor for
/// 0.0.0.0, to which a raw socket is bound from the beginning.
fn is_ipv4_by_its_socket(fd: c_int, sockaddr: &Sockaddr) -> bool {
    sockaddr.is_disguised_ipv4()
        && !matches!(assignment::for_send(), Assignment::Unrestricted)
        && sockopt::is_raw_ipv4(fd)
}

/// Whether a bind is one to `::` on a socket that takes IPv6 alone.
pub const fn is_ipv6_only(request: Request) -> bool {
    match request {
        Request::Bind {
            local: SocketAddr::V6(local),
            dual_stack,
            ..
        } => local.ip().is_unspecified() && !dual_stack,
        _ => false,
    }
}

/// A bind of this socket to `local`. What it is matters for `::` only, so only then is it asked.
pub fn request(policy: &Policy<'_>, fd: c_int, local: SocketAddr) -> Request {
    let ipv6_wildcard = local.is_ipv6() && local.ip().is_unspecified();
    Request::Bind {
        local,
        protocol: protocol::of(fd, policy, Chain::Bind),
        dual_stack: ipv6_wildcard && sockopt::is_dual_stack(fd),
    }
}
