#!/bin/sh
# Tests run-restricted.sh: wrapper.sh [LIBRARY]. Prints a line a check, ok or not ok, and a count at
# the end; exits 0 only if none failed. What each file here tests runs in dash, bash and busybox ash.
# shellcheck disable=SC2034 # the other files use what is set here
set -u

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit
root=${here%/shim-tests/tests/wrapper}
library=${1:-$root/target/release/libipaddr.so}
guard=${IPADDR_GUARD:-$root/target/release/ipaddr-guard}
# shellcheck source=shim-tests/tests/checks.sh
. "$root/shim-tests/tests/checks.sh"

# Runs a command with nothing on its standard input; sets $out, $err and $status. What it may find
# in the environment is what the test has put before it.
try() {
    out=$("$@" 2>"$work/err" </dev/null)
    status=$?
    err=$(cat "$work/err")
}

# refused NAME STATUS MESSAGE [WRAPPER'S WORDS]: the wrapper ends with the status, says the message
# and runs nothing. `ran` is the command.
refused() {
    refused_name=$1
    refused_status=$2
    refused_message=$3
    shift 3
    rm -f "$work/ran.yes"
    try wrapper "$@"
    check "$refused_name: status" "$refused_status" "$status"
    holds "$refused_name: message" "$err" "$refused_message"
    check "$refused_name: on one line" 1 "$(printf '%s\n' "$err" | wc -l)"
    [ ! -e "$work/ran.yes" ] || fail "$refused_name" 'the command ran'
}

# The wrapper in the shell under test.
wrapper() {
    # shellcheck disable=SC2086 # busybox sh is two words
    $shell "$bin/run-restricted.sh" "$@"
}

work=$(mktemp -d) || exit
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
chmod 755 "$work"
# The wrapper beside the library under test, where it searches first.
bin=$work/bin
mkdir "$bin" && cp "$root/run-restricted.sh" "$library" "$bin/" || exit
printf '#!/bin/sh\n: >"%s/ran.yes"\n' "$work" >"$work/ran" && chmod 755 "$work/ran"
ran=$work/ran
# The library's settings, and those of the tests that this may be one of (IPADDR_TORTURE_SECONDS).
for variable in $(env | sed -n 's/^\(IPADDR_[A-Za-z0-9_]*\)=.*/\1/p'); do
    unset "$variable"
done
unset LD_PRELOAD RUN_RESTRICTED_LIBRARY
export IPADDR_POLICY_DIR=/nonexistent/ipaddr
# getcap and setcap are in here on Debian.
export PATH="$PATH:/usr/sbin:/sbin"

for shell in dash bash 'busybox sh'; do
    have "${shell%% *}" 'every test' || continue
    for part in command called options tools covered guard library cgroup sourced; do
        # shellcheck source=/dev/null
        . "$here/$part.sh"
    done
done

summary
