# shellcheck shell=sh
# wrapper.sh sets what is used here, and the words in single quotes are for another shell.
# shellcheck disable=SC2154,SC2016
# The wrapper as a command: the environment, the arguments, the status, and nothing in between.

try wrapper --ip 127.0.0.2 --ip6 none --log info -- env
check 'command: status 0' 0 "$status"
for line in "LD_PRELOAD=$bin/libipaddr.so" IPADDR_IPV4=127.0.0.2 IPADDR_IPV6=none IPADDR_LOG=info \
    IPADDR_POLICY_DIR=/nonexistent/ipaddr; do
    check "command: sets ${line%%=*}" "$line" "$(printf '%s\n' "$out" | grep -Fx -- "$line")"
done
# IPADDR_LATCH is the library's own.
check 'command: nothing else of ours' '' "$(printf '%s\n' "$out" |
    grep -e ^IPADDR_ -e ^LD_PRELOAD -e ^RUN_RESTRICTED -e ^run_restricted |
    grep -v -e ^LD_PRELOAD= -e ^IPADDR_IPV4= -e ^IPADDR_IPV6= -e ^IPADDR_LOG= \
        -e ^IPADDR_POLICY_DIR= -e ^IPADDR_REQUIRE= -e ^IPADDR_LATCH= \
        -e ^IPADDR_LATCH=)"
holds 'command: --log info tells what is assigned' "$err" ': IPv4 127.0.0.2 by IPADDR_IPV4:1, IPv6 none by'
try wrapper --ip 127.0.0.2 env
check 'command: says nothing' '' "$err"

# The library is in the process, not just in the environment.
try wrapper --ip 127.0.0.2 grep -c libipaddr.so /proc/self/maps
check 'command: without --' 0 "$status"
[ "$out" -gt 0 ] || fail 'command: the library is loaded' "$out"

try wrapper --ip=127.0.0.2 --log=off -- sh -c 'echo "$IPADDR_IPV4 $IPADDR_LOG"'
check 'command: --option=value' '127.0.0.2 off' "$out"

IPADDR_IPV4=127.0.0.3 try wrapper sh -c 'echo "$IPADDR_IPV4"'
check 'command: an address from the environment' 127.0.0.3 "$out"
IPADDR_IPV4=127.0.0.3 try wrapper --ip 127.0.0.2 sh -c 'echo "$IPADDR_IPV4"'
check 'command: an option goes before the environment' 127.0.0.2 "$out"

odd="it's"
newline='two
lines'
try wrapper --ip 127.0.0.2 -- printf '<%s>' 'a  b' '' '*' "$odd" "$newline" -- --ip '$HOME' '\n'
check 'command: odd arguments' "<a  b><><*><$odd><$newline><--><--ip><\$HOME><\\n>" "$out"
try wrapper --ip 127.0.0.2 -- sh -c 'echo $#'
check 'command: no arguments' 0 "$out"

try wrapper --ip 127.0.0.2 -- sh -c 'exit 42'
check 'command: its status' 42 "$status"

out=$(echo one line | wrapper --ip 127.0.0.2 -- cat)
check 'command: its standard input' 'one line' "$out"

rm -f "$work/pid"
# shellcheck disable=SC2086 # busybox sh is two words
$shell "$bin/run-restricted.sh" --ip 127.0.0.2 -- sh -c 'echo $$; exec sleep 60' >"$work/pid" &
started=$!
tries=0
until [ -s "$work/pid" ] || [ "$tries" -eq 600 ]; do
    sleep 0.1
    tries=$((tries + 1))
done
check 'command: the same process' "$started" "$(cat "$work/pid")"
kill -TERM "$started"
wait "$started" 2>/dev/null
check 'command: ended by a signal' 143 $?

# shellcheck disable=SC2086 # busybox sh is two words
try env LD_PRELOAD=/nonexistent/other.so $shell "$bin/run-restricted.sh" --ip 127.0.0.2 -- sh -c 'echo "$LD_PRELOAD"'
check 'command: an LD_PRELOAD is kept' "$bin/libipaddr.so:/nonexistent/other.so" "$out"
try wrapper --ip 127.0.0.2 -- "$bin/run-restricted.sh" --ip 127.0.0.2 -- sh -c 'echo "$LD_PRELOAD"'
check 'command: preloaded once' "$bin/libipaddr.so" "$out"

for option in --help -h; do
    try wrapper --ip 127.0.0.2 "$option"
    check "command: $option: status" 0 "$status"
    holds "command: $option" "$out" './run-restricted.sh --ip 127.0.0.2 -- python3 -m http.server 8080'
done

# The script and the library tell their versions, which are the workspace's.
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$root/Cargo.toml")
try wrapper --version
check 'command: --version' "0 run-restricted.sh $version
libipaddr $version ($bin/libipaddr.so)" "$status $out"
cp /bin/true "$work/true.so"
RUN_RESTRICTED_LIBRARY="$work/true.so" try wrapper --version
check 'command: --version of another file: status' 125 "$status"
holds 'command: --version of another file' "$err" "$work/true.so: tells no version"
rm "$work/true.so"
