#!/bin/sh
# Everything that must hold, in one command: ./shim-tests/run.sh
#
# As root with apt-get it first installs the programs that the tests run; tests whose programs are
# missing skip, and the end of the output lists each with its reason. Exits 0 only if nothing failed.
set -u

failures=
skips=

say() {
    printf '\n== %s\n' "$1"
}

skip() {
    printf 'SKIP %s\n' "$1" >>"$skips"
}

# Runs one step; what fails is said at the end, and the next step still runs.
step() {
    name=$1
    shift
    say "$name"
    if "$@" </dev/null; then
        return 0
    fi
    failures="$failures
$name"
}

cleanup() {
    allow_services
    [ -z "$skips" ] || rm -f "$skips"
}

check_format() {
    if cargo fmt --version >/dev/null 2>&1; then
        cargo fmt --all --check
    else
        skip 'cargo fmt: the component rustfmt is not installed'
    fi
}

check_lints() {
    if cargo clippy --version >/dev/null 2>&1; then
        cargo clippy --workspace --all-targets -- -D warnings
    else
        skip 'cargo clippy: the component clippy is not installed'
    fi
}

check_shell() {
    if command -v shellcheck >/dev/null; then
        find . -name target -prune -o \( -name '*.sh' -o -path ./.ci/run \) -exec shellcheck {} +
    else
        skip 'shellcheck: not installed'
    fi
}

# The same library, and the harness built for another libc.
test_musl() {
    if ! command -v musl-gcc >/dev/null; then
        skip 'musl: musl-gcc is not installed'
        return
    fi
    # shellcheck disable=SC2046,SC2086 # words
    IPADDR_TEST_LIBC=musl cargo test -p shim-tests --no-fail-fast $(printf ' --test %s' $MUSL_TESTS)
}

# What becomes of each call, random and real programs, under the guard in the place of the library.
test_guard() {
    IPADDR_TEST_FRONT_END=guard cargo test -p shim-tests --no-fail-fast --test bind_table \
        --test connect_table --test hooks --test rules --test ephemeral_ports --test programs \
        --test multicast --test random_calls --test differential --test torture --test exec \
        --test assignment --test bad_input --test many_datagrams --test own_filter
}

# A real program of that libc.
test_busybox() {
    said=$(shim-tests/suites/busybox-musl.sh)
    status=$?
    printf '%s\n' "$said"
    if [ "$status" -eq 77 ]; then
        skip "busybox of musl: $(printf '%s\n' "$said" | tail -n 1)"
        status=0
    fi
    return "$status"
}

print_skips() {
    if [ -s "$skips" ]; then
        say 'Skipped'
        sort -u "$skips"
    else
        say 'Nothing was skipped'
    fi
}

print_failures() {
    if [ -z "$failures" ]; then
        say 'Passed'
        return 0
    fi
    say "Failed:$failures"
    return 1
}

here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd) && cd -- "$here" || exit 1
if ! command -v cargo >/dev/null; then
    echo 'cargo is not in PATH: install a Rust toolchain first' >&2
    exit 1
fi
# shellcheck source=shim-tests/packages.sh
. shim-tests/packages.sh
# shellcheck source=shim-tests/programs.sh
. shim-tests/programs.sh
# nginx and setcap are in here on Debian, and in no user's PATH.
export PATH="$PATH:/usr/sbin:/sbin"
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
skips=$(mktemp) || exit 1
export IPADDR_TEST_SKIPS="$skips"

say 'Programs that the tests run'
install_missing "$PROGRAMS" "$LIBRARIES" </dev/null
step 'cargo build' cargo build --release --workspace
step 'cargo fmt' check_format
step 'cargo clippy' check_lints
step 'shellcheck' check_shell
step 'cargo test' cargo test --workspace --no-fail-fast
step 'cargo test, in musl processes' test_musl
step 'cargo test, under the guard' test_guard
step 'busybox of musl' test_busybox
print_skips
print_failures
