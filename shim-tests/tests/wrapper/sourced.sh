# shellcheck shell=sh
# wrapper.sh sets what is used here, and the words in single quotes are for another shell.
# shellcheck disable=SC2154,SC2016
# Sourced: the same environment in the calling shell, and nothing else.

# calling TEXT [ARGUMENT…]: a script that sources the file under test as $IT, run by the shell.
calling() {
    printf '%s\n' "$1" >"$work/calling.sh"
    shift
    export IT="$bin/run-restricted.sh"
    # shellcheck disable=SC2086 # busybox sh is two words
    try $shell "$work/calling.sh" "$@"
}

# state: everything of a shell that could change, as text.
state='state() {
    case ${BASH_VERSION-} in
    "") (set) ;;
    *) (set -o posix; set; declare -f; trap) | grep -v -e ^BASH_ -e ^_= -e ^PIPESTATUS ;;
    esac
    printf "%s\n" "options $-" "directory $(pwd)" "arguments $*" "umask $(umask)"
    (cd /proc/self/fd && ls) | wc -l
    export -p
}
'

calling 'set -eu
. "$IT"
env | grep -e ^LD_PRELOAD -e ^IPADDR_IPV4' nothing
check 'sourced: nothing is assigned: status' 125 "$status"
holds 'sourced: nothing is assigned' "$err" \
    'nothing is assigned: expected IPADDR_IPV4, IPADDR_IPV6 or a policy directory (with IPADDR_REQUIRE=0 it may be so)'
calling 'IPADDR_REQUIRE=0
. "$IT"
echo "$LD_PRELOAD"; run_restricted_off; echo "$IPADDR_REQUIRE $(env | grep -c ^IPADDR_REQUIRE)"'
check 'sourced: nothing is assigned, and need not be' "$bin/libipaddr.so
0 0" "$out"
calling 'IPADDR_IPV4=0.0.0.0
. "$IT"
echo "$? ${LD_PRELOAD-unset}"'
check 'sourced: 0.0.0.0' '125 unset' "$out"
calling 'IPADDR_IPV4=127.0.0.2
. "$IT"; env | grep ^IPADDR_REQUIRE; run_restricted_off; echo "${IPADDR_REQUIRE-unset}"'
check 'sourced: it is required' 'IPADDR_REQUIRE=1
unset' "$out"

# From here on the address is in the environment, as a container has it.
export IPADDR_IPV4=127.0.0.2
calling 'set -eu
. "$IT"
exec "$@"' sh -c 'echo "$LD_PRELOAD $IPADDR_IPV4 $*"' sh 'a  b' '' "it's"
check 'sourced: an entrypoint' "$bin/libipaddr.so 127.0.0.2 a  b  it's" "$out"
check 'sourced: says nothing' '' "$err"
check 'sourced: status' 0 "$status"

calling "$state"'
set -eu
state "$@" >"$0.before"
. "$IT"
state "$@" >"$0.between"
run_restricted_off
state "$@" >"$0.after"' 'a b' '*'
check 'sourced: off: status' '0 ' "$status $out"
holds 'sourced: the comparison sees the environment' \
    "$(diff "$work/calling.sh.before" "$work/calling.sh.between")" LD_PRELOAD=
check 'sourced: off undoes all of it' '' "$(diff "$work/calling.sh.before" "$work/calling.sh.after")"

# What is there in between is the environment and run_restricted_off.
calling '
names() { (set) | sed -n "s/^\([A-Za-z_][A-Za-z_0-9]*\).*/\1/p" | sort -u >"$1"; }
names "$0.before"
names "$0.before"
. "$IT"
names "$0.after"
diff "$0.before" "$0.after" | sed -n "s/^[<>] //p" | grep -e restricted -e LD_ -e IPADDR -e ^[a-z]
case ${BASH_VERSION-} in "") ;; *) declare -F ;; esac'
printf '%s\n' "$out" >"$work/left"
check 'sourced: what is left' 'IPADDR_REQUIRE
LD_PRELOAD' \
    "$(grep -v -e '^declare -f run_restricted_off' -e '^declare -f names' -e ^run_restricted_off "$work/left")"

calling 'set -- one "two  three" "*"
IFS=: ; set -fu
. "$IT"
printf "<%s>" "$@" "$IFS" "$-"' x
check 'sourced: odd separators: status' 0 "$status"
holds 'sourced: the arguments and IFS are kept' "$out" '<one><two  three><*><:>'
calling 'set -efuC; . "$IT"; case $- in *e*) ;; *) echo lost e;; esac
case $- in *f*) ;; *) echo lost f;; esac; case $- in *u*) ;; *) echo lost u;; esac
case $- in *C*) ;; *) echo lost C;; esac'
check 'sourced: the options are kept' '0 ' "$status $out"

calling 'set -eu
. "$IT"; first=$(env); . "$IT"
[ "$first" = "$(env)" ] && echo same
run_restricted_off
echo "${LD_PRELOAD-unset} $IPADDR_IPV4"
command -v run_restricted_off || echo gone'
check 'sourced: a second time changes nothing' "same
unset 127.0.0.2
gone" "$out"

calling 'set -eu
LD_PRELOAD=/nonexistent/other.so IPADDR_LOG=off
export LD_PRELOAD
. "$IT" 2>/dev/null
sh -c "echo \"\$LD_PRELOAD \$IPADDR_LOG\"" 2>/dev/null
run_restricted_off
sh -c "echo \"\$LD_PRELOAD \${IPADDR_LOG-not exported}\"" 2>/dev/null
echo "$IPADDR_LOG"'
check 'sourced: what was there comes back as it was' "$bin/libipaddr.so:/nonexistent/other.so off
/nonexistent/other.so not exported
off" "$out"

unset IPADDR_IPV4
calling 'IPADDR_IPV4=127.0.0.2
. "$IT" && sh -c "echo \$IPADDR_IPV4"'
check 'sourced: a variable of the shell is exported' 127.0.0.2 "$out"

for list in nonsense ''; do
    export IPADDR_IPV4="$list"
    calling "$state"'
. "$IT" || { echo "$?"; run_restricted_off 2>/dev/null || echo "${LD_PRELOAD-unset}"; }'
    check "sourced: IPADDR_IPV4=$list: nothing is changed" '125
unset' "$out"
    holds "sourced: IPADDR_IPV4=$list: message" "$err" 'IPADDR_IPV4:1: '
done
unset IPADDR_IPV4
for setting in IPADDR_IPV4=nonsense IPADDR_POLICY_DIR=relative; do
    calling "IPADDR_IPV4=127.0.0.4
unset IPADDR_POLICY_DIR
$setting"'
. "$IT"; echo "$? ${LD_PRELOAD-unset}"'
    check "sourced: $setting, not exported, is checked" '125 unset' "$out"
done
calling 'set -e; . "$IT"; echo "went on"'
check 'sourced: set -e ends the script' '125 ' "$status $out"
unset IPADDR_IPV4

calling '(export IPADDR_IPV4=127.0.0.4; . "$IT" && echo "$LD_PRELOAD $IPADDR_IPV4"); echo "${LD_PRELOAD-unset}"'
check 'sourced: in a subshell' "$bin/libipaddr.so 127.0.0.4
unset" "$out"
calling 'IPADDR_IPV4=127.0.0.4; PATH=${IT%/*}:$PATH; . run-restricted.sh; echo "$LD_PRELOAD"'
check 'sourced: found by PATH' "$bin/libipaddr.so" "$out"
calling 'f() { IPADDR_IPV4=127.0.0.4; . "$IT"; }; f one; echo "$LD_PRELOAD"'
check 'sourced: in a function' "$bin/libipaddr.so" "$out"

# The arguments are the calling script's, whatever they are: an entrypoint is started with the
# options of its server.
for way in '. "$IT"' 'f() { . "$IT"; }; f "$@"' 'set -eu; . "$IT"; . "$IT"'; do
    calling "IPADDR_IPV4=127.0.0.4
$way
"'echo "$LD_PRELOAD $IPADDR_IPV4 ${IPADDR_IPV6-unset} $*"' --ip=0.0.0.0 --ip6 any --force --policy /x --help
    check "sourced: not its arguments: $way" \
        "$bin/libipaddr.so 127.0.0.4 unset --ip=0.0.0.0 --ip6 any --force --policy /x --help" "$out"
done
calling 'set -- one; . "$IT"; echo "$? ${LD_PRELOAD-unset}"' --force
check 'sourced: nothing is assigned, and --force is the script'"'"'s' '125 unset' "$out"
# As real servers take it: Python's own, by an entrypoint.
printf '%s\n' '#!/bin/sh' 'set -eu' '. "$IT"' 'exec "$@"' >"$work/entrypoint"
chmod 755 "$work/entrypoint"
if have python3 'sourced: a server with an option --ip'; then
    IPADDR_IPV4=127.0.0.4 IPADDR_LOG=off IT="$bin/run-restricted.sh" try "$work/entrypoint" python3 -c '
import socket, sys
server = socket.create_server((sys.argv[1].partition("=")[2], 0))
print(server.getsockname()[0])' --ip=0.0.0.0
    check 'sourced: a server with an option --ip' '0 127.0.0.4' "$status $out"
fi

cp "$library" "$work/elsewhere.so"
calling 'RUN_RESTRICTED_LIBRARY='"$work/elsewhere.so"' IPADDR_IPV4=127.0.0.4
. "$IT"; sh -c "echo \"\$LD_PRELOAD \${RUN_RESTRICTED_LIBRARY-not exported}\""'
check 'sourced: RUN_RESTRICTED_LIBRARY' "$work/elsewhere.so not exported" "$out"
calling 'RUN_RESTRICTED_LIBRARY=elsewhere.so IPADDR_IPV4=127.0.0.4; . "$IT"; echo "$?"'
check 'sourced: RUN_RESTRICTED_LIBRARY, relative' 125 "$out"
holds 'sourced: RUN_RESTRICTED_LIBRARY, relative: message' "$err" 'RUN_RESTRICTED_LIBRARY=elsewhere.so: expected an absolute path'
rm "$work/elsewhere.so" "$work/entrypoint"
