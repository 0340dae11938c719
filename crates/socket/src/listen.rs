//! listen(2), which binds a socket that isn't bound: to the wildcard, but for us.

use core::net::SocketAddr;

use ipaddr_policy::errno::{EPERM, Errno};
use ipaddr_policy::{Policy, Verdict, judge};

use crate::after::After;
use crate::call::Call;
use crate::host::Host;
use crate::local::Local;
use crate::refusal::Refusal;
use crate::socket::Socket;
use crate::source::bind_as_wildcard;
use crate::{confined, ipv6_only, log, request};

/// Judges, and sees to it that the socket has an address that it may use.
///
/// # Errors
/// What a bind to the wildcard address gives; `EPERM` for a socket that is bound to another address
/// and doesn't listen yet.
pub fn before(call: &Call<impl Socket, impl Host>) -> Result<After, Refusal> {
    let Some(policy) = call.host.assignment().assigned() else {
        return Ok(After::Nothing);
    };
    let policy = policy.ok();
    if call.host.is_confined() {
        return confined::take_address(call, policy).map(|()| After::Nothing);
    }
    match Local::of(call)? {
        Local::NotInternet => Ok(After::Nothing),
        Local::Bound(local) => keep_address(call, local, policy).map(|()| After::Nothing),
        Local::Unbound(domain) if call.listens_at_all() => {
            bind_as_wildcard(call, domain, policy, judge)
        }
        Local::Unbound(_) => Ok(After::Nothing),
    }
}

/// Checks a socket again that was left to the kernel to be bound.
///
/// # Errors
/// What the program gets instead, where the socket was bound and receives nothing.
pub fn after(
    call: &Call<impl Socket, impl Host>,
    after: After,
    result: Result<(), Errno>,
) -> Result<(), Refusal> {
    match after {
        After::CheckIpv6Only(port) if result.is_ok() => ipv6_only::check(call, port),
        _ => Ok(()),
    }
}

/// A socket that somebody else has bound can't be moved from userspace. One that listens already,
/// as systemd passes them, gets no new address by this.
///
/// A port that the rules refuse may be one that the kernel has chosen: then the bind to port 0 has
/// been judged, and is again.
fn keep_address(
    call: &Call<impl Socket, impl Host>,
    local: SocketAddr,
    policy: Option<&Policy<'_>>,
) -> Result<(), Refusal> {
    let judged = policy.map(|policy| {
        let request = request::bind(call, policy, local);
        (policy, request, judge(policy, request))
    });
    if let Some((.., Verdict::Pass)) = judged {
        log::passed(call, local);
        return Ok(());
    }
    // The kernel refuses it.
    if !call.listens_at_all() {
        return Ok(());
    }
    let (policy, request, verdict) = judged.ok_or_else(|| Refusal::unusable(call, local))?;
    let any_port = request::bind(call, policy, SocketAddr::new(local.ip(), 0));
    if call.is_listening() || judge(policy, any_port) == Verdict::Pass {
        log::passed(call, local);
        return Ok(());
    }
    let errno = match verdict {
        Verdict::Deny(errno) => errno,
        Verdict::Pass | Verdict::Rewrite(_) => EPERM,
    };
    Err(Refusal::judged(call, policy, request, errno))
}
