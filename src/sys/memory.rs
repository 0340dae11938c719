//! Memory from the kernel: malloc(3) is not for signal handlers.

use core::ffi::{c_int, c_void};
use core::ptr;

use crate::sys::syscall::syscall;

/// Fresh zeroed pages for one `T`, or null.
pub fn map<T>() -> *mut T {
    map_bytes(size_of::<T>()).cast()
}

/// Fresh zeroed pages for `len` bytes, or null; see mmap(2).
pub fn map_bytes(len: usize) -> *mut c_void {
    const PROTECTION: c_int = libc::PROT_READ | libc::PROT_WRITE;
    const FLAGS: c_int = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    let arguments = [0, len, PROTECTION as usize, FLAGS as usize, usize::MAX, 0];
    // SAFETY: an anonymous mapping at an address that the kernel chooses changes no other memory.
    let pages = unsafe { syscall(libc::SYS_mmap, arguments) };
    pages.map_or(ptr::null_mut(), ptr::with_exposed_provenance_mut)
}

/// Unmaps the pages of one `T`, see munmap(2).
///
/// # Safety
/// `pages` is from [`map`], and nothing refers to it any more.
pub unsafe fn unmap<T>(pages: *mut T) {
    // SAFETY: the caller's promise.
    let _ = unsafe { syscall(libc::SYS_munmap, [pages.addr(), size_of::<T>()]) };
}
