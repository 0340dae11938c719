//! What the entry code of a hook ahead of the next function saves: the hook reads the arguments, may
//! change them, and the entry code jumps to the next function. That gets the caller's own frame, return
//! address and further arguments, as if this library weren't there.
//!
//! dlopen(3) needs that, because what the linker finds depends on the caller; execl(3), because
//! arguments of unknown number can't be passed on.

use core::ffi::{c_char, c_int};
use core::ptr;

use crate::sys::syscall::int;

/// What the entry code saves of a call, and loads again.
#[repr(C, align(16))]
pub struct Call {
    /// The argument registers: as the program passed them, then as the next function gets them.
    arguments: [usize; 6],
    /// On x86-64 the number of vector registers in a variadic call; on aarch64 two more arguments and
    /// the frame pointer.
    kept: [usize; 3],
    /// The return address.
    caller: usize,
}

impl Call {
    /// An argument that is a string.
    pub fn string(&self, index: usize) -> *const c_char {
        ptr::with_exposed_provenance(self.arguments[index])
    }

    /// An argument that is an int.
    pub const fn int(&self, index: usize) -> c_int {
        int(self.arguments[index])
    }

    /// An argument.
    pub const fn argument(&self, index: usize) -> usize {
        self.arguments[index]
    }

    /// Has the next function get another argument.
    pub const fn pass(&mut self, index: usize, argument: usize) {
        self.arguments[index] = argument;
    }

    /// The return address.
    pub const fn caller(&self) -> usize {
        self.caller
    }
}

const _: () = assert!(core::mem::offset_of!(Call, caller) == 72 && size_of::<Call>() == 80);
