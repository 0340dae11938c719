//! The latch as text, written once when it is set: what [`crate::process::exec`] carries over execve(2),
//! and what others read in this process's memory (`ipaddrctl ps`), who find it by a mark, and
//! behind it the library's version.

use core::ffi::CStr;
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

use ipaddr_policy::Policy;
use ipaddr_policy::latch::{self, Latch, MARK, VERSION_LEN};
use ipaddr_policy::text::{Buffer, Sink, Text};

use crate::process::levels::Scratch;
use crate::process::loaded::VERSION;

/// The name of the variable that carries it.
pub const NAME: &[u8] = b"IPADDR_LATCH=";

#[repr(C)]
struct Mark {
    mark: [u8; MARK.len()],
    /// Null until there is a latch. Nobody in this process reads it.
    text: AtomicPtr<u8>,
    version: [u8; VERSION_LEN],
}

/// Used by others only, so the compiler has to be told to keep it in one piece.
#[used]
static MARKED: Mark = Mark {
    mark: MARK,
    text: AtomicPtr::new(ptr::null_mut()),
    version: padded(VERSION),
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

/// The length of the longest variable in bytes, its NUL included.
pub const MAX_LEN: usize = NAME.len() + latch::MAX_LEN + 1;

const _: () = assert!(MAX_LEN <= Scratch::TEXT_LEN);

/// Writes the variable into `memory`, the text of a [`Scratch`], which stays as it is from then on,
/// and puts up the mark's pointer to its value.
pub fn write(policy: &Policy<'_>, memory: &mut [u8]) {
    let mut line = Buffer::new(&mut *memory);
    line.put(NAME);
    Latch(policy).write(&mut line);
    line.put(&[0]);
    match line.text() {
        Some(variable) => {
            if let Some(value) = variable.get_mut(NAME.len()..) {
                MARKED.text.store(value.as_mut_ptr(), Ordering::Release);
            }
        }
        // It is never longer than MAX_LEN.
        None => memory.fill(0),
    }
}

/// The variable that [`write`] has written, its NUL included, and the memory behind it.
pub fn variable(memory: &mut [u8]) -> Option<(&[u8], &mut [u8])> {
    let len = CStr::from_bytes_until_nul(memory).ok()?.count_bytes() + 1;
    let (variable, rest) = memory.split_at_mut_checked(len)?;
    variable.starts_with(NAME).then_some((&*variable, rest))
}
