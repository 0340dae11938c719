//! The library for a whole system, by /etc/ld.so.preload: system_wide/system_wide.sh tests it, in
//! namespaces of its own.

use shim_tests::script;

#[test]
fn system_wide() {
    script::passes("shim-tests/tests/system_wide/system_wide.sh");
}
