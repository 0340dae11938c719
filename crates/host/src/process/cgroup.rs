//! The cgroup of a process.

use std::error::Error;
use std::fmt;
use std::path::PathBuf;

use ipaddr_policy::cgroup;
use ipaddr_policy::text::Shown;

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

/// What is wrong with `/proc/PID/cgroup`, see [`cgroup::CgroupError`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// No line names a hierarchy.
    NoHierarchy,
    /// No cgroup v1 hierarchy has this controller.
    NoController(Vec<u8>),
    /// A path leads out of the cgroup namespace.
    Outside {
        /// The line, from 1.
        line: u32,
        /// The path.
        path: Vec<u8>,
    },
    /// A line isn't `ID:CONTROLLERS:/PATH`.
    Malformed {
        /// The line, from 1.
        line: u32,
        /// Its text.
        text: Vec<u8>,
    },
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
    CgroupPath::parse(cgroup::path(text, controller)?).map_err(Problem::Path)
}

impl From<cgroup::CgroupError<'_>> for Problem {
    fn from(error: cgroup::CgroupError<'_>) -> Self {
        match error {
            cgroup::CgroupError::NoHierarchy => Self::NoHierarchy,
            cgroup::CgroupError::NoController(name) => Self::NoController(name.to_vec()),
            cgroup::CgroupError::Outside { line, path } => Self::Outside {
                line,
                path: path.to_vec(),
            },
            cgroup::CgroupError::Malformed { line, text } => Self::Malformed {
                line,
                text: text.to_vec(),
            },
        }
    }
}

impl fmt::Display for Problem {
    /// What comes behind `PATH:`, as the library says it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let error = match self {
            Self::NoHierarchy => cgroup::CgroupError::NoHierarchy,
            Self::NoController(name) => cgroup::CgroupError::NoController(name),
            &Self::Outside { line, ref path } => cgroup::CgroupError::Outside { line, path },
            &Self::Malformed { line, ref text } => cgroup::CgroupError::Malformed { line, text },
            Self::Path(error) => return write!(f, " {error}"),
        };
        Shown(error).fmt(f)
    }
}

impl fmt::Display for CgroupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(unreadable) => unreadable.fmt(f),
            Self::Undecided { path, problem } => write!(f, "{}:{problem}", path.display()),
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
        assert_eq!(problem, Problem::NoController(b"net_cls".to_vec()));
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
