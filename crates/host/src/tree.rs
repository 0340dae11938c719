//! The directories of a policy directory.

use std::ffi::OsString;
use std::fs::{self, DirEntry, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::cgroup_path::CgroupPath;
use crate::error::Unreadable;

/// The directory of a level, and what is in it.
#[derive(Debug)]
pub struct LevelDirectory {
    /// The cgroup whose level it is.
    pub cgroup: CgroupPath,
    /// Where it is.
    pub path: PathBuf,
    /// What stat(2) says of it, links followed.
    pub metadata: Metadata,
    /// The names of the directories in it, in order.
    pub directories: Vec<OsString>,
    /// The names of everything else in it, in order.
    pub files: Vec<OsString>,
}

impl LevelDirectory {
    /// Whether anything in it has this name, even a directory.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.files
            .iter()
            .chain(&self.directories)
            .any(|entry| entry == name)
    }
}

/// Visits a cgroup's directory and those in it, outer ones first and then by name. Symbolic links
/// are followed, as the library follows them, but not in circles. A directory that can't be read is
/// handed to `visit` too, and the walk goes on.
///
/// # Errors
/// The first of `visit`, which ends the walk.
pub fn walk<E>(
    policy_directory: &Path,
    cgroup: CgroupPath,
    visit: &mut impl FnMut(Result<LevelDirectory, Unreadable>) -> Result<(), E>,
) -> Result<(), E> {
    descend(policy_directory, cgroup, &mut Vec::new(), visit)
}

/// `above` has the device and the inode of each directory on the way down.
fn descend<E>(
    policy_directory: &Path,
    cgroup: CgroupPath,
    above: &mut Vec<(u64, u64)>,
    visit: &mut impl FnMut(Result<LevelDirectory, Unreadable>) -> Result<(), E>,
) -> Result<(), E> {
    let path = cgroup.directory_in(policy_directory);
    let level = match read(cgroup.clone(), path.clone()) {
        Ok(level) => level,
        Err(error) => return visit(Err(Unreadable { path, error })),
    };
    let identity = (level.metadata.dev(), level.metadata.ino());
    if above.contains(&identity) {
        return Ok(());
    }
    let inner: Vec<_> = level
        .directories
        .iter()
        .map(|name| cgroup.child(name))
        .collect();
    visit(Ok(level))?;
    above.push(identity);
    for cgroup in inner {
        descend(policy_directory, cgroup, above, visit)?;
    }
    above.pop();
    Ok(())
}

fn read(cgroup: CgroupPath, path: PathBuf) -> io::Result<LevelDirectory> {
    let metadata = fs::metadata(&path)?;
    let (mut directories, mut files) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(&path)? {
        let entry = entry?;
        if is_directory(&entry) {
            directories.push(entry.file_name());
        } else {
            files.push(entry.file_name());
        }
    }
    directories.sort_unstable();
    files.sort_unstable();
    Ok(LevelDirectory {
        cgroup,
        path,
        metadata,
        directories,
        files,
    })
}

fn is_directory(entry: &DirEntry) -> bool {
    match entry.file_type() {
        Ok(kind) if kind.is_symlink() => entry.path().is_dir(),
        kind => kind.is_ok_and(|kind| kind.is_dir()),
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::os::unix::fs::symlink;

    use super::*;

    fn visited(directory: &Path) -> Vec<String> {
        let mut visited = Vec::new();
        let walked = walk(directory, CgroupPath::root(), &mut |level| {
            visited.push(match level {
                Ok(level) => level.cgroup.to_string(),
                Err(unreadable) => unreadable.to_string(),
            });
            Ok::<_, Infallible>(())
        });
        walked.expect("it can't fail");
        visited
    }

    #[test]
    fn outer_directories_first_and_no_circles() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let root = directory.path();
        fs::create_dir_all(root.join("web/b")).expect("it is ours");
        fs::create_dir_all(root.join("web/a")).expect("it is ours");
        fs::write(root.join("db"), "no directory").expect("it is ours");
        symlink(root.join("web"), root.join("web/b/again")).expect("it is ours");
        symlink(root.join("web/a"), root.join("linked")).expect("it is ours");
        assert_eq!(visited(root), ["/", "/linked", "/web", "/web/a", "/web/b"]);
    }

    #[test]
    fn a_directory_that_is_not_there() {
        let missing = Path::new("/nonexistent/ipaddr");
        let expected = "/nonexistent/ipaddr/: No such file or directory (os error 2)";
        let [said] = &visited(missing)[..] else {
            panic!("one message");
        };
        assert_eq!(said.replace("ipaddr:", "ipaddr/:"), expected);
    }
}
