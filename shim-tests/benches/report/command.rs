//! Running a command to its end.

use std::env;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Why there is no result.
pub type Failure = Box<dyn Error>;

/// The command's stdout. Its stderr is ours: a shim that refuses something says so there.
pub fn output(command: &mut Command) -> Result<String, Failure> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("{command:?}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{command:?}: {}", output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Where a program is, the directories of root's PATH included.
pub fn path(program: &str) -> Option<PathBuf> {
    let path = env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    let mut places = path
        .split(':')
        .map(|directory| Path::new(directory).join(program));
    places.find(|place| place.is_file())
}
