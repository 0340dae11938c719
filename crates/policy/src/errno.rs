//! Error numbers, as messages say them.

use crate::text::{Sink, Text};

/// The errno of a refusal, as the RFC has it; see errno(3).
pub const EPERM: i32 = 1;

/// An error number, see errno(3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errno(pub i32);

impl Errno {
    /// The name of those that a call on a socket may be refused with, by the rules or the kernel.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            1 => "EPERM",
            13 => "EACCES",
            14 => "EFAULT",
            19 => "ENODEV",
            22 => "EINVAL",
            88 => "ENOTSOCK",
            97 => "EAFNOSUPPORT",
            98 => "EADDRINUSE",
            99 => "EADDRNOTAVAIL",
            101 => "ENETUNREACH",
            110 => "ETIMEDOUT",
            111 => "ECONNREFUSED",
            113 => "EHOSTUNREACH",
            _ => return None,
        })
    }
}

impl Text for Errno {
    /// strerror(3) without its locale, for what can happen to a policy file or the log's.
    fn write(&self, out: &mut impl Sink) {
        match self.0 {
            1 | 13 => "permission denied",
            2 => "no such file",
            20 => "not a directory",
            6 => "nothing that can be opened, or a FIFO without a reader",
            21 => "is a directory",
            23 | 24 => "too many open files",
            27 => "file too large",
            28 => "no space left",
            30 => "read-only file system",
            36 => "file name too long",
            40 => "too many symbolic links",
            errno => return ("errno ", errno.unsigned_abs()).write(out),
        }
        .write(out);
    }
}
