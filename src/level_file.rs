//! The files of the levels, read from the policy directory: cgroup `/a/b` has `DIR/a/b/ipaddr.ipv4`.

use core::ffi::CStr;

use ipaddr_policy::levels::{FileName, FileProblem, Files, LevelFile};

use crate::errno::Errno;
use crate::file::{self, File};

/// Room for the path of a file, and behind it for the text of any.
pub const TEXT_LEN: usize = libc::PATH_MAX as usize + FileName::Rules.limit() as usize;

/// Memory to read files in, [`TEXT_LEN`] bytes: a path, and behind it what the file holds.
pub struct LevelFiles<'a> {
    /// What it holds before is of no account.
    pub memory: &'a mut [u8],
}

impl Files for LevelFiles<'_> {
    fn read(&mut self, file: &LevelFile<'_>) -> Result<Option<&[u8]>, FileProblem> {
        let (path, _) = join(file.path(), self.memory)?;
        let open = match File::open(path) {
            Err(Errno(libc::ENOENT | libc::ENOTDIR)) => return Ok(None),
            opened => opened?,
        };
        let stat = open.stat()?;
        if !stat.is_regular() {
            return Err(FileProblem::NotRegular);
        }
        if stat.is_world_writable() {
            return Err(FileProblem::WorldWritable);
        }
        let (folder, free) = join(file.folder(), self.memory)?;
        if file::stat_path(folder)?.is_world_writable() {
            return Err(FileProblem::FolderWorldWritable);
        }
        let text = free.get_mut(..file.name.limit() as usize);
        let text = text.ok_or(FileProblem::TooLarge)?;
        match open.read_to_end(text) {
            Ok(length) => Ok(text.get(..length)),
            Err(Errno(libc::EFBIG)) => Err(FileProblem::TooLarge),
            Err(errno) => Err(errno.into()),
        }
    }

    fn has_folder(&mut self, file: &LevelFile<'_>) -> bool {
        !join(file.folder(), self.memory).is_ok_and(|(folder, _)| file::is_absent(folder))
    }
}

impl From<Errno> for FileProblem {
    fn from(errno: Errno) -> Self {
        Self::Unreadable(ipaddr_policy::errno::Errno(errno.0))
    }
}

/// Puts parts one after the other, and returns what is left behind them.
///
/// # Errors
/// `ENAMETOOLONG`: what is longer the kernel doesn't take.
fn join<'a, 'b>(
    parts: impl Iterator<Item = &'a [u8]>,
    memory: &'b mut [u8],
) -> Result<(&'b CStr, &'b mut [u8]), Errno> {
    let too_long = Errno(libc::ENAMETOOLONG);
    let mut length = 0;
    for part in parts.chain([&b"\0"[..]]) {
        let end = length + part.len();
        let fits = end <= libc::PATH_MAX as usize;
        let room = memory.get_mut(length..end).filter(|_| fits);
        room.ok_or(too_long)?.copy_from_slice(part);
        length = end;
    }
    let (path, free) = memory.split_at_mut_checked(length).ok_or(too_long)?;
    let path = CStr::from_bytes_with_nul(path).map_err(|_| too_long)?;
    Ok((path, free))
}
