# shellcheck shell=sh
# wrapper.sh sets what is used here, and the words in single quotes are for another shell.
# shellcheck disable=SC2154,SC2016
# --guard: the same under ipaddr-guard, static programs too.

refused 'guard: there is none' 125 "there is no ipaddr-guard: expected one in $bin" \
    --guard --ip 127.0.0.2 "$ran"
cp "$guard" "$bin/" || exit
refused 'guard: nothing is assigned' 125 'nothing is assigned: expected IPADDR_IPV4' --guard "$ran"
refused 'guard: --ip' 125 '--ip:1: "10.0.0.300": expected' --guard --ip 10.0.0.300 "$ran"
RUN_RESTRICTED_GUARD=guard refused 'guard: relative' 125 'RUN_RESTRICTED_GUARD=guard: expected an absolute path' \
    --guard --ip 127.0.0.2 "$ran"
try wrapper --guard --ip 127.0.0.2 sh -c 'exit 7'
check 'guard: the exit status' 7 "$status"
try wrapper --guard --allow-unassigned sh -c 'echo "$IPADDR_IPV4|${LD_PRELOAD-unset}"'
check 'guard: --allow-unassigned, and no library' '|unset' "$out"
try wrapper --guard --ip 127.0.0.2 /nonexistent
check 'guard: no command' 127 "$status"
if have python3 guard; then
    bind='import socket
s = socket.socket()
s.bind(("0.0.0.0", 0))
print(s.getsockname()[0])'
    try wrapper --guard --ip 127.0.0.2 -- python3 -c "$bind"
    check 'guard: bind' 127.0.0.2 "$out"
    try wrapper --guard --ip 127.0.0.2 -- env -i python3 -c "$bind"
    check 'guard: without an environment' 127.0.0.2 "$out"
fi
if have cc guard; then
    printf 'int main(void) { return 7; }\n' >"$work/seven.c"
    cc -static -o "$work/static-seven" "$work/seven.c"
    refused 'guard: the remedy for static programs' 126 '(--guard covers it; --force runs it without)' \
        --ip 127.0.0.2 "$work/static-seven"
    try wrapper --guard --ip 127.0.0.2 "$work/static-seven"
    check 'guard: a static program' 7 "$status"
fi
rm -f "$bin/ipaddr-guard"
