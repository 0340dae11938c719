//! Static programs of Go.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::skip;

/// Builds a program of one file into a directory; skips where there is no Go.
#[must_use]
pub fn build(source: &Path, directory: &Path) -> Option<PathBuf> {
    if !skip::command("go") {
        return None;
    }
    let to = directory.join(source.file_stem().expect("a file"));
    let status = Command::new("go")
        .args(["build", "-o"])
        .arg(&to)
        .arg(source)
        .env("CGO_ENABLED", "0")
        .env("GO111MODULE", "off")
        .env("GOCACHE", directory.join("go"))
        .env("GOFLAGS", "")
        .status();
    let status = status.expect("go runs");
    assert!(status.success(), "{} does not build", source.display());
    Some(to)
}
