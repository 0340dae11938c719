#!/bin/sh
# In the chroot: boots a machine and waits until it ends: machine.sh KERNEL setup|tests [TEST]...
#
# KERNEL is arm64 or arm64-16k; `setup` is setup.sh on the new disk, `tests` is tests.sh on a disk that
# forgets what was written to it.
set -eu

flavour=$1
stage=$2
shift 2
here=/ipaddr/shim-tests/aarch64
machine=/machine
kernel=$machine/$flavour
version=$(ls "$kernel/usr/lib/modules")
target=/ipaddr/target/aarch64-unknown-linux-gnu

# What finds the disks, in the order in which it has to be loaded.
modules() {
    for module in virtio_blk ext4; do
        modprobe -d "$kernel/usr" -S "$version" --show-depends "$module"
    done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }'
}

make_initramfs() {
    initramfs=$(mktemp -d)
    mkdir -p "$initramfs/bin" "$initramfs/dev" "$initramfs/proc" "$initramfs/root"
    cp "$machine/busybox/usr/bin/busybox" "$initramfs/bin/busybox"
    cp "$here/init.sh" "$initramfs/init"
    chmod 755 "$initramfs/init"
    number=10
    for module in $(modules); do
        xz -dc "$module" >"$initramfs/$number.ko"
        number=$((number + 1))
    done
    (cd "$initramfs" && find . | cpio -o -H newc --quiet | gzip -1) >"$kernel/initramfs"
    rm -rf "$initramfs"
}

# All of the project that a test can look for: sources, programs, the library; not the compiler's own files.
make_tests_disk() {
    staging=$machine/tests
    rm -rf "$staging"
    mkdir -p "$staging"
    tar -C /ipaddr --exclude='*.rlib' --exclude='*.rmeta' --exclude='*.o' --exclude='*.d' \
        --exclude=.fingerprint --exclude=./target/debug --exclude=./target/release \
        --exclude=./target/musl/debug -c . | tar -C "$staging" -x
    ln -s "${target##*/}/release" "$staging/target/release"
    choose "$@" >"$staging/target/chosen.list"
    rm -f "$machine/tests.ext4"
    mke2fs -q -t ext4 -d "$staging" "$machine/tests.ext4" 4G
    rm -rf "$staging"
}

# The test programs to run, all or those that are named: a libc, a directory and a path a line. The library's
# come first, the tool's and the rules' after them, and those that take longest come last.
choose() {
    for libc in glibc musl; do
        sed "s/^/$libc /" "/ipaddr/target/$libc.list"
    done | awk -v names=" $* " '{
        name = $3
        sub(".*/", "", name)
        sub("-[0-9a-f]*$", "", name)
        if (names == "  " || index(names, " " name " "))
            print (name ~ /^(ctl|differential|random_calls|scale|torture)$/ ? 3 : $2 ~ /shim-tests$/ ? 1 : 2), $0
    }' | sort -s -k 1,1 | cut -d ' ' -f 2-
}

make_initramfs
case $stage in
setup)
    disks="file=$machine/root.ext4.new,format=raw,if=virtio,cache=unsafe"
    ;;
tests)
    make_tests_disk "$@"
    disks="file=$machine/root.ext4,format=raw,if=virtio,snapshot=on
file=$machine/tests.ext4,format=raw,if=virtio,snapshot=on"
    ;;
esac
log=$machine/$flavour.$stage.log
# The words of the drives' options.
set --
for disk in $disks; do
    set -- "$@" -drive "$disk"
done
# A machine that hangs is ended; a run of all tests takes a third of that.
timeout 4h qemu-system-aarch64 -M virt -cpu max,pauth-impdef=on -accel tcg -smp 2 -m 3G -nographic -no-reboot \
    -nic none -kernel "$kernel/boot/vmlinuz-$version" -initrd "$kernel/initramfs" "$@" \
    -append "console=ttyAMA0 loglevel=3 panic=-1 stage=$stage" </dev/null | sed -u 's/\r$//' | tee "$log"
grep -q "^$stage: done$" "$log"
