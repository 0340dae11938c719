//! A call that is not let through.

use ipaddr_policy::errno::Errno;

/// The errno that a refused call fails with; the log has been told why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal(pub Errno);

impl From<Errno> for Refusal {
    fn from(errno: Errno) -> Self {
        Self(errno)
    }
}
