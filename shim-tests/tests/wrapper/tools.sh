# shellcheck shell=sh
# wrapper.sh sets what is used here, and the words in single quotes are for another shell.
# shellcheck disable=SC2154,SC2016
# A tool that isn't there: the wrapper says which, and nothing runs without the library.

tools=$work/tools
# The shell itself by its path, as PATH may not have it.
case $shell in
'busybox sh') tools_shell="$(command -v busybox) sh" ;;
*) tools_shell=$(command -v "$shell") ;;
esac

# with_tools: makes a directory that has all that may be needed.
with_tools() {
    rm -rf "$tools" && mkdir "$tools"
    for tool in env sh readlink sed od dd head tr uname find awk mkdir rmdir cat grep; do
        # shellcheck disable=SC2230 # the file, not a function or an alias
        if path=$(command -v "$tool"); then
            ln -s "$path" "$tools/$tool"
        fi
    done
}

rm -f "$work/ran.yes"
with_tools
# shellcheck disable=SC2086 # busybox sh is two words
try env PATH="$tools" $tools_shell "$bin/run-restricted.sh" --ip 127.0.0.2 "$ran"
check 'tools: all are there' '0 yes' "$status $([ ! -e "$work/ran.yes" ] || echo yes)"
# shellcheck disable=SC2086 # busybox sh is two words
try env PATH="$tools" IPADDR_IPV4=127.0.0.2 $tools_shell -c '. "$0"; echo "$? $LD_PRELOAD"' "$bin/run-restricted.sh"
check 'tools: all are there, sourced' "0 $bin/libipaddr.so" "$out"

for missing in env sh readlink sed od dd head tr; do
    with_tools
    rm -f "$tools/$missing" "$work/ran.yes"
    # shellcheck disable=SC2086 # busybox sh is two words
    try env PATH="$tools" $tools_shell "$bin/run-restricted.sh" --ip 127.0.0.2 "$ran"
    check "tools: no $missing: status" 125 "$status"
    holds "tools: no $missing" "$err" "$missing"
    [ ! -e "$work/ran.yes" ] || fail "tools: no $missing" 'the command ran'

    # shellcheck disable=SC2086 # busybox sh is two words
    try env PATH="$tools" IPADDR_IPV4=127.0.0.2 $tools_shell -c '. '"$bin/run-restricted.sh"'; echo "$? ${LD_PRELOAD-unset}"'
    case $missing:$out in
    # Not needed to be told that this is sourced in bash, or by -c.
    *":125 unset") pass "tools: no $missing, sourced" ;;
    *) fail "tools: no $missing, sourced" "expected: 125 unset
found:    $out" ;;
    esac
    holds "tools: no $missing, sourced: message" "$err" "$missing"
done

with_tools
rm "$tools/awk"
# shellcheck disable=SC2086 # busybox sh is two words
try env PATH="$tools" $tools_shell "$bin/run-restricted.sh" --ip 127.0.0.2 --cgroup / "$ran"
check 'tools: no awk, for --cgroup: status' 125 "$status"
holds 'tools: no awk, for --cgroup' "$err" 'awk: not found in PATH'
rm -r "$tools"
