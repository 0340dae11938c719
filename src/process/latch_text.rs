//! The latch as text, written once when it is set: what [`crate::process::exec`] carries over execve(2),
//! and what others read in this process's memory (`ipaddrctl ps`).

use core::ffi::CStr;

use ipaddr_policy::Policy;
use ipaddr_policy::latch::{self, Latch};
use ipaddr_policy::mark::Mark;
use ipaddr_policy::text::{Buffer, Sink, Text};

use crate::process::levels::Scratch;
use crate::process::loaded::VERSION;

/// The name of the variable that carries it.
pub const NAME: &[u8] = b"IPADDR_LATCH=";

#[used]
static MARK: Mark = Mark::new(VERSION);

/// The length of the longest variable in bytes, its NUL included.
pub const MAX_LEN: usize = NAME.len() + latch::MAX_LEN + 1;

const _: () = assert!(MAX_LEN <= Scratch::TEXT_LEN);

/// Writes the variable into `memory`, the text of a [`Scratch`], which stays as it is from then on,
/// and shows its value by the mark.
pub fn write(policy: &Policy<'_>, memory: &mut [u8]) {
    let mut line = Buffer::new(&mut *memory);
    line.put(NAME);
    Latch(policy).write(&mut line);
    line.put(&[0]);
    match line.text() {
        Some(variable) => {
            if let Some(value) = variable.get_mut(NAME.len()..) {
                MARK.show(value);
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
