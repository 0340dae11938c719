//! What is measured, built: the library, the floor and the loops.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{self, Failure};

const C_FLAGS: [&str; 5] = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror"];

/// Eager binding and few segments: linked by default the floor takes longer to load, and what the
/// library is compared with should be the least there can be.
const FLOOR_FLAGS: [&str; 4] = ["-shared", "-fPIC", "-Wl,-z,now", "-Wl,-z,noseparate-code"];

/// The files, all in one directory: paths of one length, on one file system.
pub struct Artifacts {
    pub library: PathBuf,
    pub floor: PathBuf,
    pub floor_copy: PathBuf,
    pub datagrams: PathBuf,
    /// The loops of the calls that the guard traps.
    pub trapped: PathBuf,
    /// A supervisor that only answers.
    pub round_trip: PathBuf,
    loops: PathBuf,
    directory: PathBuf,
}

impl Artifacts {
    pub fn build() -> Result<Self, Failure> {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report");
        if directory.to_string_lossy().contains([' ', ':']) {
            return Err(format!(
                "{directory:?}: LD_PRELOAD can't name a path with a space or a colon"
            )
            .into());
        }
        fs::create_dir_all(&directory)?;
        let artifacts = Self {
            library: directory.join("libipaddr.so"),
            floor: directory.join("libfloor1.so"),
            floor_copy: directory.join("libfloor2.so"),
            datagrams: directory.join("bench_datagrams"),
            trapped: directory.join("bench_trapped"),
            round_trip: directory.join("round_trip"),
            loops: directory.join("bench_calls"),
            directory,
        };
        copy(shim_tests::library(), &artifacts.library)?;
        compile("floor.c", &FLOOR_FLAGS, &artifacts.floor)?;
        copy(&artifacts.floor, &artifacts.floor_copy)?;
        compile("bench_calls.c", &[], &artifacts.loops)?;
        compile("bench_datagrams.c", &[], &artifacts.datagrams)?;
        compile("bench_trapped.c", &["-pthread"], &artifacts.trapped)?;
        compile("round_trip.c", &[], &artifacts.round_trip)?;
        Ok(artifacts)
    }

    /// Where they are.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The loops, with nothing in their environment that could reach a shim by accident.
    pub fn loops(&self) -> Command {
        let mut command = Command::new(&self.loops);
        command.env_clear();
        command
    }
}

fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    fs::copy(from, to).map_err(|error| format!("{}: {error}", from.display()))?;
    Ok(())
}

fn compile(source: &str, flags: &[&str], product: &Path) -> Result<(), Failure> {
    let harness = Path::new(env!("CARGO_MANIFEST_DIR")).join("../c-harness");
    let compiler = env::var_os("CC").unwrap_or_else(|| "cc".into());
    let mut command = Command::new(compiler);
    command
        .args(C_FLAGS)
        .args(flags)
        .arg("-o")
        .arg(product)
        .arg(harness.join(source));
    command::output(&mut command)?;
    Ok(())
}
