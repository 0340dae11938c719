//! connect(2)

use core::ffi::{c_int, c_void};
use core::net::{IpAddr, SocketAddr};

use ipaddr_policy::errno::EPERM;
use ipaddr_policy::rules::Chain;
use ipaddr_policy::{Family, Policy, Request, Verdict, judge};
use libc::{AF_INET, AF_INET6, AF_UNSPEC};

use crate::abi::frame::{Afterwards, Frame, sockaddr_call};
use crate::abi::next;
use crate::process::assignment::{self, Assignment};
use crate::process::log;
use crate::process::log::Level;
use crate::socket::local::Local;
use crate::socket::refusal::Refusal;
use crate::socket::source::{fail_from_address, keep_source, kernel_refuses};
use crate::socket::{confined, ipv6_only, protocol, quiet};
use crate::sys::errno::{Errno, ThreadErrno};
use crate::sys::seccomp;
use ipaddr_socket::sockaddr::Sockaddr;

/// connect(2): the socket is quietly bound to the assigned address first; one that is bound to
/// an allowed address keeps it, and its port.
///
/// `EPERM` for a socket that is bound to another address, for a family that is forbidden, and
/// where there is a policy that can't be used; the errno of a rule that refuses the remote end;
/// what the quiet bind says (`EADDRNOTAVAIL` where the address isn't configured). Otherwise the
/// kernel's own answers.
pub unsafe extern "C" fn before(frame: *mut Frame) -> *const c_void {
    // SAFETY: the entry code's promise: the frame of a call with connect's signature.
    unsafe {
        sockaddr_call(frame, &next::CONNECT, 1, |fd, remote| {
            take_source(fd, remote)
        })
    }
}

/// After a connect, or a send that opens a connection.
///
/// # Safety
/// The frame is one that `before` has filled.
pub unsafe extern "C" fn after(frame: *mut Frame, result: isize) -> isize {
    // SAFETY: the frame that `before` has filled.
    let frame = unsafe { &*frame };
    let connected = frame.result(result) >= 0;
    match frame.afterwards {
        Afterwards::EndQuietBind if !connected => {
            // SAFETY: a sockaddr was taken: the quiet bind was made for it.
            log_failure(frame.fd(), unsafe { frame.taken_sockaddr() });
            quiet::end_failed(frame.fd());
        }
        Afterwards::EndDissolved if connected => quiet::end_dissolved(frame.fd()),
        Afterwards::CheckIpv6Only(port) => {
            return ipv6_only::check("connect", frame.fd(), port).unwrap_or(result);
        }
        _ => {}
    }
    result
}

/// The kernel refuses, or a peer does, what has got its source from us.
#[cold]
fn log_failure(fd: c_int, remote: &Sockaddr) {
    let errno = Errno::get();
    let is_said = match errno.0 {
        libc::EINPROGRESS | libc::EINTR => false,
        libc::EINVAL => true,
        _ => log::wants(Level::Info),
    };
    if is_said
        && let Some(endpoint) = remote.endpoint()
        && let Some(policy) = assignment::latched()
        && let Verdict::Rewrite(source) = judge(policy, request(policy, fd, endpoint))
    {
        log::not_connected("connect", fd, source, endpoint, errno);
    }
    errno.set();
}

/// Reads who asks, judges, and sees to it that the socket has a source that it may use.
fn take_source(fd: c_int, remote: &Sockaddr) -> Result<Afterwards, Refusal> {
    if remote.family() == AF_UNSPEC {
        return Ok(Afterwards::EndDissolved);
    }
    let Some(endpoint) = remote.endpoint() else {
        return Ok(Afterwards::Nothing);
    };
    let policy = match assignment::current() {
        Assignment::Unrestricted => return Ok(Afterwards::Nothing),
        Assignment::Unusable => return Err(Refusal::unusable("connect", fd, endpoint)),
        Assignment::Restricted(policy) => policy,
    };
    let request = request(policy, fd, endpoint);
    if seccomp::is_confined() {
        return confined::take_source("connect", fd, policy, remote, request);
    }
    // Where a wildcard destination leads depends on what the socket is bound to.
    let is_wildcard = endpoint.ip().is_unspecified();
    if (quiet::may_have_chosen_source() || is_wildcard)
        && let Local::Bound(local) = Local::of(fd)?
        && (is_wildcard || !quiet::may_be_left(fd, policy, local))
    {
        return keep_local(fd, policy, request.on_bound(local.ip()));
    }
    match judge(policy, request) {
        Verdict::Pass => {
            quiet::free_for(fd, policy, Family::of(endpoint.ip()));
            log::passed("connect", fd, endpoint);
            Ok(Afterwards::Nothing)
        }
        Verdict::Rewrite(source) => {
            match quiet::bind(fd, &remote.source(remote.family(), source)) {
                Ok(()) => {
                    log::quietly_bound("connect", fd, source, endpoint);
                    Ok(Afterwards::EndQuietBind)
                }
                Err(errno) => without_quiet_bind(fd, policy, remote, request, source, errno),
            }
        }
        Verdict::Deny(errno) => match Local::of(fd)? {
            Local::Bound(local) if !quiet::may_be_left(fd, policy, local) => {
                keep_local(fd, policy, request.on_bound(local.ip()))
            }
            _ => Err(Refusal::judged("connect", fd, policy, request, errno)),
        },
    }
}

/// As [`keep_source`]; a connection can't be given another source than its socket's.
fn keep_local(fd: c_int, policy: &Policy<'_>, request: Request) -> Result<Afterwards, Refusal> {
    match keep_source("connect", fd, policy, request)? {
        Afterwards::GiveSource(_) => Err(Refusal::judged("connect", fd, policy, request, EPERM)),
        afterwards => Ok(afterwards),
    }
}

/// A connect of this socket, which isn't known to be bound, to `remote`.
pub fn request(policy: &Policy<'_>, fd: c_int, remote: SocketAddr) -> Request {
    Request::Connect {
        remote,
        protocol: protocol::of(fd, policy, Chain::Connect),
    }
}

/// The quiet bind failed, most often with `EINVAL`, which says too little: the socket is bound, or
/// connecting, or isn't of the remote's family. So the kernel is asked what the socket is.
fn without_quiet_bind(
    fd: c_int,
    policy: &Policy,
    remote: &Sockaddr,
    request: Request,
    source: IpAddr,
    errno: Errno,
) -> Result<Afterwards, Refusal> {
    let domain = match Local::of(fd)? {
        Local::Bound(local) => {
            if source.is_ipv4()
                && quiet::take_ipv4_again(fd, policy, local)
                && quiet::bind(fd, &remote.source(AF_INET6, source)).is_ok()
            {
                log::quietly_bound("connect", fd, source, request.asked());
                return Ok(Afterwards::EndQuietBind);
            }
            return keep_local(fd, policy, request.on_bound(local.ip()));
        }
        Local::NotInternet => return Ok(Afterwards::Nothing),
        Local::Unbound(domain) => domain,
    };
    let endpoint = request.asked();
    if kernel_refuses(fd, domain, remote.family(), endpoint.ip()) {
        return fail_from_address("connect", fd, domain, remote.family(), Some(policy));
    }
    let no_source = |errno| Refusal::no_source("connect", fd, endpoint, source, errno);
    // Linux takes an AF_INET destination on an AF_INET6 datagram socket, whose source must be
    // v4-mapped then.
    if let (AF_INET6, AF_INET, IpAddr::V4(source)) = (domain, remote.family(), source) {
        let mapped = remote.source(AF_INET6, source.into());
        return match quiet::bind(fd, &mapped) {
            Ok(()) => Ok(Afterwards::EndQuietBind),
            Err(errno) => Err(no_source(errno)),
        };
    }
    Err(no_source(errno))
}
