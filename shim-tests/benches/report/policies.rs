//! The policy directories of the variants.

use std::env;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process;

use crate::command::Failure;

/// As deep as /etc/ipaddr, because the kernel walks each component of a path.
const ABSENT: &str = "/etc/ipaddr.absent";

/// A few directories below the temporary directory, gone at the end.
pub struct Policies {
    root: PathBuf,
}

impl Policies {
    pub fn create() -> Result<Self, Failure> {
        if Path::new(ABSENT).exists() {
            return Err(format!("{ABSENT} exists: expected a path that doesn't").into());
        }
        let name = format!("ipaddr-cost-{}", process::id());
        let policies = Self {
            root: env::temp_dir().join(name),
        };
        make_directory(&policies.root)?;
        make_directory(&policies.empty())?;
        write_policy(&policies.unassigned(), "0.0.0.0\n")?;
        write_policy(&policies.assigned(), "127.0.0.2\n")?;
        Ok(policies)
    }

    /// There is no such directory.
    pub fn absent(&self) -> PathBuf {
        ABSENT.into()
    }

    /// There is one with no file for any cgroup.
    pub fn empty(&self) -> PathBuf {
        self.root.join("empty")
    }

    /// The root cgroup's file says 0.0.0.0: nothing is assigned.
    pub fn unassigned(&self) -> PathBuf {
        self.root.join("unassigned")
    }

    /// The root cgroup's file assigns 127.0.0.2.
    pub fn assigned(&self) -> PathBuf {
        self.root.join("assigned")
    }
}

impl Drop for Policies {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

/// Not world-writable whatever the umask, or the library would not use it.
fn make_directory(path: &Path) -> Result<(), Failure> {
    DirBuilder::new()
        .mode(0o755)
        .create(path)
        .map_err(|error| format!("{}: {error}", path.display()).into())
}

fn write_policy(directory: &Path, text: &str) -> Result<(), Failure> {
    make_directory(directory)?;
    let file = directory.join("ipaddr.ipv4");
    fs::write(&file, text)?;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644))?;
    Ok(())
}
