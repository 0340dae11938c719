# shellcheck shell=sh
# wrapper.sh sets what is used here, and the words in single quotes are for another shell.
# shellcheck disable=SC2154,SC2016
# Run as a command or sourced: under whatever name, and by whatever way, the file knows which.

case $shell in
'busybox sh') called_line="#!$(command -v busybox) sh" ;;
*) called_line="#!$(command -v "$shell")" ;;
esac
named=$work/named
mkdir -p "$named" "$work/linked"
cp "$library" "$named/libipaddr.so"
{ echo "$called_line" && sed 1d "$bin/run-restricted.sh"; } >"$named/restrict"
chmod 755 "$named/restrict"
ln -sf "$named/restrict" "$work/linked/limit"

# as_command NAME: $out is what the command has printed.
as_command() {
    check "called: $1" "0 $named/libipaddr.so a  b" "$status $out"
    out=
}

print='echo "$LD_PRELOAD $*"'
try "$named/restrict" --ip 127.0.0.2 -- sh -c "$print" sh 'a  b'
as_command 'under another name'
try env -C "$named" ./restrict --ip 127.0.0.2 -- sh -c "$print" sh 'a  b'
as_command 'under another name, from its directory'
try env PATH="$named:$PATH" restrict --ip 127.0.0.2 -- sh -c "$print" sh 'a  b'
as_command 'under another name, found by PATH'
try "$work/linked/limit" --ip 127.0.0.2 -- sh -c "$print" sh 'a  b'
as_command 'through a link'
# shellcheck disable=SC2086 # busybox sh is two words
try env -C "$named" $shell restrict --ip 127.0.0.2 -- sh -c "$print" sh 'a  b'
as_command 'by the shell, without a slash'
# shellcheck disable=SC2086 # busybox sh is two words
try $shell -eu "$named/restrict" --ip 127.0.0.2 -- sh -c "$print" sh 'a  b'
as_command 'by the shell with options'
if [ "$shell" = bash ]; then
    try env PATH="$named:$PATH" bash restrict --ip 127.0.0.2 -- sh -c "$print" sh 'a  b'
    as_command 'by the shell, found by PATH'
fi

# as_source NAME: the same, of a shell that sources it.
as_source() {
    check "called: $1" "0 $named/libipaddr.so 127.0.0.4 --ip=0.0.0.0" "$status $out"
    out=
}

# shellcheck disable=SC2086 # busybox sh is two words
sourcing() {
    try env IPADDR_IPV4=127.0.0.4 $shell "$@"
}

print='echo "$LD_PRELOAD $IPADDR_IPV4 $*"'
sourcing -c '. "$0"; '"$print" "$named/restrict" --ip=0.0.0.0
as_source 'sourced by -c, with its own path for the name'
sourcing -ec '. "$0"; '"$print" "$named/restrict" --ip=0.0.0.0
as_source 'sourced by -ec, with its own path for the name'
sourcing -c ". $named/restrict; $print" sh --ip=0.0.0.0
as_source 'sourced by -c'
sourcing -c "cd $named && . ./restrict; $print" sh --ip=0.0.0.0
as_source 'sourced by a relative path'
sourcing -c "(. $work/linked/limit; $print)" sh --ip=0.0.0.0
as_source 'sourced through a link, in a subshell'
mkdir -p "$work/entry"
printf '#!/bin/sh\n. %s\n%s\n' "$named/restrict" "$print" >"$work/entry/run-restricted.sh"
sourcing "$work/entry/run-restricted.sh" --ip=0.0.0.0
as_source 'sourced by a script that is called run-restricted.sh'
printf '. %s\nset -- --ip=0.0.0.0\n%s >%s\n' "$named/restrict" "$print" "$work/said" >"$work/typed"
# shellcheck disable=SC2086 # busybox sh is two words
IPADDR_IPV4=127.0.0.4 ENV='' $shell -i <"$work/typed" >/dev/null 2>&1
status=$?
out=$(cat "$work/said")
as_source 'sourced by an interactive shell'

# Read from the standard input it is neither, and must not end as if it had run the command.
rm -f "$work/ran.yes"
for way in file pipe; do
    # shellcheck disable=SC2086 # busybox sh is two words
    case $way in
    file) out=$($shell -s -- --ip 127.0.0.2 "$ran" 2>&1 <"$named/restrict") ;;
    pipe) out=$(sed '' "$named/restrict" | $shell -s -- --ip 127.0.0.2 "$ran" 2>&1) ;;
    esac
    check "called: read from a $way: status" 125 $?
    holds "called: read from a $way" "$out" 'it is unknown where it was read from: expected it run as a file'
    [ ! -e "$work/ran.yes" ] || fail "called: read from a $way" 'the command ran'
done

# Other shells are told so, by whatever way. Once is enough.
if [ "$shell" = dash ]; then
    for other in zsh mksh ksh93 yash; do
        have "$other" "called: in $other" || continue
        try "$other" "$bin/run-restricted.sh" --ip 127.0.0.2 "$ran"
        check "called: $other: status" 125 "$status"
        holds "called: $other" "$err" ': expected sh, dash, bash or busybox ash'
        IPADDR_IPV4=127.0.0.4 try "$other" -c '. "$0"; echo "$? ${LD_PRELOAD-unset}"' "$bin/run-restricted.sh"
        check "called: $other, sourced" '125 unset' "$out"
        [ ! -e "$work/ran.yes" ] || fail "called: $other" 'the command ran'
    done
fi
rm -r "$named" "$work/linked" "$work/entry" "$work/typed" "$work/said"
