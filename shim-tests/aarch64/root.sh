#!/bin/sh
# In the chroot: makes the machines' disk /machine/root.ext4, Debian for arm64 with the programs that the
# tests run, and gets their kernels.
set -eu

here=/ipaddr/shim-tests
machine=/machine
root=$machine/root
disk=$machine/root.ext4
release=trixie
mirror=http://deb.debian.org/debian

# shellcheck source=shim-tests/programs.sh
. "$here/programs.sh"

# The programs of the tests; to read shell scripts is no test of a machine. musl's loader is none of them.
packages() {
    printf '%s%s' "$PROGRAMS" "$LIBRARIES" | awk 'NF == 2 && $2 != "shellcheck" { print $2 }'
    printf '%s\n' libc6-dev musl kmod
}

apt_arm64() {
    apt-get -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Sandbox::User=root \
        -o Dir::State::lists="$root/var/lib/apt/lists" -o Dir::State::status="$root/var/lib/dpkg/status" \
        -o Dir::Cache::archives="$root/var/cache/apt/archives" -o Dir::Cache::pkgcache= \
        -o Dir::Cache::srcpkgcache= "$@"
}

# Simulates the installation of all; what Debian hasn't is said, and left out of the list $root/packages.
find_packages() {
    packages | sort -u >"$root/packages"
    # shellcheck disable=SC2046 # each line a word
    until said=$(apt_arm64 -s -qq install --no-install-recommends $(cat "$root/packages") 2>&1); do
        absent=$(printf '%s\n' "$said" | sed -n 's/^E: Unable to locate package //p
            s/^E: Package .\(.*\). has no installation candidate$/\1/p')
        [ -n "$absent" ] || { printf '%s\n' "$said" >&2; return 1; }
        printf 'Debian %s has no %s for arm64\n' "$release" "$(printf "%s" "$absent" | tr "\n" " ")"
        printf '%s\n' "$absent" | grep -vxFf - "$root/packages" >"$root/packages.new"
        mv "$root/packages.new" "$root/packages"
    done
}

download() {
    cp /etc/apt/sources.list "$root/etc/apt/sources.list"
    mkdir -p "$root/var/lib/apt/lists/partial" "$root/var/cache/apt/archives/partial"
    apt_arm64 update -qq
    find_packages
    # shellcheck disable=SC2046 # each line a word
    apt_arm64 install -qq -y --no-install-recommends --download-only $(cat "$root/packages")
}

# A kernel, and of its modules what a test can need: no devices but those of a network.
get_kernel() {
    flavour=$1
    kernel=$machine/$flavour
    rm -rf "$kernel"
    mkdir -p "$kernel"
    package=$(apt-cache depends "linux-image-$flavour:arm64" | awk '/Depends: linux-image/ { print $2; exit }')
    (cd "$kernel" && apt-get download -qq -o APT::Sandbox::User=root "$package")
    dpkg -x "$kernel"/linux-image-*.deb "$kernel"
    rm "$kernel"/linux-image-*.deb
    version=$(ls "$kernel/usr/lib/modules")
    modules=$kernel/usr/lib/modules/$version/kernel
    find "$modules/drivers" -name '*.ko.xz' ! -path '*/drivers/net/*.ko.xz' ! -path '*/virtio*' -delete
    find "$modules/drivers/net" -mindepth 2 -name '*.ko.xz' -delete
    rm -rf "$modules/sound"
    depmod -b "$kernel/usr" "$version"
    mkdir -p "$root/usr/lib/modules"
    cp -a "$kernel/usr/lib/modules/$version" "$root/usr/lib/modules/"
}

# What a kept disk was made of.
made_of() {
    cat "$here/programs.sh" "$here"/aarch64/root.sh "$here"/aarch64/setup.sh
}

if [ -e "$disk" ] && made_of | cmp -s - "$machine/made-of"; then
    exit 0
fi
mkdir -p "$machine"
rm -f "$disk"
rm -rf "$root"
debootstrap --foreign --arch=arm64 --variant=minbase "$release" "$root" "$mirror" >"$machine/root.log" 2>&1 ||
    { tail -n 20 "$machine/root.log"; exit 1; }
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
download
get_kernel arm64
get_kernel arm64-16k
(cd "$machine" && apt-get download -qq -o APT::Sandbox::User=root busybox-static:arm64)
dpkg -x "$machine"/busybox-static_*.deb "$machine/busybox"
rm "$machine"/busybox-static_*.deb
mkdir -p "$root/ipaddr"
cp "$here/aarch64/setup.sh" "$root/setup.sh"
mke2fs -q -t ext4 -d "$root" "$disk.new" 10G
rm -rf "$root"
# Its packages are configured by a machine of their own kind.
sh "$here/aarch64/machine.sh" arm64 setup
mv "$disk.new" "$disk"
made_of >"$machine/made-of"
