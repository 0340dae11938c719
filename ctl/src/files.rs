//! The files of the levels, read as the library's `src/level_file.rs` reads them: what that refuses
//! is refused here.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;

use ipaddr_policy::errno::Errno;
use ipaddr_policy::levels::{FileProblem, Files, LevelFile};
use nix::libc;

/// Reads them from the disk.
#[derive(Default)]
pub struct Disk {
    text: Vec<u8>,
    /// Of the last file whose text was read.
    pub metadata: Option<Metadata>,
}

impl Files for Disk {
    fn read(&mut self, file: &LevelFile<'_>) -> Result<Option<&[u8]>, FileProblem> {
        let open = match open(&path(file.path())) {
            Err(error) if is_absent(&error) => return Ok(None),
            opened => opened.map_err(|error| unreadable(&error))?,
        };
        let metadata = open.metadata().map_err(|error| unreadable(&error))?;
        if !metadata.is_file() {
            return Err(FileProblem::NotRegular);
        }
        if is_world_writable(&metadata) {
            return Err(FileProblem::WorldWritable);
        }
        let folder = fs::metadata(path(file.folder())).map_err(|error| unreadable(&error))?;
        if is_world_writable(&folder) {
            return Err(FileProblem::FolderWorldWritable);
        }
        self.text.clear();
        let limit = u64::from(file.name.limit());
        let length = open.take(limit).read_to_end(&mut self.text);
        match length.map_err(|error| unreadable(&error))? {
            length if length as u64 == limit => Err(FileProblem::TooLarge),
            _ => {
                self.metadata = Some(metadata);
                Ok(Some(&self.text))
            }
        }
    }

    fn has_folder(&mut self, file: &LevelFile<'_>) -> bool {
        !path(file.folder())
            .metadata()
            .is_err_and(|error| is_absent(&error))
    }
}

/// A path that a [`LevelFile`] gives in parts.
pub fn path<'a>(parts: impl Iterator<Item = &'a [u8]>) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(&parts.collect::<Vec<_>>().concat()))
}

/// Whether there is no such file, which is all that leaves a level unassigned.
pub fn is_absent(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ENOTDIR))
}

/// Whether anybody may write to it.
pub fn is_world_writable(metadata: &Metadata) -> bool {
    metadata.mode() & libc::S_IWOTH != 0
}

/// `O_NONBLOCK`, so that a FIFO in the way can't block.
fn open(path: &std::path::Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)
}

fn unreadable(error: &io::Error) -> FileProblem {
    FileProblem::Unreadable(Errno(error.raw_os_error().unwrap_or(libc::EINVAL)))
}
