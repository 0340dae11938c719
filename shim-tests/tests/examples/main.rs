//! The commands of README.md, docs/ and run-restricted.sh --help: examples/examples.sh runs them.

use shim_tests::script;

#[test]
fn examples() {
    script::passes("shim-tests/tests/examples/examples.sh");
}
