//! clone(2), clone3(2), unshare(2), close_range(2): after them two threads or processes may share
//! their descriptors but not their memory, or the other way round. [`crate::process::datagrams`]
//! has to know of it, because it keeps in memory what it knows of descriptors. fork(2) shares
//! neither, pthread_create(3) both.
//!
//! No frame is kept while the next function runs: clone returns twice, in the child perhaps on another
//! stack.

use core::ffi::{c_int, c_long, c_void};

use libc::{CLONE_FILES, CLONE_VM};

use crate::abi::forward::Call;
use crate::abi::next;
use crate::process::{datagrams, sockets};

/// `CLOSE_RANGE_UNSHARE`: the caller gets descriptors of its own.
const CLOSE_RANGE_UNSHARE: c_int = 1 << 1;

/// clone(2), as libc has it: the flags are the third argument.
pub unsafe extern "C" fn before_clone(call: &mut Call) -> *const c_void {
    note_flags(call.int(2));
    next::CLONE.address()
}

/// unshare(2)
pub unsafe extern "C" fn before_unshare(call: &mut Call) -> *const c_void {
    if call.int(0) & CLONE_FILES != 0 {
        note();
    }
    next::UNSHARE.address()
}

/// close_range(2)
pub unsafe extern "C" fn before_close_range(call: &mut Call) -> *const c_void {
    if call.int(2) & CLOSE_RANGE_UNSHARE != 0 {
        note();
    }
    next::CLOSE_RANGE.address()
}

/// All of them by syscall(2), with the arguments of that.
///
/// The flags of clone3(2) are in memory, which may be unreadable, so each call of it is noted.
pub unsafe extern "C" fn before_by_number(call: &mut Call) -> *const c_void {
    match c_long::from(call.int(0)) {
        // Its flags come first, on x86-64 and aarch64.
        libc::SYS_clone => note_flags(call.int(1)),
        libc::SYS_unshare if call.int(1) & CLONE_FILES != 0 => note(),
        libc::SYS_close_range if call.int(3) & CLOSE_RANGE_UNSHARE != 0 => note(),
        libc::SYS_clone3 => note(),
        _ => {}
    }
    next::SYSCALL.address()
}

/// Forgets what is known of the sockets.
fn note() {
    sockets::note_foreign();
    datagrams::give_up();
}

/// For clone(2): whether memory is shared without descriptors, or these without memory.
fn note_flags(flags: c_int) {
    if (flags & CLONE_VM != 0) != (flags & CLONE_FILES != 0) {
        note();
    }
}
