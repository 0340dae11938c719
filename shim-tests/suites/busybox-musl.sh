#!/bin/sh
# A real musl program under the library: busybox, built by musl-gcc from Debian's source, with its
# ash, httpd and wget. As root with apt-get; exits 0 if all is well, 77 if it can't be tested here.
set -u

here=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd) && cd -- "$here" || exit
build=$here/target/busybox-musl
busybox=$build/busybox

cannot() {
    printf '%s\n' "$1"
    exit 77
}

# check NAME EXPECTED FOUND
check() {
    if [ "$2" = "$3" ]; then
        printf 'ok - %s\n' "$1"
    else
        printf 'not ok - %s\n# expected: %s\n# found:    %s\n' "$1" "$2" "$3"
        failed=yes
    fi
}

# The source package, by a list of sources that is used for this only.
fetch() {
    sources=/etc/apt/sources.list.d/debian.sources
    [ -e "$sources" ] || sources=/etc/apt/sources.list.d/ubuntu.sources
    [ -e "$sources" ] || cannot 'no sources in the deb822 form to get busybox from'
    mkdir -p parts lists
    sed 's/^Types:.*/Types: deb-src/' "$sources" >parts/source.sources
    for command in 'update -qq' 'source -qq --download-only busybox'; do
        # shellcheck disable=SC2086 # the words of the command
        apt-get -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$build/parts" \
            -o Dir::State::lists="$build/lists" -o APT::Sandbox::User=root $command ||
            cannot 'apt-get has no source of busybox'
    done
}

compile() {
    mkdir -p source
    tar -x --strip-components=1 -C source -f busybox_*.orig.tar.bz2 || return
    cd source || return
    make allnoconfig
    for option in ASH FEATURE_SH_MATH ASH_ECHO ASH_TEST ASH_PRINTF ASH_CMDCMD ASH_INTERNAL_GLOB \
        HTTPD WGET LFS LONG_OPTS PLATFORM_LINUX FEATURE_IPV6; do
        sed -i "s/^# CONFIG_$option is not set/CONFIG_$option=y/" .config
    done
    yes '' | make oldconfig
    make -j 2 CC=musl-gcc HOSTCC=cc SKIP_STRIP=y && cp busybox ..
}

# As the wrapper runs it, on an address and no other.
restricted() {
    address=$1
    shift
    "$here/run-restricted.sh" --ip "$address" -- "$busybox" "$@"
}

cleanup() {
    [ -z "$server" ] || kill "$server" 2>/dev/null
    rm -rf "$work"
}

if [ ! -x "$busybox" ]; then
    command -v musl-gcc >/dev/null || cannot 'musl-gcc is not installed'
    command -v apt-get >/dev/null || cannot 'apt-get is not installed'
    [ "$(id -u)" -eq 0 ] || cannot 'needs root'
    rm -rf "$build"
    mkdir -p "$build" && cd "$build" || exit
    fetch
    (compile) >build.log 2>&1 || {
        tail -20 build.log
        exit 1
    }
    cd "$here" || exit
fi

failed=
server=
work=$(mktemp -d) || exit
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# shellcheck disable=SC2016 # for the shell of busybox
count=$(restricted 127.78.0.1 ash -c 'while read -r line; do case $line in *libipaddr*) echo "$line"; esac; done </proc/self/maps' | wc -l)
check 'ash has the library' yes "$([ "$count" -gt 0 ] && echo yes)"
# shellcheck disable=SC2016 # for the shell of busybox
check 'ash sources run-restricted.sh' "127.78.0.1 $here/target/release/libipaddr.so" \
    "$(IPADDR_IPV4=127.78.0.1 "$busybox" ash -euc '. ./run-restricted.sh; echo "$IPADDR_IPV4 $LD_PRELOAD"')"

echo hello >"$work/index.html"
port=$((20000 + $$ % 10000))
# Not by the function, whose shell would be what is ended.
"$here/run-restricted.sh" --ip 127.78.0.2 -- \
    "$busybox" httpd -f -vv -p "$port" -h "$work" 2>"$work/log" >/dev/null &
server=$!
tries=0
until restricted 127.78.0.3 wget -q -O "$work/page" "http://127.78.0.2:$port/index.html" 2>/dev/null ||
    [ "$tries" -eq 100 ]; do
    sleep 0.1
    tries=$((tries + 1))
done
check 'httpd answers on its address' hello "$(cat "$work/page")"
for address in 127.0.0.1 127.78.0.1; do
    "$busybox" wget -q -O /dev/null "http://$address:$port/" 2>/dev/null
    check "httpd does not answer on $address" 1 $?
done
check 'wget comes from its address' 127.78.0.3 \
    "$(sed -n 's/^\[::ffff:\([0-9.]*\)\].*url.*/\1/p' "$work/log" | head -n 1)"
[ -z "$failed" ]
