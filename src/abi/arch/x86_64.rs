//! x86-64: arguments in rdi, rsi, rdx, rcx, r8, r9, the result in rax; the kernel takes the fourth
//! in r10, and the number in rax.

use core::arch::asm;
use core::ffi::c_long;

/// The code of a hook around the function that `before` has returned, or around the function that is
/// the operand `system`. Operands: `size` of the frame, where in it are `arguments`, `returned` and
/// `again`, the functions `before` and `after`.
macro_rules! around {
    (next, $($operands:tt)*) => {
        $crate::abi::arch::around!(@ "call rax", $($operands)*)
    };
    (system, $($operands:tt)*) => {
        $crate::abi::arch::around!(@ "call {system}", $($operands)*)
    };
    (@ $call:literal, $($operands:tt)*) => {
        core::arch::naked_asm!(
            ".cfi_startproc",
            "push rbp",
            ".cfi_def_cfa_offset 16",
            ".cfi_offset 6, -16",
            "mov rbp, rsp",
            ".cfi_def_cfa_register 6",
            "sub rsp, {size}",
            "mov [rsp + {arguments}], rdi",
            "mov [rsp + {arguments} + 8], rsi",
            "mov [rsp + {arguments} + 16], rdx",
            "mov [rsp + {arguments} + 24], rcx",
            "mov [rsp + {arguments} + 32], r8",
            "mov [rsp + {arguments} + 40], r9",
            "mov rdi, rsp",
            "call {before}",
            "test rax, rax",
            "jz 2f",
            "4:",
            "mov rdi, [rsp + {arguments}]",
            "mov rsi, [rsp + {arguments} + 8]",
            "mov rdx, [rsp + {arguments} + 16]",
            "mov rcx, [rsp + {arguments} + 24]",
            "mov r8, [rsp + {arguments} + 32]",
            "mov r9, [rsp + {arguments} + 40]",
            $call,
            "mov rdi, rsp",
            "mov rsi, rax",
            "call {after}",
            "cmp qword ptr [rsp + {again}], 0",
            "je 3f",
            "mov rax, [rsp + {again}]",
            "mov qword ptr [rsp + {again}], 0",
            "jmp 4b",
            "2:",
            "mov rax, [rsp + {returned}]",
            "3:",
            "leave",
            ".cfi_def_cfa 7, 8",
            "ret",
            ".cfi_endproc",
            $($operands)*
        )
    };
}
pub(crate) use around;

/// The code of a hook ahead of the function that `before`, the operand, returns: saves a
/// [`crate::abi::forward::Call`], and loads its arguments again. Vector registers hold no arguments
/// of these functions; rax is the number of those in a variadic call.
macro_rules! ahead {
    ($($operands:tt)*) => {
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
            $($operands)*
        )
    };
}
pub(crate) use ahead;

/// The code of syscall(2): for each NUMBER, of which the kernel reads 32 bits, a jump to the
/// operand HOOK, with the arguments moved down by one register (the sixth is on the stack); for each
/// NOTED one a jump to the operand `note`, with the arguments as they are; else to what is at `next`.
macro_rules! dispatch {
    ([$($hook:ident $number:ident)+] [$($noted:ident)+] $($operands:tt)*) => {
        core::arch::naked_asm!(
            ".cfi_startproc",
            $(
                concat!("lea rax, [rip + {", stringify!($hook), "}]"),
                concat!("cmp edi, {", stringify!($number), "}"),
                "je 2f",
            )+
            $(
                concat!("cmp edi, {", stringify!($noted), "}"),
                "je 3f",
            )+
            "jmp [rip + {next}]",
            "3:",
            "jmp {note}",
            "2:",
            "mov rdi, rsi",
            "mov rsi, rdx",
            "mov rdx, rcx",
            "mov rcx, r8",
            "mov r8, r9",
            "mov r9, [rsp + 8]",
            "jmp rax",
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
            "mov eax, edi",
            "mov rdi, rsi",
            "mov rsi, rdx",
            "mov rdx, rcx",
            "mov r10, r8",
            "mov r8, r9",
            "mov r9, [rsp + 8]",
            "syscall",
            "cmp rax, -4095",
            "jae 2f",
            "ret",
            "2:",
            "mov rdi, rax",
            "jmp {fail}",
            ".cfi_endproc",
            $($operands)*
        )
    };
}
pub(crate) use syscall;

/// The system call instruction: the kernel's result, a negated errno where it fails.
///
/// # Safety
/// As the system call.
pub unsafe fn system_call(number: c_long, [a, b, c, d, e, f]: [usize; 6]) -> isize {
    let result;
    // SAFETY: the kernel changes rax, rcx and r11, and what the call is for.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number => result,
            in("rdi") a,
            in("rsi") b,
            in("rdx") c,
            in("r10") d,
            in("r8") e,
            in("r9") f,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    result
}
