#!/bin/sh
# The tests on aarch64, on any Debian or Ubuntu machine, as root:
#
#   ./shim-tests/aarch64.sh [TEST]...
#
# Cross-builds the library, ipaddrctl, the C harness and the tests in a chroot of its own, and runs them in
# virtual machines with Debian's arm64 kernels, one with pages of 4 KB and one of 16 KB. Without a TEST
# (assignment, guest, …: a test program's name) it runs all. The machines are emulated, and have no network.
#
# $IPADDR_AARCH64_DIR names a directory where chroot and disks are kept for the next run; without it they
# are made anew and removed, half an hour each time. It takes 15 GB. $IPADDR_AARCH64_KERNELS is which
# machines are run, "arm64 arm64-16k" by default.
#
# The last line is `N passed, N failed, N skipped`; ahead of it is which failed, and what was skipped and
# why. Exits 0 only if nothing failed.
set -u

usage() {
    sed -n '2,/^set -u/s/^# \{0,1\}//p' "$0" >&2
    exit 2
}

# Needed on this machine; all else is in the chroot.
install_debootstrap() {
    command -v debootstrap >/dev/null && return
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
        apt-get install -qq -y --no-install-recommends debootstrap </dev/null
}

# The namespaces' first process is a child of unshare, which is to be ended by our own signal only; with it
# ends all that runs in there, and its mounts are gone.
# shellcheck disable=SC2317 # the trap calls it
cleanup() {
    [ -z "$namespaces" ] || kill -KILL "$namespaces" 2>/dev/null
    wait
    [ -z "$temporary" ] || rm -rf "$temporary"
}

case ${1-} in
-*) usage ;;
esac
here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd) || exit 1
namespaces=
temporary=
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
if [ "$(id -u)" -ne 0 ]; then
    echo 'aarch64.sh: not root, which debootstrap and chroot need' >&2
    exit 1
fi
install_debootstrap || exit 1
if [ -n "${IPADDR_AARCH64_DIR-}" ]; then
    work=$IPADDR_AARCH64_DIR
    mkdir -p "$work" || exit 1
else
    temporary=$(mktemp -d /var/tmp/ipaddr-aarch64.XXXXXX) || exit 1
    work=$temporary
fi
unshare --mount --pid --fork --kill-child --mount-proc \
    sh "$here/shim-tests/aarch64/steps.sh" "$work" "$@" </dev/null &
namespaces=$!
wait "$namespaces"
status=$?
namespaces=
exit "$status"
