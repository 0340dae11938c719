//! Which files and directories of a policy directory can be trusted: what kind they are of, who
//! owns them, and who may write to them.
//!
//! Trusted are root and the owner of the policy directory. What they have put in order nobody else
//! can change, so every directory from the policy directory down to a level's own counts, and of
//! what a symbolic link names, the file or directory that it leads to. Not checked are the
//! directories above the policy directory, and those that a link leads through.

use crate::errno::Errno;

/// What stat(2) says of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// `st_mode`: kind and permissions, see inode(7).
    pub mode: u32,
    /// `st_uid`: the user that owns it.
    pub owner: u32,
}

impl Status {
    const KIND: u32 = 0o170_000;
    const LINK: u32 = 0o120_000;
    const REGULAR: u32 = 0o100_000;
    const DIRECTORY: u32 = 0o040_000;
    const STICKY: u32 = 0o1000;
    const WORLD_WRITABLE: u32 = 0o002;

    /// Whether it is a symbolic link.
    #[must_use]
    pub const fn is_link(self) -> bool {
        self.mode & Self::KIND == Self::LINK
    }

    /// Whether it is a regular file.
    #[must_use]
    pub const fn is_regular(self) -> bool {
        self.mode & Self::KIND == Self::REGULAR
    }

    /// Whether it is a directory.
    #[must_use]
    pub const fn is_directory(self) -> bool {
        self.mode & Self::KIND == Self::DIRECTORY
    }

    const fn is_world_writable(self) -> bool {
        self.mode & Self::WORLD_WRITABLE != 0
    }

    const fn is_sticky(self) -> bool {
        self.mode & Self::STICKY != 0
    }
}

/// Why a file or a directory that is there can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileProblem {
    /// It can't be read.
    Unreadable(Errno),
    /// It is a symbolic link to nothing.
    LeadsNowhere,
    /// It is of another kind: a directory in the place of a file, or the other way round.
    WrongKind,
    /// Anybody may write to it, and so, if it is a directory, replace what is in it.
    WorldWritable,
    /// It is owned by this user, who is neither root nor the owner of the policy directory.
    Owner(u32),
    /// The file has [`crate::levels::FileName::limit`] bytes or more.
    TooLarge,
}

impl From<Errno> for FileProblem {
    fn from(errno: Errno) -> Self {
        Self::Unreadable(errno)
    }
}

/// The users that are trusted.
#[derive(Clone, Copy, Debug)]
pub struct Trusted {
    /// The owner of the policy directory, beside root.
    pub owner: u32,
}

impl Trusted {
    /// Judges what is in the place of a policy file before it is opened, which of a FIFO or a device
    /// may have effects; links aren't followed.
    ///
    /// # Errors
    /// Why it can't be used.
    pub fn judge_entry(self, entry: Status) -> Result<(), FileProblem> {
        if entry.is_link() {
            self.judge_owner(entry)
        } else if entry.is_regular() {
            Ok(())
        } else {
            Err(FileProblem::WrongKind)
        }
    }

    /// Judges a policy file, links followed. `is_read_only` says whether its file system is mounted
    /// for reading only, and is called only where it matters.
    ///
    /// # Errors
    /// Why the file can't be used.
    pub fn judge_file(
        self,
        file: Status,
        is_read_only: impl FnOnce() -> bool,
    ) -> Result<(), FileProblem> {
        if !file.is_regular() {
            return Err(FileProblem::WrongKind);
        }
        self.judge_owner(file)?;
        if file.is_world_writable() && !is_read_only() {
            return Err(FileProblem::WorldWritable);
        }
        Ok(())
    }

    /// Judges the policy directory or one of a level, links followed; `is_read_only` as above. In a
    /// sticky directory only its owner and theirs may replace files, and all that is used there has
    /// to be owned by a trusted user.
    ///
    /// # Errors
    /// Why what is in the directory can't be used.
    pub fn judge_directory(
        self,
        directory: Status,
        is_read_only: impl FnOnce() -> bool,
    ) -> Result<(), FileProblem> {
        if !directory.is_directory() {
            return Err(FileProblem::WrongKind);
        }
        self.judge_owner(directory)?;
        if directory.is_world_writable() && !directory.is_sticky() && !is_read_only() {
            return Err(FileProblem::WorldWritable);
        }
        Ok(())
    }

    /// Judges who owns a file, a directory or a symbolic link; a link's mode says nothing.
    ///
    /// # Errors
    /// Somebody else does.
    pub fn judge_owner(self, status: Status) -> Result<(), FileProblem> {
        let is_trusted = status.owner == 0 || status.owner == self.owner;
        is_trusted
            .then_some(())
            .ok_or(FileProblem::Owner(status.owner))
    }
}
