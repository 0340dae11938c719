//! run-restricted.sh, tested in its own language: wrapper/wrapper.sh runs it in dash, bash and
//! busybox ash.

use shim_tests::script;

#[test]
fn wrapper() {
    script::passes("shim-tests/tests/wrapper/wrapper.sh");
}
