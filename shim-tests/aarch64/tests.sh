#!/bin/sh
# In a machine, as its first process: runs the chosen test programs, and says what became of each:
#
#   result: MACHINE LIBC TEST PASSED FAILED SKIPPED SECONDS
#   failed: MACHINE LIBC TEST: NAME
#   skipped: MACHINE LIBC TEST: NAME: REASON
export PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
target=/ipaddr/target/aarch64-unknown-linux-gnu
export IPADDR_LIBRARY="$target/release/libipaddr.so"
export IPADDR_GUARD="$target/release/ipaddr-guard"
export IPADDR_TEST_SKIPS=/tmp/skips
export RUST_BACKTRACE=0
# A tenth and a quarter of what is usual: each takes some twenty times as long here.
export IPADDR_DIFFERENTIAL_PROGRAMS=500 IPADDR_RANDOM_PROGRAMS=50

make_machine() {
    mount -t sysfs sys /sys
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
    mount -t tmpfs tmp /tmp
    mount -t tmpfs run /run
    mkdir -p /dev/pts /dev/shm
    mount -t devpts -o ptmxmode=666 pts /dev/pts
    mount -t tmpfs shm /dev/shm
    ln -sfn /proc/self/fd /dev/fd
    ln -sf /proc/self/fd/0 /dev/stdin
    ln -sf /proc/self/fd/1 /dev/stdout
    ln -sf /proc/self/fd/2 /dev/stderr
    ip link set lo up
    hostname aarch64
    machine="$(uname -r | sed 's/.*-arm64/arm64/')"
}

# A test whose name is among the skipped is not passed: it ran in part, or not at all.
count() {
    sed -n 's/^SKIP \([^ ]*\): .*/test \1 ... ok/p' "$IPADDR_TEST_SKIPS" | sort -u >/tmp/skipped
    skipped=$(awk 'NR == FNR { names[$0]; next } $0 in names { n++ } END { print n + 0 }' /tmp/skipped /tmp/output)
    line=$(grep '^test result: ' /tmp/output | tail -n 1)
    failed=$(echo "$line" | sed 's/.* \([0-9]*\) failed;.*/\1/')
    passed=$(echo "$line" | sed 's/.* \([0-9]*\) passed;.*/\1/')
    passed=$((passed - skipped))
}

report() {
    count
    sed -n "s|^test \(.*\) \.\.\. FAILED\$|failed: $1: \1|p" /tmp/output
    sed -n "s|^SKIP |skipped: $1: |p" "$IPADDR_TEST_SKIPS" | sort -u
    if [ -z "$line" ]; then
        echo "failed: $1: ended without a result, status $status"
        failed=1
        cat /tmp/output
    elif [ "$failed" -ne 0 ]; then
        sed -n '/^failures:$/,$p' /tmp/output
    fi
    echo "result: $1 $passed $failed $skipped $(($(date +%s) - started))"
}

run() {
    name=${3##*/}
    : >"$IPADDR_TEST_SKIPS"
    started=$(date +%s)
    cd "$2" || return
    timeout 3600 "$3" </dev/null >/tmp/output 2>&1
    status=$?
    report "$machine $1 ${2##*/}/${name%-*}"
}

make_machine
echo "machine: $machine, Linux $(uname -r), pages of $(getconf PAGESIZE) bytes"
while read -r libc directory program; do
    run "$libc" "$directory" "$program"
done </ipaddr/target/chosen.list
echo 'tests: done'
sync
echo o >/proc/sysrq-trigger
sleep 60
