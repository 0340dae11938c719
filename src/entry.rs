//! The way in: each exported function is a frame of a few instructions that calls `before`, then
//! the real function, then `after`.
//!
//! While the real function runs, no Rust frame is on the stack between it and the program. So
//! pthread_cancel, which unwinds a thread blocked in connect(2), meets nothing that Rust's rules
//! for unwinding speak of, and the library needs no unwinder: it is built with `panic = "abort"`,
//! under which a Rust `extern "C-unwind"` function would end the host at that point. The frame has
//! the unwind information, and nothing to clean up.

use core::ffi::{c_int, c_void};
use core::mem::{MaybeUninit, offset_of};

use libc::sockaddr;

use crate::errno::Errno;
use crate::real::Next;
use crate::refusal::Refusal;
use crate::sockaddr::Sockaddr;

/// What an exported function keeps on its stack while the real one runs. Nothing in it has a
/// destructor.
#[repr(C, align(16))]
pub struct Frame {
    /// The argument registers: as the program passed them, then as the real function gets them.
    arguments: [usize; 6],
    /// What the program gets when the real function isn't called.
    returned: isize,
    /// The copy of the program's sockaddr that the real function gets.
    sockaddr: MaybeUninit<Sockaddr>,
    /// What `after` is to do, and how.
    pub afterwards: Afterwards,
}

/// What is left to do after the real function.
#[derive(Clone, Copy)]
pub enum Afterwards {
    /// Nothing.
    Nothing,
    /// If the connect fails: undo the quiet bind, on a socket of this family.
    UndoQuietBind(c_int),
    /// If `AF_UNSPEC` dissolves the association: undo the quiet bind that outlives it.
    UndoDissolved,
}

impl Frame {
    /// The first argument of all our calls.
    pub const fn fd(&self) -> c_int {
        int(self.arguments[0])
    }

    /// What a function that returns an int has returned.
    pub const fn result(&self, register: isize) -> c_int {
        int(register.cast_unsigned())
    }
}

/// An int in a register: the upper half is undefined.
#[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap)]
const fn int(register: usize) -> c_int {
    register as c_int
}

/// The size of a frame, and where its parts lie, for the entry code.
pub const SIZE: usize = size_of::<Frame>();
pub const ARGUMENTS: usize = offset_of!(Frame, arguments);
pub const RETURNED: usize = offset_of!(Frame, returned);

/// The first half of a call with the signature of bind(2) and connect(2): copies the sockaddr and
/// lets `decide` judge and change the copy. Returns the real function, or null when refused.
///
/// # Safety
/// `frame` holds the arguments of such a call in `arguments`, and the rest of it is ours.
pub unsafe fn sockaddr_call(
    frame: *mut Frame,
    real: &Next,
    decide: impl FnOnce(c_int, &mut Sockaddr) -> Result<Afterwards, Refusal>,
) -> *const c_void {
    let errno = Errno::get();
    // SAFETY: `arguments` is filled, and these two are ours to fill.
    let [fd, address, len, ..] = unsafe {
        (&raw mut (*frame).returned).write(0);
        (&raw mut (*frame).afterwards).write(Afterwards::Nothing);
        (*frame).arguments
    };
    let (fd, len) = (int(fd), int(len).cast_unsigned());
    // SAFETY: now every field is initialised that isn't MaybeUninit.
    let frame = unsafe { &mut *frame };
    let address = core::ptr::with_exposed_provenance::<sockaddr>(address);
    // SAFETY: the program's promise to bind(2) or connect(2).
    if let Some(sockaddr) = unsafe { Sockaddr::read(&mut frame.sockaddr, address, len) } {
        match decide(fd, sockaddr) {
            Ok(afterwards) => frame.afterwards = afterwards,
            Err(refusal) => {
                frame.returned = refusal.answer();
                return core::ptr::null();
            }
        }
        frame.arguments[1] = core::ptr::from_ref(sockaddr).expose_provenance();
    }
    let real = real.address();
    errno.set();
    real
}

/// Defines an exported function: `before` is `unsafe fn(*mut Frame) -> *const c_void`, the real
/// function's address or null; `after` is `unsafe fn(*mut Frame, isize) -> isize` and sees the
/// result.
macro_rules! exported {
    (
        $(#[$attribute:meta])*
        fn $name:ident($($argument:ident: $type:ty),+) -> $result:ty;
        $before:path, $after:path
    ) => {
        $(#[$attribute])*
        #[unsafe(no_mangle)]
        #[unsafe(naked)]
        pub unsafe extern "C-unwind" fn $name($($argument: $type),+) -> $result {
            #[cfg(target_arch = "x86_64")]
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
                "mov rdi, [rsp + {arguments}]",
                "mov rsi, [rsp + {arguments} + 8]",
                "mov rdx, [rsp + {arguments} + 16]",
                "mov rcx, [rsp + {arguments} + 24]",
                "mov r8, [rsp + {arguments} + 32]",
                "mov r9, [rsp + {arguments} + 40]",
                "call rax",
                "mov rdi, rsp",
                "mov rsi, rax",
                "call {after}",
                "jmp 3f",
                "2:",
                "mov rax, [rsp + {returned}]",
                "3:",
                "leave",
                ".cfi_def_cfa 7, 8",
                "ret",
                ".cfi_endproc",
                size = const $crate::entry::SIZE,
                arguments = const $crate::entry::ARGUMENTS,
                returned = const $crate::entry::RETURNED,
                before = sym $before,
                after = sym $after,
            );
            #[cfg(target_arch = "aarch64")]
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
                "mov x16, x0",
                "ldp x0, x1, [sp, #{arguments}]",
                "ldp x2, x3, [sp, #{arguments} + 16]",
                "ldp x4, x5, [sp, #{arguments} + 32]",
                "blr x16",
                "mov x1, x0",
                "mov x0, sp",
                "bl {after}",
                "b 3f",
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
                size = const $crate::entry::SIZE,
                arguments = const $crate::entry::ARGUMENTS,
                returned = const $crate::entry::RETURNED,
                before = sym $before,
                after = sym $after,
            );
        }
    };
}
pub(crate) use exported;

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
compile_error!("the entry code is written for x86-64 and aarch64");
