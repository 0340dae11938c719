//! The folders of a policy directory.

use std::ffi::OsString;
use std::fs::{self, DirEntry, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::cgroup_path::CgroupPath;

/// A folder, and what lies in it.
pub struct Folder {
    pub cgroup: CgroupPath,
    pub path: PathBuf,
    pub metadata: Metadata,
    /// The names of the folders, in order.
    pub folders: Vec<OsString>,
    /// The names of everything else.
    pub files: Vec<OsString>,
}

impl Folder {
    /// Whether anything in it has this name, be it a folder.
    pub fn has(&self, name: &str) -> bool {
        self.files
            .iter()
            .chain(&self.folders)
            .any(|entry| entry == name)
    }
}

/// Goes through a cgroup's folder and those in it, outer ones first and then by name. Symbolic
/// links are followed, as the library follows them, but not in circles.
///
/// # Errors
/// A folder that can't be read is handed to `visit`, and the rest goes on.
pub fn walk<E>(
    directory: &Path,
    cgroup: CgroupPath,
    visit: &mut impl FnMut(Result<Folder, (PathBuf, io::Error)>) -> Result<(), E>,
) -> Result<(), E> {
    go_down(directory, cgroup, &mut Vec::new(), visit)
}

fn go_down<E>(
    directory: &Path,
    cgroup: CgroupPath,
    above: &mut Vec<(u64, u64)>,
    visit: &mut impl FnMut(Result<Folder, (PathBuf, io::Error)>) -> Result<(), E>,
) -> Result<(), E> {
    let path = cgroup.folder(directory);
    let folder = match read(cgroup.clone(), path.clone()) {
        Ok(folder) => folder,
        Err(error) => return visit(Err((path, error))),
    };
    let identity = (folder.metadata.dev(), folder.metadata.ino());
    if above.contains(&identity) {
        return Ok(());
    }
    let inner: Vec<_> = folder
        .folders
        .iter()
        .map(|name| cgroup.child(name))
        .collect();
    visit(Ok(folder))?;
    above.push(identity);
    for cgroup in inner {
        go_down(directory, cgroup, above, visit)?;
    }
    above.pop();
    Ok(())
}

fn read(cgroup: CgroupPath, path: PathBuf) -> io::Result<Folder> {
    let metadata = fs::metadata(&path)?;
    let (mut folders, mut files) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(&path)? {
        let entry = entry?;
        if is_folder(&entry) {
            folders.push(entry.file_name());
        } else {
            files.push(entry.file_name());
        }
    }
    folders.sort_unstable();
    files.sort_unstable();
    Ok(Folder {
        cgroup,
        path,
        metadata,
        folders,
        files,
    })
}

fn is_folder(entry: &DirEntry) -> bool {
    match entry.file_type() {
        Ok(kind) if kind.is_symlink() => entry.path().is_dir(),
        kind => kind.is_ok_and(|kind| kind.is_dir()),
    }
}
