//! What ends the guard before the command runs, and with which exit status.

use std::fmt;

/// Why the command isn't run. The statuses are those of `run-restricted.sh`, and of env(1).
#[derive(Debug)]
pub enum Failure {
    /// The guard can't or may not run it.
    Refused(String),
    /// The command can't be executed.
    NotExecutable(String),
    /// There is no such command.
    NotFound(String),
}

impl Failure {
    /// Something that failed, and the system's reason.
    pub fn system(what: &str, errno: nix::errno::Errno) -> Self {
        Self::Refused(format!("{what}: {}", errno.desc()))
    }

    /// The exit status.
    pub const fn status(&self) -> u8 {
        match self {
            Self::Refused(_) => 125,
            Self::NotExecutable(_) => 126,
            Self::NotFound(_) => 127,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(why) | Self::NotExecutable(why) | Self::NotFound(why) => f.write_str(why),
        }
    }
}
