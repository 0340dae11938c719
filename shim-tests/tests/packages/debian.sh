#!/bin/sh
# Installs the .deb into a Debian of its own, upgrades it under a running program, removes and purges it:
# debian.sh [SUITE], by default bookworm. Needs root, debootstrap and debhelper, and fetches Debian's
# packages; takes minutes. Prints a line a check, ok or not ok, and a count at the end.
set -u

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit
root=${here%/shim-tests/tests/packages}
# shellcheck source=shim-tests/tests/checks.sh
. "$root/shim-tests/tests/checks.sh"
export PATH="$PATH:/usr/sbin:/sbin"
suite=${1:-bookworm}

if [ "${1-}" != --inside ]; then
    root_for 'everything' || exit 0
    for tool in debootstrap dh dpkg-deb unshare ip; do
        have "$tool" 'everything' || exit 0
    done
    work=$(mktemp -d) || exit
    trap 'rm -rf "$work"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    deb=$("$root/packaging/build.sh" deb) || exit
    debian=$work/debian
    debootstrap --variant=minbase --include=python3-minimal,libpython3-stdlib "$suite" "$debian" >"$work/log" 2>&1 || {
        tail -n 20 "$work/log"
        exit 1
    }
    # The next version: another one, and another file.
    dpkg-deb --raw-extract "$deb" "$work/next" &&
        sed -i 's/^Version: .*/&+next/' "$work/next/DEBIAN/control" &&
        printf 'next\n' >>"$work/next/usr/lib/libipaddr/libipaddr.so" &&
        sed -i '/libipaddr\.so$/d' "$work/next/DEBIAN/md5sums" &&
        dpkg-deb --root-owner-group --build "$work/next" "$debian/next.deb" >/dev/null &&
        cp "$deb" "$debian/first.deb" && cp "$here/main_job.py" "$debian/" || exit
    unshare --mount --net --pid --fork --kill-child sh "$0" --inside "$debian"
    exit
fi

debian=$2
ip link set lo up && mount -t proc proc "$debian/proc" && mount -t tmpfs tmpfs "$debian/tmp" &&
    chmod 1777 "$debian/tmp" || exit
export DEBIAN_FRONTEND=noninteractive
for variable in LD_PRELOAD $(env | sed -n 's/^\(IPADDR_[A-Za-z0-9_]*\)=.*/\1/p'); do
    unset "$variable"
done

# as USER COMMAND: in the Debian.
as() {
    user=$1
    shift
    chroot --userspec="$user:" "$debian" /usr/bin/env PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 "$@"
}

# works NAME COMMAND: as root; what it says is shown if it fails.
works() {
    name=$1
    shift
    if said=$(as root "$@" 2>&1); then
        pass "$name"
    else
        fail "$name" "$said"
    fi
}

main_job() {
    check "$1: the main job, as nobody" '127.0.0.2 127.0.0.2 refused' \
        "$(as nobody run-restricted --ip 127.0.0.2 --log off -- python3 /main_job.py 2>&1)"
}

# What has our name. (Python has an ipaddress.py.)
left() {
    (cd "$debian" && find . -xdev \( -name '*ipaddr*' -o -name '*run-restricted*' \) ! -name 'ipaddress*' | LC_ALL=C sort)
}

works 'install' dpkg --install /first.deb
check 'install: what it says' '' "$(printf '%s\n' "$said" | grep -i -e warning -e error)"
main_job 'installed'
check 'installed: the main job under the guard, as nobody' '127.0.0.2 127.0.0.2 refused' \
    "$(as nobody run-restricted --guard --ip 127.0.0.2 --log off -- python3 /main_job.py 2>&1)"
check 'installed: the library' /usr/lib/libipaddr/libipaddr.so \
    "$(as nobody run-restricted --ip 127.0.0.2 --log off -- printenv LD_PRELOAD 2>&1)"
check 'installed: the version' "$(dpkg-deb --field "$debian/first.deb" Version | sed 's/-.*//')" \
    "$(as nobody ipaddrctl --version | sed 's/.* //')"
works 'verify' dpkg --verify libipaddr
check 'verify: what it says' '' "$said"

# An upgrade while a program runs under the library.
as root mkfifo -m 666 /tmp/lines
as nobody run-restricted --ip 127.0.0.2 --log off -- python3 /main_job.py again \
    <"$debian/tmp/lines" >"$debian/tmp/said" 2>&1 &
running=$!
exec 9>"$debian/tmp/lines"
# one_more COUNT: lets it do its job, for the COUNTth time.
one_more() {
    echo >&9
    tries=0
    until [ "$(wc -l <"$debian/tmp/said")" -ge "$1" ] || [ "$tries" -eq 300 ] || ! kill -0 "$running" 2>/dev/null; do
        sleep 0.1
        tries=$((tries + 1))
    done
}
one_more 1
works 'upgrade' dpkg --install /next.deb
check 'upgrade: the library' next "$(tail -c 5 "$debian/usr/lib/libipaddr/libipaddr.so")"
one_more 2
exec 9>&-
wait "$running"
check 'upgrade: a program that runs meanwhile: status' 0 $?
check 'upgrade: a program that runs meanwhile' '127.0.0.2 127.0.0.2 refused
127.0.0.2 127.0.0.2 refused' "$(cat "$debian/tmp/said")"
main_job 'upgraded'

# Removal.
as root ipaddrctl assign /web/a 127.0.0.2 >"$debian/tmp/log" 2>&1
check 'ipaddrctl assign' 127.0.0.2 "$(cat "$debian/etc/ipaddr/web/a/ipaddr.ipv4")"
echo /usr/lib/libipaddr/libipaddr.so >"$debian/etc/ld.so.preload"
said=$(as root dpkg --remove libipaddr 2>&1) && fail 'removal with /etc/ld.so.preload' 'it is removed'
holds 'removal with /etc/ld.so.preload' "$said" '/etc/ld.so.preload names /usr/lib/libipaddr/libipaddr.so'
# shellcheck disable=SC2016 # dpkg-query's
check 'removal with /etc/ld.so.preload: still installed' installed "$(as root dpkg-query -W -f '${db:Status-Status}' libipaddr)"
rm "$debian/etc/ld.so.preload"
works 'removal' dpkg --remove libipaddr
check 'removal: the policy stays' 127.0.0.2 "$(cat "$debian/etc/ipaddr/web/a/ipaddr.ipv4")"
check 'removal: what else is left' './etc/ipaddr
./etc/ipaddr/.ipaddrctl.lock
./etc/ipaddr/web/a/ipaddr.ipv4
./var/lib/dpkg/info/libipaddr.list
./var/lib/dpkg/info/libipaddr.postrm' "$(left)"
works 'purge' dpkg --purge libipaddr
check 'purge: only the policy is left' './etc/ipaddr
./etc/ipaddr/web/a/ipaddr.ipv4' "$(left)"
rm -r "$debian/etc/ipaddr"
works 'install again' dpkg --install /first.deb
works 'purge at once' dpkg --purge libipaddr
check 'purge: nothing is left' '' "$(left)"
summary
