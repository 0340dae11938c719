//! What becomes of a call in a process with a seccomp filter of its own ([`crate::hooks::seccomp`]): the
//! socket can't be asked what it is, nor an option be set. So the sockets that are there are looked
//! at before the filter is installed; a later one is bound, which fails if it is bound already.
//!
//! The bind takes a port of its own, as without `IP_BIND_ADDRESS_NO_PORT` it has to.

use core::ffi::{CStr, c_int};
use core::net::SocketAddr;
use core::sync::atomic::{AtomicBool, Ordering};

use ipaddr_policy::errno::EPERM;
use ipaddr_policy::family::may_be_source;
use ipaddr_policy::judge::judge_address;
use ipaddr_policy::{Family, Policy, Request, Verdict, judge};
use libc::{AF_INET, AF_INET6};

use crate::abi::entry::Afterwards;
use crate::abi::real;
use crate::hooks::bind;
use crate::process::assignment::{self, Assignment};
use crate::process::datagrams;
use crate::socket::local::Local;
use crate::socket::refusal::Refusal;
use crate::socket::sockopt;
use crate::sys::errno::Errno;
use ipaddr_socket::sockaddr::Sockaddr;

/// Whether new sockets are counted: from before the first look at those that are there.
static COUNTS: AtomicBool = AtomicBool::new(false);

/// Whether every socket of IPv4 and IPv6 is bound.
static ALL_BOUND: AtomicBool = AtomicBool::new(false);

/// Whether one may be bound, by somebody else, to an address that it may not use.
static HAS_FOREIGN: AtomicBool = AtomicBool::new(false);

/// Before a filter is installed: a last query for an assignment, and a look at all sockets.
pub fn prepare() {
    COUNTS.store(true, Ordering::SeqCst);
    ALL_BOUND.store(true, Ordering::SeqCst);
    HAS_FOREIGN.store(false, Ordering::SeqCst);
    if let Assignment::Restricted(policy) = assignment::current()
        && note_all(policy).is_err()
    {
        note_foreign();
    }
}

fn note_all(policy: &Policy<'_>) -> Result<(), Errno> {
    const FOLDER: &CStr = c"/proc/thread-self/fd";
    datagrams::for_each_number(FOLDER, |fd| {
        if let Ok(fd) = c_int::try_from(fd) {
            note(policy, fd);
        }
        Ok(())
    })
}

fn note(policy: &Policy<'_>, fd: c_int) {
    if !matches!(sockopt::description(fd), Ok((AF_INET | AF_INET6, ..))) {
        return;
    }
    match Local::of(fd) {
        Ok(Local::Bound(local)) if is_allowed(policy, fd, local) => {}
        // What listens goes on listening where it does, and neither connects nor sends.
        Ok(Local::Bound(_)) if sockopt::is_listening(fd) => {}
        Ok(Local::Bound(_)) | Err(_) => HAS_FOREIGN.store(true, Ordering::SeqCst),
        Ok(Local::Unbound(_)) => ALL_BOUND.store(false, Ordering::SeqCst),
        Ok(Local::NotInternet) => {}
    }
}

fn is_allowed(policy: &Policy<'_>, fd: c_int, local: SocketAddr) -> bool {
    let request = bind::request(policy, fd, SocketAddr::new(local.ip(), 0));
    // What is sent from a group would have to be given a source, which nobody here can do.
    judge_address(policy, request) == Verdict::Pass && may_be_source(local.ip())
}

/// A socket was made, or may have lost its address.
pub fn note_unbound() {
    if COUNTS.load(Ordering::Relaxed) {
        ALL_BOUND.store(false, Ordering::SeqCst);
    }
}

/// A socket may have come from another process, with whatever address.
pub fn note_foreign() {
    // Nobody counts yet: what has come is looked at before a filter is there.
    if !COUNTS.load(Ordering::Relaxed) {
        return;
    }
    ALL_BOUND.store(false, Ordering::SeqCst);
    HAS_FOREIGN.store(true, Ordering::SeqCst);
}

fn all_are_bound_well() -> bool {
    ALL_BOUND.load(Ordering::SeqCst) && !HAS_FOREIGN.load(Ordering::SeqCst)
}

/// Of a connect or a send: judges, and binds the socket if it isn't bound.
pub fn take_source(
    call: &str,
    fd: c_int,
    policy: &Policy<'_>,
    remote: &Sockaddr,
    request: Request,
) -> Result<Afterwards, Refusal> {
    let (source, refusal) = match judge(policy, request) {
        Verdict::Pass => return Ok(Afterwards::Nothing),
        Verdict::Rewrite(source) => (source, None),
        Verdict::Deny(errno) => {
            // There may be no address that it would get, but one that it is bound to.
            let loopback = Family::of(request.asked().ip()).loopback();
            let bound = request.on_bound(loopback);
            if let Verdict::Deny(errno) = judge(policy, bound) {
                return Err(Refusal::judged(call, fd, policy, bound, errno));
            }
            (loopback, Some(errno))
        }
    };
    if all_are_bound_well() {
        return Ok(Afterwards::Nothing);
    }
    let bound = if remote.family() == AF_INET6 {
        bind_unless_bound(fd, [&remote.source(AF_INET6, source)])?
    } else {
        // Linux takes an AF_INET destination on an AF_INET6 datagram socket too.
        let [ipv4, mapped] = [AF_INET, AF_INET6].map(|domain| remote.source(domain, source));
        bind_unless_bound(fd, [&ipv4, &mapped])?
    };
    match (bound, refusal) {
        (Some(_), Some(errno)) => Err(Refusal::judged(call, fd, policy, request, errno)),
        _ => Ok(Afterwards::Nothing),
    }
}

/// Of a listen: the same, as a bind to the wildcard address and port 0 would be judged. Which family
/// the socket is of only the bind can tell.
pub fn take_address(fd: c_int, policy: Option<&Policy<'_>>) -> Result<(), Refusal> {
    if policy.is_some() && all_are_bound_well() {
        return Ok(());
    }
    let mut wildcards = [AF_INET, AF_INET6].map(Sockaddr::wildcard);
    let mut errnos = [None; 2];
    for (wildcard, refused) in wildcards.iter_mut().zip(&mut errnos) {
        let Some(asked) = wildcard.endpoint() else {
            continue;
        };
        let policy = policy.ok_or_else(|| Refusal::unusable("listen", fd, asked))?;
        match judge(policy, bind::request(policy, fd, asked)) {
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
    let bound = bind_unless_bound(fd, [ipv4, ipv6])?;
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
    fd: c_int,
    addresses: [&Sockaddr; N],
) -> Result<Option<usize>, Refusal> {
    for (index, address) in addresses.into_iter().enumerate() {
        match real::bind_quietly(fd, address) {
            Ok(()) => return Ok(Some(index)),
            // Bound, or of another family.
            Err(Errno(libc::EINVAL)) => {}
            // Of another family, as the call before has told already.
            Err(Errno(libc::EAFNOSUPPORT)) if index > 0 => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    if HAS_FOREIGN.load(Ordering::SeqCst) {
        return Err(Errno(EPERM).into());
    }
    Ok(None)
}
