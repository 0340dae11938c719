#!/bin/busybox sh
# shellcheck shell=dash
#
# The first process of a machine: finds the disks, and starts what the kernel's command line says.
export PATH=/bin
busybox mount -t devtmpfs dev /dev
busybox mount -t proc proc /proc
for module in /*.ko; do
    busybox insmod "$module"
done
stage=$(busybox sed -n 's/.*stage=\([a-z]*\).*/\1/p' /proc/cmdline)
busybox mount -t ext4 /dev/vda /root
[ "$stage" = setup ] || busybox mount -t ext4 /dev/vdb /root/ipaddr
busybox mount --move /dev /root/dev
busybox mount --move /proc /root/proc
if [ "$stage" = setup ]; then
    exec busybox switch_root /root /bin/sh /setup.sh
fi
exec busybox switch_root /root /bin/sh /ipaddr/shim-tests/aarch64/tests.sh
