//! System calls without libc, errno, memory and files.

pub mod errno;
pub mod file;
pub mod memory;
pub mod once;
#[cfg(panic = "abort")]
pub mod runtime;
pub mod seccomp;
pub mod syscall;
pub mod user_memory;
