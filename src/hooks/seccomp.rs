//! Seccomp filters, see seccomp(2): many a program that confines itself to the system calls that it
//! makes is killed for any other, and so for one that this library makes on its own account.
//!
//! prctl(2) and syscall(2) tell when the process installs one. From then on, for life, the library
//! makes no system call but those that the program's own implies: the call itself, and the bind of a
//! socket that connect, listen or a send would bind ([`crate::socket::confined`]). No query for an
//! assignment, so a process that has none goes on without; the last one is made just before. No
//! log. No option of a socket is read or set. A filter that is installed by an instruction of the
//! program's own isn't noticed.
//!
//! One that was there before the program began, as in a container, is another matter: the dynamic
//! linker has worked under it, so the calls by which files are read are allowed, and whoever wrote it
//! meant more than one program. Only what is out of the ordinary is left out there: [`seccomp::is_filtered`].

use core::ffi::{c_int, c_void};

use libc::{PR_SET_SECCOMP, SECCOMP_SET_MODE_FILTER, SECCOMP_SET_MODE_STRICT};

use crate::abi::frame::{Afterwards, Frame};
use crate::abi::next;
use crate::socket::confined;
use crate::sys::errno::{Errno, ThreadErrno};
use crate::sys::seccomp;
use crate::sys::syscall::{parent, pid, share_memory};

/// prctl(2): goes through unchanged.
pub unsafe extern "C" fn before_prctl(frame: *mut Frame) -> *const c_void {
    // SAFETY: the entry code's promise: the frame of a call with prctl's signature.
    let frame = unsafe { Frame::enter(frame) };
    if frame.int(0) == PR_SET_SECCOMP {
        begin(frame, frame.int(1) == libc::SECCOMP_MODE_STRICT as c_int);
    }
    next::PRCTL.address()
}

pub unsafe extern "C" fn before_seccomp(frame: *mut Frame) -> *const c_void {
    // SAFETY: the entry code's promise: the frame of a call with seccomp's signature.
    let frame = unsafe { Frame::enter(frame) };
    let operation = frame.int(0).cast_unsigned();
    if operation == SECCOMP_SET_MODE_STRICT || operation == SECCOMP_SET_MODE_FILTER {
        begin(frame, operation == SECCOMP_SET_MODE_STRICT);
    }
    // Not null; syscall(2) makes the system call itself.
    next::PRCTL.address()
}

/// The filter is about to be installed: by prctl(2) and by seccomp(2) it is the third argument.
/// Without one the call fails, as it is meant to where a program asks what the kernel supports.
fn begin(frame: &mut Frame, strict: bool) {
    if !strict && frame.pointer::<c_void>(2).is_null() {
        return;
    }
    let errno = Errno::get();
    if !seccomp::is_confined() {
        // After vfork(2) the memory is the parent's, which gets no filter.
        if share_memory(pid(), parent()) == Ok(true) {
            return errno.set();
        }
        confined::prepare();
    }
    seccomp::begin_install();
    frame.afterwards = Afterwards::FilterInstalled;
    errno.set();
}

pub unsafe extern "C" fn after(frame: *mut Frame, result: isize) -> isize {
    // SAFETY: the frame that `before_prctl` or `before_seccomp` has filled.
    let frame = unsafe { &*frame };
    if matches!(frame.afterwards, Afterwards::FilterInstalled) && frame.result(result) < 0 {
        seccomp::install_failed();
    }
    result
}
