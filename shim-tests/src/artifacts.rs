//! libipaddr.so, ipaddr-guard and the programs of the C harness.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::{env, fs};

/// A program or library of c-harness, by its name without `.c`.
#[must_use]
pub fn harness(name: &str) -> PathBuf {
    let path = Path::new(env!("HARNESS")).join(name);
    assert!(path.exists(), "c-harness has no {name}.c");
    path
}

/// The directory of the workspace.
#[must_use]
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("shim-tests lies in the workspace")
}

/// The library under test: `$IPADDR_LIBRARY`, or the release build, made now if need be.
#[must_use]
pub fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| match env::var_os("IPADDR_LIBRARY") {
        Some(path) => fs::canonicalize(path).expect("IPADDR_LIBRARY names a file"),
        None => build("ipaddr", "libipaddr.so"),
    })
}

/// The guard under test: `$IPADDR_GUARD`, or the release build, made now if need be.
#[must_use]
pub fn guard() -> &'static Path {
    static GUARD: OnceLock<PathBuf> = OnceLock::new();
    GUARD.get_or_init(|| match env::var_os("IPADDR_GUARD") {
        Some(path) => fs::canonicalize(path).expect("IPADDR_GUARD names a file"),
        None => build("ipaddr-guard", "ipaddr-guard"),
    })
}

fn build(package: &str, file: &str) -> PathBuf {
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--release", "--package", package])
        .current_dir(workspace())
        .status()
        .expect("cargo runs");
    assert!(status.success(), "{file} does not build");
    let target = env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| workspace().join("target"), |dir| workspace().join(dir));
    target.join("release").join(file)
}
