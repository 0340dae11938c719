//! What can't be read, and why.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// A file or a directory that can't be read.
#[derive(Debug)]
pub struct Unreadable {
    /// The file or directory.
    pub path: PathBuf,
    /// The system's reason, with its errno.
    pub error: io::Error,
}

impl Unreadable {
    /// For `Result::map_err`.
    pub(crate) fn at(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        |error| Self {
            path: path.into(),
            error,
        }
    }
}

impl fmt::Display for Unreadable {
    /// `PATH: REASON`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.error)
    }
}

impl Error for Unreadable {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}
