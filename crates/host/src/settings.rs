//! Where the policies are, and which hierarchy decides a process's cgroup: the library's rules.

use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{self, Path, PathBuf};

use crate::error::Unreadable;

/// The policy directory if nothing names another.
pub const DEFAULT_POLICY_DIRECTORY: &str = "/etc/ipaddr";

/// Why the policy directory is unknown.
#[derive(Debug)]
pub enum SettingsError {
    /// `$IPADDR_POLICY_DIR` is no absolute path.
    NotAbsolute(PathBuf),
    /// A relative path was given, and the working directory is unknown.
    NoWorkingDirectory(Unreadable),
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAbsolute(directory) => write!(
                f,
                "IPADDR_POLICY_DIR: {directory:?}: expected an absolute path"
            ),
            Self::NoWorkingDirectory(unreadable) => unreadable.fmt(f),
        }
    }
}

impl Error for SettingsError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NotAbsolute(_) => None,
            Self::NoWorkingDirectory(unreadable) => unreadable.source(),
        }
    }
}

/// `chosen` if there is one, else `$IPADDR_POLICY_DIR`, else the default. Always an absolute path,
/// because messages name files by it.
///
/// # Errors
/// The variable is no absolute path.
pub fn policy_directory(chosen: Option<&Path>) -> Result<PathBuf, SettingsError> {
    if let Some(chosen) = chosen {
        let absolute: io::Result<_> = path::absolute(chosen);
        return absolute
            .map_err(Unreadable::at(chosen))
            .map_err(SettingsError::NoWorkingDirectory);
    }
    match env::var_os("IPADDR_POLICY_DIR") {
        None => Ok(DEFAULT_POLICY_DIRECTORY.into()),
        Some(directory) => from_variable(directory.as_bytes()),
    }
}

/// The policy directory that `$IPADDR_POLICY_DIR` with this value names.
///
/// # Errors
/// It is no absolute path.
pub fn from_variable(value: &[u8]) -> Result<PathBuf, SettingsError> {
    let directory = PathBuf::from(OsString::from_vec(value.to_vec()));
    if directory.is_absolute() {
        Ok(directory)
    } else {
        Err(SettingsError::NotAbsolute(directory))
    }
}

/// `$IPADDR_CGROUP_CONTROLLER`: the controller of the cgroup v1 hierarchy that decides.
#[must_use]
pub fn cgroup_controller() -> Option<Vec<u8>> {
    env::var_os("IPADDR_CGROUP_CONTROLLER").map(OsString::into_vec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_is_an_absolute_path() {
        let directory = from_variable(b"/srv/ipaddr").expect("it is one");
        assert_eq!(directory, Path::new("/srv/ipaddr"));
        for value in ["", "srv", "./srv"] {
            let error = from_variable(value.as_bytes()).expect_err(value);
            assert_eq!(
                error.to_string(),
                format!("IPADDR_POLICY_DIR: {value:?}: expected an absolute path")
            );
        }
    }

    #[test]
    fn a_chosen_directory_may_be_relative() {
        let directory = policy_directory(Some(Path::new("policies"))).expect("it is a path");
        assert!(directory.is_absolute() && directory.ends_with("policies"));
    }
}
