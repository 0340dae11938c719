//! Everything at once: threads that bind, connect and send while others fork, exec, cancel threads,
//! take signals and close descriptors; by itself, under sanitizers, and beside other preloads.
//!
//! `$IPADDR_TORTURE_SECONDS` and `$IPADDR_TORTURE_SEED` make it longer, or another run.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use shim_tests::{PolicyDir, Run, Shim, artifacts, harness, skip};
use tempfile::TempDir;

const ADDRESS: &str = "127.0.0.2";

/// Asserts that nothing came from elsewhere, nothing failed, and no descriptor is left over.
#[track_caller]
fn torture(shim: &Shim, program: &Path) {
    torture_with(shim, program, &[]);
}

#[track_caller]
fn torture_with(shim: &Shim, program: &Path, options: &[&str]) {
    let setting = |name, default: &str| env::var(name).unwrap_or_else(|_| default.to_owned());
    let seconds = setting("IPADDR_TORTURE_SECONDS", "2");
    let seed = setting("IPADDR_TORTURE_SEED", "1");
    let run = shim.run(program, &[&[&*seconds, &*seed, ADDRESS], options].concat());
    assert_well(&run, &seed);
}

#[track_caller]
fn assert_well(run: &Run, seed: &str) {
    println!("seed {seed}: {}", run.out);
    let words = run.words();
    assert!(run.success && words.len() == 10, "seed {seed}: {run:?}");
    let number = |index: usize| words[index].parse::<i64>().expect("a number");
    assert!(number(1) > 100 && number(3) > 100, "too little: {run:?}");
    let rest = words[4..].join(" ");
    assert_eq!(
        rest, "wrong 0 failed 0 descriptors +0",
        "seed {seed}: {run:?}"
    );
    let said: Vec<_> = run.err.lines().filter(|line| !is_note(line)).collect();
    assert!(said.is_empty(), "seed {seed}: {said:?}");
}

/// Valgrind's note of the system call that tells whether a pointer can be read, and the log's of
/// Valgrind itself, which is static and loads what it runs by itself.
fn is_note(line: &str) -> bool {
    line.ends_with("sigprocmask: unknown 'how' field -1")
        || line.contains(": exec /usr/libexec/valgrind/")
}

#[test]
fn by_itself() {
    torture(&Shim::ipv4(ADDRESS), &harness("torture"));
}

#[test]
fn under_a_policy_file() {
    let policy = PolicyDir::new();
    policy.write("", "ipv4", ADDRESS);
    torture(&Shim::policy(policy.path()), &harness("torture"));
}

/// The harness, built by the C compiler with a sanitizer.
fn sanitized(name: &str) -> Option<(TempDir, PathBuf)> {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let program = directory.path().join("torture");
    let compiled = Command::new("cc")
        .args(["-std=gnu11", "-O1", "-g", "-pthread"])
        .arg(format!("-fsanitize={name}"))
        .arg(artifacts::workspace().join("c-harness/torture.c"))
        .arg("-o")
        .arg(&program)
        .output()
        .expect("there is a C compiler");
    if !compiled.status.success() {
        skip::skip(&format!("cc has no -fsanitize={name}"));
        return None;
    }
    Some((directory, program))
}

#[test]
fn under_the_thread_sanitizer() {
    if let Some((_directory, program)) = sanitized("thread") {
        torture(&Shim::ipv4(ADDRESS), &program);
    }
}

#[test]
fn under_the_address_sanitizer() {
    if let Some((_directory, program)) = sanitized("address,undefined") {
        // It wants to be the first library, and works as the second.
        let shim = Shim::ipv4(ADDRESS).var("ASAN_OPTIONS", "verify_asan_link_order=0");
        torture(&shim, &program);
    }
}

#[test]
fn under_valgrind() {
    if !skip::command("valgrind") {
        return;
    }
    for tool in ["memcheck", "helgrind"] {
        let tool = format!("--tool={tool}");
        let command = ["valgrind", "-q", "--error-exitcode=9", &tool];
        torture(
            &Shim::ipv4(ADDRESS).by_preloaded(&command),
            &harness("torture"),
        );
    }
}

#[test]
fn beside_other_preloads() {
    for name in [
        "libjemalloc.so.2",
        "libtcmalloc_minimal.so.4",
        "faketime/libfaketimeMT.so.1",
        "libsocket_wrapper.so",
    ] {
        let Some(library) = find(name) else {
            skip::skip(&format!("{name} is not installed"));
            continue;
        };
        let shim = Shim::ipv4(ADDRESS).var("FAKETIME", "-15d");
        // It locks a mutex in socket(2), and so, by itself too, is stuck or aborts where a signal
        // handler makes a socket.
        let options: &[&str] = match name {
            "libsocket_wrapper.so" => &["no-signals"],
            _ => &[],
        };
        for shim in [
            shim.clone().preload_before(library.clone()),
            shim.preload_after(library),
        ] {
            torture_with(&shim, &harness("torture"), options);
        }
    }
}

/// A library in one of the system's directories.
fn find(name: &str) -> Option<PathBuf> {
    let directories = fs::read_dir("/usr/lib").ok()?;
    let multiarch = directories.flatten().map(|entry| entry.path().join(name));
    multiarch
        .chain([
            Path::new("/usr/lib").join(name),
            Path::new("/usr/lib64").join(name),
        ])
        .find(|path| path.exists())
}
