//! syscall(2): the same calls by their numbers.
//!
//! Any other number goes through with all its arguments, to libc's own syscall or to that of
//! another preloaded library. These take the same way as the calls by name, but the real function
//! is the system call: libc's connect is a cancellation point, syscall(2) is none.

use core::ffi::c_long;
use core::sync::atomic::{AtomicPtr, Ordering};

use crate::{bind, connect, descriptors, listen, real, send, setsockopt};

/// The next syscall(2) in the symbol search order; until it is looked up, our own.
static NEXT: AtomicPtr<()> = AtomicPtr::new(system_call as *mut ());

/// Looks the next one up.
pub fn resolve() {
    if let Some(next) = real::next_symbol(c"syscall") {
        NEXT.store(next.cast_mut().cast(), Ordering::Relaxed);
    }
}

/// syscall(2)
///
/// # Safety
/// As syscall(2).
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub unsafe extern "C" fn syscall(number: c_long) -> c_long {
    // The kernel looks at 32 bits of the number. A door's arguments move down by one register, the
    // sixth comes from the stack, and the call goes on with the return address that is there.
    #[cfg(target_arch = "x86_64")]
    core::arch::naked_asm!(
        ".cfi_startproc",
        "lea rax, [rip + {bind}]",
        "cmp edi, {bind_number}",
        "je 2f",
        "lea rax, [rip + {connect}]",
        "cmp edi, {connect_number}",
        "je 2f",
        "lea rax, [rip + {listen}]",
        "cmp edi, {listen_number}",
        "je 2f",
        "lea rax, [rip + {sendto}]",
        "cmp edi, {sendto_number}",
        "je 2f",
        "lea rax, [rip + {sendmsg}]",
        "cmp edi, {sendmsg_number}",
        "je 2f",
        "lea rax, [rip + {sendmmsg}]",
        "cmp edi, {sendmmsg_number}",
        "je 2f",
        "lea rax, [rip + {setsockopt}]",
        "cmp edi, {setsockopt_number}",
        "je 2f",
        "lea rax, [rip + {socket}]",
        "cmp edi, {socket_number}",
        "je 2f",
        "lea rax, [rip + {recvmsg}]",
        "cmp edi, {recvmsg_number}",
        "je 2f",
        "lea rax, [rip + {recvmmsg}]",
        "cmp edi, {recvmmsg_number}",
        "je 2f",
        "lea rax, [rip + {pidfd_getfd}]",
        "cmp edi, {pidfd_getfd_number}",
        "je 2f",
        "jmp [rip + {next}]",
        "2:",
        "mov rdi, rsi",
        "mov rsi, rdx",
        "mov rdx, rcx",
        "mov rcx, r8",
        "mov r8, r9",
        "mov r9, [rsp + 8]",
        "jmp rax",
        ".cfi_endproc",
        next = sym NEXT,
        bind = sym bind::by_number,
        bind_number = const libc::SYS_bind,
        connect = sym connect::by_number,
        connect_number = const libc::SYS_connect,
        listen = sym listen::by_number,
        listen_number = const libc::SYS_listen,
        sendto = sym send::sendto_by_number,
        sendto_number = const libc::SYS_sendto,
        sendmsg = sym send::sendmsg_by_number,
        sendmsg_number = const libc::SYS_sendmsg,
        sendmmsg = sym send::sendmmsg_by_number,
        sendmmsg_number = const libc::SYS_sendmmsg,
        setsockopt = sym setsockopt::by_number,
        setsockopt_number = const libc::SYS_setsockopt,
        socket = sym descriptors::socket_by_number,
        socket_number = const libc::SYS_socket,
        recvmsg = sym descriptors::recvmsg_by_number,
        recvmsg_number = const libc::SYS_recvmsg,
        recvmmsg = sym descriptors::recvmmsg_by_number,
        recvmmsg_number = const libc::SYS_recvmmsg,
        pidfd_getfd = sym descriptors::pidfd_getfd_by_number,
        pidfd_getfd_number = const libc::SYS_pidfd_getfd,
    );
    #[cfg(target_arch = "aarch64")]
    core::arch::naked_asm!(
        ".cfi_startproc",
        "adrp x16, {bind}",
        "add x16, x16, :lo12:{bind}",
        "cmp w0, #{bind_number}",
        "b.eq 2f",
        "adrp x16, {connect}",
        "add x16, x16, :lo12:{connect}",
        "cmp w0, #{connect_number}",
        "b.eq 2f",
        "adrp x16, {listen}",
        "add x16, x16, :lo12:{listen}",
        "cmp w0, #{listen_number}",
        "b.eq 2f",
        "adrp x16, {sendto}",
        "add x16, x16, :lo12:{sendto}",
        "cmp w0, #{sendto_number}",
        "b.eq 2f",
        "adrp x16, {sendmsg}",
        "add x16, x16, :lo12:{sendmsg}",
        "cmp w0, #{sendmsg_number}",
        "b.eq 2f",
        "adrp x16, {sendmmsg}",
        "add x16, x16, :lo12:{sendmmsg}",
        "cmp w0, #{sendmmsg_number}",
        "b.eq 2f",
        "adrp x16, {setsockopt}",
        "add x16, x16, :lo12:{setsockopt}",
        "cmp w0, #{setsockopt_number}",
        "b.eq 2f",
        "adrp x16, {socket}",
        "add x16, x16, :lo12:{socket}",
        "cmp w0, #{socket_number}",
        "b.eq 2f",
        "adrp x16, {recvmsg}",
        "add x16, x16, :lo12:{recvmsg}",
        "cmp w0, #{recvmsg_number}",
        "b.eq 2f",
        "adrp x16, {recvmmsg}",
        "add x16, x16, :lo12:{recvmmsg}",
        "cmp w0, #{recvmmsg_number}",
        "b.eq 2f",
        "adrp x16, {pidfd_getfd}",
        "add x16, x16, :lo12:{pidfd_getfd}",
        "cmp w0, #{pidfd_getfd_number}",
        "b.eq 2f",
        "adrp x16, {next}",
        "ldr x16, [x16, :lo12:{next}]",
        "br x16",
        "2:",
        "mov x0, x1",
        "mov x1, x2",
        "mov x2, x3",
        "mov x3, x4",
        "mov x4, x5",
        "mov x5, x6",
        "br x16",
        ".cfi_endproc",
        next = sym NEXT,
        bind = sym bind::by_number,
        bind_number = const libc::SYS_bind,
        connect = sym connect::by_number,
        connect_number = const libc::SYS_connect,
        listen = sym listen::by_number,
        listen_number = const libc::SYS_listen,
        sendto = sym send::sendto_by_number,
        sendto_number = const libc::SYS_sendto,
        sendmsg = sym send::sendmsg_by_number,
        sendmsg_number = const libc::SYS_sendmsg,
        sendmmsg = sym send::sendmmsg_by_number,
        sendmmsg_number = const libc::SYS_sendmmsg,
        setsockopt = sym setsockopt::by_number,
        setsockopt_number = const libc::SYS_setsockopt,
        socket = sym descriptors::socket_by_number,
        socket_number = const libc::SYS_socket,
        recvmsg = sym descriptors::recvmsg_by_number,
        recvmsg_number = const libc::SYS_recvmsg,
        recvmmsg = sym descriptors::recvmmsg_by_number,
        recvmmsg_number = const libc::SYS_recvmmsg,
        pidfd_getfd = sym descriptors::pidfd_getfd_by_number,
        pidfd_getfd_number = const libc::SYS_pidfd_getfd,
    );
}

/// syscall(2) for whoever calls it before our constructor, or where there is no other.
#[unsafe(naked)]
unsafe extern "C" fn system_call() {
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
    crate::errno::Errno((-negated) as core::ffi::c_int).set();
    -1
}
