//! Running a command to its end.

use std::error::Error;
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
