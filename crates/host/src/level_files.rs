//! The files of a policy's levels.
//!
//! [`ipaddr_policy::trust`] decides what may be used. This module calls stat(2), in the order in which
//! the library does (`src/process/level_file.rs`), so that both report the same problem.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use ipaddr_policy::errno::Errno;
use ipaddr_policy::levels::{Files, LevelFile};
use ipaddr_policy::trust::{FileProblem, Status, Trusted};
use nix::libc;
use nix::sys::statvfs::{self, FsFlags, Statvfs};

/// Reads the files from the disk.
#[derive(Debug, Default)]
pub struct Disk {
    text: Vec<u8>,
    /// The result of stat(2) for the last file whose text was read.
    pub metadata: Option<Metadata>,
}

impl Files for Disk {
    fn read(&mut self, file: &LevelFile<&[u8]>) -> Result<bool, FileProblem> {
        let path = path(file.path());
        let Some(entry) = find(&path)? else {
            return Ok(false);
        };
        let trusted = trusted(file)?;
        trusted.judge_entry(entry)?;
        let open = match open(&path) {
            Err(error) if entry.is_link() && is_absent(&error) => {
                return Err(FileProblem::LeadsNowhere);
            }
            opened => opened.map_err(|error| unreadable(&error))?,
        };
        let metadata = open.metadata().map_err(|error| unreadable(&error))?;
        trusted.judge_file(status(&metadata), || {
            statvfs::fstatvfs(&open).is_ok_and(is_read_only)
        })?;
        self.text.clear();
        let limit = u64::from(file.name.limit());
        let length = open.take(limit).read_to_end(&mut self.text);
        match length.map_err(|error| unreadable(&error))? {
            length if length as u64 == limit => Err(FileProblem::TooLarge),
            _ => {
                self.metadata = Some(metadata);
                Ok(true)
            }
        }
    }

    fn text(&self) -> &[u8] {
        &self.text
    }

    fn has_directory(&mut self, file: &LevelFile<&[u8]>) -> Result<bool, FileProblem> {
        let path = path(file.directory());
        let Some(entry) = find(&path)? else {
            return Ok(false);
        };
        let trusted = trusted(file)?;
        // Who owns a link to the policy directory itself makes no difference.
        if entry.is_link() && file.depth > 0 {
            trusted.judge_owner(entry)?;
        }
        trusted.judge_directory(follow(&path)?, || {
            statvfs::statvfs(&path).is_ok_and(is_read_only)
        })?;
        Ok(true)
    }
}

/// Whether anybody may put another directory in the place of one in this directory: it is
/// world-writable, and neither sticky nor mounted for reading only.
#[must_use]
pub fn is_anybodys(directory: &Path) -> bool {
    let Ok(status) = follow(directory) else {
        return false;
    };
    // Whoever owns it.
    let trusted = Trusted {
        owner: status.owner,
    };
    let judged = trusted.judge_directory(status, || {
        statvfs::statvfs(directory).is_ok_and(is_read_only)
    });
    judged == Err(FileProblem::WorldWritable)
}

/// Who may own the files of the directory that `file` is in.
fn trusted(file: &LevelFile<&[u8]>) -> Result<Trusted, FileProblem> {
    let directory = follow(&path([file.directory].into_iter()))?;
    Ok(Trusted {
        owner: directory.owner,
    })
}

/// The result of lstat(2); `None` if nothing has that name.
fn find(path: &Path) -> Result<Option<Status>, FileProblem> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        found => found
            .map(|metadata| Some(status(&metadata)))
            .map_err(|error| unreadable(&error)),
    }
}

/// The result of stat(2), links followed.
fn follow(path: &Path) -> Result<Status, FileProblem> {
    match fs::metadata(path) {
        Err(error) if is_absent(&error) => Err(FileProblem::LeadsNowhere),
        found => found
            .map(|metadata| status(&metadata))
            .map_err(|error| unreadable(&error)),
    }
}

fn status(metadata: &Metadata) -> Status {
    Status {
        mode: metadata.mode(),
        owner: metadata.uid(),
    }
}

fn is_read_only(mount: Statvfs) -> bool {
    mount.flags().contains(FsFlags::ST_RDONLY)
}

/// A path that a [`LevelFile`] has in parts. Without slashes at its end: with them lstat(2) would
/// follow a symbolic link.
fn path<'a>(parts: impl Iterator<Item = &'a [u8]>) -> PathBuf {
    let path = parts.collect::<Vec<_>>().concat();
    Path::new(OsStr::from_bytes(&path)).components().collect()
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ENOTDIR))
}

/// `O_NONBLOCK`, so that opening a FIFO doesn't wait for a writer.
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)
}

fn unreadable(error: &io::Error) -> FileProblem {
    FileProblem::Unreadable(Errno(error.raw_os_error().unwrap_or(libc::EINVAL)))
}
