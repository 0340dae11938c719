//! Tests that are written in shell: they take the library's path, print a line a check, and what they
//! skip as `skip - WHAT (REASON)`; tests/checks.sh is what they have in common.

use std::process::{Command, Stdio};

use crate::{artifacts, skip};

/// Runs a test of the workspace, and hands on what it skips.
///
/// # Panics
/// A check has failed.
#[track_caller]
pub fn passes(path: &str) {
    let output = Command::new("sh")
        .arg(artifacts::workspace().join(path))
        .arg(artifacts::library())
        .env("IPADDR_GUARD", artifacts::guard())
        .stdin(Stdio::null())
        .output()
        .expect("sh runs");
    let said = String::from_utf8_lossy(&output.stdout);
    print!("{said}");
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    for reason in said.lines().filter_map(|line| line.strip_prefix("skip - ")) {
        skip::skip(reason);
    }
    assert!(output.status.success(), "{path}: {}", output.status);
}
