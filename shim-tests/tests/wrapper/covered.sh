# shellcheck shell=sh
# wrapper.sh sets what is used here, and the words in single quotes are for another shell.
# shellcheck disable=SC2154,SC2016
# What LD_PRELOAD can't cover is refused with status 126, unless forced.

# uncovered NAME REASON FILE: refused, and run by --force as it would be without the wrapper.
uncovered() {
    refused "covered: $1" 126 "$2" --ip 127.0.0.2 -- "$3"
    try "$3"
    bare="$status $out"
    try wrapper --ip 127.0.0.2 --force -- "$3"
    check "covered: $1, --force" "$bare" "$status $out"
}

# script NAME FIRST-LINE: a script that says that it ran.
script() {
    printf '%s\n: >"%s/ran.yes"\n' "$2" "$work" >"$work/$1"
    chmod 755 "$work/$1"
}

refused 'covered: not there' 127 'no-such-program: not found' --ip 127.0.0.2 no-such-program
refused 'covered: not there, by path' 127 '/nonexistent/x: not found' --ip 127.0.0.2 /nonexistent/x
refused 'covered: a directory' 126 "$work: expected a program" --ip 127.0.0.2 "$work"
printf 'text\n' >"$work/text"
refused 'covered: not executable' 126 "$work/text: expected a program" --ip 127.0.0.2 "$work/text"

true=/bin/true
cp "$true" "$work/plain"
try wrapper --ip 127.0.0.2 "$work/plain"
check 'covered: a dynamically linked program' 0 "$status"

printf 'int main(void) { return 7; }\n' >"$work/seven.c"
if have cc 'covered: static'; then
    cc -static -o "$work/static" "$work/seven.c"
    cc -static-pie -o "$work/static-pie" "$work/seven.c"
    uncovered static "$work/static is not covered by LD_PRELOAD: it is statically linked" "$work/static"
    uncovered static-pie 'it is statically linked' "$work/static-pie"
    script by-static "#!$work/static"
    uncovered 'static interpreter' \
        "$work/static, the interpreter of $work/by-static is not covered" "$work/by-static"
    script by-env "#!/usr/bin/env -S FOO=1 $work/static -x"
    uncovered 'static interpreter by env' 'it is statically linked' "$work/by-env"
    script by-script "#!$work/by-static"
    uncovered 'static interpreter of an interpreter' \
        "$work/static, the interpreter of $work/by-static, the interpreter of $work/by-script is" \
        "$work/by-script"

    # A dynamic linker that preloads nothing.
    cc -Wl,--dynamic-linker="$work/plain" -o "$work/other-linker" "$work/seven.c"
    refused 'covered: another dynamic linker' 126 \
        "$work/plain doesn't load $bin/libipaddr.so into it" --ip 127.0.0.2 "$work/other-linker"
fi

# by_nobody WORD…: the wrapper, as a user that isn't root: for root no program gains privileges, and
# the dynamic linker heeds LD_PRELOAD.
by_nobody() {
    # shellcheck disable=SC2086 # busybox sh is two words
    try setpriv --reuid 65534 --regid 65534 --clear-groups $shell "$bin/run-restricted.sh" "$@"
}

# privileged NAME REASON FILE: refused for nobody; for root its maps tell that it is covered.
privileged() {
    by_nobody --ip 127.0.0.2 -- "$3" libipaddr /proc/self/maps
    check "covered: $1: status" 126 "$status"
    holds "covered: $1" "$err" "$3 is not covered by LD_PRELOAD: $2"
    by_nobody --ip 127.0.0.2 --force -- "$3" -c libipaddr /proc/self/maps
    check "covered: $1, --force" '1 0' "$status $out"
    try wrapper --ip 127.0.0.2 "$3" -q libipaddr /proc/self/maps
    check "covered: $1, by root" 0 "$status"
}

if root_for 'covered: privileges' && have setpriv 'covered: privileges'; then
    grep=$(readlink -f "$(command -v grep)")
    cp "$grep" "$work/set-uid" && chmod 4755 "$work/set-uid"
    privileged set-uid 'it is set-uid or set-gid (expected the program that it is to start, as in sudo run-restricted.sh' \
        "$work/set-uid"
    cp "$grep" "$work/set-gid" && chmod 2755 "$work/set-gid"
    privileged set-gid 'it is set-uid or set-gid' "$work/set-gid"
    if have setcap 'covered: capabilities'; then
        cp "$grep" "$work/capable"
        setcap cap_net_raw+ep "$work/capable"
        privileged capabilities 'it has file capabilities' "$work/capable"
        ln -sf capable "$work/capable-link"
        privileged 'capabilities by a link' 'it has file capabilities' "$work/capable-link"
    fi
fi

# Programs that start others with an environment of their own: what those start would run free.
for words in 'sudo sh' 'service' 'postfix start' 'pg_ctlcluster 15 main start' 'env -i sh' 'env - sh' \
    'env A=b --ignore-environment sh' 'su -' 'su nobody -l' 'su --login nobody'; do
    have "${words%% *}" "covered: $words" || continue
    # shellcheck disable=SC2086 # words
    refused "covered: $words" 126 "${words%% *} starts programs without LD_PRELOAD" --ip 127.0.0.2 $words
done
script by-env-i '#!/usr/bin/env -i sh'
refused 'covered: env -i in a #! line' 126 'starts the program without LD_PRELOAD' --ip 127.0.0.2 "$work/by-env-i"
if root_for 'covered: su'; then
    try wrapper --ip 127.0.0.2 su nobody -s /bin/sh -c 'echo "$LD_PRELOAD"'
    check 'covered: su without -' "$bin/libipaddr.so" "$out"
fi
try wrapper --ip 127.0.0.2 env -u FOO A=-i sh -c 'echo "$LD_PRELOAD" -i'
check 'covered: env without -i' "$bin/libipaddr.so -i" "$out"

# Go makes system calls without libc, with cgo in a dynamically linked program.
if have go 'covered: Go'; then
    printf 'package main\n\nimport "C"\n\nfunc main() {}\n' >"$work/cgo.go"
    if CGO_ENABLED=1 GOCACHE=${GOCACHE:-$work/go-cache} GO111MODULE=off \
        go build -o "$work/cgo" "$work/cgo.go" >"$work/go.log" 2>&1; then
        refused 'covered: Go with cgo' 126 'it is a Go program' --ip 127.0.0.2 "$work/cgo"
    else
        fail 'covered: Go with cgo: build' "$(cat "$work/go.log")"
    fi
fi

# Where sh is static the library can't be queried.
if have bash-static 'covered: a static sh'; then
    mkdir -p "$work/static-sh"
    ln -sf "$(command -v bash-static)" "$work/static-sh/sh"
    PATH="$work/static-sh:$PATH" refused 'covered: a static sh' 125 \
        'expected an sh into which the library can be loaded, not a static one (--force does without)' \
        --ip 127.0.0.2 "$work/plain"
    PATH="$work/static-sh:$PATH" try wrapper --ip 127.0.0.2 --force "$work/plain"
    check 'covered: a static sh, --force' 0 "$status"
    rm -r "$work/static-sh"
fi

# The ELF header's e_machine, at 18, becomes EM_S390; EI_CLASS, at 4, ELFCLASS32.
cp "$true" "$work/machine" && printf '\026\000' | dd of="$work/machine" bs=1 seek=18 conv=notrunc 2>/dev/null
refused 'covered: another machine' 126 'it is for another machine than' --ip 127.0.0.2 "$work/machine"
cp "$true" "$work/class" && printf '\001' | dd of="$work/class" bs=1 seek=4 conv=notrunc 2>/dev/null
refused 'covered: another class' 126 'it is for another machine than' --ip 127.0.0.2 "$work/class"
head -c 30 "$true" >"$work/short" && chmod 755 "$work/short"
refused 'covered: a cut ELF header' 126 'its ELF header is cut short' --ip 127.0.0.2 "$work/short"

script no-line ': no first line that names an interpreter'
refused 'covered: no #! line' 126 'neither an ELF program nor a script' --ip 127.0.0.2 "$work/no-line"
script empty-line '#! '
refused 'covered: an empty #! line' 126 'its #! line names nothing' --ip 127.0.0.2 "$work/empty-line"
script lost '#!/nonexistent/interpreter'
refused 'covered: no such interpreter' 126 \
    "/nonexistent/interpreter, the interpreter of $work/lost: expected" --ip 127.0.0.2 "$work/lost"
script lost-by-env '#!/usr/bin/env no-such-program'
refused 'covered: no such interpreter by env' 127 'no-such-program, the interpreter of' \
    --ip 127.0.0.2 "$work/lost-by-env"
script dos "#!/bin/sh"
sed -i "1s/.*/#!\/bin\/sh$(printf '\r')/" "$work/dos"
refused 'covered: a #! line of DOS' 126 \
    "$work/dos: its #! line ends with a carriage return" --ip 127.0.0.2 "$work/dos"
script long "#!$(printf '%300s' /bin/sh)"
refused 'covered: a #! line that is too long' 126 \
    "$work/long is not covered by LD_PRELOAD: its #! line names nothing" --ip 127.0.0.2 "$work/long"
script loop "#!$work/loop"
refused 'covered: an interpreter of itself' 126 'too many interpreters' --ip 127.0.0.2 "$work/loop"
for line in '#!/bin/sh' '#! /bin/sh -e' '#!/usr/bin/env sh' '#!/usr/bin/env -S -u FOO sh -e'; do
    script covered "$line"
    try wrapper --ip 127.0.0.2 -- "$work/covered"
    check "covered: a script with $line" '0 yes' "$status $([ ! -e "$work/ran.yes" ] || echo yes)"
    rm -f "$work/ran.yes"
done

# What is found through a link has its libraries beside the file, not beside the link.
if have cc 'covered: $ORIGIN'; then
    mkdir -p "$work/opt/bin" "$work/opt/lib"
    printf 'int seven(void) { return 7; }\n' >"$work/opt/seven.c"
    printf 'int seven(void); int main(void) { return seven(); }\n' >"$work/opt/main.c"
    cc -shared -fPIC -o "$work/opt/lib/libseven.so" "$work/opt/seven.c"
    cc -o "$work/opt/bin/seven" "$work/opt/main.c" -L"$work/opt/lib" -lseven -Wl,-rpath,'$ORIGIN/../lib'
    ln -sf opt/bin/seven "$work/seven-link"
    try wrapper --ip 127.0.0.2 "$work/seven-link"
    check 'covered: $ORIGIN: through a link' '7 ' "$status $err"
    printf '#!%s\n' "$work/seven-link" >"$work/seven-script" && chmod 755 "$work/seven-script"
    try wrapper --ip 127.0.0.2 "$work/seven-script"
    check 'covered: $ORIGIN: through a link, for a script' '7 ' "$status $err"
    rm -r "$work/opt" "$work/seven-link" "$work/seven-script"
fi
if have java 'covered: java'; then
    try wrapper --ip 127.0.0.2 java -version
    check 'covered: java, a link on Debian' 0 "$status"
fi

# A program of another libc has to have the library in it too.
if have musl-gcc 'covered: musl'; then
    musl-gcc -o "$work/musl" "$work/seven.c"
    try wrapper --ip 127.0.0.2 "$work/musl"
    check 'covered: musl' 7 "$status"
fi

# Nobody can tell what is in it, and the kernel would run it.
if root_for 'covered: not readable' && have setpriv 'covered: not readable'; then
    cp "$true" "$work/secret" && chmod 711 "$work/secret"
    rm -f "$work/err"
    # shellcheck disable=SC2086 # busybox sh is two words
    out=$(setpriv --reuid 65534 --regid 65534 --clear-groups \
        $shell "$bin/run-restricted.sh" --ip 127.0.0.2 "$work/secret" 2>&1 </dev/null)
    check 'covered: not readable: status' 126 $?
    holds 'covered: not readable' "$out" 'it may not be read'
fi
