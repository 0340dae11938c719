//! An exported function that looks at its arguments, may change them, and jumps on to the next
//! function of its name: that sees the caller's own frame, return address and further arguments as
//! if this library weren't there.
//!
//! dlopen(3) needs that, because the linker searches by who calls; execl(3), because nobody can
//! pass on arguments of which the number isn't known.

use core::ffi::{c_char, c_int};
use core::ptr;

/// What the entry code has saved of a call, and loads again.
#[repr(C, align(16))]
pub struct Call {
    /// The arguments, which may be changed.
    arguments: [usize; 6],
    /// On x86-64 the number of vector registers in a variadic call, on aarch64 two arguments more
    /// and the frame pointer.
    kept: [usize; 3],
    /// The return address.
    caller: usize,
}

impl Call {
    /// An argument that is a string.
    pub fn string(&self, index: usize) -> *const c_char {
        ptr::with_exposed_provenance(self.arguments[index])
    }

    /// An argument that is an int: the upper half of the register is undefined.
    #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap)]
    pub const fn int(&self, index: usize) -> c_int {
        self.arguments[index] as c_int
    }

    /// An argument.
    pub const fn argument(&self, index: usize) -> usize {
        self.arguments[index]
    }

    /// Has the next function get another argument.
    pub const fn pass(&mut self, index: usize, argument: usize) {
        self.arguments[index] = argument;
    }

    /// Where the call comes from.
    pub const fn caller(&self) -> usize {
        self.caller
    }
}

/// Defines such functions: `before` is `unsafe extern "C" fn(&mut Call) -> *const c_void`, and
/// returns what to jump to.
macro_rules! forwarded {
    ($($(#[$attribute:meta])* $name:ident: $before:path;)+) => {$(
        $(#[$attribute])*
        #[unsafe(no_mangle)]
        #[unsafe(naked)]
        pub unsafe extern "C" fn $name() {
            $crate::abi::forward::code!($before)
        }
    )+};
}
pub(crate) use forwarded;

/// Defines the same for syscall(2), with the arguments moved to their places.
macro_rules! by_number {
    ($name:ident, $before:path) => {
        /// The call as syscall(2) makes it.
        #[unsafe(naked)]
        pub unsafe extern "C" fn $name() {
            $crate::abi::forward::code!($before)
        }
    };
}
pub(crate) use by_number;

/// The code of one. Vector registers hold no arguments of these functions.
macro_rules! code {
    ($before:path) => {{
        #[cfg(target_arch = "x86_64")]
        core::arch::naked_asm!(
            ".cfi_startproc",
            "sub rsp, 72",
            ".cfi_def_cfa_offset 80",
            "mov [rsp], rdi",
            "mov [rsp + 8], rsi",
            "mov [rsp + 16], rdx",
            "mov [rsp + 24], rcx",
            "mov [rsp + 32], r8",
            "mov [rsp + 40], r9",
            "mov [rsp + 48], rax",
            "mov rdi, rsp",
            "call {before}",
            "mov r11, rax",
            "mov rdi, [rsp]",
            "mov rsi, [rsp + 8]",
            "mov rdx, [rsp + 16]",
            "mov rcx, [rsp + 24]",
            "mov r8, [rsp + 32]",
            "mov r9, [rsp + 40]",
            "mov rax, [rsp + 48]",
            "add rsp, 72",
            ".cfi_def_cfa_offset 8",
            "jmp r11",
            ".cfi_endproc",
            before = sym $before,
        );
        #[cfg(target_arch = "aarch64")]
        core::arch::naked_asm!(
            ".cfi_startproc",
            "sub sp, sp, #80",
            ".cfi_def_cfa_offset 80",
            "stp x0, x1, [sp]",
            "stp x2, x3, [sp, #16]",
            "stp x4, x5, [sp, #32]",
            "stp x6, x7, [sp, #48]",
            "stp x29, x30, [sp, #64]",
            ".cfi_offset 29, -16",
            ".cfi_offset 30, -8",
            "add x29, sp, #64",
            "mov x0, sp",
            "bl {before}",
            "mov x16, x0",
            "ldp x0, x1, [sp]",
            "ldp x2, x3, [sp, #16]",
            "ldp x4, x5, [sp, #32]",
            "ldp x6, x7, [sp, #48]",
            "ldp x29, x30, [sp, #64]",
            "add sp, sp, #80",
            ".cfi_restore 29",
            ".cfi_restore 30",
            ".cfi_def_cfa_offset 0",
            "br x16",
            ".cfi_endproc",
            before = sym $before,
        );
    }};
}
pub(crate) use code;

const _: () = assert!(core::mem::offset_of!(Call, caller) == 72 && size_of::<Call>() == 80);
