//! socket(2), recvmsg(2), recvmmsg(2), pidfd_getfd(2): the calls by which a socket comes into the
//! process. [`crate::process::datagrams`] has to know; all but MPTCP ones go through unchanged.

use core::ffi::{c_int, c_uint, c_void};
use core::slice;

use ipaddr_socket::cmsg;
use libc::{AF_INET, AF_INET6, IPPROTO_MPTCP, IPPROTO_TCP, mmsghdr, msghdr, ssize_t, timespec};

use crate::abi::entry::{Frame, by_number, exported};
use crate::abi::real;
use crate::hooks::message::control_of;
use crate::process::assignment::{self, Assignment};
use crate::process::datagrams;
use crate::socket::confined;
use crate::sys::errno::{Errno, ThreadErrno};
use crate::sys::seccomp;

exported! {
    /// socket(2): an IPv4 datagram socket is bound to the assigned address, without a port, if the
    /// process is one that sends many datagrams. Where something is assigned, MPTCP becomes TCP: the
    /// kernel opens further connections of an MPTCP socket by itself, from other addresses of the
    /// machine and to other addresses of the peer (`ip mptcp endpoint`), and no option of the socket
    /// keeps it from that. A program has to expect TCP anyway: either end may know nothing else.
    ///
    /// # Safety
    /// As socket(2).
    fn socket(domain: c_int, kind: c_int, protocol: c_int) -> c_int;
    Frame, before_socket, after_socket
}

by_number!(
    socket_by_number,
    Frame,
    before_socket,
    after_socket,
    real::system::socket
);

unsafe extern "C" fn before_socket(frame: *mut Frame) -> *const c_void {
    // SAFETY: the entry code's promise: the frame of a call with socket's signature.
    let frame = unsafe { Frame::enter(frame) };
    if frame.int(2) == IPPROTO_MPTCP && matches!(frame.int(0), AF_INET | AF_INET6) {
        let errno = Errno::get();
        if !matches!(assignment::current(), Assignment::Unrestricted) {
            frame.pass(2, IPPROTO_TCP as usize);
        }
        errno.set();
    }
    real::SOCKET.address()
}

unsafe extern "C" fn after_socket(frame: *mut Frame, result: isize) -> isize {
    // SAFETY: the entry code's promise: the frame of a call with socket's signature.
    let frame = unsafe { Frame::enter(frame) };
    let fd = frame.result(result);
    if fd >= 0 {
        let domain = frame.int(0);
        if domain == AF_INET || domain == AF_INET6 {
            confined::note_unbound();
        }
        datagrams::note_new(fd, domain, frame.int(1), frame.int(2));
    }
    result
}

exported! {
    /// recvmsg(2)
    ///
    /// # Safety
    /// As recvmsg(2).
    fn recvmsg(fd: c_int, message: *mut msghdr, flags: c_int) -> ssize_t;
    Frame, before_recvmsg, after_recvmsg
}

by_number!(
    recvmsg_by_number,
    Frame,
    before_recvmsg,
    after_recvmsg,
    real::system::recvmsg
);

unsafe extern "C" fn before_recvmsg(_: *mut Frame) -> *const c_void {
    real::RECVMSG.address()
}

unsafe extern "C" fn after_recvmsg(frame: *mut Frame, result: isize) -> isize {
    // SAFETY: the entry code's promise: the frame of a call with recvmsg's signature.
    let frame = unsafe { Frame::enter(frame) };
    if result >= 0 && descriptors_matter() {
        // SAFETY: the kernel has just written to it.
        unsafe { look_for_descriptors(frame.pointer(1)) };
    } else if result < 0 {
        note_failed();
    }
    result
}

exported! {
    /// recvmmsg(2)
    ///
    /// # Safety
    /// As recvmmsg(2).
    fn recvmmsg(
        fd: c_int, messages: *mut mmsghdr, count: c_uint, flags: c_int, timeout: *mut timespec
    ) -> c_int;
    Frame, before_recvmmsg, after_recvmmsg
}

by_number!(
    recvmmsg_by_number,
    Frame,
    before_recvmmsg,
    after_recvmmsg,
    real::system::recvmmsg
);

unsafe extern "C" fn before_recvmmsg(_: *mut Frame) -> *const c_void {
    real::RECVMMSG.address()
}

unsafe extern "C" fn after_recvmmsg(frame: *mut Frame, result: isize) -> isize {
    // SAFETY: the entry code's promise: the frame of a call with recvmmsg's signature.
    let frame = unsafe { Frame::enter(frame) };
    let received = usize::try_from(frame.result(result)).unwrap_or_else(|_| {
        note_failed();
        0
    });
    if descriptors_matter() {
        let messages = frame.pointer::<mmsghdr>(1);
        for index in 0..received {
            // SAFETY: the kernel has just written to so many of them.
            unsafe { look_for_descriptors(messages.add(index).cast()) };
        }
    }
    result
}

exported! {
    /// pidfd_getfd(2)
    ///
    /// # Safety
    /// As pidfd_getfd(2).
    fn pidfd_getfd(pidfd: c_int, fd: c_int, flags: c_uint) -> c_int;
    Frame, before_pidfd_getfd, after_pidfd_getfd
}

by_number!(
    pidfd_getfd_by_number,
    Frame,
    before_pidfd_getfd,
    after_pidfd_getfd,
    real::system::pidfd_getfd
);

unsafe extern "C" fn before_pidfd_getfd(_: *mut Frame) -> *const c_void {
    real::PIDFD_GETFD.address()
}

unsafe extern "C" fn after_pidfd_getfd(_: *mut Frame, result: isize) -> isize {
    if datagrams::stay_bound() {
        datagrams::give_up();
    }
    confined::note_foreign();
    result
}

/// Whether it matters that a message brings descriptors.
fn descriptors_matter() -> bool {
    datagrams::stay_bound() || seccomp::is_confined()
}

/// A message that can't be written to, with `EFAULT`, may have brought descriptors all the same.
fn note_failed() {
    if Errno::get() == Errno(libc::EFAULT) {
        confined::note_foreign();
        datagrams::give_up();
    }
}

/// # Safety
/// `message` is what recvmsg(2) has written to.
unsafe fn look_for_descriptors(message: *const msghdr) {
    // SAFETY: the caller's promise.
    let (control, len) = control_of(unsafe { &*message });
    if control.is_null() {
        return;
    }
    // SAFETY: within `len`, which the kernel has written.
    if cmsg::has_descriptors(unsafe { slice::from_raw_parts(control, len) }) {
        datagrams::give_up();
        confined::note_foreign();
    }
}
