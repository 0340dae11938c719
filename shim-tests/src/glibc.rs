//! Which glibc a program or a library needs.

use std::path::Path;
use std::process::Command;

use crate::skip;

/// A version of glibc, 2.34 say.
pub type Version = (u32, u32);

/// The newest version of glibc whose symbols a file uses: it doesn't run with an older one. Skips if
/// readelf is missing.
#[must_use]
pub fn needed_by(file: &Path) -> Option<Version> {
    if !skip::command("readelf") {
        return None;
    }
    let output = Command::new("readelf")
        .args(["--dyn-syms", "--wide"])
        .arg(file)
        .output()
        .expect("readelf runs");
    let symbols = String::from_utf8(output.stdout).expect("UTF-8");
    let versions = symbols
        .split_whitespace()
        .filter_map(|word| version(word.split_once("@GLIBC_")?.1));
    Some(versions.max().expect("a symbol of glibc"))
}

/// `2.34`; of `2.2.5` the last part doesn't count.
#[must_use]
pub fn version(text: &str) -> Option<Version> {
    let mut parts = text.split('.').map(|part| part.parse().ok());
    Some((parts.next()??, parts.next()??))
}
