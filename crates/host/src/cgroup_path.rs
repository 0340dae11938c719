//! The path of a cgroup, and its directory in the policy directory.

use std::error::Error;
use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use ipaddr_policy::cgroup;
use ipaddr_policy::levels::{FileName, Given, LevelFile};
use ipaddr_policy::text::{Printable, Shown};

/// `/web/a`, with one slash before each level; `/` is the root cgroup.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CgroupPath(Vec<u8>);

/// Why a text is no path of a cgroup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CgroupPathError {
    /// There is nothing.
    Empty,
    /// A level is `.` or `..`.
    Dots,
}

impl fmt::Display for CgroupPathError {
    /// What was expected.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "expected a cgroup's path, / for the root cgroup",
            Self::Dots => "expected a path without . and ..",
        })
    }
}

impl Error for CgroupPathError {}

impl CgroupPath {
    /// The root cgroup.
    #[must_use]
    pub fn root() -> Self {
        Self(b"/".to_vec())
    }

    /// Reads a path, with or without its first slash.
    ///
    /// # Errors
    /// It has a level `.` or `..`, or is empty.
    pub fn parse(text: &[u8]) -> Result<Self, CgroupPathError> {
        if text.is_empty() {
            return Err(CgroupPathError::Empty);
        }
        let mut path = Vec::new();
        for level in cgroup::levels(text) {
            if level == b"." || level == b".." {
                return Err(CgroupPathError::Dots);
            }
            path.push(b'/');
            path.extend_from_slice(level);
        }
        if path.is_empty() {
            return Ok(Self::root());
        }
        Ok(Self(path))
    }

    /// What the policy of its processes is read from, except for their variables and their latch.
    #[must_use]
    pub fn given<'a>(&'a self, policy_directory: &'a Path) -> Given<'a> {
        Given {
            cgroup: Some((policy_directory.as_os_str().as_bytes(), &self.0)),
            ..Given::default()
        }
    }

    /// A file of one of its levels; the root cgroup's level is 0.
    #[must_use]
    pub fn file<'a>(
        &'a self,
        policy_directory: &'a Path,
        depth: usize,
        name: FileName,
    ) -> LevelFile<&'a [u8]> {
        LevelFile {
            directory: policy_directory.as_os_str().as_bytes(),
            cgroup: &self.0,
            depth,
            name,
        }
    }

    /// A file of its own level.
    #[must_use]
    pub fn own_file<'a>(
        &'a self,
        policy_directory: &'a Path,
        name: FileName,
    ) -> LevelFile<&'a [u8]> {
        self.file(policy_directory, self.depth(), name)
    }

    /// The names of its levels below the root cgroup, from the root inward.
    pub fn levels(&self) -> impl Iterator<Item = &[u8]> {
        cgroup::levels(&self.0)
    }

    /// How many levels it is below the root cgroup.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.levels().count()
    }

    /// The cgroup of this name in this one.
    #[must_use]
    pub fn child(&self, name: &OsStr) -> Self {
        let mut path = if self.depth() == 0 {
            Vec::new()
        } else {
            self.0.clone()
        };
        path.push(b'/');
        path.extend_from_slice(name.as_bytes());
        Self(path)
    }

    /// Whether `other` is this cgroup or one inside it.
    #[must_use]
    pub fn holds(&self, other: &Self) -> bool {
        cgroup::have_common_levels(&self.0, &other.0, self.depth())
    }

    /// Its directory below `root`: the policy directory, or where the cgroup file system is mounted.
    #[must_use]
    pub fn directory_in(&self, root: &Path) -> PathBuf {
        let mut directory = root.to_owned();
        directory.extend(self.levels().map(OsStr::from_bytes));
        directory
    }
}

impl fmt::Display for CgroupPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Shown(Printable(&self.0)).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> CgroupPath {
        CgroupPath::parse(text.as_bytes()).expect("it is a path")
    }

    #[test]
    fn one_slash_before_each_level() {
        for text in ["/web/a", "web/a", "//web///a/"] {
            assert_eq!(path(text).to_string(), "/web/a", "{text}");
        }
        for text in ["/", "///"] {
            assert_eq!(path(text), CgroupPath::root(), "{text}");
        }
    }

    #[test]
    fn what_is_no_path() {
        assert_eq!(CgroupPath::parse(b""), Err(CgroupPathError::Empty));
        for text in ["..", "/web/..", "./web"] {
            let parsed = CgroupPath::parse(text.as_bytes());
            assert_eq!(parsed, Err(CgroupPathError::Dots), "{text}");
        }
    }

    #[test]
    fn children_and_directories() {
        let web = CgroupPath::root().child(OsStr::new("web"));
        let inner = web.child(OsStr::new("a"));
        assert_eq!((web.depth(), inner.to_string()), (1, "/web/a".to_owned()));
        assert_eq!(
            inner.directory_in(Path::new("/etc/ipaddr")),
            Path::new("/etc/ipaddr/web/a")
        );
        assert!(web.holds(&inner) && web.holds(&web) && CgroupPath::root().holds(&web));
        assert!(!inner.holds(&web) && !web.holds(&path("/website")));
    }
}
