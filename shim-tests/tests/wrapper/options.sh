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

refused 'options: nothing is assigned' 125 'nothing is assigned: expected --ip' "$ran"
try wrapper --force sh -c 'echo "$LD_PRELOAD"'
check 'options: nothing is assigned, --force' "$bin/libipaddr.so" "$out"

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
