//! environ(7), as it is at the moment.

use core::ffi::{CStr, c_char};
use core::slice;

unsafe extern "C" {
    /// environ(7)
    static mut environ: *const *const c_char;
}

/// Its entries, without the null at its end.
///
/// # Safety
/// Nobody changes it while the slice is used.
pub unsafe fn entries<'a>() -> &'a [*const c_char] {
    // SAFETY: the caller's promise; it is a null-terminated array, or null after clearenv(3).
    unsafe {
        let first = environ;
        if first.is_null() {
            return &[];
        }
        let mut count = 0;
        while !(*first.add(count)).is_null() {
            count += 1;
        }
        slice::from_raw_parts(first, count)
    }
}

/// Replaces it.
///
/// # Safety
/// `array` is null-terminated, its entries are strings, all stays as it is, and nobody reads
/// environ meanwhile.
pub unsafe fn replace(array: *const *const c_char) {
    // SAFETY: the caller's promise.
    unsafe { environ = array };
}

/// The value of a variable, by its name and the equals sign.
pub fn variable(name: &[u8]) -> Option<&'static CStr> {
    let entry = beginning_with(name).next()?;
    CStr::from_bytes_with_nul(entry.to_bytes_with_nul().get(name.len()..)?).ok()
}

/// The entries that begin with `prefix`, which has no NUL.
pub fn beginning_with(prefix: &[u8]) -> impl Iterator<Item = &'static CStr> {
    // SAFETY: as getenv(3): a program that changes its environment in another thread at the very
    // first call would not be safe with that either.
    let all = unsafe { entries() };
    // SAFETY: each entry is a NUL-terminated string.
    all.iter()
        .filter(move |&&entry| unsafe { begins(entry, prefix) })
        .map(|&entry| unsafe { CStr::from_ptr(entry) })
}

/// Whether a string begins with `prefix`, which has no NUL. Without strlen(3): most strings of an
/// environment differ in the first byte.
///
/// # Safety
/// `string` is NUL-terminated.
pub unsafe fn begins(string: *const c_char, prefix: &[u8]) -> bool {
    let mut string = string.cast::<u8>();
    prefix.iter().all(|&byte| {
        // SAFETY: up to here there was no NUL.
        unsafe {
            let same = *string == byte;
            string = string.add(1);
            same
        }
    })
}
