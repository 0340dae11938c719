//! errno(3)

use core::ffi::c_int;

use ipaddr_policy::text::{Sink, Text};

/// An error number, see errno(3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errno(pub c_int);

impl Errno {
    /// The calling thread's errno.
    pub fn get() -> Self {
        // SAFETY: the pointer is to this thread's errno, always valid.
        Self(unsafe { *libc::__errno_location() })
    }

    /// Sets the calling thread's errno.
    pub fn set(self) {
        // SAFETY: as above.
        unsafe { *libc::__errno_location() = self.0 };
    }
}

impl Text for Errno {
    /// strerror(3) without its locale, for what can happen to a policy file.
    fn write(&self, out: &mut impl Sink) {
        match self.0 {
            libc::EACCES | libc::EPERM => "permission denied",
            libc::ENOENT | libc::ENOTDIR => "no such file",
            libc::ELOOP => "too many symbolic links",
            libc::ENAMETOOLONG => "file name too long",
            libc::EFBIG => "file too large",
            libc::EMFILE | libc::ENFILE => "too many open files",
            errno => return ("errno ", errno.unsigned_abs()).write(out),
        }
        .write(out);
    }
}
