//! The files of the levels. The caller reads them: nothing here makes a system call.

use core::iter;

use crate::cgroup;
use crate::family::Family;
use crate::text::{Printable, Sink, Text};
use crate::trust::FileProblem;

/// The files that a level may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileName {
    /// `ipaddr.ipv4`, `ipaddr.ipv6`: a list of what may be used.
    List(Family),
    /// `ipaddr.rules`: rules for ports and peers.
    Rules,
}

impl FileName {
    /// All of them, in the order in which a level is read.
    pub const ALL: [Self; 3] = [
        Self::List(Family::Ipv4),
        Self::List(Family::Ipv6),
        Self::Rules,
    ];

    /// The name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::List(Family::Ipv4) => "ipaddr.ipv4",
            Self::List(Family::Ipv6) => "ipaddr.ipv6",
            Self::Rules => "ipaddr.rules",
        }
    }

    /// How many bytes such a file has to be shorter than.
    #[must_use]
    pub const fn limit(self) -> u32 {
        match self {
            Self::List(_) => 64 << 10,
            Self::Rules => 256 << 10,
        }
    }
}

/// A file of one level. `B` is bytes, borrowed or owned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LevelFile<B> {
    /// The policy directory.
    pub directory: B,
    /// The path of the cgroup.
    pub cgroup: B,
    /// How many of the cgroup's levels the path goes down; 0 is the root cgroup.
    pub depth: usize,
    /// Which one.
    pub name: FileName,
}

impl<B: AsRef<[u8]>> LevelFile<B> {
    /// The path of its directory, in parts.
    pub fn directory(&self) -> impl Iterator<Item = &[u8]> {
        let levels = cgroup::levels(self.cgroup.as_ref()).take(self.depth);
        let below = levels.flat_map(|level| [&b"/"[..], level]);
        iter::once(self.directory.as_ref()).chain(below)
    }

    /// Its path, in parts.
    pub fn path(&self) -> impl Iterator<Item = &[u8]> {
        let name = self.name.as_str().as_bytes();
        self.directory().chain([&b"/"[..], name])
    }
}

impl<B> LevelFile<B> {
    /// The same file, its bytes kept in another way.
    pub fn map<C>(self, keep: impl Fn(B) -> C) -> LevelFile<C> {
        LevelFile {
            directory: keep(self.directory),
            cgroup: keep(self.cgroup),
            depth: self.depth,
            name: self.name,
        }
    }
}

impl<B: AsRef<[u8]>> Text for LevelFile<B> {
    fn write(&self, out: &mut impl Sink) {
        for part in self.path() {
            Printable(part).write(out);
        }
    }
}

/// Reads files.
pub trait Files {
    /// Reads a file, and says whether it is there: false only if there is nothing of that name in the
    /// directory, not even a symbolic link. Only called where [`Files::has_directory`] says that there
    /// is the directory.
    ///
    /// # Errors
    /// The file is there and can't be used.
    fn read(&mut self, file: &LevelFile<&[u8]>) -> Result<bool, FileProblem>;

    /// The text of the file that [`Files::read`] has read last.
    fn text(&self) -> &[u8];

    /// Whether there is the directory of a file: false only if there is nothing of that name, not
    /// even a symbolic link.
    ///
    /// # Errors
    /// It is there, and nothing can be concluded from what is in it, nor from what is not.
    fn has_directory(&mut self, file: &LevelFile<&[u8]>) -> Result<bool, FileProblem>;
}
