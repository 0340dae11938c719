//! The path of a cgroup, and its folder in the policy directory.

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

impl CgroupPath {
    /// The root cgroup.
    pub fn root() -> Self {
        Self(b"/".to_vec())
    }

    /// Reads a path, with or without its first slash.
    ///
    /// # Errors
    /// It has a level `.` or `..`, or is empty.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        if text.is_empty() {
            return Err("expected a cgroup's path, / for the root cgroup".to_owned());
        }
        let mut path = Vec::new();
        for level in cgroup::levels(text) {
            if level == b"." || level == b".." {
                return Err("expected a path without . and ..".to_owned());
            }
            path.push(b'/');
            path.extend_from_slice(level);
        }
        if path.is_empty() {
            return Ok(Self::root());
        }
        Ok(Self(path))
    }

    /// What the policy of its processes is read from, their variables and their latch aside.
    pub fn given<'a>(&'a self, directory: &'a Path) -> Given<'a> {
        Given {
            cgroup: Some((directory.as_os_str().as_bytes(), &self.0)),
            ..Given::default()
        }
    }

    /// A file of one of its levels; the root cgroup's is 0.
    pub fn file<'a>(&'a self, directory: &'a Path, depth: usize, name: FileName) -> LevelFile<'a> {
        LevelFile {
            directory: directory.as_os_str().as_bytes(),
            cgroup: &self.0,
            depth,
            name,
        }
    }

    /// A file of its own level.
    pub fn own_file<'a>(&'a self, directory: &'a Path, name: FileName) -> LevelFile<'a> {
        self.file(directory, self.depth(), name)
    }

    /// The levels below the root cgroup.
    pub fn levels(&self) -> impl Iterator<Item = &[u8]> {
        cgroup::levels(&self.0)
    }

    /// How many levels that are.
    pub fn depth(&self) -> usize {
        self.levels().count()
    }

    /// A cgroup in this one.
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

    /// Whether `other` is this cgroup or lies in it.
    pub fn holds(&self, other: &Self) -> bool {
        cgroup::have_common_levels(&self.0, &other.0, self.depth())
    }

    /// Its folder below `directory`, or below a cgroup file system's mount.
    pub fn folder(&self, directory: &Path) -> PathBuf {
        let mut folder = directory.to_owned();
        folder.extend(self.levels().map(OsStr::from_bytes));
        folder
    }
}

impl fmt::Display for CgroupPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Shown(Printable(&self.0)).fmt(f)
    }
}
