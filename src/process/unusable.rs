//! Why the policy of this process can't be used.

use core::ffi::CStr;

use ipaddr_policy::cgroup::CgroupError;
use ipaddr_policy::levels::{Error, Kind};
use ipaddr_policy::text::{Printable, Sink, Text};
use ipaddr_policy::trust::FileProblem;

use crate::sys::errno::Errno;

/// By which a process finds its cgroup, see cgroups(7).
pub const CGROUP_FILE: &CStr = c"/proc/self/cgroup";

/// Why the policy of this process can't be used.
pub enum Unusable<'a> {
    /// There is a mistake in it.
    Mistake(Error<&'a [u8]>),
    /// `$IPADDR_POLICY_DIR` is this, and no absolute path.
    RelativeDirectory(&'a CStr),
    /// There is a policy directory, and [`CGROUP_FILE`] can't be read.
    CgroupFile(Errno),
    /// [`CGROUP_FILE`] says nothing that decides.
    Cgroup(CgroupError<&'a [u8]>),
    /// There is no memory to read it in, of so many bytes.
    NoMemory(u32),
}

impl Unusable<'_> {
    /// Whether the process or the machine has no descriptor left to read it by (`EMFILE`, `ENFILE`).
    pub const fn lacks_descriptor(&self) -> bool {
        matches!(
            self,
            Self::CgroupFile(Errno(libc::EMFILE | libc::ENFILE))
                | Self::Mistake(Error {
                    kind: Kind::Unusable(FileProblem::Unreadable(Errno(
                        libc::EMFILE | libc::ENFILE
                    ))),
                    ..
                })
        )
    }
}

impl Text for Unusable<'_> {
    /// `PLACE: what is wrong: expected …`
    fn write(&self, out: &mut impl Sink) {
        let cgroup_file = Printable(CGROUP_FILE.to_bytes());
        match self {
            Self::Mistake(error) => error.write(out),
            Self::RelativeDirectory(path) => {
                let path = Printable(path.to_bytes());
                (
                    "IPADDR_POLICY_DIR: \"",
                    path,
                    "\": expected an absolute path",
                )
                    .write(out);
            }
            Self::CgroupFile(errno) => {
                let expected = ": expected a readable file, for there is a policy directory";
                (cgroup_file, ": ", *errno, expected).write(out);
            }
            Self::Cgroup(error) => (cgroup_file, error.separator(), error).write(out),
            Self::NoMemory(length) => {
                let expected = "the policy: there is no memory to read it in: expected ";
                (expected, *length, " bytes").write(out);
            }
        }
    }
}
