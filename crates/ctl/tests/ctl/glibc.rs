//! The oldest glibc that the program runs with, which README.md says.

use std::fs;
use std::path::Path;

use shim_tests::artifacts::workspace;
use shim_tests::glibc;

use crate::command::PROGRAM;

const SAYS: &str = "`ipaddrctl` needs glibc ";

#[test]
fn is_not_newer_than_documented() {
    let readme = fs::read_to_string(workspace().join("README.md")).expect("it is there");
    let (_, behind) = readme.split_once(SAYS).expect("README.md says it");
    let documented = behind.split_whitespace().next().and_then(glibc::version);
    let documented = documented.expect("a version");
    let Some(needed) = glibc::needed_by(Path::new(PROGRAM)) else {
        return;
    };
    assert!(
        needed <= documented,
        "needs glibc {needed:?}, and README.md says {documented:?}"
    );
}
