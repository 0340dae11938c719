//! listen(2), which binds a socket that isn't bound: to the wildcard, but for us.

use core::ffi::{c_int, c_void};
use core::net::SocketAddr;

use ipaddr_policy::errno::EPERM;
use ipaddr_policy::{Policy, Verdict, judge};

use crate::abi::frame::{Afterwards, Frame};
use crate::abi::next;
use crate::hooks::bind;
use crate::process::assignment::{self, Assignment};
use crate::process::log;
use crate::socket::local::Local;
use crate::socket::refusal::Refusal;
use crate::socket::source::bind_as_wildcard;
use crate::socket::{confined, ipv6_only, sockopt};
use crate::sys::errno::{Errno, ThreadErrno};
use crate::sys::seccomp;

/// listen(2): a socket that isn't bound is bound to the assigned address first, as a bind to
/// the wildcard address would be.
///
/// `EPERM` where such a bind gives that, and for a socket that is bound to another address and
/// doesn't listen yet. Otherwise the kernel's own answers.
pub unsafe extern "C" fn before(frame: *mut Frame) -> *const c_void {
    let errno = Errno::get();
    // SAFETY: the entry code's promise: the frame of a call with listen's signature.
    let frame = unsafe { Frame::enter(frame) };
    match take_address(frame.fd()) {
        Ok(afterwards) => frame.afterwards = afterwards,
        Err(refusal) => return frame.refuse(refusal),
    }
    errno.set();
    next::LISTEN.address()
}

pub unsafe extern "C" fn after(frame: *mut Frame, result: isize) -> isize {
    // SAFETY: the frame that `before` has filled.
    let frame = unsafe { &*frame };
    match frame.afterwards {
        Afterwards::CheckIpv6Only(port) if frame.result(result) >= 0 => {
            ipv6_only::check("listen", frame.fd(), port).unwrap_or(result)
        }
        _ => result,
    }
}

/// Reads who asks, judges, and sees to it that the socket has an address that it may use.
fn take_address(fd: c_int) -> Result<Afterwards, Refusal> {
    let policy = match assignment::current() {
        Assignment::Unrestricted => return Ok(Afterwards::Nothing),
        Assignment::Unusable => None,
        Assignment::Restricted(policy) => Some(policy),
    };
    if seccomp::is_confined() {
        return confined::take_address(fd, policy).map(|()| Afterwards::Nothing);
    }
    match Local::of(fd)? {
        Local::NotInternet => Ok(Afterwards::Nothing),
        Local::Bound(local) => keep_address(fd, local, policy).map(|()| Afterwards::Nothing),
        Local::Unbound(domain) if sockopt::listens_at_all(fd) => {
            bind_as_wildcard("listen", fd, domain, policy, judge)
        }
        Local::Unbound(_) => Ok(Afterwards::Nothing),
    }
}

/// A socket that somebody else has bound can't be moved from userspace. One that listens already,
/// as systemd passes them, gets no new address by this.
///
/// A port that the rules refuse may be one that the kernel has chosen: then the bind to port 0 has
/// been judged, and is again.
fn keep_address(fd: c_int, local: SocketAddr, policy: Option<&Policy<'_>>) -> Result<(), Refusal> {
    let judged = policy.map(|policy| {
        let request = bind::request(policy, fd, local);
        (policy, request, judge(policy, request))
    });
    if let Some((.., Verdict::Pass)) = judged {
        log::passed("listen", fd, local);
        return Ok(());
    }
    // The kernel refuses it.
    if !sockopt::listens_at_all(fd) {
        return Ok(());
    }
    let (policy, request, verdict) =
        judged.ok_or_else(|| Refusal::unusable("listen", fd, local))?;
    let any_port = bind::request(policy, fd, SocketAddr::new(local.ip(), 0));
    if sockopt::is_listening(fd) || judge(policy, any_port) == Verdict::Pass {
        log::passed("listen", fd, local);
        return Ok(());
    }
    let errno = match verdict {
        Verdict::Deny(errno) => errno,
        Verdict::Pass | Verdict::Rewrite(_) => EPERM,
    };
    Err(Refusal::judged("listen", fd, policy, request, errno))
}
