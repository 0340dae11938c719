//! Changes to the policy directory: one at a time, all or nothing, and on the disk when done.
//!
//! A lock keeps changes by this program apart, as `/etc/.pwd.lock` does for passwd(5). Files get
//! their names by link(2), which doesn't replace one that others have written meanwhile. A file is
//! written under a name that nothing reads before it gets its own, so it is there as a whole or not
//! at all, wherever the program is killed. A file that is left behind then has a fixed name, and the
//! next change removes it.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use ipaddr_host::cgroup_path::CgroupPath;
use ipaddr_host::settings::DEFAULT_POLICY_DIRECTORY;
use ipaddr_policy::levels::FileName;
use nix::libc;

use crate::failure::Failure;

const LOCK: &str = ".ipaddrctl.lock";

/// A policy directory that no other ipaddrctl changes meanwhile: it holds the lock.
pub struct Store {
    directory: PathBuf,
    _lock: File,
}

/// A file that is to be written.
pub struct NewFile {
    /// Which one.
    pub name: FileName,
    /// What it is to hold.
    pub text: String,
    /// The text that it replaces, which assigns nothing.
    pub old: Option<Vec<u8>>,
}

impl Store {
    /// Waits for the lock. The directory is made first if it doesn't exist and may be made: the default
    /// one always, another one with `create`, because its name may be mistyped.
    pub fn open(directory: &Path, create: bool) -> Result<Self, Failure> {
        if !create && directory != Path::new(DEFAULT_POLICY_DIRECTORY) && !directory.exists() {
            return Err(Failure::System(format!(
                "{}: there is no such directory: expected the policy directory, or --create to make it",
                directory.display()
            )));
        }
        make_directories(directory)?;
        let path = directory.join(LOCK);
        // Not readable by others: whoever can open it can keep it locked.
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
        let own = cgroup.directory_in(&self.directory);
        let made = make_directories(&own)?;
        let written = write_all(&own, files);
        if written.is_err() {
            for directory in made.iter().rev() {
                // It stays where somebody else has put something into it meanwhile.
                let _ = fs::remove_dir(directory);
            }
        }
        written
    }

    /// Removes the files of a cgroup, and its directory if that is empty then.
    pub fn remove(&self, cgroup: &CgroupPath) -> Result<(), Failure> {
        let own = cgroup.directory_in(&self.directory);
        for name in FileName::ALL {
            remove(&own.join(unfinished(name)))?;
            remove(&own.join(name.as_str()))?;
        }
        sync_directory(&own)?;
        if own != self.directory && fs::remove_dir(&own).is_ok() {
            sync_directory(parent(&own))?;
        }
        Ok(())
    }
}

/// Writes a file elsewhere, in the place of one that is there: as a whole or not at all, with the
/// directories above it.
pub fn write_file(path: &Path, text: &str) -> Result<(), Failure> {
    let directory = parent(path);
    make_directories(directory)?;
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let unfinished = PathBuf::from(name);
    // Left from a call that was killed.
    remove(&unfinished)?;
    write_unfinished(&unfinished, text.as_bytes()).map_err(|error| failed(&unfinished, &error))?;
    fs::rename(&unfinished, path).map_err(|error| failed(path, &error))?;
    sync_directory(directory)
}

/// The name under which a file is written, which nothing reads.
pub fn unfinished(name: FileName) -> String {
    format!(".{}.new", name.as_str())
}

fn write_all(directory: &Path, files: &[NewFile]) -> Result<(), Failure> {
    // This process has the lock, so they are left from a change that was killed.
    for name in FileName::ALL {
        remove(&directory.join(unfinished(name)))?;
    }
    for file in files {
        let path = directory.join(unfinished(file.name));
        if let Err(error) = write_unfinished(&path, file.text.as_bytes()) {
            undo(directory, files, 0);
            return Err(failed(&path, &error));
        }
    }
    for (index, file) in files.iter().enumerate() {
        if let Err(failure) = put_in_place(directory, file) {
            undo(directory, files, index);
            return Err(failure);
        }
    }
    sync_directory(directory)
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

fn put_in_place(directory: &Path, file: &NewFile) -> Result<(), Failure> {
    let (from, to) = (
        directory.join(unfinished(file.name)),
        directory.join(file.name.as_str()),
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

/// Undoes the first `count` files and removes the unfinished ones. Errors are ignored: the caller
/// reports the first one.
fn undo(directory: &Path, files: &[NewFile], count: usize) {
    for (index, file) in files.iter().enumerate() {
        let unfinished = directory.join(unfinished(file.name));
        let path = directory.join(file.name.as_str());
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

/// Makes a directory and those above it, with mode 0755 whatever the umask, and writes them to the
/// disk; returns those that didn't exist.
fn make_directories(directory: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut missing: Vec<_> = directory
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
        sync_directory(parent(path))?;
        made.push(path.to_owned());
    }
    Ok(made)
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

fn sync_directory(path: &Path) -> Result<(), Failure> {
    let synced = File::open(path).and_then(|directory| directory.sync_all());
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
