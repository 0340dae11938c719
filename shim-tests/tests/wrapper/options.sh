# shellcheck shell=sh
# wrapper.sh sets what is used here, and the words in single quotes are for another shell.
# shellcheck disable=SC2154,SC2016
# Options that can't be used: what was expected is said, and the command doesn't run.

refused 'options: none, and no command' 125 'expected a command'
refused 'options: no command' 125 'expected a command' --ip 127.0.0.2 --
refused 'options: unknown' 125 'unknown option --pi: expected one of those' --pi 127.0.0.2 "$ran"
refused 'options: a value missing' 125 '--ip: expected a value after it' --ip
for option in --ip --ip6 --policy --cgroup --create-cgroup --log; do
    refused "options: $option takes no option for its value" 125 \
        "$option: expected a value after it, not --log" "$option" --log "$ran"
done
refused 'options: an empty value' 125 '--ip: expected a value, not an empty one' --ip '' "$ran"
refused 'options: an empty value after =' 125 '--log: expected a value' --log= "$ran"
refused 'options: twice' 125 '--ip: given twice, 127.0.0.2 and 127.0.0.3' \
    --ip 127.0.0.2 --ip 127.0.0.3 "$ran"
refused 'options: --ip takes no -- for the address' 125 '--ip: expected a value after it, not --' \
    --ip -- "$ran"
refused 'options: --log' 125 '--log loud: expected off, error, info or debug' \
    --ip 127.0.0.2 --log loud "$ran"
refused 'options: --policy' 125 "--policy $work/none: expected a directory" \
    --policy "$work/none" "$ran"
refused 'options: --policy with a file' 125 "--policy $ran: expected a directory" \
    --policy "$ran" "$ran"
refused 'options: --cgroup, relative' 125 '--cgroup web: expected a path from the root cgroup on' \
    --ip 127.0.0.2 --cgroup web "$ran"
for path in /web/.. /../web /web/../..; do
    refused "options: --cgroup $path" 125 "--cgroup $path: expected a path" \
        --ip 127.0.0.2 --cgroup "$path" "$ran"
done

# What the library says of a list.
for address in 10.0.0.300 example.org 10.0.0.5/24 10.0.0.5/33 ::1 010.0.0.1; do
    refused "options: --ip $address" 125 '--ip:1: "' --ip "$address" "$ran"
    holds "options: --ip $address: what was expected" "$err" 'expected '
done
refused 'options: --ip6' 125 '--ip6:1: "10.0.0.5": is of another address family: expected an IPv6 address' --ip6 10.0.0.5 "$ran"
refused 'options: --ip with an empty entry' 125 '--ip:2: holds no entry: expected' --ip 10.0.0.5, "$ran"
IPADDR_IPV4='' refused 'options: an empty IPADDR_IPV4' 125 'IPADDR_IPV4:1: holds no entry' "$ran"

# Nothing is assigned: by nobody, by a word that says so, or by a policy that has nothing for this cgroup.
mkdir -p "$work/empty" "$work/others/ipaddr-test-no-such-cgroup"
echo 127.0.0.9 >"$work/others/ipaddr-test-no-such-cgroup/ipaddr.ipv4"
expected=': expected IPADDR_IPV4, IPADDR_IPV6 or a policy directory (set by --ip and --ip6; with --allow-unassigned'
refused 'options: nothing is assigned' 125 "nothing is assigned$expected" "$ran"
refused 'options: --ip 0.0.0.0' 125 "nothing is assigned$expected" --ip 0.0.0.0 "$ran"
refused 'options: --ip 0.0.0.0 and --ip6 ::' 125 "nothing is assigned$expected" --ip 0.0.0.0 --ip6 :: "$ran"
for directory in empty others; do
    refused "options: nothing is assigned by $directory" 125 "nothing is assigned to cgroup " \
        --policy "$work/$directory" "$ran"
    IPADDR_POLICY_DIR="$work/$directory" refused "options: nothing is assigned by $directory of the environment" \
        125 " in $work/$directory: expected a file of it or of a cgroup around it" "$ran"
done
SUDO_UID=1 refused 'options: nothing is assigned, by sudo' 125 'sudo clears the environment, but not options' "$ran"
for option in --allow-unassigned --force; do
    for words in '' '--ip 0.0.0.0' "--policy $work/others"; do
        # shellcheck disable=SC2086 # words
        IPADDR_REQUIRE=1 try wrapper $option $words sh -c 'echo "$LD_PRELOAD ${IPADDR_REQUIRE-unset}"'
        check "options: $option $words" "$bin/libipaddr.so unset" "$out"
    done
done
IPADDR_REQUIRE=0 try wrapper sh -c 'echo "$LD_PRELOAD $IPADDR_REQUIRE"'
check 'options: IPADDR_REQUIRE=0' "$bin/libipaddr.so 0" "$out"
IPADDR_REQUIRE=no refused 'options: IPADDR_REQUIRE=no' 125 'IPADDR_REQUIRE: "no": expected 1 or 0' --ip 127.0.0.2 "$ran"
IPADDR_REQUIRE='' try wrapper --ip 127.0.0.2 sh -c 'echo "$IPADDR_REQUIRE"'
check 'options: it is required' 1 "$out"
rm -r "$work/empty" "$work/others"

# A misspelt variable is no reason not to run, but is told where it may be the reason for another.
IPADDR_IPV_4=127.0.0.3 try wrapper --ip 127.0.0.2 sh -c 'echo "$IPADDR_IPV4"'
check 'options: a misspelt variable' '0 127.0.0.2 ' "$status $out $err"
IPADDR_IPV_4=127.0.0.3 try wrapper "$ran"
check 'options: a misspelt variable, and nothing is assigned: status' 125 "$status"
holds 'options: a misspelt variable, and nothing is assigned' "$err" 'IPADDR_IPV_4: is no variable of libipaddr'
holds 'options: a misspelt variable, and nothing is assigned: that' "$err" 'nothing is assigned'

# Who gives an IPv4 address alone gets no other, of IPv6 either.
ipv6='echo "${IPADDR_IPV6-unset}"'
for list in 127.0.0.2 127.0.0.2,127.0.0.3 127.0.0.0/24 none loopback; do
    try wrapper --ip "$list" sh -c "$ipv6"
    check "options: --ip $list means --ip6 loopback" loopback "$out"
done
try wrapper --ip 127.0.0.2 --ip6 none sh -c "$ipv6"
check 'options: --ip6 none' none "$out"
try wrapper --ip6 ::1 sh -c "$ipv6"' "${IPADDR_IPV4-unset}"'
check 'options: --ip6 alone' '::1 unset' "$out"
IPADDR_IPV6=::1 try wrapper --ip 127.0.0.2 sh -c "$ipv6"
check 'options: IPADDR_IPV6 goes before the default' ::1 "$out"
IPADDR_IPV6=::1 try wrapper --ip 127.0.0.2 --ip6 any sh -c "$ipv6"
check 'options: --ip6 any goes before the environment' unset "$out"
IPADDR_IPV4=127.0.0.2 try wrapper sh -c "$ipv6"
check 'options: IPADDR_IPV4 alone leaves IPv6 alone' unset "$out"
refused 'options: --ip6 any in a list' 125 '--ip6:1: "any": expected' --ip 127.0.0.2 --ip6 any,::1 "$ran"
if have python3 'options: IPv6 under --ip'; then
    reach='import socket, sys
server = socket.socket(socket.AF_INET6)
server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
server.bind(("::", 0))
print(server.getsockname()[0])
try:
    socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).connect(("2001:db8::1", 9))
    print("connected")
except OSError as error:
    print(error.errno)'
    IPADDR_LOG=off try wrapper --ip 127.0.0.2 python3 -c "$reach"
    check 'options: IPv6 under --ip' '::1
1' "$out"
    bare=$(python3 -c "$reach")
    IPADDR_LOG=off try wrapper --ip 127.0.0.2 --ip6 any python3 -c "$reach"
    check 'options: IPv6 under --ip with --ip6 any' "$bare" "$out"
fi

# A policy directory is made absolute, as the library takes no other.
mkdir -p "$work/policy"
printf '127.0.0.2\n' >"$work/policy/ipaddr.ipv4"
try eval '(cd "$work" && wrapper --policy policy sh -c "echo \"\$IPADDR_POLICY_DIR\"")'
check 'options: a relative --policy' "$work/policy" "$out"
refused 'options: --ip outside the policy' 125 \
    "127.0.0.3 is outside what $work/policy/ipaddr.ipv4:1 allows" \
    --policy "$work/policy" --ip 127.0.0.3 "$ran"
printf 'localhost\n' >"$work/policy/ipaddr.ipv4"
refused 'options: a malformed policy' 125 "$work/policy/ipaddr.ipv4:1: \"localhost\": expected" \
    --policy "$work/policy" "$ran"
rm -r "$work/policy"
