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
holds 'sourced: nothing is assigned' "$err" 'nothing is assigned: expected --ip'

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
check 'sourced: what is left' LD_PRELOAD \
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

# dash passes no options to a sourced file: there they are those of the calling script.
if [ "$shell" = dash ]; then
    calling '. "$IT" "$@"; echo "$? $IPADDR_IPV4"' --ip 127.0.0.6
else
    calling '. "$IT" --ip 127.0.0.6; echo "$? $IPADDR_IPV4"'
fi
check 'sourced: --ip' '0 127.0.0.6' "$out"
calling '. "$IT"; . "$IT"; echo "$? $IPADDR_IPV4 $1"' --ip=127.0.0.6
check 'sourced: --ip, twice' '0 127.0.0.6 --ip=127.0.0.6' "$out"
calling '. "$IT"; set -- --ip 127.0.0.7; . "$IT" "$@"; echo "$? $IPADDR_IPV4"' --ip 127.0.0.6
check 'sourced: another --ip' '125 127.0.0.6' "$out"
holds 'sourced: another --ip: message' "$err" 'this shell has IPADDR_IPV4=127.0.0.6 and run_restricted_off'
calling '. "$IT"; echo "$?"' --ip 127.0.0.6 nginx
check 'sourced: a word that is no option' 125 "$out"
holds 'sourced: a word that is no option: message' "$err" 'unexpected word nginx'
calling '. "$IT"; echo "$?"' --ip 127.0.0.6 --cgroup /web
check 'sourced: --cgroup' 125 "$out"
holds 'sourced: --cgroup: message' "$err" '--cgroup: a sourced run-restricted.sh sets the environment only'
calling '. "$IT"; echo "$? ${LD_PRELOAD-unset}"' --help
holds 'sourced: --help' "$out" 'Examples:'
holds 'sourced: --help changes nothing' "$out" '0 unset'
