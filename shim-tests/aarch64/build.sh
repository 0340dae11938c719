#!/bin/sh
# In the chroot: cross-builds the library, ipaddrctl and the tests, the latter with the C harness for glibc
# and for musl, and lists the test programs in target/LIBC.list: each line its directory and its path.
set -eu

cd /ipaddr
# shellcheck source=shim-tests/programs.sh
. shim-tests/programs.sh
target=aarch64-unknown-linux-gnu
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
export CARGO_BUILD_TARGET=$target
# What the tests say of a failure names lines; more only makes the disk larger.
export CARGO_PROFILE_DEV_DEBUG=line-tables-only
export CARGO_INCREMENTAL=0

# build.rs of the tests calls it by this name. That gcc's own functions for atomic operations are made for
# glibc: they need its __getauxval.
cat >/usr/local/bin/musl-gcc <<'END'
#!/bin/sh
exec aarch64-linux-musl-gcc -mno-outline-atomics "$@"
END
chmod 755 /usr/local/bin/musl-gcc

# cargo starts each test program by this, which only writes it down.
runner=/usr/local/bin/list-test
cat >"$runner" <<'END'
#!/bin/sh
printf '%s %s\n' "$PWD" "$1" >>"$TEST_LIST"
END
chmod 755 "$runner"
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER=$runner

list_tests() {
    export TEST_LIST="/ipaddr/target/$1.list"
    shift
    rm -f "$TEST_LIST"
    "$@"
}

cargo build --release --locked --workspace
# All packages of the workspace: those that come, the guard's, are on the list by themselves.
list_tests glibc cargo test --quiet --locked --workspace --tests
# shellcheck disable=SC2046,SC2086 # words
IPADDR_TEST_LIBC=musl list_tests musl cargo test --quiet --locked -p shim-tests --target-dir target/musl \
    $(printf ' --test %s' $MUSL_TESTS)
