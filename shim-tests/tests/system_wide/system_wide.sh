#!/bin/sh
# Tests the library in /etc/ld.so.preload: system_wide.sh [LIBRARY]. What clears LD_PRELOAD runs free
# with that, and is restricted with this. All of it happens in namespaces of its own, where /etc and
# the directories of the daemons are copies; the machine's own are not touched.
set -u

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit
root=${here%/shim-tests/tests/system_wide}
# shellcheck source=shim-tests/tests/checks.sh
. "$root/shim-tests/tests/checks.sh"
export PATH="$PATH:/usr/sbin:/sbin"

if [ "${1-}" != --inside ]; then
    root_for 'everything' && have unshare 'everything' && have python3 'everything' &&
        have ip 'everything' || exit 0
    unshare --mount --net --pid --fork true 2>/dev/null || {
        skip 'everything' 'namespaces can not be made'
        exit 0
    }
    work=$(mktemp -d) || exit
    trap 'rm -rf "$work"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    # With the first process of the PID namespace all others end.
    unshare --mount --net --pid --fork --mount-proc --kill-child sh "$0" --inside \
        "${1:-$root/target/release/libipaddr.so}" "$work"
    exit
fi

library=$2
work=$3
address=127.77.90.2
# Not what the test itself was started with.
for variable in LD_PRELOAD $(env | sed -n 's/^\(IPADDR_[A-Za-z0-9_]*\)=.*/\1/p'); do
    unset "$variable"
done

# copied DIRECTORY: a copy in its place.
copied() {
    mkdir -p "$work$1" && cp -a "$1/." "$work$1" && mount --bind "$work$1" "$1"
}

mount -t tmpfs -o mode=755 tmpfs "$work" && copied /etc && mount -t tmpfs -o mode=755 tmpfs /run &&
    ip link set lo up || exit 1
rm -rf /etc/ld.so.preload /etc/ipaddr
cp "$library" "$work/libipaddr.so" && chmod 755 "$work/libipaddr.so" || exit 1
library=$work/libipaddr.so

# Prints where a socket that is bound to the wildcard address is.
cat >"$work/where" <<'END'
#!/usr/bin/python3
import socket
server = socket.socket()
server.bind(("0.0.0.0", 0))
print(server.getsockname()[0])
END
chmod 755 "$work/where"

# preload on|off: the file that the test is about, and the policy.
preload() {
    case $1 in
    on)
        mkdir -p /etc/ipaddr && echo "$address" >/etc/ipaddr/ipaddr.ipv4
        echo loopback >/etc/ipaddr/ipaddr.ipv6
        # By rename: a program that starts meanwhile finds all or nothing of it.
        echo "$library" >/etc/ld.so.preload.new && mv /etc/ld.so.preload.new /etc/ld.so.preload
        ;;
    off) rm -rf /etc/ld.so.preload /etc/ipaddr ;;
    esac
}

# entry NAME COMMAND…: what the command prints last, by LD_PRELOAD alone and by /etc/ld.so.preload.
entry() {
    entry=$1
    shift
    said=$(LD_PRELOAD=$library IPADDR_IPV4=$address IPADDR_LOG=off "$@" 2>"$work/err" </dev/null | tail -n 1)
    check "$entry: free by LD_PRELOAD alone" 0.0.0.0 "${said:-$(cat "$work/err")}"
    preload on
    said=$("$@" 2>"$work/err" </dev/null | tail -n 1)
    check "$entry: by /etc/ld.so.preload" "$address" "${said:-$(cat "$work/err")}"
    preload off
}

# listeners PORT: where somebody listens on the port, once somebody does.
listeners() {
    tries=0
    until found=$(ss -Hltn "sport = :$1" | awk '{ print $4 }' | sort) && [ -n "$found" ] || [ "$tries" -eq 600 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    printf '%s\n' "$found" | paste -s -d ' ' -
}

# silent PORT: waits until nobody listens there any more.
silent() {
    tries=0
    while [ -n "$(ss -Hltn "sport = :$1")" ] && [ "$tries" -lt 600 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
}

# The controls: the library works here, and nothing else gives the address.
check 'unrestricted' 0.0.0.0 "$("$work/where")"
check 'by LD_PRELOAD' "$address" "$(LD_PRELOAD=$library IPADDR_IPV4=$address "$work/where")"

entry 'env -i' env -i "$work/where"
cp "$(readlink -f /usr/bin/python3)" "$work/set-uid" && chown 65534 "$work/set-uid" &&
    chmod 4755 "$work/set-uid"
entry 'set-uid' "$work/set-uid" "$work/where"
entry 'su -' su - root -c "$work/where"
! have sudo sudo || entry sudo sudo -n "$work/where"
if have service service; then
    printf '%s\n' '#!/bin/sh' "exec $work/where" >/etc/init.d/ipaddr-test
    chmod 755 /etc/init.d/ipaddr-test
    entry service service ipaddr-test start
fi

# What a session of sshd prints; sshd itself listens on 0.0.0.0, so at the address in either case.
session() {
    "$(command -v sshd)" -f "$work/sshd_config" && listeners 2222 >"$work/sshd.at" || return
    ssh -F none -i "$work/key" -p 2222 -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
        -o LogLevel=ERROR "root@$address" "$work/where"
    kill "$(cat "$work/sshd.pid")"
    silent 2222
}
if have sshd 'sshd' && have ssh-keygen 'sshd'; then
    mkdir -p /run/sshd
    ssh-keygen -q -t ed25519 -N '' -f "$work/host" && ssh-keygen -q -t ed25519 -N '' -f "$work/key"
    printf '%s\n' 'Port 2222' 'ListenAddress 0.0.0.0' "HostKey $work/host" "PidFile $work/sshd.pid" \
        'UsePAM no' 'PermitRootLogin yes' 'StrictModes no' "AuthorizedKeysFile $work/key.pub" \
        >"$work/sshd_config"
    entry 'a session of sshd' session
fi

# postfix, as it is installed but for the port: where master listens.
postfix_listens() {
    "$@" postfix start >"$work/postfix.log" 2>&1 || cat "$work/postfix.log"
    listeners 25
}
# Whether a child of master's has the library.
postfix_child() {
    tries=0
    until child=$(pgrep -o -x pickup) || [ "$tries" -eq 600 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    grep -c "$library" "/proc/$child/maps"
}
postfix_stop() {
    postfix stop >"$work/postfix.log" 2>&1
    silent 25
}
if have postfix postfix && have pgrep postfix; then
    copied /var/spool/postfix && copied /var/lib/postfix
    postconf -e 'inet_interfaces = all' 'inet_protocols = all' 'myhostname = test.invalid' \
        'mydestination =' 'alias_maps =' 'alias_database =' 'smtpd_tls_security_level = none'
    check 'postfix: free by LD_PRELOAD alone' '0.0.0.0:25 [::]:25' \
        "$(postfix_listens env LD_PRELOAD="$library" IPADDR_IPV4="$address" IPADDR_IPV6=loopback)"
    check 'postfix: a child, by LD_PRELOAD alone' 0 "$(postfix_child)"
    postfix_stop

    preload on
    check 'postfix: by /etc/ld.so.preload' "$address:25 [::1]:25" "$(postfix_listens env)"
    check 'postfix: a child, by /etc/ld.so.preload' yes "$([ "$(postfix_child)" -gt 0 ] && echo yes)"
    postfix_stop
    preload off

    postconf -e "import_environment = $(postconf -hd import_environment) LD_PRELOAD=$library IPADDR_IPV4=$address IPADDR_IPV6=loopback"
    check 'postfix: by import_environment' "$address:25 [::1]:25" "$(postfix_listens env)"
    check 'postfix: a child, by import_environment' yes "$([ "$(postfix_child)" -gt 0 ] && echo yes)"
    postfix_stop
    check 'postfix: what local and pipe start, by default' '' \
        "$(postconf -hd export_environment | grep LD_PRELOAD)"
fi

# PostgreSQL, by Debian's scripts.
cluster() {
    pg_ctlcluster "$version" ipaddr "$@" >"$work/cluster.log" 2>&1 || cat "$work/cluster.log"
}
if have pg_ctlcluster pg_ctlcluster; then
    for version in /usr/lib/postgresql/*; do
        version=${version##*/}
    done
    mount -t tmpfs -o mode=755 tmpfs /var/lib/postgresql
    pg_createcluster -d /var/lib/postgresql/ipaddr -l "$work/postgresql.log" -p 5599 "$version" ipaddr \
        -- --no-sync >"$work/cluster.log" 2>&1 || fail 'pg_createcluster' "$(cat "$work/cluster.log")"
    : >"$work/postgresql.log" && chown postgres "$work/postgresql.log"
    settings=/etc/postgresql/$version/ipaddr
    echo "listen_addresses = '*'" >>"$settings/postgresql.conf"

    LD_PRELOAD=$library IPADDR_IPV4=$address IPADDR_IPV6=loopback IPADDR_LOG=off cluster start
    check 'pg_ctlcluster: free by LD_PRELOAD alone' '0.0.0.0:5599 [::]:5599' "$(listeners 5599)"
    cluster -m fast stop
    silent 5599
    preload on
    cluster start
    check 'pg_ctlcluster: by /etc/ld.so.preload' "$address:5599 [::1]:5599" "$(listeners 5599)"
    cluster -m fast stop
    silent 5599
    preload off
    printf '%s\n' "LD_PRELOAD = '$library'" "IPADDR_IPV4 = '$address'" "IPADDR_IPV6 = 'loopback'" \
        >>"$settings/environment"
    cluster start
    check 'pg_ctlcluster: by its file environment' "$address:5599 [::1]:5599" "$(listeners 5599)"
    cluster -m fast stop
fi

# What stays free.
if have musl-gcc 'musl'; then
    cat >"$work/where.c" <<'END'
#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
int main(void) {
    struct sockaddr_in here = {.sin_family = AF_INET};
    socklen_t length = sizeof here;
    int server = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(server, (struct sockaddr *)&here, sizeof here) ||
        getsockname(server, (struct sockaddr *)&here, &length))
        return 1;
    puts(inet_ntoa(here.sin_addr));
}
END
    musl-gcc -o "$work/where-musl" "$work/where.c"
    preload on
    check 'musl: reads no /etc/ld.so.preload' 0.0.0.0 "$(env -i "$work/where-musl")"
    preload off
fi

# The way out, and what a missing library is: no restriction, with a line on stderr for each program.
preload on
mv "$library" "$library.away" 2>"$work/err"
said=$("$work/where" 2>"$work/err")
check 'no library: runs free' 0.0.0.0 "$said"
holds 'no library: said by ld.so' "$(cat "$work/err")" \
    "ERROR: ld.so: object '$library' from /etc/ld.so.preload cannot be preloaded (cannot open shared object file): ignored."
mv "$library.away" "$library" 2>"$work/err"
check 'the library is back' "$address" "$("$work/where")"
if have bash-static 'the way out by a static shell'; then
    bash-static -c ': >/etc/ld.so.preload'
    check 'the way out by a static shell' 0.0.0.0 "$("$work/where")"
fi

summary
