//! System calls without libc, errno, memory and files.

pub mod errno;
pub mod file;
pub mod memory;
#[cfg(not(debug_assertions))]
pub mod runtime;
pub mod seccomp;
pub mod syscall;
pub mod user_memory;
