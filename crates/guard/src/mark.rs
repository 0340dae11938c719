//! What the tree has latched, for others to read in the supervisor's memory (`ipaddrctl ps`): they find
//! it by the library's mark, and behind it the guard's version.

use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use ipaddr_policy::latch::{MARK, VERSION_LEN};

#[repr(C)]
struct Mark {
    mark: [u8; MARK.len()],
    /// Null until something is latched, then a text with a NUL. Nobody in this process reads it.
    text: AtomicPtr<u8>,
    version: [u8; VERSION_LEN],
}

/// Used by others only, so the compiler has to be told to keep it in one piece.
#[used]
static MARKED: Mark = Mark {
    mark: MARK,
    text: AtomicPtr::new(ptr::null_mut()),
    version: padded(concat!("libipaddr ", env!("CARGO_PKG_VERSION"))),
};

/// Of a text that is too long there would be no NUL: that doesn't compile.
const fn padded(text: &str) -> [u8; VERSION_LEN] {
    assert!(text.len() < VERSION_LEN);
    let mut bytes = [0; VERSION_LEN];
    bytes
        .split_at_mut(text.len())
        .0
        .copy_from_slice(text.as_bytes());
    bytes
}

/// Puts up what is latched, for life.
pub fn put(latch: &[u8]) {
    let mut text = latch.to_vec();
    text.push(0);
    MARKED
        .text
        .store(text.leak().as_mut_ptr(), Ordering::Release);
}
