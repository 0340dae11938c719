//! The file of one level of the policy directory: cgroup `/a/b` has `DIR/a/b/ipaddr.ipv4`.

use core::ffi::CStr;
use core::iter;

use ipaddr_policy::text::{Printable, Sink, Text};
use ipaddr_policy::{Family, cgroup};

use crate::errno::Errno;
use crate::file::{self, File};
use crate::log;

/// Room for a path, its NUL included; what is longer the kernel doesn't take.
pub type PathBuffer = [u8; libc::PATH_MAX as usize];

/// There is a policy that can't be used; the reason has been logged.
pub struct Unusable;

/// Logs why, in the form `PLACE: what is wrong: what was expected`.
pub fn unusable(why: &impl Text) -> Unusable {
    log::mistake(why);
    Unusable
}

/// The file of one level and family.
#[derive(Clone, Copy)]
pub struct LevelFile<'a> {
    /// The policy directory.
    pub directory: &'a CStr,
    /// The path of the process's cgroup.
    pub cgroup: &'a [u8],
    /// How many of the cgroup's levels the path goes down; 0 is the root cgroup.
    pub depth: usize,
    /// `ipaddr.ipv4` or `ipaddr.ipv6`.
    pub family: Family,
}

impl LevelFile<'_> {
    /// The file's text; `None` if there is no such file (`ENOENT`, `ENOTDIR`).
    ///
    /// # Errors
    /// The file is there and can't be read, isn't a file, is too large, or it or its folder may be
    /// written to by anybody.
    pub fn read<'b>(
        &self,
        path: &mut PathBuffer,
        text: &'b mut [u8],
    ) -> Result<Option<&'b [u8]>, Unusable> {
        let error = |errno| unusable(&(self, ": ", errno, ": expected a readable file"));
        let name = self
            .path(path)
            .ok_or(Errno(libc::ENAMETOOLONG))
            .map_err(error)?;
        let file = match File::open(name) {
            Err(Errno(libc::ENOENT | libc::ENOTDIR)) => return Ok(None),
            opened => opened.map_err(error)?,
        };
        let stat = file.stat().map_err(error)?;
        if !stat.is_regular() {
            return Err(unusable(&(self, ": expected a regular file")));
        }
        if stat.is_world_writable() {
            return Err(unusable(&(
                self,
                ": is world-writable: expected a mode like 0644",
            )));
        }
        let folder = self
            .folder(path)
            .ok_or(Errno(libc::ENAMETOOLONG))
            .map_err(error)?;
        if file::stat_path(folder).map_err(error)?.is_world_writable() {
            return Err(unusable(&(
                self,
                ": lies in a world-writable folder: expected a mode like 0755",
            )));
        }
        match file.read_to_end(text) {
            Ok(length) => Ok(text.get(..length)),
            Err(Errno(libc::EFBIG)) => Err(unusable(&(
                self,
                ": is too large: expected less than 65536 bytes",
            ))),
            Err(errno) => Err(error(errno)),
        }
    }

    fn path<'b>(&self, buffer: &'b mut PathBuffer) -> Option<&'b CStr> {
        join(self.folder_parts().chain(self.name_parts()), buffer)
    }

    fn folder<'b>(&self, buffer: &'b mut PathBuffer) -> Option<&'b CStr> {
        join(self.folder_parts(), buffer)
    }

    fn folder_parts(&self) -> impl Iterator<Item = &[u8]> {
        let levels = cgroup::levels(self.cgroup).take(self.depth);
        iter::once(self.directory.to_bytes()).chain(levels.flat_map(|level| [b"/", level]))
    }

    fn name_parts(&self) -> [&'static [u8]; 2] {
        match self.family {
            Family::Ipv4 => [b"/", b"ipaddr.ipv4"],
            Family::Ipv6 => [b"/", b"ipaddr.ipv6"],
        }
    }
}

impl Text for LevelFile<'_> {
    fn write(&self, out: &mut impl Sink) {
        for part in self.folder_parts().chain(self.name_parts()) {
            Printable(part).write(out);
        }
    }
}

/// Puts parts one after the other; `None` if they don't fit.
fn join<'a, 'b>(
    parts: impl Iterator<Item = &'a [u8]>,
    buffer: &'b mut PathBuffer,
) -> Option<&'b CStr> {
    let mut length = 0;
    for part in parts {
        let end = length + part.len();
        buffer.get_mut(length..end)?.copy_from_slice(part);
        length = end;
    }
    *buffer.get_mut(length)? = 0;
    CStr::from_bytes_with_nul(buffer.get(..=length)?).ok()
}
