//! Compiles the C harness: each file of c-harness is a program of its own, or, if its name ends in
//! `_library`, a library to be preloaded. With `IPADDR_TEST_LIBC=musl`, by musl-gcc.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

fn main() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../c-harness");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    println!("cargo::rerun-if-changed={}", sources.display());
    println!("cargo::rerun-if-env-changed=IPADDR_TEST_LIBC");
    println!("cargo::rustc-env=HARNESS={}", out.display());
    for entry in fs::read_dir(&sources).expect("c-harness is beside shim-tests") {
        let source = entry.expect("a readable directory").path();
        let name = source.file_stem().expect("a name").to_string_lossy();
        // The benchmark compiles its own, with its own flags.
        let ours = source.extension().is_some_and(|end| end == "c")
            && ![
                "floor",
                "bench_calls",
                "bench_datagrams",
                "bench_trapped",
                "round_trip",
            ]
            .contains(&&*name);
        if ours {
            compile(&source, &out.join(&*name), name.ends_with("_library"));
        }
    }
}

fn compile(source: &Path, to: &Path, library: bool) {
    let mut command = match env::var("IPADDR_TEST_LIBC").as_deref() {
        Ok("musl") => Command::new("musl-gcc"),
        Err(_) | Ok("") => cc::Build::new().warnings(false).get_compiler().to_command(),
        Ok(other) => panic!("IPADDR_TEST_LIBC={other}: expected musl, or nothing"),
    };
    command.args(["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-pthread"]);
    if library {
        command.args(["-shared", "-fPIC"]);
    }
    command.arg(source).arg("-o").arg(to).arg("-ldl");
    let status = command.status().expect("a C compiler");
    assert!(status.success(), "{} does not compile", source.display());
}
