//! What becomes of a system call.

use ipaddr_policy::errno::Errno;
use ipaddr_socket::refusal::Refusal;
use libc::seccomp_notif_resp;

/// What becomes of a system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The kernel makes it, as if there were no filter. The arguments in memory and the descriptors may
    /// be others by then, if the program changes them meanwhile.
    Continue,
    /// The supervisor has made it, and this is its result.
    Done(i64),
    /// It fails.
    Fail(Errno),
}

impl Answer {
    /// `EPERM`
    pub const REFUSED: Self = Self::Fail(Errno(libc::EPERM));

    /// The kernel's answer to a call that the supervisor has made.
    pub const fn made(result: Result<(), Errno>) -> Self {
        match result {
            Ok(()) => Self::Done(0),
            Err(errno) => Self::Fail(errno),
        }
    }

    /// As the kernel takes it.
    pub const fn response(self, id: u64) -> seccomp_notif_resp {
        let (val, error, flags) = match self {
            Self::Continue => (0, 0, libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32),
            Self::Done(value) => (value, 0, 0),
            Self::Fail(errno) => (0, -errno.0, 0),
        };
        seccomp_notif_resp {
            id,
            val,
            error,
            flags,
        }
    }
}

impl From<Refusal> for Answer {
    fn from(Refusal(errno): Refusal) -> Self {
        Self::Fail(errno)
    }
}

impl From<Errno> for Answer {
    fn from(errno: Errno) -> Self {
        Self::Fail(errno)
    }
}
