//! connect(2): the socket is quietly bound to the assigned address first; one that is bound to an
//! allowed address keeps it, and its port.

use core::net::{IpAddr, SocketAddr};

use ipaddr_policy::errno::{EPERM, Errno};
use ipaddr_policy::{Family, Policy, Request, Verdict, judge};
use libc::{AF_INET, AF_INET6, AF_UNSPEC};

use crate::after::After;
use crate::call::Call;
use crate::host::{Host, Level};
use crate::local::Local;
use crate::refusal::Refusal;
use crate::sockaddr::Sockaddr;
use crate::socket::Socket;
use crate::source::{fail_from_address, keep, kernel_refuses};
use crate::{confined, ipv6_only, log, quiet, request};

/// Judges, and sees to it that the socket has a source that it may use.
///
/// # Errors
/// `EPERM` for a socket that is bound to another address, for a family that is forbidden, and where
/// there is a policy that can't be used; the errno of a rule that refuses the remote end; what the
/// quiet bind says.
pub fn before(call: &Call<impl Socket, impl Host>, remote: &Sockaddr) -> Result<After, Refusal> {
    if remote.family() == AF_UNSPEC {
        return Ok(After::EndDissolved);
    }
    let Some(endpoint) = remote.endpoint() else {
        return Ok(After::Nothing);
    };
    let Some(policy) = call.host.assignment().assigned() else {
        return Ok(After::Nothing);
    };
    let policy = policy.map_err(|_| Refusal::unusable(call, endpoint))?;
    let request = request::connect(call, policy, endpoint);
    if call.host.is_confined() {
        return confined::take_source(call, policy, remote, request);
    }
    // Where a wildcard destination leads depends on what the socket is bound to.
    let is_wildcard = endpoint.ip().is_unspecified();
    if (call.host.may_have_chosen_source() || is_wildcard)
        && let Local::Bound(local) = Local::of(call)?
        && (is_wildcard || !quiet::may_be_left(call, policy, local))
    {
        return keep_local(call, policy, request.on_bound(local.ip()));
    }
    match judge(policy, request) {
        Verdict::Pass => {
            quiet::free_for(call, policy, Family::of(endpoint.ip()));
            log::passed(call, endpoint);
            Ok(After::Nothing)
        }
        Verdict::Rewrite(source) => {
            match quiet::bind(call, &remote.source(remote.family(), source)) {
                Ok(()) => Ok(quietly_bound(call, source, request)),
                Err(errno) => without_quiet_bind(call, policy, remote, request, source, errno),
            }
        }
        Verdict::Deny(errno) => match Local::of(call)? {
            Local::Bound(local) if !quiet::may_be_left(call, policy, local) => {
                keep_local(call, policy, request.on_bound(local.ip()))
            }
            _ => Err(Refusal::judged(call, policy, request, errno)),
        },
    }
}

/// After a connect, or a send that opens a connection.
///
/// # Errors
/// What the program gets instead, where the socket was bound and receives nothing.
pub fn after(
    call: &Call<impl Socket, impl Host>,
    after: After,
    result: Result<(), Errno>,
) -> Result<(), Refusal> {
    match (after, result) {
        (After::EndQuietBind { source, remote }, Err(errno)) => {
            log_failure(call, source, remote, errno);
            quiet::end_failed(call, errno);
        }
        (After::EndDissolved, Ok(())) => quiet::end_dissolved(call),
        (After::CheckIpv6Only(port), _) => ipv6_only::check(call, port)?,
        _ => {}
    }
    Ok(())
}

/// The kernel refuses, or a peer does, what has got its source by a quiet bind.
#[cold]
fn log_failure(
    call: &Call<impl Socket, impl Host>,
    source: IpAddr,
    remote: SocketAddr,
    errno: Errno,
) {
    let is_said = match errno.0 {
        libc::EINPROGRESS | libc::EINTR => false,
        libc::EINVAL => true,
        _ => call.host.wants(Level::Info),
    };
    if is_said {
        log::not_connected(call, source, remote, errno);
    }
}

fn quietly_bound(call: &Call<impl Socket, impl Host>, source: IpAddr, request: Request) -> After {
    let remote = request.asked();
    log::quietly_bound(call, source, remote);
    After::EndQuietBind { source, remote }
}

/// As [`keep`]; a connection can't be given another source than its socket's.
fn keep_local(
    call: &Call<impl Socket, impl Host>,
    policy: &Policy<'_>,
    request: Request,
) -> Result<After, Refusal> {
    match keep(call, policy, request)? {
        After::GiveSource(_) => Err(Refusal::judged(call, policy, request, EPERM)),
        after => Ok(after),
    }
}

/// The quiet bind failed, most often with `EINVAL`, which says too little: the socket is bound, or
/// connecting, or isn't of the remote's family. So the kernel is queried what the socket is.
fn without_quiet_bind(
    call: &Call<impl Socket, impl Host>,
    policy: &Policy<'_>,
    remote: &Sockaddr,
    request: Request,
    source: IpAddr,
    errno: Errno,
) -> Result<After, Refusal> {
    let domain = match Local::of(call)? {
        Local::Bound(local) => {
            if source.is_ipv4()
                && quiet::take_ipv4_again(call, policy, local)
                && quiet::bind(call, &remote.source(AF_INET6, source)).is_ok()
            {
                return Ok(quietly_bound(call, source, request));
            }
            return keep_local(call, policy, request.on_bound(local.ip()));
        }
        Local::NotInternet => return Ok(After::Nothing),
        Local::Unbound(domain) => domain,
    };
    let endpoint = request.asked();
    if kernel_refuses(call, domain, remote.family(), endpoint.ip()) {
        return fail_from_address(call, domain, remote.family(), Some(policy));
    }
    // Linux takes an AF_INET destination on an AF_INET6 datagram socket, whose source must be
    // v4-mapped then.
    if domain == AF_INET6 && remote.family() == AF_INET {
        return match quiet::bind(call, &remote.source(AF_INET6, source)) {
            Ok(()) => Ok(After::EndQuietBind {
                source,
                remote: endpoint,
            }),
            Err(errno) => Err(Refusal::no_source(call, endpoint, source, errno)),
        };
    }
    Err(Refusal::no_source(call, endpoint, source, errno))
}
