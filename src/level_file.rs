//! The files of the levels, read from the policy directory: cgroup `/a/b` has `DIR/a/b/ipaddr.ipv4`.

use core::ffi::CStr;

use ipaddr_policy::levels::{FileName, FileProblem, Files, LevelFile};

use crate::errno::Errno;
use crate::file::{self, File};

/// Room for a path, its NUL included; what is longer the kernel doesn't take.
pub type PathBuffer = [u8; libc::PATH_MAX as usize];

/// Room for the text of any file.
pub const TEXT_LEN: usize = FileName::Rules.limit() as usize;

/// Memory to read files in.
pub struct LevelFiles<'a> {
    /// For their paths.
    pub path: &'a mut PathBuffer,
    /// For what they hold.
    pub text: &'a mut [u8; TEXT_LEN],
}

impl Files for LevelFiles<'_> {
    fn read(&mut self, file: &LevelFile<'_>) -> Result<Option<&[u8]>, FileProblem> {
        let path = join(file.path(), self.path)?;
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
        if file::stat_path(join(file.folder(), self.path)?)?.is_world_writable() {
            return Err(FileProblem::FolderWorldWritable);
        }
        let text = self.text.get_mut(..file.name.limit() as usize);
        let text = text.ok_or(FileProblem::TooLarge)?;
        match open.read_to_end(text) {
            Ok(length) => Ok(text.get(..length)),
            Err(Errno(libc::EFBIG)) => Err(FileProblem::TooLarge),
            Err(errno) => Err(errno.into()),
        }
    }

    fn has_folder(&mut self, file: &LevelFile<'_>) -> bool {
        !join(file.folder(), self.path).is_ok_and(file::is_absent)
    }
}

impl From<Errno> for FileProblem {
    fn from(errno: Errno) -> Self {
        Self::Unreadable(ipaddr_policy::errno::Errno(errno.0))
    }
}

/// Puts parts one after the other.
///
/// # Errors
/// `ENAMETOOLONG`
fn join<'a, 'b>(
    parts: impl Iterator<Item = &'a [u8]>,
    buffer: &'b mut PathBuffer,
) -> Result<&'b CStr, Errno> {
    let too_long = Errno(libc::ENAMETOOLONG);
    let mut length = 0;
    for part in parts {
        let end = length + part.len();
        let room = buffer.get_mut(length..end).ok_or(too_long)?;
        room.copy_from_slice(part);
        length = end;
    }
    *buffer.get_mut(length).ok_or(too_long)? = 0;
    let path = buffer.get(..=length).ok_or(too_long)?;
    CStr::from_bytes_with_nul(path).map_err(|_| too_long)
}
