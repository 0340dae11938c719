//! aarch64: arguments in x0 to x5, the result in x0; the kernel takes the number in x8. x16 is free
//! between a call and the function that it calls.

use core::arch::asm;
use core::ffi::c_long;

/// The code of a hook around the function that `before` has returned, or around the function that is
/// the operand `system`. Operands: `size` of the frame, where in it are `arguments`, `returned` and
/// `again`, the functions `before` and `after`.
macro_rules! around {
    (next, $($operands:tt)*) => {
        $crate::abi::arch::around!(@ "blr x16", $($operands)*)
    };
    (system, $($operands:tt)*) => {
        $crate::abi::arch::around!(@ "bl {system}", $($operands)*)
    };
    (@ $call:literal, $($operands:tt)*) => {
        core::arch::naked_asm!(
            ".cfi_startproc",
            "stp x29, x30, [sp, #-16]!",
            ".cfi_def_cfa_offset 16",
            ".cfi_offset 29, -16",
            ".cfi_offset 30, -8",
            "mov x29, sp",
            ".cfi_def_cfa 29, 16",
            "sub sp, sp, #{size}",
            "stp x0, x1, [sp, #{arguments}]",
            "stp x2, x3, [sp, #{arguments} + 16]",
            "stp x4, x5, [sp, #{arguments} + 32]",
            "mov x0, sp",
            "bl {before}",
            "cbz x0, 2f",
            "4:",
            "mov x16, x0",
            "ldp x0, x1, [sp, #{arguments}]",
            "ldp x2, x3, [sp, #{arguments} + 16]",
            "ldp x4, x5, [sp, #{arguments} + 32]",
            $call,
            "mov x1, x0",
            "mov x0, sp",
            "bl {after}",
            "ldr x16, [sp, #{again}]",
            "cbz x16, 3f",
            "str xzr, [sp, #{again}]",
            "mov x0, x16",
            "b 4b",
            "2:",
            "ldr x0, [sp, #{returned}]",
            "3:",
            "mov sp, x29",
            ".cfi_def_cfa 31, 16",
            "ldp x29, x30, [sp], #16",
            ".cfi_def_cfa_offset 0",
            ".cfi_restore 29",
            ".cfi_restore 30",
            "ret",
            ".cfi_endproc",
            $($operands)*
        )
    };
}
pub(crate) use around;

/// The code of a hook ahead of the function that `before`, the operand, returns: saves a
/// [`crate::abi::forward::Call`], and loads its arguments again. Vector registers hold no arguments
/// of these functions.
macro_rules! ahead {
    ($($operands:tt)*) => {
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
            $($operands)*
        )
    };
}
pub(crate) use ahead;

/// The code of syscall(2): for each NUMBER, of which the kernel reads 32 bits, a jump to the
/// operand HOOK, with the arguments moved down by one register; for each NOTED one a jump to the
/// operand `note`, with the arguments as they are; else to what is at `next`.
macro_rules! dispatch {
    ([$($hook:ident $number:ident)+] [$($noted:ident)+] $($operands:tt)*) => {
        core::arch::naked_asm!(
            ".cfi_startproc",
            $(
                concat!("adrp x16, {", stringify!($hook), "}"),
                concat!("add x16, x16, :lo12:{", stringify!($hook), "}"),
                concat!("cmp w0, #{", stringify!($number), "}"),
                "b.eq 2f",
            )+
            $(
                concat!("cmp w0, #{", stringify!($noted), "}"),
                "b.eq 3f",
            )+
            "adrp x16, {next}",
            "ldr x16, [x16, :lo12:{next}]",
            "br x16",
            "3:",
            "b {note}",
            "2:",
            "mov x0, x1",
            "mov x1, x2",
            "mov x2, x3",
            "mov x3, x4",
            "mov x4, x5",
            "mov x5, x6",
            "br x16",
            ".cfi_endproc",
            $($operands)*
        )
    };
}
pub(crate) use dispatch;

/// The code of a syscall(2) that makes the system call; where that fails it jumps to the operand
/// `fail`, with the negated errno as its argument.
macro_rules! syscall {
    ($($operands:tt)*) => {
        core::arch::naked_asm!(
            ".cfi_startproc",
            "mov w8, w0",
            "mov x0, x1",
            "mov x1, x2",
            "mov x2, x3",
            "mov x3, x4",
            "mov x4, x5",
            "mov x5, x6",
            "svc 0",
            "cmn x0, #4095",
            "b.cs 2f",
            "ret",
            "2:",
            "b {fail}",
            ".cfi_endproc",
            $($operands)*
        )
    };
}
pub(crate) use syscall;

// Debian compiles core for this architecture with -fstack-protector, whose two symbols glibc has in
// different objects: the guard is in ld-linux-aarch64.so.1, which no musl process can load. Without
// these, the library would need it. A linker drops them where nothing refers to them.
core::arch::global_asm!(
    ".pushsection .text.ipaddr_stack_chk, \"ax\"",
    ".hidden __stack_chk_fail",
    ".globl __stack_chk_fail",
    ".type __stack_chk_fail, %function",
    "__stack_chk_fail: brk #1",
    ".popsection",
    ".pushsection .rodata.ipaddr_stack_chk, \"a\"",
    ".balign 8",
    ".hidden __stack_chk_guard",
    ".globl __stack_chk_guard",
    ".type __stack_chk_guard, %object",
    // A constant guard finds an overflow all the same, though not one that was made to deceive it; its
    // first byte ends a string that is copied across.
    "__stack_chk_guard: .quad 0x9e3779b97f4a7c00",
    ".popsection",
);

/// The system call instruction: the kernel's result, a negated errno where it fails.
///
/// # Safety
/// As the system call.
pub unsafe fn system_call(number: c_long, [a, b, c, d, e, f]: [usize; 6]) -> isize {
    let result;
    // SAFETY: the kernel changes x0, and what the call is for.
    unsafe {
        asm!(
            "svc 0",
            in("x8") number,
            inlateout("x0") a => result,
            in("x1") b,
            in("x2") c,
            in("x3") d,
            in("x4") e,
            in("x5") f,
            options(nostack),
        );
    }
    result
}
