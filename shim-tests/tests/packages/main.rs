//! The packages that packaging/build.sh makes: packages/packages.sh builds and checks them, and
//! installs the archive. packages/debian.sh, which no test runs, installs the .deb in a Debian of its
//! own.

use shim_tests::script;

#[test]
fn packages() {
    script::passes("shim-tests/tests/packages/packages.sh");
}
