# Debian packages for tests and benchmarks; sourced by run.sh and bench.sh.
# shellcheck shell=sh

POLICY_RC=/usr/sbin/policy-rc.d
rc_written=

# Debian starts a service as it installs it; a nginx on port 80 is no part of a test.
forbid_services() {
    [ ! -e "$POLICY_RC" ] || return 0
    printf '#!/bin/sh\nexit 101\n' >"$POLICY_RC" && rc_written=yes && chmod 755 "$POLICY_RC"
}

allow_services() {
    [ -z "$rc_written" ] || rm -f "$POLICY_RC"
    rc_written=
}

# The packages of the programs and libraries that aren't there.
missing_packages() {
    printf '%s' "$1" | while read -r program package; do
        [ -z "$program" ] || command -v "$program" >/dev/null || printf '%s\n' "$package"
    done
    printf '%s' "$2" | while read -r library package; do
        [ -z "$library" ] || ls /usr/lib/*/"$library" >/dev/null 2>&1 || printf '%s\n' "$package"
    done
    [ -e /usr/include/stdio.h ] || printf 'libc6-dev\n'
}

# Installs what a list of programs and one of libraries have and the machine hasn't, if it may: each
# line a command, or a file below a directory of /usr/lib, and the Debian package that has it.
install_missing() {
    packages=$(missing_packages "$1" "$2")
    if [ -z "$packages" ]; then
        echo 'all there'
        return
    fi
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        printf 'not root, or no apt-get; going on without:\n%s\n' "$packages"
        return
    fi
    forbid_services
    apt-get update -qq || echo 'apt-get update failed'
    # One at a time: a package that can't be had doesn't keep the others away. None takes the place of
    # another that is there, as mail servers would.
    for package in $packages; do
        DEBIAN_FRONTEND=noninteractive \
            apt-get install -qq -y --no-install-recommends --no-remove -o Dpkg::Use-Pty=0 "$package" ||
            echo "apt-get install $package failed; what needs it is left out"
    done
    allow_services
}
