//! The cgroup of a process.

use std::error::Error;
use std::fmt;
use std::path::PathBuf;

use ipaddr_policy::cgroup;

use super::Process;
use crate::cgroup_path::{CgroupPath, CgroupPathError};
use crate::error::Unreadable;

/// Why a process's cgroup is unknown.
#[derive(Debug)]
pub enum CgroupError {
    /// `/proc/PID/cgroup` can't be read: `ENOENT` or `ESRCH` for a process that is gone.
    Unreadable(Unreadable),
    /// The file doesn't determine the cgroup.
    Undecided {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: Problem,
    },
}

/// What is wrong with `/proc/PID/cgroup`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// What the library finds wrong with it too.
    File(cgroup::CgroupError<Vec<u8>>),
    /// A path that is none of a cgroup.
    Path(CgroupPathError),
}

impl Process {
    /// Its cgroup, by the library's rules; `controller` is as
    /// [`crate::settings::cgroup_controller`] has it.
    ///
    /// # Errors
    /// The file can't be read, or doesn't determine the cgroup.
    pub fn cgroup(self, controller: Option<&[u8]>) -> Result<CgroupPath, CgroupError> {
        let text = self.read("cgroup").map_err(CgroupError::Unreadable)?;
        decide(&text, controller).map_err(|problem| CgroupError::Undecided {
            path: self.path("cgroup"),
            problem,
        })
    }
}

fn decide(text: &[u8], controller: Option<&[u8]>) -> Result<CgroupPath, Problem> {
    let path = cgroup::path(text, controller);
    let path = path.map_err(|error| Problem::File(error.map(<[u8]>::to_vec)))?;
    CgroupPath::parse(path).map_err(Problem::Path)
}

impl fmt::Display for Problem {
    /// Without the file's name, as the library says it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) => error.fmt(f),
            Self::Path(error) => error.fmt(f),
        }
    }
}

impl fmt::Display for CgroupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(unreadable) => unreadable.fmt(f),
            Self::Undecided { path, problem } => {
                let separator = match problem {
                    Problem::File(error) => error.separator(),
                    Problem::Path(_) => ": ",
                };
                write!(f, "{}{separator}{problem}", path.display())
            }
        }
    }
}

impl Error for CgroupError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unreadable(unreadable) => unreadable.source(),
            Self::Undecided { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hierarchy_that_decides() {
        let text = b"4:cpu,cpuacct:/pod\n1:name=systemd:/init\n0::/web/a\n";
        let decided = |controller| decide(text, controller).map(|cgroup| cgroup.to_string());
        assert_eq!(decided(None).as_deref(), Ok("/web/a"));
        assert_eq!(decided(Some(b"cpu")).as_deref(), Ok("/pod"));
        let problem = decided(Some(b"net_cls")).expect_err("there is no such controller");
        let expected = cgroup::CgroupError::NoController(b"net_cls".to_vec());
        assert_eq!(problem, Problem::File(expected));
    }

    #[test]
    fn messages_have_the_place() {
        let problem = decide(b"0::/../a\n", None).expect_err("it is outside");
        let error = CgroupError::Undecided {
            path: "/proc/7/cgroup".into(),
            problem,
        };
        assert_eq!(
            error.to_string(),
            "/proc/7/cgroup:1: \"/../a\": leads out of the cgroup namespace: expected a path without .."
        );
    }
}
