//! How the library is linked: every exec in the process tree pays for what it costs to load.

use std::env;
use std::path::Path;
use std::process::{Command, Stdio};

/// For every linker.
const ARGUMENTS: [&str; 4] = [
    // The C start files bring four symbols to look up and nothing that the library needs.
    "-nostartfiles",
    // Fewer segments to map. (lld makes few by itself and takes the option all the same.)
    "-Wl,-z,noseparate-code",
    // One writable segment and no mprotect. What would be read-only after relocation are the
    // addresses of ten functions, and the library has those of more in its variables.
    "-Wl,-z,norelro",
    // Its own calls of its exported functions needn't be looked up.
    "-Wl,-Bsymbolic",
];

/// For lld: constants and code in one segment. GNU ld does that anyway, and its older versions
/// don't know the option.
const ONE_SEGMENT: &str = "-Wl,--no-rosegment";

/// A linker script that adds to the linker's own, for those that take one.
const VARIABLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/variables.ld");

fn main() {
    for argument in ARGUMENTS {
        println!("cargo::rustc-cdylib-link-arg={argument}");
    }
    for argument in [ONE_SEGMENT, VARIABLES] {
        if linker_takes(argument) {
            println!("cargo::rustc-cdylib-link-arg={argument}");
        }
    }
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={VARIABLES}");
}

/// Whether an empty library can be linked with `argument`, as cargo links ours.
fn linker_takes(argument: &str) -> bool {
    let variable = |name| env::var(name).unwrap_or_default();
    let mut rustc = Command::new(variable("RUSTC"));
    rustc
        .args(["-", "--crate-name=probe", "--crate-type=cdylib", "--target"])
        .arg(variable("TARGET"))
        .arg("-o")
        .arg(Path::new(&variable("OUT_DIR")).join("probe.so"))
        .arg(format!("-Clink-arg={argument}"));
    if let Some(linker) = env::var_os("RUSTC_LINKER") {
        rustc.arg(format!("-Clinker={}", linker.display()));
    }
    let flags = variable("CARGO_ENCODED_RUSTFLAGS");
    rustc.args(flags.split('\u{1f}').filter(|flag| !flag.is_empty()));
    rustc
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    rustc.status().is_ok_and(|status| status.success())
}
