#!/bin/sh
# Runs the examples of README.md and run-restricted.sh --help as they are written there:
# examples.sh [LIBRARY]. The addresses, cgroups and files that they speak of are made in namespaces.
set -u

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit
root=${here%/shim-tests/tests/examples}
# shellcheck source=shim-tests/tests/checks.sh
. "$root/shim-tests/tests/checks.sh"
export PATH="$PATH:/usr/sbin:/sbin"

# The cgroup of the test, from which the namespace's tree begins.
make_cgroup() {
    unified=$(awk '/ - cgroup2 / { print $5; exit }' /proc/self/mountinfo)
    cgroup=$unified/ipaddr-test-examples-$$
    [ -n "$unified" ] && mkdir "$cgroup" 2>/dev/null
}

remove() {
    rm -rf "$work"
    find "$cgroup" -depth -type d -exec rmdir {} +
}

if [ "${1-}" != --inside ]; then
    for tool in unshare ip ss python3 curl nginx redis-server; do
        have "$tool" 'everything' || exit 0
    done
    root_for 'everything' || exit 0
    make_cgroup || {
        skip 'everything' 'no cgroup v2 hierarchy that may be written to'
        exit 0
    }
    work=$(mktemp -d) || exit
    trap remove EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    # shellcheck disable=SC2016 # for the inner shell
    sh -c 'env echo "$$" >"$0/cgroup.procs" && exec "$@"' "$cgroup" \
        unshare --mount --net --cgroup --pid --fork --mount-proc --kill-child sh "$0" --inside \
        "${1:-$root/target/release/libipaddr.so}" "$work" "$unified"
    exit
fi

library=$2
work=$3
unified=$4
for variable in LD_PRELOAD $(env | sed -n 's/^\(IPADDR_[A-Za-z0-9_]*\)=.*/\1/p'); do
    unset "$variable"
done

# copied DIRECTORY: a copy in its place.
copied() {
    mkdir -p "$work$1" && cp -a "$1/." "$work$1" && mount --bind "$work$1" "$1"
}

mount -t tmpfs -o mode=755 tmpfs "$work" && copied /etc && copied /var/lib/nginx &&
    copied /var/log/nginx || exit 1
for directory in /run /srv /usr/local/lib; do
    mount -t tmpfs -o mode=755 tmpfs "$directory" || exit 1
done
umount "$unified" && mount -t cgroup2 none "$unified" || exit 1
ip link set lo up && ip address add 10.0.0.5/32 dev lo && ip address add 10.0.0.6/32 dev lo || exit 1
rm -rf /etc/ld.so.preload /etc/ipaddr
cp "$root/run-restricted.sh" "$library" /usr/local/lib/ || exit 1
mkdir "$work/tree" && cp "$root/run-restricted.sh" "$library" "$work/tree/" && cd "$work/tree" || exit 1

# documented TEXT PART: whether a line of an example begins so.
documented() {
    printf '%s\n' "$1" | grep -q -F -- "$2" || fail "documented: $2" 'not in the text any more'
}
readme=$(cat "$root/README.md")
help=$(sh ./run-restricted.sh --help)

# listeners PORT: the IPv4 addresses where somebody listens on the port, once somebody does.
listeners() {
    tries=0
    until found=$(ss -4Hltn "sport = :$1" | awk '{ print $4 }' | sort) && [ -n "$found" ] || [ "$tries" -eq 600 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    printf '%s\n' "$found" | paste -s -d ' ' -
}

# end PORT: ends who listens there.
end() {
    # One process may end with another.
    # shellcheck disable=SC2046 # numbers
    kill $(ss -Hltnp "sport = :$1" | grep -o 'pid=[0-9]*' | cut -d = -f 2 | sort -u) 2>/dev/null
    tries=0
    while [ -n "$(ss -Hltn "sport = :$1")" ] && [ "$tries" -lt 600 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
}

# serves WHAT LINE PORT ADDRESS: the line is in the text, and what it starts listens there only.
serves() {
    case $1 in
    README) documented "$readme" "    $2" ;;
    help) documented "$help" "  $2" ;;
    esac
    sh -c "$2" >"$work/log" 2>&1 </dev/null &
    found=$(listeners "$3")
    check "$1: $2" "$4:$3" "${found:-$(cat "$work/log")}"
    end "$3"
}

# The policy directory in two minutes, as it is written there.
policy=$(printf '%s\n' "$readme" | sed -n '/^    mkdir -p \/etc\/ipaddr\/web\/a /,/^$/p')
sh -eu -c "$policy" || fail 'README: the policy directory' "$policy"
check 'README: the policy directory' 6 "$(find /etc/ipaddr -type f -exec cat {} + | wc -l)"
serves README './run-restricted.sh --create-cgroup /web/a -- nginx' 80 10.0.0.5
serves README './run-restricted.sh --create-cgroup /web/b -- redis-server' 6379 10.0.0.6

cp -a /etc/ipaddr /srv/ipaddr && rm -r /etc/ipaddr
for text in README help; do
    serves "$text" './run-restricted.sh --ip 127.0.0.2 -- python3 -m http.server 8080' 8080 127.0.0.2
    serves "$text" './run-restricted.sh --policy /srv/ipaddr --cgroup /web/a -- nginx' 80 10.0.0.5
done
line='./run-restricted.sh --ip 10.0.0.5 --ip6 none --log info -- curl http://10.0.0.6/'
documented "$readme" "    $line"
documented "$help" "  $line"
./run-restricted.sh --ip 10.0.0.6 -- nginx
listeners 80 >/dev/null
said=$(sh -c "$line" 2>&1)
holds "README, help: $line" "$said" 'from 10.0.0.5'
holds "README, help: $line: the page" "$said" '<html'
end 80

# Sourced: the entrypoint of README, and the line of --help.
printf '%s\n' "$readme" | sed -n '/^    #!\/bin\/sh$/,/^    exec "\$@"$/s/^    //p' >"$work/entrypoint.sh"
chmod 755 "$work/entrypoint.sh"
documented "$readme" "docker run --network host -e IPADDR_IPV4=10.0.0.5 IMAGE nginx -g 'daemon off;'"
IPADDR_IPV4=10.0.0.5 "$work/entrypoint.sh" nginx -g 'daemon off;' &
check 'README: the entrypoint' 10.0.0.5:80 "$(listeners 80)"
end 80
line=$(printf '%s\n' "$help" | sed -n 's/^  \(IPADDR_IPV4=10.0.0.5; .*\)/\1/p')
sh -c "$line" sh nginx -g 'daemon off;' &
check "help: $line" 10.0.0.5:80 "$(listeners 80)"
end 80

# Instead of sourcing it: a command that isn't covered is refused.
line='exec /usr/local/lib/run-restricted.sh -- "$@"'
documented "$readme" "    $line"
IPADDR_IPV4=10.0.0.5 sh -c "$line" sh nginx -g 'daemon off;' &
check "README: $line" 10.0.0.5:80 "$(listeners 80)"
end 80
if have bash-static "README: $line, of a static program"; then
    said=$(IPADDR_IPV4=10.0.0.5 sh -c "$line" sh bash-static -c 'echo ran' 2>&1)
    check "README: $line, of a static program: status" 126 $?
    holds "README: $line, of a static program" "$said" 'it is statically linked'
fi

# What the systemd units execute.
line=$(printf '%s\n' "$readme" | sed -n 's/^    ExecStart=\(.*run-restricted.*\)/\1/p')
sh -c "$line" &
check "README: $line" 10.0.0.5:80 "$(listeners 80)"
end 80
setting=$(printf '%s\n' "$readme" | sed -n 's/^    Environment=\(LD_PRELOAD=.*\)/\1/p')
file=$(printf '%s\n' "$readme" | sed -n 's/^    # \(\/etc\/ipaddr\/system.slice\/.*\)/\1/p')
mkdir -p "${file%/*}" && echo 10.0.0.6 >"$file" && mkdir -p "$unified/system.slice/web-b.service"
# shellcheck disable=SC2016 # for the inner shell
sh -c 'echo "$$" >"$0/system.slice/web-b.service/cgroup.procs"; exec env "$1" nginx -g "daemon off;"' \
    "$unified" "$setting" &
check "README: $setting with $file" 10.0.0.6:80 "$(listeners 80)"
end 80

summary
