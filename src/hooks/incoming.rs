//! socket(2), recvmsg(2), recvmmsg(2), pidfd_getfd(2): the calls by which a socket comes into the
//! process. [`crate::process::datagrams`] has to know of it. All go through unchanged, except that
//! MPTCP becomes TCP.

use core::ffi::c_void;
use core::slice;

use ipaddr_socket::cmsg;
use libc::{AF_INET, AF_INET6, IPPROTO_MPTCP, IPPROTO_TCP, mmsghdr, msghdr};

use crate::abi::frame::Frame;
use crate::abi::next;
use crate::hooks::message::control_of;
use crate::process::assignment::{self, Assignment};
use crate::process::host::call;
use crate::process::{datagrams, sockets};
use crate::sys::errno::{Errno, ThreadErrno};
use crate::sys::seccomp;

/// socket(2): an IPv4 datagram socket is bound to the assigned address, without a port, if the
/// process is one that sends many datagrams. Where something is assigned, MPTCP becomes TCP: the
/// kernel opens further connections of an MPTCP socket by itself, from other addresses of the
/// machine and to other addresses of the peer (`ip mptcp endpoint`), and no option of the socket
/// prevents that. A program has to expect TCP anyway, because either end may support nothing else.
pub unsafe extern "C" fn before_socket(frame: *mut Frame) -> *const c_void {
    // SAFETY: the contract of `Frame`, for socket.
    let frame = unsafe { Frame::enter(frame) };
    if frame.int(2) == IPPROTO_MPTCP && matches!(frame.int(0), AF_INET | AF_INET6) {
        let errno = Errno::get();
        if !matches!(assignment::current(), Assignment::Unrestricted) {
            frame.pass(2, IPPROTO_TCP as usize);
        }
        errno.set();
    }
    next::SOCKET.address()
}

/// Notes the new socket.
pub unsafe extern "C" fn after_socket(frame: *mut Frame, result: isize) -> isize {
    // SAFETY: the contract of `Frame`, for socket.
    let frame = unsafe { Frame::enter(frame) };
    let fd = frame.result(result);
    if fd >= 0 {
        let domain = frame.int(0);
        if domain == AF_INET || domain == AF_INET6 {
            sockets::note_unbound();
        }
        datagrams::note_new(&call("socket", fd), domain, frame.int(1), frame.int(2));
    }
    result
}

/// recvmsg(2): goes through unchanged.
pub unsafe extern "C" fn before_recvmsg(_: *mut Frame) -> *const c_void {
    next::RECVMSG.address()
}

/// Notes whether the message has brought descriptors.
pub unsafe extern "C" fn after_recvmsg(frame: *mut Frame, result: isize) -> isize {
    // SAFETY: the contract of `Frame`, for recvmsg.
    let frame = unsafe { Frame::enter(frame) };
    if result >= 0 && descriptors_matter() {
        // SAFETY: the kernel has just written to it.
        unsafe { note_descriptors(frame.pointer(1)) };
    } else if result < 0 {
        note_failed();
    }
    result
}

/// recvmmsg(2): goes through unchanged.
pub unsafe extern "C" fn before_recvmmsg(_: *mut Frame) -> *const c_void {
    next::RECVMMSG.address()
}

/// Notes whether the messages have brought descriptors.
pub unsafe extern "C" fn after_recvmmsg(frame: *mut Frame, result: isize) -> isize {
    // SAFETY: the contract of `Frame`, for recvmmsg.
    let frame = unsafe { Frame::enter(frame) };
    let received = usize::try_from(frame.result(result)).unwrap_or_else(|_| {
        note_failed();
        0
    });
    if descriptors_matter() {
        let messages = frame.pointer::<mmsghdr>(1);
        for index in 0..received {
            // SAFETY: the kernel has just written to so many of them.
            unsafe { note_descriptors(messages.add(index).cast()) };
        }
    }
    result
}

/// pidfd_getfd(2): goes through unchanged.
pub unsafe extern "C" fn before_pidfd_getfd(_: *mut Frame) -> *const c_void {
    next::PIDFD_GETFD.address()
}

/// Notes that there is a descriptor from elsewhere.
pub unsafe extern "C" fn after_pidfd_getfd(frame: *mut Frame, result: isize) -> isize {
    // SAFETY: the contract of `Frame`, for pidfd_getfd.
    unsafe { Frame::enter(frame) };
    if datagrams::stay_bound() {
        datagrams::give_up();
    }
    sockets::note_foreign();
    result
}

/// Whether anybody has to know that a message has brought descriptors.
fn descriptors_matter() -> bool {
    datagrams::stay_bound() || seccomp::is_confined()
}

/// After a failed call: one that is `EFAULT`, because the message can't be written to, may have brought
/// descriptors all the same.
fn note_failed() {
    if Errno::get() == Errno(libc::EFAULT) {
        sockets::note_foreign();
        datagrams::give_up();
    }
}

/// Notes whether the message has brought descriptors.
///
/// # Safety
/// `message` is what recvmsg(2) has written to.
unsafe fn note_descriptors(message: *const msghdr) {
    // SAFETY: the caller's promise.
    let (control, len) = control_of(unsafe { &*message });
    if control.is_null() {
        return;
    }
    // SAFETY: within `len`, which the kernel has written.
    if cmsg::has_descriptors(unsafe { slice::from_raw_parts(control, len) }) {
        datagrams::give_up();
        sockets::note_foreign();
    }
}
