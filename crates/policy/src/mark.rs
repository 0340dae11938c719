//! The mark by which others (`ipaddrctl ps`) find in a process's memory what it has latched: the library
//! has one in its own process, the guard's supervisor one for its tree.

use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

/// The beginning of a [`Mark`], which is aligned to 8 bytes.
pub const MARK: [u8; 24] = *b"\x7flibipaddr latch here:\n\x7f";

/// The beginning of the version; an older library hasn't it.
pub const VERSION_NAME: &str = "libipaddr ";

/// The length of the version in bytes.
pub const VERSION_LEN: usize = 32;

/// A static of this type is the mark. Only others read it, so it has to be `#[used]`.
#[repr(C)]
#[derive(Debug)]
pub struct Mark {
    mark: [u8; MARK.len()],
    /// Null until something is latched, then a text with a NUL. Nobody in this process reads it.
    text: AtomicPtr<u8>,
    /// Filled up with NUL.
    version: [u8; VERSION_LEN],
}

impl Mark {
    /// Of a version like `libipaddr 1.2.3`.
    ///
    /// # Panics
    /// Of one that is too long there would be no NUL: in a static that doesn't compile.
    #[must_use]
    pub const fn new(version: &str) -> Self {
        assert!(version.len() < VERSION_LEN);
        let mut bytes = [0; VERSION_LEN];
        bytes
            .split_at_mut(version.len())
            .0
            .copy_from_slice(version.as_bytes());
        Self {
            mark: MARK,
            text: AtomicPtr::new(ptr::null_mut()),
            version: bytes,
        }
    }

    /// Shows others a latch as text, with a NUL. It has to stay where it is for life; if it doesn't, they
    /// read something else there.
    pub fn show(&self, text: &mut [u8]) {
        self.text.store(text.as_mut_ptr(), Ordering::Release);
    }
}
