//! Policy directories.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A policy directory that goes away with its test.
pub struct PolicyDir(TempDir);

impl Default for PolicyDir {
    fn default() -> Self {
        Self::new()
    }
}

impl PolicyDir {
    /// An empty one, which other users may read.
    #[must_use]
    pub fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).expect("it is ours");
        Self(dir)
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes the list of a cgroup; "" is the root cgroup.
    pub fn write(&self, cgroup: &str, family: &str, list: &str) -> PathBuf {
        let folder = self.path().join(cgroup);
        fs::create_dir_all(&folder).expect("a folder for the cgroup");
        let file = folder.join(format!("ipaddr.{family}"));
        fs::write(&file, list).expect("the list can be written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("it is ours");
        file
    }
}
