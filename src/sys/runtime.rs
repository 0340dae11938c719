//! What the language requires of a library without std: the panic handler. A release build doesn't
//! contain it: the compiler finds no path to a panic.

use core::panic::PanicInfo;

use crate::sys::file;

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    file::write(2, PANICKED);
    // SAFETY: abort has no preconditions.
    unsafe { libc::abort() }
}

/// A test looks for these words in the library.
const PANICKED: &[u8] = b"ipaddr: panicked\n";

// The crate libc says so too, but not where others of the same build turn on its `std` feature: it
// relies on std to say it then.
#[link(name = "c")]
unsafe extern "C" {}
