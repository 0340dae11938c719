//! What the language asks of a library without std, and this one never uses. Neither is part of a
//! release build: the compiler finds no way to a panic or an allocation.

use core::alloc::{GlobalAlloc, Layout};
use core::panic::PanicInfo;
use core::ptr;

use crate::sys::file;

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    file::write(2, PANICKED);
    // SAFETY: abort has no preconditions.
    unsafe { libc::abort() }
}

/// A test looks for these words in the library.
const PANICKED: &[u8] = b"ipaddr: panicked\n";

/// ipnet is built on alloc, though what we use of it allocates nothing.
struct NothingToGive;

// SAFETY: null is always an allowed answer, and so nothing is ever given back.
unsafe impl GlobalAlloc for NothingToGive {
    unsafe fn alloc(&self, _: Layout) -> *mut u8 {
        ptr::null_mut()
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static ALLOCATOR: NothingToGive = NothingToGive;
