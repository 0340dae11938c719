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
    /// As messages say it.
    fn write(&self, out: &mut impl Sink) {
        ipaddr_policy::errno::Errno(self.0).write(out);
    }
}
