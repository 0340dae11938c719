//! prctl(2) and seccomp(2), which install seccomp filters. A program that allows itself only the system
//! calls that it makes is killed for any other, so also for one that this library makes by itself.
//!
//! From the moment when the process installs a filter, the library makes no system calls but those
//! that the program's own call implies: that call, and the bind of a socket that connect, listen or
//! a send would bind ([`ipaddr_socket::confined`]). It no longer looks for an assignment, so a
//! process without one stays without; the last query is made just before. It does not log, and
//! neither reads nor sets an option of a socket. A filter that the program installs without libc,
//! by an instruction of its own, isn't noticed.
//!
//! A filter from before the program began, a container's for example, is less strict: the dynamic
//! linker has worked under it, so it allows the calls by which files are read, and it was written
//! for more than one program. Only unusual calls are left out then: see [`seccomp::is_filtered`].

use core::ffi::{c_int, c_void};

use libc::{PR_SET_SECCOMP, SECCOMP_SET_MODE_FILTER, SECCOMP_SET_MODE_STRICT};

use crate::abi::frame::Frame;
use crate::abi::next;
use crate::process::survey;
use crate::sys::errno::{Errno, ThreadErrno};
use crate::sys::seccomp;
use crate::sys::syscall::{parent, pid, share_memory};

/// A frame that knows whether the call installs a filter.
#[repr(C)]
pub struct FilterFrame {
    frame: Frame,
    installs: bool,
}

impl FilterFrame {
    /// As [`Frame::enter`].
    ///
    /// # Safety
    /// The contract of [`Frame`].
    unsafe fn enter<'a>(frame: *mut Self) -> &'a mut Self {
        // SAFETY: the caller's promise; it begins with a `Frame`.
        unsafe {
            Frame::enter(frame.cast());
            (&raw mut (*frame).installs).write(false);
            &mut *frame
        }
    }
}

/// prctl(2): goes through unchanged, and is noted if it installs a filter.
pub unsafe extern "C" fn before_prctl(frame: *mut FilterFrame) -> *const c_void {
    // SAFETY: the contract of `Frame`, for prctl.
    let own = unsafe { FilterFrame::enter(frame) };
    let frame = &own.frame;
    if frame.int(0) == PR_SET_SECCOMP {
        own.installs = begin(frame, frame.int(1) == libc::SECCOMP_MODE_STRICT as c_int);
    }
    next::PRCTL.address()
}

/// seccomp(2): as prctl(2).
pub unsafe extern "C" fn before_seccomp(frame: *mut FilterFrame) -> *const c_void {
    // SAFETY: the contract of `Frame`, for seccomp.
    let own = unsafe { FilterFrame::enter(frame) };
    let frame = &own.frame;
    let operation = frame.int(0).cast_unsigned();
    if operation == SECCOMP_SET_MODE_STRICT || operation == SECCOMP_SET_MODE_FILTER {
        own.installs = begin(frame, operation == SECCOMP_SET_MODE_STRICT);
    }
    // Not null; syscall(2) makes the system call itself.
    next::PRCTL.address()
}

/// If the call is to install a filter in this process: notes it, and returns true. The filter is the
/// third argument of both calls. A program that only wants to know what the kernel supports passes
/// none, and the call fails.
fn begin(frame: &Frame, strict: bool) -> bool {
    if !strict && frame.pointer::<c_void>(2).is_null() {
        return false;
    }
    let errno = Errno::get();
    if !seccomp::is_confined() {
        // After vfork(2) the memory is the parent's, which gets no filter.
        if share_memory(pid(), parent()) == Ok(true) {
            errno.set();
            return false;
        }
        survey::make();
    }
    seccomp::begin_install();
    errno.set();
    true
}

/// If the call fails, the filter isn't there.
pub unsafe extern "C" fn after(frame: *mut FilterFrame, result: isize) -> isize {
    // SAFETY: the contract of `Frame`; `before_prctl` or `before_seccomp` has entered it.
    let own = unsafe { &*frame };
    if own.installs && own.frame.result(result) < 0 {
        seccomp::install_failed();
    }
    result
}
