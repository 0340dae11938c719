//! All assembly, a file an architecture; each defines the same, and imports nothing:
//!
//! | name | what |
//! | --- | --- |
//! | `around!` | the code of a hook around the next function, or around the system call itself |
//! | `ahead!` | the code of a hook that jumps to the next function |
//! | `dispatch!` | the code of syscall(2): to the hook of the number, else to the next syscall(2) |
//! | `syscall!` | the code of a syscall(2) that needs no libc |
//! | `system_call` | the system call instruction |
//!
//! [`crate::abi::exports`] makes the exported functions from these; [`crate::abi::frame`] and
//! [`crate::abi::forward`] are what the code keeps on the stack.

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(target_arch = "aarch64")]
pub(crate) use aarch64::{ahead, around, dispatch, syscall, system_call};
#[cfg(target_arch = "x86_64")]
pub(crate) use x86_64::{ahead, around, dispatch, syscall, system_call};

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
compile_error!("src/abi/arch has no file for this architecture: expected x86_64 or aarch64");

// The same on both, for it has no instruction. The references are weak, because each libc defines
// one of the two.
core::arch::global_asm!(
    ".weak _r_debug",
    ".weak _dl_debug_addr",
    ".pushsection .data.rel.ro.ipaddr_debug, \"aw\"",
    ".balign 8",
    ".globl ipaddr_debug",
    ".hidden ipaddr_debug",
    "ipaddr_debug: .quad _r_debug",
    ".quad _dl_debug_addr",
    ".popsection",
);

unsafe extern "C" {
    /// The addresses of glibc's description of the process for debuggers, `_r_debug`, and of musl's
    /// pointer to one, `_dl_debug_addr`; null where the libc is the other.
    pub static ipaddr_debug: [*const core::ffi::c_void; 2];
}
