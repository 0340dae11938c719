//! Clients, and the files beside these tests.

use shim_tests::{Run, Shim, artifacts};

/// Runs a client that has a minute to end.
#[track_caller]
pub fn client(shim: &Shim, program: &str, arguments: &[&str]) -> Run {
    let run = shim.clone().by(&["timeout", "60"]).run(program, arguments);
    eprintln!("{program} {arguments:?}: {run:?}");
    run
}

/// The path of a file of this directory, or with "" the directory's own.
pub fn source(name: &str) -> String {
    let directory = artifacts::workspace().join("shim-tests/tests/programs");
    directory.join(name).to_str().expect("UTF-8").to_owned()
}
