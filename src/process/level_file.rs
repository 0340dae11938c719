//! The files of the levels, read from the policy directory: cgroup `/a/b` has `DIR/a/b/ipaddr.ipv4`.

use core::ffi::CStr;
use core::ops::Range;

use ipaddr_policy::levels::{FileName, Files, LevelFile};
use ipaddr_policy::trust::{FileProblem, Status, Trusted};

use crate::sys::errno::Errno;
use crate::sys::file::{self, File};

/// Room for the path of a file, and behind it for the text of any.
pub const TEXT_LEN: usize = libc::PATH_MAX as usize + FileName::Rules.limit() as usize;

/// Reads files of levels.
pub struct LevelFiles<'a> {
    /// The path of a file, and behind it what the file holds.
    memory: &'a mut [u8],
    trusted: Trusted,
    /// Where in `memory` the text of the last file is.
    text: Range<usize>,
}

impl<'a> LevelFiles<'a> {
    /// Files that a trusted user has to own, read into [`TEXT_LEN`] bytes of memory.
    pub const fn new(memory: &'a mut [u8], trusted: Trusted) -> Self {
        Self {
            memory,
            trusted,
            text: 0..0,
        }
    }
}

impl Files for LevelFiles<'_> {
    fn read(&mut self, file: &LevelFile<&[u8]>) -> Result<bool, FileProblem> {
        let (path, free) = join(file.path(), self.memory)?;
        let start = path.count_bytes() + 1;
        // Not by openat(2): that takes a descriptor even where there is no file.
        let Some(entry) = find(path)? else {
            return Ok(false);
        };
        self.trusted.judge_entry(entry)?;
        let text = free.get_mut(..file.name.limit() as usize);
        let text = text.ok_or(FileProblem::TooLarge)?;
        let trusted = self.trusted;
        let read = File::read(path, text, |file| {
            trusted.judge_file(file.stat()?.status, || file.is_read_only())
        });
        match read {
            Err(Errno(libc::ENOENT | libc::ENOTDIR)) if entry.is_link() => {
                Err(FileProblem::LeadsNowhere)
            }
            // Removed meanwhile.
            Err(Errno(libc::ENOENT)) => Ok(false),
            Err(errno) => Err(errno.into()),
            Ok(Err(FileProblem::Unreadable(Errno(libc::EFBIG)))) => Err(FileProblem::TooLarge),
            Ok(read) => {
                self.text = start..start + read?;
                Ok(true)
            }
        }
    }

    fn text(&self) -> &[u8] {
        self.memory.get(self.text.clone()).unwrap_or(&[])
    }

    fn has_directory(&mut self, file: &LevelFile<&[u8]>) -> Result<bool, FileProblem> {
        if file.depth == 0 {
            // `find_directory` has found it.
            return Ok(true);
        }
        let (path, _) = join(file.directory(), self.memory)?;
        let Some(entry) = find(path)? else {
            return Ok(false);
        };
        if entry.is_link() {
            self.trusted.judge_owner(entry)?;
        }
        judge_directory(path, entry, |_| self.trusted)?;
        Ok(true)
    }
}

/// Looks for the policy directory, and returns whom its files may be owned by; `None` if there is
/// nothing at `path`, not even a symbolic link. An unrestricted process does this at each call, so
/// it is a single system call then.
///
/// # Errors
/// It is there, and what is in it can't be used.
pub fn find_directory(path: &CStr) -> Result<Option<Trusted>, FileProblem> {
    let Some(entry) = find(path)? else {
        return Ok(None);
    };
    // Its owner is trusted. Whose the link to it is makes no difference: where it is, is decided by
    // the administrator, or by who sets the variable.
    let trusted = |directory: Status| Trusted {
        owner: directory.owner,
    };
    judge_directory(path, entry, trusted).map(Some)
}

/// What lstat(2) says of `path`; `None` if there is nothing.
fn find(path: &CStr) -> Result<Option<Status>, FileProblem> {
    match file::stat_entry(path) {
        Err(Errno(libc::ENOENT)) => Ok(None),
        found => Ok(Some(found?.status)),
    }
}

/// Judges a directory or what is in its place; `trusted` is told what stat(2) says of it.
fn judge_directory(
    path: &CStr,
    entry: Status,
    trusted: impl FnOnce(Status) -> Trusted,
) -> Result<Trusted, FileProblem> {
    let directory = if entry.is_link() {
        match file::stat_path(path) {
            Err(Errno(libc::ENOENT | libc::ENOTDIR)) => return Err(FileProblem::LeadsNowhere),
            found => found?.status,
        }
    } else {
        entry
    };
    let trusted = trusted(directory);
    trusted.judge_directory(directory, || file::is_read_only(path))?;
    Ok(trusted)
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
