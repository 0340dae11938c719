# shellcheck shell=sh
# wrapper.sh sets what is used here, and the words in single quotes are for another shell.
# shellcheck disable=SC2154,SC2016
# Where the wrapper finds the library, and what it says if there is none that can be used.

# place DIRECTORY: a wrapper in a directory of its own; sets $placed.
place() {
    placed=$1/run-restricted.sh
    mkdir -p "$1" && cp "$bin/run-restricted.sh" "$1/"
}

# placed WORD…: that wrapper in the shell under test.
placed() {
    # shellcheck disable=SC2086 # busybox sh is two words
    try $shell "$placed" "$@"
}

place "$work/tree"
mkdir -p "$work/tree/target/release" && cp "$library" "$work/tree/target/release/libipaddr.so"
placed --ip 127.0.0.2 sh -c 'echo "$LD_PRELOAD"'
check 'library: in target/release' "$work/tree/target/release/libipaddr.so" "$out"

place "$work/prefix/bin"
mkdir -p "$work/prefix/lib" && cp "$library" "$work/prefix/lib/libipaddr.so"
placed --ip 127.0.0.2 sh -c 'echo "$LD_PRELOAD"'
check 'library: in lib beside bin' "$work/prefix/bin/../lib/libipaddr.so" "$out"

mkdir -p "$work/prefix/lib/libipaddr" && cp "$library" "$work/prefix/lib/libipaddr/"
placed --ip 127.0.0.2 sh -c 'echo "$LD_PRELOAD"'
check 'library: as a package has it' "$work/prefix/lib/libipaddr/libipaddr.so" "$out"

installed=$(find /usr/local/lib /usr/lib -maxdepth 2 -name libipaddr.so 2>/dev/null)
if [ -n "$installed" ]; then
    skip 'library: none' "one is installed: $installed"
else
    place "$work/nowhere"
    placed --ip 127.0.0.2 "$ran"
    check 'library: none: status' 125 "$status"
    holds 'library: none' "$err" "there is no libipaddr.so: expected one in $work/nowhere"

    mkdir -p "$work/nowhere/src" && : >"$work/nowhere/src/lib.rs" && : >"$work/nowhere/Cargo.toml"
    PATH=/usr/bin:/bin placed --ip 127.0.0.2 "$ran"
    if (PATH=/usr/bin:/bin command -v cargo >/dev/null); then
        holds 'library: not built' "$err" 'could not be built'
    else
        holds 'library: no cargo' "$err" 'no cargo in PATH'
    fi
    check 'library: not built: status' 125 "$status"
fi

cp "$library" "$work/named.so"
RUN_RESTRICTED_LIBRARY="$work/named.so" try wrapper --ip 127.0.0.2 sh -c 'echo "$LD_PRELOAD"'
check 'library: by RUN_RESTRICTED_LIBRARY' "$work/named.so" "$out"
rm "$work/named.so"
RUN_RESTRICTED_LIBRARY="$work/named.so" refused 'library: none at RUN_RESTRICTED_LIBRARY' 125 \
    "RUN_RESTRICTED_LIBRARY=$work/named.so: expected a file" --ip 127.0.0.2 "$ran"

place "$work/with space"
cp "$library" "$work/with space/libipaddr.so"
placed --ip 127.0.0.2 "$ran"
check 'library: a path with a space: status' 125 "$status"
holds 'library: a path with a space' "$err" "can't hold"

# ld.so(8) would go on without it.
place "$work/broken"
printf 'no ELF\n' >"$work/broken/libipaddr.so"
placed --ip 127.0.0.2 "$ran"
[ "$status" -ne 0 ] || fail 'library: broken: status' "$status"
holds 'library: broken' "$err" "$work/broken/libipaddr.so"
[ ! -e "$work/ran.yes" ] || fail 'library: broken' 'the command ran'

# Built where there is none: once is enough.
if [ "$shell" = dash ] && have cargo 'library: built'; then
    mkdir -p "$work/source"
    (cd "$root" && tar -c --exclude=./target --exclude=./.git .) | tar -x -C "$work/source"
    placed=$work/source/run-restricted.sh
    placed --ip 127.0.0.2 sh -c 'echo "$LD_PRELOAD"'
    check 'library: built' "$work/source/target/release/libipaddr.so" "$out"
    built=$(stat -c %Y "$work/source/target/release/libipaddr.so")
    placed --ip 127.0.0.2 true
    check 'library: not built again' "0 $built " "$status $(stat -c %Y "$work/source/target/release/libipaddr.so") $err"

    # Older than a source: built anew, or not used. A policy that it hasn't heard of would be nothing to it.
    touch -d '+1 minute' "$work/source/crates/policy/src/lib.rs"
    IPADDR_IPV4=127.0.0.2 try dash -c '. "$0"; echo "$? ${LD_PRELOAD-unset}"' "$placed"
    check 'library: older than a source, sourced' '125 unset' "$out"
    holds 'library: older than a source, sourced: message' "$err" \
        "$work/source/target/release/libipaddr.so is older than $work/source/crates/policy/src/lib.rs: expected it built"
    rm -f "$work/ran.yes"
    try env PATH=/usr/bin:/bin dash "$placed" --ip 127.0.0.2 "$ran"
    if (PATH=/usr/bin:/bin command -v cargo >/dev/null); then
        skip 'library: older than a source, no cargo' 'cargo is in /usr/bin'
    else
        check 'library: older than a source, no cargo: status' 125 "$status"
        holds 'library: older than a source, no cargo' "$err" 'there is no cargo in PATH to build it'
        [ ! -e "$work/ran.yes" ] || fail 'library: older than a source, no cargo' 'the command ran'
    fi
    touch -d '2001-01-01' "$work/source/target/release/libipaddr.so"
    touch "$work/source/crates/policy/src/lib.rs"
    placed --ip 127.0.0.2 true
    check 'library: older than a source: status' 0 "$status"
    holds 'library: older than a source: built' "$err" 'Finished'
    placed --ip 127.0.0.2 true
    check 'library: built anew once' '0 ' "$status $err"
    rm -rf "$work/source"
fi
rm -rf "$work/tree" "$work/prefix" "$work/nowhere" "$work/with space" "$work/broken"
