//! Seccomp filters, see seccomp(2): many a program that confines itself to the system calls that it
//! makes is killed for any other, and so for one that this library makes on its own account.
//!
//! prctl(2) and syscall(2) tell when the process installs one. From then on, for life, the library
//! makes no system call but those that the program's own implies: the call itself, and the bind of a
//! socket that connect, listen or a send would bind ([`ipaddr_socket::confined`]). No query for an
//! assignment, so a process that has none goes on without; the last one is made just before. No
//! log. No option of a socket is read or set. A filter that is installed by an instruction of the
//! program's own isn't noticed.
//!
//! One that was there before the program began, as in a container, is another matter: the dynamic
//! linker has worked under it, so the calls by which files are read are allowed, and whoever wrote it
//! meant more than one program. Only what is out of the ordinary is left out there: [`seccomp::is_filtered`].

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
    /// # Safety
    /// As [`Frame::enter`].
    unsafe fn enter<'a>(frame: *mut Self) -> &'a mut Self {
        // SAFETY: the caller's promise; it begins with a Frame, and the rest is ours to fill.
        unsafe {
            Frame::enter(frame.cast());
            (&raw mut (*frame).installs).write(false);
            &mut *frame
        }
    }
}

/// prctl(2): goes through unchanged.
pub unsafe extern "C" fn before_prctl(frame: *mut FilterFrame) -> *const c_void {
    // SAFETY: the entry code's promise: the frame of a call with prctl's signature.
    let own = unsafe { FilterFrame::enter(frame) };
    let frame = &own.frame;
    if frame.int(0) == PR_SET_SECCOMP {
        own.installs = begin(frame, frame.int(1) == libc::SECCOMP_MODE_STRICT as c_int);
    }
    next::PRCTL.address()
}

pub unsafe extern "C" fn before_seccomp(frame: *mut FilterFrame) -> *const c_void {
    // SAFETY: the entry code's promise: the frame of a call with seccomp's signature.
    let own = unsafe { FilterFrame::enter(frame) };
    let frame = &own.frame;
    let operation = frame.int(0).cast_unsigned();
    if operation == SECCOMP_SET_MODE_STRICT || operation == SECCOMP_SET_MODE_FILTER {
        own.installs = begin(frame, operation == SECCOMP_SET_MODE_STRICT);
    }
    // Not null; syscall(2) makes the system call itself.
    next::PRCTL.address()
}

/// The filter is about to be installed: by prctl(2) and by seccomp(2) it is the third argument.
/// Without one the call fails, as it is meant to where a program asks what the kernel supports. Says
/// whether the process will be confined.
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
    // SAFETY: the frame that `before_prctl` or `before_seccomp` has filled.
    let own = unsafe { &*frame };
    if own.installs && own.frame.result(result) < 0 {
        seccomp::install_failed();
    }
    result
}
