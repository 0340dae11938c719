//! run-restricted.sh, tested in its own language: wrapper/wrapper.sh runs it in dash, bash and
//! busybox ash.

use std::process::{Command, Stdio};

use shim_tests::{artifacts, skip};

#[test]
fn wrapper() {
    let output = Command::new("sh")
        .arg(artifacts::workspace().join("shim-tests/tests/wrapper/wrapper.sh"))
        .arg(artifacts::library())
        .stdin(Stdio::null())
        .output()
        .expect("sh runs");
    let said = String::from_utf8_lossy(&output.stdout);
    print!("{said}");
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    for reason in said.lines().filter_map(|line| line.strip_prefix("skip - ")) {
        skip::skip(reason);
    }
    assert!(output.status.success(), "wrapper.sh: {}", output.status);
}
