//! Changes to the policy directory: one at a time, all or nothing, and on the disk when done.
//!
//! A lock keeps changes by this program apart, as `/etc/.pwd.lock` does for passwd(5); link(2) sees
//! to it that a file written by others meanwhile isn't replaced. A file is written under a name
//! that nothing reads before it gets its own, so it is there as a whole or not at all, wherever the
//! program is killed. What is left behind then has a fixed name, and the next change removes it.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use ipaddr_policy::levels::FileName;
use nix::libc;

use crate::cgroup_path::CgroupPath;
use crate::failure::Failure;

const LOCK: &str = ".ipaddrctl.lock";

/// A policy directory that nobody else changes.
pub struct Store {
    directory: PathBuf,
    _lock: File,
}

/// A file that is to be written.
pub struct NewFile {
    pub name: FileName,
    pub text: String,
    /// What it replaces: a text that assigns nothing.
    pub old: Option<Vec<u8>>,
}

impl Store {
    /// Makes the directory if need be, and waits for others to be done with it.
    pub fn open(directory: &Path) -> Result<Self, Failure> {
        make_folders(directory)?;
        let path = directory.join(LOCK);
        // Not for others to read: whoever can open it can keep it locked.
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW)
            .open(&path)
            .and_then(|file| file.lock().map(|()| file))
            .map_err(|error| failed(&path, &error))?;
        Ok(Self {
            directory: directory.to_owned(),
            _lock: lock,
        })
    }

    /// Writes the files of a cgroup, all of them or none.
    pub fn write(&self, cgroup: &CgroupPath, files: &[NewFile]) -> Result<(), Failure> {
        let folder = cgroup.folder(&self.directory);
        let made = make_folders(&folder)?;
        let written = write_all(&folder, files);
        if written.is_err() {
            for folder in made.iter().rev() {
                // Where somebody else has put something meanwhile, it stays.
                let _ = fs::remove_dir(folder);
            }
        }
        written
    }

    /// Removes the files of a cgroup, and its folder if that is empty then.
    pub fn remove(&self, cgroup: &CgroupPath) -> Result<(), Failure> {
        let folder = cgroup.folder(&self.directory);
        for name in FileName::ALL {
            remove(&folder.join(unfinished(name)))?;
            remove(&folder.join(name.as_str()))?;
        }
        sync_folder(&folder)?;
        if folder != self.directory && fs::remove_dir(&folder).is_ok() {
            sync_folder(parent(&folder))?;
        }
        Ok(())
    }
}

/// The name under which a file is written, which nothing reads.
pub fn unfinished(name: FileName) -> String {
    format!(".{}.new", name.as_str())
}

fn write_all(folder: &Path, files: &[NewFile]) -> Result<(), Failure> {
    // Under the lock, so they are of somebody who was killed.
    for name in FileName::ALL {
        remove(&folder.join(unfinished(name)))?;
    }
    for file in files {
        let path = folder.join(unfinished(file.name));
        if let Err(error) = write_unfinished(&path, file.text.as_bytes()) {
            undo(folder, files, 0);
            return Err(failed(&path, &error));
        }
    }
    for (index, file) in files.iter().enumerate() {
        if let Err(failure) = put_in_place(folder, file) {
            undo(folder, files, index);
            return Err(failure);
        }
    }
    sync_folder(folder)
}

/// A whole new file, mode 0644 whatever the umask, on the disk.
fn write_unfinished(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text)?;
    file.set_permissions(Permissions::from_mode(0o644))?;
    file.sync_all()
}

fn put_in_place(folder: &Path, file: &NewFile) -> Result<(), Failure> {
    let (from, to) = (
        folder.join(unfinished(file.name)),
        folder.join(file.name.as_str()),
    );
    if file.old.is_some() {
        return fs::rename(&from, &to).map_err(|error| failed(&to, &error));
    }
    match fs::hard_link(&from, &to) {
        Ok(()) => remove(&from),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(Failure::NotPermitted(
            format!("{} is there already", to.display()),
        )),
        Err(error) => Err(failed(&to, &error)),
    }
}

/// Takes back the first `count` files, and what is unfinished; the reason is said by the caller.
fn undo(folder: &Path, files: &[NewFile], count: usize) {
    for (index, file) in files.iter().enumerate() {
        let unfinished = folder.join(unfinished(file.name));
        let path = folder.join(file.name.as_str());
        let _ = remove_if_there(&unfinished);
        match &file.old {
            _ if index >= count => {}
            None => {
                let _ = remove_if_there(&path);
            }
            Some(old) => {
                let restored = write_unfinished(&unfinished, old);
                let _ = restored.and_then(|()| fs::rename(&unfinished, &path));
            }
        }
    }
}

/// Makes a folder, and those above it, mode 0755 whatever the umask and on the disk; returns those
/// that weren't there.
fn make_folders(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut missing: Vec<_> = folder
        .ancestors()
        .take_while(|path| !path.is_dir())
        .collect();
    missing.reverse();
    let mut made = Vec::new();
    for path in missing {
        match DirBuilder::new().mode(0o755).create(path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => continue,
            Err(error) => return Err(failed(path, &error)),
        }
        fs::set_permissions(path, Permissions::from_mode(0o755))
            .map_err(|error| failed(path, &error))?;
        sync_folder(parent(path))?;
        made.push(path.to_owned());
    }
    Ok(made)
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

fn sync_folder(path: &Path) -> Result<(), Failure> {
    let synced = File::open(path).and_then(|folder| folder.sync_all());
    synced.map_err(|error| failed(path, &error))
}

fn remove(path: &Path) -> Result<(), Failure> {
    remove_if_there(path).map_err(|error| failed(path, &error))
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

fn failed(path: &Path, error: &io::Error) -> Failure {
    Failure::system(path.display(), error)
}
