#!/bin/sh
# In a machine, as its first process: finishes Debian, and installs the packages that root.sh has downloaded.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive LANG=C.UTF-8

mount_kernels() {
    mountpoint -q /proc || mount -t proc proc /proc
    mountpoint -q /sys || mount -t sysfs sys /sys
}

# No package starts a service as it is installed.
forbid_services() {
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d
}

install() {
    mount_kernels
    /debootstrap/debootstrap --second-stage || { tail -n 20 /debootstrap/debootstrap.log; return 1; }
    # It takes them away at its end.
    mount_kernels
    forbid_services || return 1
    # shellcheck disable=SC2046 # each line a word
    apt-get install -qq -y --no-install-recommends --no-download -o Dpkg::Use-Pty=0 \
        -o DPkg::Options::=--force-unsafe-io $(cat /packages) || return 1
    apt-get clean
}

if install >/var/log/setup.log 2>&1; then
    echo 'setup: done'
else
    tail -n 40 /var/log/setup.log
fi
cd / && sync
mount_kernels
echo u >/proc/sysrq-trigger
echo o >/proc/sysrq-trigger
sleep 60
