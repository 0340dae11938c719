#!/bin/sh
# The steps of ../aarch64.sh, in mount and process namespaces of its own: steps.sh DIRECTORY [TEST]...
set -eu

work=$1
shift
here=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
chroot=$work/chroot
release=trixie
mirror=http://deb.debian.org

say() {
    printf '\n== %s: %s\n' "$(date +%H:%M)" "$1"
}

inside() {
    chroot "$chroot" /usr/bin/env -i HOME=/root LANG=C.UTF-8 PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        DEBIAN_FRONTEND=noninteractive "$@"
}

# The machine's own resolver and certificates: it may reach the package registries in its own way.
borrow() {
    cp -L /etc/resolv.conf "$chroot/etc/resolv.conf"
    certificates=/etc/ssl/certs/ca-certificates.crt
    [ ! -e "$certificates" ] || cp -L "$certificates" "$chroot$certificates"
}

make_chroot() {
    rm -rf "$chroot"
    debootstrap --variant=minbase --include=ca-certificates "$release" "$chroot" "$mirror/debian"
    echo "deb $mirror/debian-security $release-security main" >>"$chroot/etc/apt/sources.list"
    printf '#!/bin/sh\nexit 101\n' >"$chroot/usr/sbin/policy-rc.d"
    chmod 755 "$chroot/usr/sbin/policy-rc.d"
    mount -t proc proc "$chroot/proc"
    borrow
    inside dpkg --add-architecture arm64
    inside apt-get update -qq
    # dpkg-dev and the like aren't needed; cargo builds for this machine too, what runs as it builds.
    inside apt-get install -qq -y --no-install-recommends -o Dpkg::Use-Pty=0 \
        rustc-web cargo-web libstd-rust-web-dev libstd-rust-web-dev:arm64 gcc libc6-dev \
        gcc-aarch64-linux-gnu libc6-dev-arm64-cross musl-dev:arm64 \
        qemu-system-arm debootstrap e2fsprogs kmod cpio xz-utils
    borrow
    umount "$chroot/proc"
    touch "$chroot/made"
}

# The project, where it is in the virtual machines too: the tests know by what path they were compiled.
copy_project() {
    mkdir -p "$chroot/ipaddr"
    find "$chroot/ipaddr" -mindepth 1 -maxdepth 1 ! -name target -exec rm -rf {} +
    tar -C "$here" --exclude=./target --exclude=./.git -c . | tar -C "$chroot/ipaddr" -x --no-same-owner
}

# Which one it is of, if this is a clone and not just its files.
commit() {
    head=$(git -C "$here" rev-parse --short HEAD 2>/dev/null) || { echo 'no commit'; return; }
    if [ -n "$(git -C "$here" status --porcelain)" ]; then
        head="$head with changes"
    fi
    echo "$head"
}

if [ ! -e "$chroot/made" ]; then
    say 'A chroot with the compilers'
    make_chroot >"$work/chroot.log" 2>&1 || { tail -n 20 "$work/chroot.log"; exit 1; }
fi
mount -t proc proc "$chroot/proc"
borrow
copy_project
scripts=/ipaddr/shim-tests/aarch64

say 'Build'
inside sh "$scripts/build.sh"
say "The machines' disks and kernels"
inside sh "$scripts/root.sh"
rm -f "$chroot"/machine/*.tests.log
status=0
for kernel in ${IPADDR_AARCH64_KERNELS:-arm64 arm64-16k}; do
    say "Tests, $kernel"
    inside sh "$scripts/machine.sh" "$kernel" tests "$@" || status=1
done
say 'Result'
# Where nobody keeps the rest.
results=$here/target/aarch64
mkdir -p "$results"
cp "$chroot"/machine/*.log "$results"
inside sh "$scripts/summary.sh" "$(date +%F)" "$(commit)" >"$results/report.md" || status=1
cat "$results/report.md"
exit "$status"
