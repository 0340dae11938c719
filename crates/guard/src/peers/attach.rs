//! The program on a socket that is about to listen, and on those that are inherited and do already.

use std::fs;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};

use ipaddr_policy::errno::{EPERM, Errno};
use ipaddr_policy::rules::RuleSet;
use libc::{
    AF_INET, AF_INET6, SO_ACCEPTCONN, SO_DOMAIN, SO_TYPE, SOCK_STREAM, SOL_SOCKET, sock_filter,
};

use super::program::program;
use crate::failure::Failure;
use crate::sys::{pidfd, socket};

/// Before a socket listens: attaches the program, and locks it. A connection that is accepted has it
/// too. One that listens already has it, or is inherited.
///
/// # Errors
/// `EPERM` if the socket has another filter that nobody can replace; `ENOMEM`.
pub fn to_listener(listener: BorrowedFd<'_>, rules: &RuleSet<'_>) -> Result<(), Errno> {
    let is_stream = socket::option(listener, SOL_SOCKET, SO_TYPE) == Ok(SOCK_STREAM);
    match program(rules) {
        Some(program) if is_stream => attach(listener, &program, !is_listener(listener)),
        _ => Ok(()),
    }
}

/// Those of the caller's descriptors that listen already, as service managers hand them over: attaches
/// the program. They may outlive the guard, so it isn't locked: the next guard replaces it.
///
/// # Errors
/// It can't be attached.
pub fn to_inherited(rules: &RuleSet<'_>) -> Result<(), Failure> {
    let Some(program) = program(rules) else {
        return Ok(());
    };
    let mut listeners = inherited()?;
    listeners.retain(|(_, descriptor)| is_listener(descriptor.as_fd()));
    for (number, listener) in &listeners {
        attach(listener.as_fd(), &program, false).map_err(|errno| {
            Failure::Refused(format!(
                "descriptor {number}: it listens, and rules of ACCEPT can't be applied to it: {}: \
                 expected a socket without a locked packet filter",
                nix::errno::Errno::from_raw(errno.0).desc()
            ))
        })?;
    }
    Ok(())
}

fn attach(
    listener: BorrowedFd<'_>,
    program: &[sock_filter],
    is_to_be_locked: bool,
) -> Result<(), Errno> {
    match socket::attach_filter(listener, program) {
        // One is locked, perhaps this one by an earlier listen.
        Ok(()) | Err(Errno(EPERM)) => {}
        refused => return refused,
    }
    if is_to_be_locked {
        socket::lock_filter(listener)?;
    }
    // Another thread may have replaced it before it was locked.
    match socket::filter(listener, program.len()) {
        Ok(attached) if is_same(&attached, program) => Ok(()),
        _ => Err(Errno(EPERM)),
    }
}

/// Copies of the caller's descriptors, and their numbers.
fn inherited() -> Result<Vec<(RawFd, OwnedFd)>, Failure> {
    let own = pidfd::open(std::process::id().cast_signed());
    let own = own.map_err(|errno| Failure::system("pidfd_open", errno))?;
    let entries = fs::read_dir("/proc/self/fd")
        .map_err(|error| Failure::Refused(format!("/proc/self/fd: {error}")))?;
    let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let copies = numbers.filter_map(|number| {
        let copy = pidfd::copy_descriptor(own.as_fd(), number).ok()?;
        Some((number, copy))
    });
    Ok(copies.collect())
}

fn is_listener(descriptor: BorrowedFd<'_>) -> bool {
    let option = |name| socket::option(descriptor, SOL_SOCKET, name);
    matches!(option(SO_DOMAIN), Ok(AF_INET | AF_INET6))
        && option(SO_TYPE) == Ok(SOCK_STREAM)
        && option(SO_ACCEPTCONN) == Ok(1)
}

fn is_same(one: &[sock_filter], other: &[sock_filter]) -> bool {
    let parts = |it: &sock_filter| (it.code, it.jt, it.jf, it.k);
    one.iter().map(parts).eq(other.iter().map(parts))
}

/// Whether the kernel takes the program, by a socket of the caller's own that is closed again.
///
/// # Errors
/// `EINVAL` if it is too long, `ENOMEM` if sockets may not have that much memory for it
/// (`net.core.optmem_max`).
pub fn try_out(program: &[sock_filter]) -> Result<(), Errno> {
    socket::attach_filter(socket::stream()?.as_fd(), program)
}
