//! bindresvport(3), rresvport(3), rresvport_af(3): libc's functions bind without calling the symbol, so
//! these take their place and call the hook. None is a cancellation point.

use core::ffi::c_int;
use core::mem::MaybeUninit;

use libc::{AF_INET, AF_INET6, sa_family_t, sockaddr_in, socklen_t};

use crate::sys::errno::{Errno, ThreadErrno};
use crate::sys::seccomp;
use crate::sys::syscall::{pid, syscall, word};
use crate::sys::user_memory::{Readable, can_write, read_sockaddr};
use ipaddr_socket::sockaddr::Sockaddr;

/// The ports that bindresvport(3) tries.
const BIND_FIRST: u16 = 600;
const BIND_COUNT: u32 = 1024 - BIND_FIRST as u32;

/// The ports that rresvport(3) tries: the upper half of the privileged ones.
const FIRST: c_int = 512;
const LAST: c_int = 1023;

/// bindresvport(3): binds as bind(2) does, to a free privileged port, which is written to
/// `address`; null means 0.0.0.0.
///
/// `EAFNOSUPPORT` for an address that isn't IPv4, `EADDRINUSE` where no port is free, `EFAULT` where
/// `address` can't be written, otherwise the errors of the hooked bind(2).
///
/// # Safety
/// As bindresvport(3).
pub unsafe fn bindresvport(fd: c_int, address: *mut sockaddr_in) -> c_int {
    if !address.is_null() && !can_write(address, size_of::<sockaddr_in>()) {
        return fail(libc::EFAULT);
    }
    let mut slot = MaybeUninit::uninit();
    let mut readable = Readable::new();
    // SAFETY: the caller's promise.
    let given = unsafe { read_sockaddr(&mut slot, &mut readable, address.cast(), SOCKADDR_IN_LEN) };
    let mut wildcard = Sockaddr::wildcard(AF_INET);
    let sockaddr = given.unwrap_or(&mut wildcard);
    if sockaddr.family() != AF_INET {
        return fail(libc::EAFNOSUPPORT);
    }
    // Each process begins at another port, because the last run's may still be in use.
    let process = if seccomp::is_confined() { 0 } else { pid() };
    let mut offset = process % BIND_COUNT;
    for _ in 0..BIND_COUNT {
        sockaddr.set_port(BIND_FIRST + offset as u16);
        offset = (offset + 1) % BIND_COUNT;
        if bind_to(fd, sockaddr) {
            if !address.is_null() {
                // SAFETY: it can be written, checked above; the port is for the program to see.
                unsafe { (&raw mut (*address).sin_port).write_unaligned(sockaddr.port().to_be()) };
            }
            return 0;
        }
        if Errno::get() != Errno(libc::EADDRINUSE) {
            return -1;
        }
    }
    -1
}

const SOCKADDR_IN_LEN: socklen_t = size_of::<sockaddr_in>() as socklen_t;

/// rresvport(3): [`rresvport_af`] for IPv4.
///
/// # Safety
/// As rresvport(3).
pub unsafe fn rresvport(port: *mut c_int) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { rresvport_af(port, AF_INET as sa_family_t) }
}

/// rresvport_af(3): a new TCP socket, bound as by bind(2) to the wildcard address and a privileged
/// port, from `port` downward; the port is left there.
///
/// `EAFNOSUPPORT` for a family other than IPv4 and IPv6, `EAGAIN` where no port is free, `EFAULT`
/// where `port` can't be written, otherwise the errors of socket(2) and the hooked bind(2).
///
/// # Safety
/// As rresvport_af(3).
pub unsafe fn rresvport_af(port: *mut c_int, family: sa_family_t) -> c_int {
    let family = c_int::from(family);
    if family != AF_INET && family != AF_INET6 {
        return fail(libc::EAFNOSUPPORT);
    }
    if !can_write(port, size_of::<c_int>()) {
        return fail(libc::EFAULT);
    }
    // SAFETY: socket(2) has no preconditions.
    let fd = unsafe { libc::socket(family, libc::SOCK_STREAM, 0) };
    if fd < 0 {
        return -1;
    }
    // SAFETY: it can be written, checked above, here and below.
    let start = unsafe { port.read_unaligned() }.clamp(FIRST, LAST);
    let mut sockaddr = Sockaddr::wildcard(family);
    let mut tried = start;
    loop {
        // SAFETY: as above.
        unsafe { port.write_unaligned(tried) };
        sockaddr.set_port(tried as u16);
        if bind_to(fd, &sockaddr) {
            return fd;
        }
        let errno = Errno::get();
        tried = if tried == FIRST { LAST } else { tried - 1 };
        if errno != Errno(libc::EADDRINUSE) || tried == start {
            // SAFETY: the descriptor was made here; libc's close would be a cancellation point.
            let _ = unsafe { syscall(libc::SYS_close, [word(fd)]) };
            return fail(if tried == start {
                libc::EAGAIN
            } else {
                errno.0
            });
        }
    }
}

/// Calls the hooked bind(2), which is what the linker finds first.
fn bind_to(fd: c_int, sockaddr: &Sockaddr) -> bool {
    let (address, len) = sockaddr.as_in();
    // SAFETY: `address` is valid for `len` bytes.
    unsafe { libc::bind(fd, address, len) == 0 }
}

fn fail(errno: c_int) -> c_int {
    Errno(errno).set();
    -1
}
