//! Where the policies are, and by which hierarchy cgroups are told: as the library has it.

use std::env;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{self, Path, PathBuf};

use crate::failure::Failure;

/// The policy directory if nothing names another.
const DEFAULT_POLICY_DIR: &str = "/etc/ipaddr";

/// `--policy`, else `$IPADDR_POLICY_DIR`, else the default; always an absolute path, because
/// messages name files by it.
///
/// # Errors
/// The variable is no absolute path.
pub fn policy_directory(option: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(option) = option {
        return path::absolute(option)
            .map_err(|error| Failure::system(format_args!("{}", option.display()), &error));
    }
    match env::var_os("IPADDR_POLICY_DIR") {
        None => Ok(DEFAULT_POLICY_DIR.into()),
        Some(directory) => from_variable(directory.as_bytes()),
    }
}

/// `$IPADDR_POLICY_DIR` of a process.
///
/// # Errors
/// It is no absolute path.
pub fn from_variable(value: &[u8]) -> Result<PathBuf, Failure> {
    let directory = PathBuf::from(OsString::from_vec(value.to_vec()));
    if directory.is_absolute() {
        Ok(directory)
    } else {
        Err(Failure::Unusable(format!(
            "IPADDR_POLICY_DIR: {directory:?}: expected an absolute path"
        )))
    }
}

/// `$IPADDR_CGROUP_CONTROLLER`
pub fn cgroup_controller() -> Option<Vec<u8>> {
    env::var_os("IPADDR_CGROUP_CONTROLLER").map(OsString::into_vec)
}
