//! The panic handler and the allocator that the language requires of a library without std. A release
//! build contains neither: the compiler finds no path to a panic or an allocation.

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

/// An allocator without memory. ipnet depends on alloc, but what is used of it allocates nothing.
struct NoMemory;

// SAFETY: null is always an allowed result, so there is nothing to deallocate.
unsafe impl GlobalAlloc for NoMemory {
    unsafe fn alloc(&self, _: Layout) -> *mut u8 {
        ptr::null_mut()
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static ALLOCATOR: NoMemory = NoMemory;
