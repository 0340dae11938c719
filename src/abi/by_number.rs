//! syscall(2): the same calls by their numbers.
//!
//! Any other number goes through with all its arguments, to libc's own syscall or to that of
//! another preloaded library. These take the same way as the calls by name, but the real function
//! is the system call: libc's connect is a cancellation point, syscall(2) is none.

use core::ffi::c_long;

use crate::abi::real;
use crate::hooks::{
    accept, bind, connect, descriptors, execute, listen, seccomp, send, setsockopt, sharing,
};
use crate::sys::errno::{Errno, ThreadErrno};

/// Defines syscall(2) with its doors, and with numbers that go through when [`sharing`] has been told
/// of them: some return twice, so no frame is kept. The kernel looks at 32 bits of the number. A door's arguments
/// move down by one register, the sixth comes from the stack or the next register, and the call
/// goes on with the return address that is there.
macro_rules! syscall_with_doors {
    (
        $($door:ident: $entry:path, $number_of:ident: $number:path;)+
        => $($noted:ident: $noted_number:path;)+
    ) => {
        /// syscall(2)
        ///
        /// # Safety
        /// As syscall(2).
        #[unsafe(no_mangle)]
        #[unsafe(naked)]
        pub unsafe extern "C" fn syscall(number: c_long) -> c_long {
            #[cfg(target_arch = "x86_64")]
            core::arch::naked_asm!(
                ".cfi_startproc",
                $(
                    concat!("lea rax, [rip + {", stringify!($door), "}]"),
                    concat!("cmp edi, {", stringify!($number_of), "}"),
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
                next = sym real::SYSCALL,
                note = sym sharing::by_number,
                $($door = sym $entry, $number_of = const $number,)+
                $($noted = const $noted_number,)+
            );
            #[cfg(target_arch = "aarch64")]
            core::arch::naked_asm!(
                ".cfi_startproc",
                $(
                    concat!("adrp x16, {", stringify!($door), "}"),
                    concat!("add x16, x16, :lo12:{", stringify!($door), "}"),
                    concat!("cmp w0, #{", stringify!($number_of), "}"),
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
                next = sym real::SYSCALL,
                note = sym sharing::by_number,
                $($door = sym $entry, $number_of = const $number,)+
                $($noted = const $noted_number,)+
            );
        }
    };
}

syscall_with_doors! {
    bind: bind::by_number, bind_number: libc::SYS_bind;
    connect: connect::by_number, connect_number: libc::SYS_connect;
    listen: listen::by_number, listen_number: libc::SYS_listen;
    accept: accept::accept_by_number, accept_number: libc::SYS_accept;
    accept4: accept::accept4_by_number, accept4_number: libc::SYS_accept4;
    sendto: send::sendto_by_number, sendto_number: libc::SYS_sendto;
    sendmsg: send::sendmsg_by_number, sendmsg_number: libc::SYS_sendmsg;
    sendmmsg: send::sendmmsg_by_number, sendmmsg_number: libc::SYS_sendmmsg;
    prctl: seccomp::prctl_by_number, prctl_number: libc::SYS_prctl;
    seccomp: seccomp::seccomp_by_number, seccomp_number: libc::SYS_seccomp;
    setsockopt: setsockopt::by_number, setsockopt_number: libc::SYS_setsockopt;
    socket: descriptors::socket_by_number, socket_number: libc::SYS_socket;
    recvmsg: descriptors::recvmsg_by_number, recvmsg_number: libc::SYS_recvmsg;
    recvmmsg: descriptors::recvmmsg_by_number, recvmmsg_number: libc::SYS_recvmmsg;
    execve: execute::execve_by_number, execve_number: libc::SYS_execve;
    execveat: execute::execveat_by_number, execveat_number: libc::SYS_execveat;
    pidfd_getfd: descriptors::pidfd_getfd_by_number, pidfd_getfd_number: libc::SYS_pidfd_getfd;
    =>
    clone: libc::SYS_clone;
    clone3: libc::SYS_clone3;
    unshare: libc::SYS_unshare;
    close_range: libc::SYS_close_range;
}

/// syscall(2) for whoever calls it before our constructor, or where there is no other.
#[unsafe(naked)]
pub unsafe extern "C" fn system_call() {
    #[cfg(target_arch = "x86_64")]
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
        fail = sym fail,
    );
    #[cfg(target_arch = "aarch64")]
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
        fail = sym fail,
    );
}

/// The kernel's negated errno, as libc returns it.
unsafe extern "C" fn fail(negated: isize) -> isize {
    Errno((-negated) as core::ffi::c_int).set();
    -1
}
