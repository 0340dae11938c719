//! errno(3)

pub use ipaddr_policy::errno::Errno;

/// The calling thread's errno.
pub trait ThreadErrno {
    /// The thread's errno.
    fn get() -> Self;
    /// Sets the thread's errno.
    fn set(self);
}

impl ThreadErrno for Errno {
    fn get() -> Self {
        // SAFETY: the pointer is to this thread's errno, always valid.
        Self(unsafe { *libc::__errno_location() })
    }

    fn set(self) {
        // SAFETY: as above.
        unsafe { *libc::__errno_location() = self.0 };
    }
}
