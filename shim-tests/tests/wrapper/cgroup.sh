# shellcheck shell=sh
# wrapper.sh sets what is used here, and the words in single quotes are for another shell.
# shellcheck disable=SC2154,SC2016
# --cgroup joins what is there, --create-cgroup makes it, and nothing is left behind if something is
# wrong. As root, in real hierarchies.

# try_cgroup LINE NAME MOUNT-POINT: LINE is a pattern for the line of /proc/self/cgroup.
try_cgroup() {
    refused "cgroup: $2: not there" 125 \
        "--cgroup /$group/a b: there is no such cgroup: expected one with a directory below $3, or --create-cgroup" \
        --ip 127.0.0.2 --cgroup "/$group/a b" "$ran"
    check "cgroup: $2: not there: not made" '' "$(ls -d "$3/$group" 2>/dev/null)"

    try wrapper --ip 127.0.0.2 --create-cgroup "/$group/a b" -- grep "$1" /proc/self/cgroup
    check "cgroup: $2: created: status" 0 "$status"
    check "cgroup: $2: created" "/$group/a b" "${out#*:*:}"
    check "cgroup: $2: made" yes "$([ ! -d "$3/$group/a b" ] || echo yes)"
    for option in --cgroup --create-cgroup; do
        try wrapper --ip 127.0.0.2 "$option" "/$group/a b" -- grep "$1" /proc/self/cgroup
        check "cgroup: $2: $option, of one that is there: status" 0 "$status"
        check "cgroup: $2: $option, of one that is there" "/$group/a b" "${out#*:*:}"
        refused "cgroup: $2: $option, as a path of the file system" 125 \
            "$option $3/$group: this is a path in the file system: expected the cgroup's own, $option /$group" \
            --ip 127.0.0.2 "$option" "$3/$group" "$ran"
        check "cgroup: $2: $option, as a path of the file system: not made" '' "$(ls -d "$3$3" 2>/dev/null)"
    done
    rmdir "$3/$group/a b" "$3/$group"
}

group=ipaddr-test-wrapper-$$
if root_for cgroup; then
    unified=$(awk '/ - cgroup2 / { print $5; exit }' /proc/self/mountinfo)
    if [ -z "$unified" ] || ! mkdir "$unified/$group" 2>/dev/null; then
        skip 'cgroup: v2' 'no cgroup v2 hierarchy that may be written to'
    else
        rmdir "$unified/$group"
        try_cgroup '^0::' v2 "$unified"

        mkdir -p "$work/policy/$group/a"
        echo 127.0.0.2 >"$work/policy/$group/ipaddr.ipv4"
        echo 127.0.0.3 >"$work/policy/$group/a/ipaddr.ipv4"
        refused 'cgroup: a conflict there' 125 \
            "$work/policy/$group/a/ipaddr.ipv4:1: 127.0.0.3 is outside" \
            --policy "$work/policy" --create-cgroup "/$group/a" "$ran"
        check 'cgroup: a conflict there: not left behind' '' "$(ls -d "$unified/$group" 2>/dev/null)"
        rm -r "$work/policy"

        # One that takes no processes: a new cgroup below a threaded one is of no valid domain.
        mkdir "$unified/$group"
        if echo threaded 2>/dev/null >"$unified/$group/cgroup.type"; then
            refused 'cgroup: one that takes no processes' 125 \
                "--create-cgroup /$group/x/y: it can't be joined: " \
                --ip 127.0.0.2 --create-cgroup "/$group/x/y" "$ran"
            check 'cgroup: one that takes no processes: not left behind' '' \
                "$(ls -d "$unified/$group/x" 2>/dev/null)"
        else
            skip 'cgroup: one that takes no processes' 'no threaded cgroups'
        fi
        rmdir "$unified/$group"

        if have setpriv 'cgroup: as another user'; then
            # A delegated cgroup: who is in it and owns it makes others below it.
            mkdir "$unified/$group" && chown -R 65534:65534 "$unified/$group"
            # shellcheck disable=SC2086 # busybox sh is two words
            try sh -c 'echo "$$" >"$0/cgroup.procs" && exec "$@"' "$unified/$group" \
                setpriv --reuid 65534 --regid 65534 --clear-groups $shell "$bin/run-restricted.sh" \
                --ip 127.0.0.2 --create-cgroup "/$group/x" -- grep '^0::' /proc/self/cgroup
            check 'cgroup: delegated' "0 0::/$group/x" "$status $out"
            rmdir "$unified/$group/x" "$unified/$group"
            # shellcheck disable=SC2086 # busybox sh is two words
            out=$(setpriv --reuid 65534 --regid 65534 --clear-groups $shell "$bin/run-restricted.sh" \
                --ip 127.0.0.2 --create-cgroup "/$group" -- true 2>&1 </dev/null)
            check 'cgroup: as another user: status' 125 $?
            holds 'cgroup: as another user' "$out" "--create-cgroup /$group: it can't be made: "
            holds 'cgroup: as another user, why' "$out" 'Permission denied'
        fi
    fi

    memory=$(awk '/ - cgroup / && $NF ~ /(^|,)memory(,|$)/ { print $5; exit }' /proc/self/mountinfo)
    if [ -z "$memory" ] || ! mkdir "$memory/$group" 2>/dev/null; then
        skip 'cgroup: v1' 'no v1 hierarchy with the memory controller that may be written to'
    else
        rmdir "$memory/$group"
        export IPADDR_CGROUP_CONTROLLER=memory
        try_cgroup ':memory:' v1 "$memory"
        unset IPADDR_CGROUP_CONTROLLER
    fi
    export IPADDR_CGROUP_CONTROLLER=no-such
    refused 'cgroup: no such controller' 125 \
        '--cgroup /web: there is no hierarchy with the controller no-such' \
        --ip 127.0.0.2 --cgroup /web "$ran"
    unset IPADDR_CGROUP_CONTROLLER
fi
