//! What becomes of a call in a process with a seccomp filter of its own: the socket can't be queried,
//! nor an option be set. So the sockets that are there are surveyed before the filter is installed; a
//! later one is bound, which fails if it is bound already.
//!
//! The bind takes a port of its own, as without `IP_BIND_ADDRESS_NO_PORT` it has to.

use core::net::SocketAddr;

use ipaddr_policy::errno::{EPERM, Errno};
use ipaddr_policy::family::may_be_source;
use ipaddr_policy::judge::judge_address;
use ipaddr_policy::{Family, Policy, Request, Verdict, judge};
use libc::{AF_INET, AF_INET6};

use crate::after::After;
use crate::call::Call;
use crate::host::Host;
use crate::local::Local;
use crate::refusal::Refusal;
use crate::request;
use crate::sockaddr::Sockaddr;
use crate::socket::Socket;

/// What a socket is, as far as it matters once a filter is installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Bound to an address that it may use, or it listens, or it isn't of IPv4 or IPv6.
    Fine,
    /// Not bound.
    Unbound,
    /// Bound to an address that it may not use, or nobody knows.
    Foreign,
}

/// Before a filter is installed: what this socket is.
pub fn survey(call: &Call<impl Socket, impl Host>, policy: &Policy<'_>) -> Found {
    if !matches!(call.description(), Ok((AF_INET | AF_INET6, ..))) {
        return Found::Fine;
    }
    match Local::of(call) {
        Ok(Local::Bound(local)) if is_allowed(call, policy, local) => Found::Fine,
        // What listens goes on listening where it does, and neither connects nor sends.
        Ok(Local::Bound(_)) if call.is_listening() => Found::Fine,
        Ok(Local::Bound(_)) | Err(_) => Found::Foreign,
        Ok(Local::Unbound(_)) => Found::Unbound,
        Ok(Local::NotInternet) => Found::Fine,
    }
}

fn is_allowed(call: &Call<impl Socket, impl Host>, policy: &Policy<'_>, local: SocketAddr) -> bool {
    let request = request::bind(call, policy, SocketAddr::new(local.ip(), 0));
    // What is sent from a group would have to be given a source, which nobody here can do.
    judge_address(policy, request) == Verdict::Pass && may_be_source(local.ip())
}

fn all_are_bound_well(host: &impl Host) -> bool {
    host.all_are_bound() && !host.may_have_foreign()
}

/// Of a connect or a send: judges, and binds the socket if it isn't bound.
pub(crate) fn take_source(
    call: &Call<impl Socket, impl Host>,
    policy: &Policy<'_>,
    remote: &Sockaddr,
    request: Request,
) -> Result<After, Refusal> {
    let (source, refusal) = match judge(policy, request) {
        Verdict::Pass => return Ok(After::Nothing),
        Verdict::Rewrite(source) => (source, None),
        Verdict::Deny(errno) => {
            // There may be no address that it would get, but one that it is bound to.
            let loopback = Family::of(request.asked().ip()).loopback();
            let bound = request.on_bound(loopback);
            if let Verdict::Deny(errno) = judge(policy, bound) {
                return Err(Refusal::judged(call, policy, bound, errno));
            }
            (loopback, Some(errno))
        }
    };
    if all_are_bound_well(call.host) {
        return Ok(After::Nothing);
    }
    let bound = if remote.family() == AF_INET6 {
        bind_unless_bound(call, [&remote.source(AF_INET6, source)])?
    } else {
        // Linux takes an AF_INET destination on an AF_INET6 datagram socket too.
        let [ipv4, mapped] = [AF_INET, AF_INET6].map(|domain| remote.source(domain, source));
        bind_unless_bound(call, [&ipv4, &mapped])?
    };
    match (bound, refusal) {
        (Some(_), Some(errno)) => Err(Refusal::judged(call, policy, request, errno)),
        _ => Ok(After::Nothing),
    }
}

/// Of a listen: the same, as a bind to the wildcard address and port 0 would be judged. Which family
/// the socket is of only the bind can tell.
pub(crate) fn take_address(
    call: &Call<impl Socket, impl Host>,
    policy: Option<&Policy<'_>>,
) -> Result<(), Refusal> {
    if policy.is_some() && all_are_bound_well(call.host) {
        return Ok(());
    }
    let mut wildcards = [AF_INET, AF_INET6].map(Sockaddr::wildcard);
    let mut errnos = [None; 2];
    for (wildcard, refused) in wildcards.iter_mut().zip(&mut errnos) {
        let Some(asked) = wildcard.endpoint() else {
            continue;
        };
        let policy = policy.ok_or_else(|| Refusal::unusable(call, asked))?;
        match judge(policy, request::bind(call, policy, asked)) {
            // The kernel's own choice is allowed to this family.
            Verdict::Pass => {}
            Verdict::Rewrite(address) => wildcard.set_address(address),
            Verdict::Deny(errno) => {
                wildcard.set_address(Family::of(asked.ip()).loopback());
                *refused = Some(errno);
            }
        }
    }
    let [ipv4, ipv6] = &wildcards;
    let bound = bind_unless_bound(call, [ipv4, ipv6])?;
    match bound.and_then(|index| errnos.get(index).copied().flatten()) {
        Some(errno) => Err(Errno(errno).into()),
        None => Ok(()),
    }
}

/// Binds to the first address that the socket takes, and says to which. One that takes none is bound
/// already, or isn't of IPv4 or IPv6. So a bind to a loopback address, which is always allowed, tells
/// whether a socket is bound that may not be bound to anything else.
///
/// # Errors
/// `EPERM` where it may be bound to an address that it may not use; those of bind(2).
fn bind_unless_bound<const N: usize>(
    call: &Call<impl Socket, impl Host>,
    addresses: [&Sockaddr; N],
) -> Result<Option<usize>, Refusal> {
    for (index, address) in addresses.into_iter().enumerate() {
        match call.socket.bind(address) {
            Ok(()) => return Ok(Some(index)),
            // Bound, or of another family.
            Err(Errno(libc::EINVAL)) => {}
            // Of another family, as the call before has told already.
            Err(Errno(libc::EAFNOSUPPORT)) if index > 0 => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    if call.host.may_have_foreign() {
        return Err(Errno(EPERM).into());
    }
    Ok(None)
}
