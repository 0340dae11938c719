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

    /// With a list of IPv4 and rules for all cgroups.
    #[must_use]
    pub fn with_rules(list: &str, rules: &str) -> Self {
        let dir = Self::new();
        dir.write("", "ipv4", list);
        dir.write("", "rules", rules);
        dir
    }

    /// Writes a file of a cgroup, `ipaddr.ipv4` or another `kind`; "" is the root cgroup.
    pub fn write(&self, cgroup: &str, kind: &str, text: &str) -> PathBuf {
        let directory = self.path().join(cgroup);
        fs::create_dir_all(&directory).expect("a directory for the cgroup");
        let file = directory.join(format!("ipaddr.{kind}"));
        fs::write(&file, text).expect("the file can be written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("it is ours");
        file
    }
}
