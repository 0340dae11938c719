//! What ends a command, and with which exit status; and warnings, which don't.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use ipaddr_host::error::Unreadable;
use ipaddr_host::process::cgroup::CgroupError;
use ipaddr_host::reader::UnusablePolicy;
use ipaddr_host::settings::SettingsError;

/// Why a command failed; `main` prints the message.
#[derive(Debug)]
pub enum Failure {
    /// `EPERM`: there is an assignment already, or it would be in conflict.
    NotPermitted(String),
    /// `EINVAL`: a bad address, or one that assigns nothing.
    Invalid(String),
    /// There is a policy that can't be used.
    Unusable(String),
    /// A file, a directory or a process that can't be read or written.
    System(String),
    /// Standard output is closed at its other end (`EPIPE`): the reader has ended.
    OutputClosed,
}

/// What a command found: see `EXIT_STATUS` in [`crate::cli`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All as it should be.
    Fine,
    /// Mistakes, a refusal, a process without the library.
    Found,
}

/// Prints a warning: what was done may not be what was meant.
pub fn warn(what: impl Display) {
    // Without a standard error there is nobody to be warned.
    let _ = writeln!(anstream::stderr(), "ipaddrctl: warning: {what}");
}

impl Failure {
    /// A failure of the system: `WHAT: REASON`.
    pub fn system(what: impl Display, error: &io::Error) -> Self {
        Self::System(format!("{what}: {error}"))
    }

    /// The message; none where there is nobody to read it.
    pub fn message(&self) -> Option<String> {
        Some(match self {
            Self::NotPermitted(why) => format!("EPERM: {why}"),
            Self::Invalid(why) => format!("EINVAL: {why}"),
            Self::Unusable(why) | Self::System(why) => why.clone(),
            Self::OutputClosed => return None,
        })
    }

    /// The exit status.
    pub fn code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::NotPermitted(_) => 3,
            Self::Invalid(_) => 4,
            Self::Unusable(_) => 5,
            Self::System(_) => 6,
            Self::OutputClosed => 0,
        })
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(match outcome {
            Outcome::Fine => 0,
            Outcome::Found => 1,
        })
    }
}

impl From<Unreadable> for Failure {
    fn from(unreadable: Unreadable) -> Self {
        Self::System(unreadable.to_string())
    }
}

impl From<CgroupError> for Failure {
    fn from(error: CgroupError) -> Self {
        Self::System(error.to_string())
    }
}

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Self {
        match error {
            SettingsError::NotAbsolute(_) => Self::Unusable(error.to_string()),
            SettingsError::NoWorkingDirectory(unreadable) => unreadable.into(),
        }
    }
}

impl From<UnusablePolicy> for Failure {
    fn from(error: UnusablePolicy) -> Self {
        Self::Unusable(error.to_string())
    }
}

/// What can't be written to standard output.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::OutputClosed
        } else {
            Self::system("standard output", &error)
        }
    }
}
