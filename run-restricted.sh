#!/bin/sh
# run-restricted.sh: runs a command under libipaddr.so, or, sourced, sets a shell up for that (--help).
#
# What is to be done is planned in another process, which checks everything and prints a few lines of
# shell. Only those are carried out by this shell or the calling one, so what fails leaves nothing
# half-applied. A calling shell's arguments, options and functions are neither read nor changed.

case ${ZSH_VERSION+zsh}${KSH_VERSION+ksh}${YASH_VERSION+yash} in
'') ;;
*)
    printf 'run-restricted.sh: this shell is %s: expected sh, dash, bash or busybox ash; as a command it works from every shell: sh run-restricted.sh --ip ADDR -- COMMAND\n' \
        "${ZSH_VERSION+zsh}${KSH_VERSION+ksh}${YASH_VERSION+yash}" >&2
    # shellcheck disable=SC2317 # reached where there is nothing to return from
    return 125 2>/dev/null || exit 125
    ;;
esac

# $$ would be another process if this is a subshell.
IFS=' ' read -r run_restricted_pid run_restricted_lines </proc/self/stat || run_restricted_pid=
# Prints "command" if this file is run as one, or else the lines for the shell that sources it.
run_restricted_lines=$(
    set +efu
    unset IFS
    variables='LD_PRELOAD IPADDR_IPV4 IPADDR_IPV6 IPADDR_POLICY_DIR IPADDR_CGROUP_CONTROLLER IPADDR_LOG
        IPADDR_LOG_FILE IPADDR_REQUIRE RUN_RESTRICTED_LIBRARY'
    newline='
'

    stop() {
        printf 'run-restricted.sh: %s\n' "$1" >&2
        exit 125
    }

    # Whether a file is this one or a copy, under whatever name: by its second line.
    is_this() {
        [ -f "$1" ] && { IFS= read -r line && IFS= read -r line; } 2>/dev/null <"$1" || return 1
        case $line in
        '# run-restricted.sh: runs a command under libipaddr.so, or, sourced, '*) ;;
        *) return 1 ;;
        esac
    }

    # Whether this shell was started to run this file. With -c the caller may have chosen any $0.
    is_command() {
        is_this "$0" || is_this "$(command -v "$0")" || return 1
        words=$(tr '\0\n' '\n ' <"/proc/$$/cmdline")$newline ||
            stop 'it is unknown how it was started: expected tr in PATH and /proc'
        case $words in
        *"$newline$0$newline"*) ;;
        *) stop "it is unknown whether it is sourced or run: expected $0 in /proc/$$/cmdline" ;;
        esac
        options=${words%%"$newline$0$newline"*}
        while :; do
            case $options in
            *"$newline"*) options=${options#*"$newline"} ;;
            *) return 0 ;;
            esac
            case ${options%%"$newline"*} in
            --*) ;;
            -*c*) return 1 ;;
            esac
        done
    }

    # Sets $file: bash says where this file is, other shells keep it open while they read it.
    find_file() {
        # shellcheck disable=SC3028 # empty where it isn't bash
        file=${BASH_SOURCE-}
        [ -z "$file" ] || return 0
        highest=0
        for descriptor in "/proc/$run_restricted_pid/fd"/*; do
            [ "${descriptor##*/}" -gt "$highest" ] 2>/dev/null && is_this "$descriptor" || continue
            highest=${descriptor##*/}
        done
        [ "$highest" -eq 0 ] || file=$(readlink -- "/proc/$run_restricted_pid/fd/$highest")
    }

    if is_command; then
        echo command
        exit
    fi
    find_file
    is_this "$file" ||
        stop 'it is unknown where it was read from: expected it run as a file, or sourced from one, with readlink in PATH and /proc'
    command -v sh >/dev/null || stop 'sh: not found in PATH: expected it there'
    again=$(command -v run_restricted_off)
    exported=
    for name in $variables; do
        eval "[ -n \"\${$name+set}\" ]" || continue
        # shellcheck disable=SC2016 # for the inner shell
        ! sh -c 'eval "[ -n \"\${$0+set}\" ]"' "$name" || exported="$exported $name"
    done
    for name in $variables; do
        eval "[ -z \"\${$name+set}\" ]" || export "${name?}"
    done
    case $file in
    /*) ;;
    *) file=./$file ;;
    esac
    exec sh "$file" --lines-for-a-calling-shell "$exported" "$again"
) || run_restricted_lines='return 125 2>/dev/null || exit 125'
case $run_restricted_lines in
command) ;;
*)
    eval "unset run_restricted_lines run_restricted_pid
$run_restricted_lines"
    return
    ;;
esac

help() {
    cat <<'HELP'
Usage: run-restricted.sh [OPTION…] [--] COMMAND [ARGUMENT…]
  or:  . run-restricted.sh

Runs COMMAND under libipaddr.so, so that it uses the IP address it is assigned and no other.

  --ip ADDR       assign IPv4: an address (10.0.0.5), or entries separated by commas: addresses,
                  networks (10.1.0.0/24), exclusions (!10.1.0.1); or one of the words loopback and
                  none; sets IPADDR_IPV4
  --ip6 ADDR      the same for IPv6; sets IPADDR_IPV6. Without it, and without IPADDR_IPV6 in the
                  environment, --ip means --ip6 loopback: of IPv6 only ::1. --ip6 any leaves IPv6 to
                  the policy directory; where that assigns none, COMMAND may use all of it
  --policy DIR    the policy directory, in the place of /etc/ipaddr; sets IPADDR_POLICY_DIR
  --cgroup PATH   join this cgroup (/web/a), which has to be there; needs root or a delegated cgroup
  --create-cgroup PATH
                  the same, but make it first if it isn't there
  --guard         run COMMAND under ipaddr-guard instead of the library: static and Go programs too,
                  and whatever it starts
  --log LEVEL     off, error, info or debug; sets IPADDR_LOG
  --allow-unassigned
                  run COMMAND even if nothing is assigned (otherwise IPADDR_REQUIRE=1 is set, unless
                  the environment has IPADDR_REQUIRE=0)
  --force         that, and run COMMAND even if it isn't covered
  -h, --help      this text
  --version       the version of this script, and of the library that it would use

What isn't given is taken from the environment. An LD_PRELOAD that is there is kept.
RUN_RESTRICTED_LIBRARY is the path of the library; without it the wrapper searches for one.
RUN_RESTRICTED_GUARD is likewise the path of ipaddr-guard, for --guard.

Sourced, it takes everything from the environment (IPADDR_*, RUN_RESTRICTED_LIBRARY) and nothing
from the arguments of the calling script, sets LD_PRELOAD and what belongs to it in the calling
shell, and does nothing else; run_restricted_off undoes it.

The exit status is COMMAND's, or
  125  an option, the policy or the library can't be used, nothing is assigned, or a tool is missing
  126  COMMAND can't be executed, or LD_PRELOAD doesn't cover it: static, a Go program, set-uid,
       set-gid or with file capabilities (unless root runs it), or for another machine; scripts are
       judged by their interpreter, other programs that COMMAND starts are not judged; or it is one
       of sudo, su -, env -i, service, postfix and pg_ctlcluster, which clear the environment
  127  COMMAND isn't there

Examples:
  ./run-restricted.sh --ip 127.0.0.2 -- python3 -m http.server 8080
  ./run-restricted.sh --ip 10.0.0.5 --ip6 none --log info -- curl http://10.0.0.6/
  ./run-restricted.sh --policy /srv/ipaddr --cgroup /web/a -- nginx
  IPADDR_IPV4=10.0.0.5; . ./run-restricted.sh || exit; exec "$@"
HELP
}

# fail STATUS MESSAGE: ends the subshell that plans.
fail() {
    printf 'run-restricted.sh: %s\n' "$2" >&2
    exit "$1"
}

# quote VALUE: as one word of shell.
quote() {
    rest=$1
    quoted=
    while :; do
        case $rest in
        *"'"*)
            quoted="$quoted${rest%%"'"*}'\\''"
            rest=${rest#*"'"}
            ;;
        *) break ;;
        esac
    done
    printf "'%s'" "$quoted$rest"
}

# need TOOL…: ends the plan if one isn't there.
need() {
    for tool in "$@"; do
        command -v "$tool" >/dev/null ||
            fail 125 "$tool: not found in PATH: expected it there, run-restricted.sh needs it"
    done
}

# Prints what is to be carried out: plan ARGUMENT…
plan() {
    set -eu +f
    mode='command'
    words=$#
    ip='' ip6='' policy='' cgroup='' create='' log='' force='' unassigned='' exported='' again='' undo=''
    procs='' made='' depth=0 guard=''
    if [ "${1-}" = --lines-for-a-calling-shell ]; then
        mode=source
        exported=$2
        again=$3
    else
        parse_options "$@"
        shift $((words - left))
        [ -z "$answer" ] || {
            printf '%s; exit\n' "$answer"
            return
        }
        [ $# -gt 0 ] || fail 125 'expected a command; --help has examples'
    fi

    option=--${create:+create-}cgroup
    need env sh readlink sed od dd head tr
    [ -z "$policy" ] || absolute_policy
    settle_ipv6
    settle_require
    if [ -n "$guard" ]; then
        find_guard
        preload=${LD_PRELOAD-}
    else
        find_library
        compose_preload
        [ "$mode" = source ] || check_command "$@"
    fi
    enter_cgroup
    print_lines
    [ "$mode" = source ] || echo "shift $((words - $#))"
    [ -z "$guard" ] || printf 'set -- %s%s -- "$@"\n' "$(quote "$guard")" "${unassigned:+ --allow-unassigned}"
}

# Sets $left: how many words are no options; and $answer, if an option only prints something.
parse_options() {
    answer=
    while [ $# -gt 0 ]; do
        case $1 in
        -h | --help) answer=help ;;
        --version) answer=version ;;
        --force) force=yes unassigned=yes ;;
        --allow-unassigned) unassigned=yes ;;
        --guard) guard=yes ;;
        --ip=* | --ip6=* | --policy=* | --cgroup=* | --create-cgroup=* | --log=*)
            take_option "${1%%=*}" "${1#*=}"
            ;;
        --ip | --ip6 | --policy | --cgroup | --create-cgroup | --log)
            [ $# -gt 1 ] || fail 125 "$1: expected a value after it"
            case $2 in
            --*) fail 125 "$1: expected a value after it, not $2" ;;
            esac
            take_option "$1" "$2"
            shift
            ;;
        --)
            shift
            break
            ;;
        -*) fail 125 "unknown option $1: expected one of those that --help lists" ;;
        *) break ;;
        esac
        shift
    done
    left=$#
}

# take_option NAME VALUE
take_option() {
    [ -n "$2" ] || fail 125 "$1: expected a value, not an empty one"
    case $1 in
    --ip) earlier=$ip ip=$2 ;;
    --ip6) earlier=$ip6 ip6=$2 ;;
    --policy) earlier=$policy policy=$2 ;;
    --cgroup) earlier=$cgroup cgroup=$2 ;;
    --create-cgroup) earlier=$cgroup cgroup=$2 create=yes ;;
    --log) earlier=$log log=$2 ;;
    esac
    [ -z "$earlier" ] || fail 125 "$1: given twice, $earlier and $2"
    case $1=$2 in
    --log=off | --log=error | --log=info | --log=debug) ;;
    --log=*) fail 125 "--log $2: expected off, error, info or debug" ;;
    --*cgroup=*/../* | --*cgroup=*/.. | --*cgroup=[!/]*)
        fail 125 "$1 $2: expected a path from the root cgroup on, for example /web/a, without .."
        ;;
    esac
}

# The library takes an absolute path only.
absolute_policy() {
    directory=$(CDPATH='' cd -- "$policy" 2>/dev/null && pwd) ||
        fail 125 "--policy $policy: expected a directory that can be entered"
    policy=$directory
}

# With an IPv4 address alone, no other address is expected, of IPv6 either. (0.0.0.0 assigns nothing.)
settle_ipv6() {
    leave_ipv6=
    if [ "$ip6" = any ]; then
        leave_ipv6=yes
        ip6=
        unset IPADDR_IPV6
    elif [ -z "$ip6${IPADDR_IPV6+set}" ] && [ -n "$ip" ] && [ "$ip" != 0.0.0.0 ]; then
        ip6=loopback
    fi
}

# Sets $require: with 1 the library takes it for a mistake that nothing is assigned.
settle_require() {
    require=${IPADDR_REQUIRE:-1}
    if [ -n "$unassigned" ]; then
        require=
        unset IPADDR_REQUIRE
    fi
}

# The file that this shell runs. bash searches PATH for it too.
own_file() {
    case $0 in
    */*) own=$0 ;;
    *) own=./$0 ;;
    esac
    [ -f "$own" ] || own=$(command -v "$0") || return 1
    readlink -f -- "$own"
}

# Sets $library.
find_library() {
    here=$(own_file) || fail 125 "$0: readlink -f can't tell where it is"
    here=${here%/*}
    library=${RUN_RESTRICTED_LIBRARY-}
    [ -z "${RUN_RESTRICTED_LIBRARY+set}" ] || {
        case $library in
        /*) ;;
        *) fail 125 "RUN_RESTRICTED_LIBRARY=$library: expected an absolute path" ;;
        esac
        [ -f "$library" ] || fail 125 "RUN_RESTRICTED_LIBRARY=$library: expected a file"
        return
    }
    need uname
    machine=$(uname -m) || fail 125 "uname -m has failed"
    library=$here/libipaddr.so
    [ ! -f "$library" ] || return 0
    library=$here/target/release/libipaddr.so
    if [ -f "$here/Cargo.toml" ] && [ -f "$here/src/lib.rs" ]; then
        build_library
        return
    fi
    for library in "$library" "${here%/*}/lib/libipaddr/libipaddr.so" "$here/../lib/libipaddr.so" \
        /usr/local/lib/libipaddr.so /usr/local/lib/libipaddr/libipaddr.so /usr/lib/libipaddr/libipaddr.so \
        "/usr/lib/$machine-linux-gnu/libipaddr.so" /usr/lib64/libipaddr.so /usr/lib/libipaddr.so; do
        [ ! -f "$library" ] || return 0
    done
    fail 125 "there is no libipaddr.so: expected one in $here or in the system's library directories, for example /usr/local/lib, or its path in RUN_RESTRICTED_LIBRARY"
}

# In a source tree $library is built, if it isn't there or is older than the sources.
build_library() {
    instead='the path of a library in RUN_RESTRICTED_LIBRARY'
    build "$library" ipaddr "$here/src" "$here/crates/policy/src" "$here/crates/socket/src" \
        "$here/build.rs"
}

# build FILE PACKAGE SOURCE…
build() {
    product=$1
    package=$2
    shift 2
    lacks="there is no $product"
    if [ -f "$product" ]; then
        need find
        newer=$(find "$@" -name '*.rs' -newer "$product") ||
            fail 125 "it is unknown whether $product is older than the sources: find has failed"
        [ -n "$newer" ] || return 0
        lacks="$product is older than ${newer%%"
"*}"
    fi
    [ "$mode" = command ] ||
        fail 125 "$lacks: expected it built, by cargo build --release -p $package"
    command -v cargo >/dev/null ||
        fail 125 "$lacks, and there is no cargo in PATH to build it: expected cargo, or $instead"
    (
        cd -- "$here" &&
            env -u CARGO_BUILD_TARGET cargo build --release -p "$package" --target-dir target &&
            [ -f "$product" ]
    ) </dev/null >&2 ||
        fail 125 "$product could not be built: expected cargo build --release -p $package to make it"
    # Where cargo found nothing to do, so that it isn't called each time.
    touch -- "$product" 2>/dev/null || :
}

# Sets $guard: the path of ipaddr-guard, found as the library is.
find_guard() {
    here=$(own_file) || fail 125 "$0: readlink -f can't tell where it is"
    here=${here%/*}
    if [ -n "${RUN_RESTRICTED_GUARD+set}" ]; then
        guard=$RUN_RESTRICTED_GUARD
        case $guard in
        /*) ;;
        *) fail 125 "RUN_RESTRICTED_GUARD=$guard: expected an absolute path" ;;
        esac
        [ -f "$guard" ] || fail 125 "RUN_RESTRICTED_GUARD=$guard: expected a file"
        return
    fi
    guard=$here/ipaddr-guard
    [ ! -f "$guard" ] || return 0
    guard=$here/target/release/ipaddr-guard
    if [ -f "$here/Cargo.toml" ] && [ -f "$here/crates/guard/Cargo.toml" ]; then
        instead='the path of ipaddr-guard in RUN_RESTRICTED_GUARD'
        build "$guard" ipaddr-guard "$here/crates/guard/src" "$here/crates/host/src" \
            "$here/crates/policy/src" "$here/crates/socket/src"
        return
    fi
    for guard in "$guard" "$here/../bin/ipaddr-guard" /usr/local/bin/ipaddr-guard \
        /usr/bin/ipaddr-guard; do
        [ ! -f "$guard" ] || return 0
    done
    fail 125 "there is no ipaddr-guard: expected one in $here, /usr/local/bin or /usr/bin, or its path in RUN_RESTRICTED_GUARD"
}

# Prints the versions; the library carries its own as text.
version() {
    printf 'run-restricted.sh %s\n' "$version"
    (
        set -u +ef
        # Nothing is built for an answer.
        # shellcheck disable=SC2030
        mode=source
        need readlink tr sed
        find_library
        carried=$(tr -c '[:print:]' '\n' <"$library" | sed -n '/libipaddr [0-9]/{
            s/.*\(libipaddr [0-9]*\.[0-9]*\.[0-9]*\).*/\1/p
            q
        }')
        [ -n "$carried" ] || fail 125 "$library: tells no version: expected libipaddr and a number in it"
        printf '%s (%s)\n' "$carried" "$library"
    )
}

# Sets $preload: the library, and what LD_PRELOAD holds.
compose_preload() {
    [ -r "$library" ] || fail 125 "$library: expected a file that may be read"
    case $library in
    *[:\ \$]*)
        fail 125 "$library: expected a path without a colon, a space or a dollar sign, which LD_PRELOAD can't hold"
        ;;
    esac
    case " ${LD_PRELOAD-} " in
    *[\ :]"$library"[\ :]*) preload=$LD_PRELOAD ;;
    *) preload=$library${LD_PRELOAD:+:$LD_PRELOAD} ;;
    esac
}

# The command has to be a file that exists, one that LD_PRELOAD covers, and one that hands it on.
check_command() {
    file=$(which "$1")
    [ -e "$file" ] || fail 127 "$1: not found"
    { [ -f "$file" ] && [ -x "$file" ]; } ||
        fail 126 "$1: expected a program that may be executed"
    [ -z "$force" ] || return 0
    ! clears_environment "$@" ||
        fail 126 "$1 starts programs without LD_PRELOAD, which so run unrestricted: expected the program itself (as in sudo run-restricted.sh --ip ADDR -- COMMAND), or the library set by $1's own configuration or /etc/ld.so.preload (--force runs it all the same)"
    covered "$file" ''
}

# clears_environment COMMAND ARGUMENT…: whether it is known to start programs with an environment of
# its own.
clears_environment() {
    case ${1##*/} in
    sudo | service | postfix | pg_ctlcluster) return 0 ;;
    su)
        for word in "$@"; do
            case $word in
            - | -l* | --login) return 0 ;;
            esac
        done
        ;;
    env)
        while [ $# -gt 1 ]; do
            shift
            case $1 in
            - | -i* | --ignore-environment) return 0 ;;
            -* | *=*) ;;
            *) break ;;
            esac
        done
        ;;
    esac
    return 1
}

# which NAME: what execvp(3) would execute.
which() {
    case $1 in
    */*)
        printf '%s\n' "$1"
        return
        ;;
    esac
    found=
    rest=${PATH-/bin:/usr/bin}:
    while [ -n "$rest" ]; do
        directory=${rest%%:*}
        rest=${rest#*:}
        candidate=${directory:-.}/$1
        if [ -f "$candidate" ] && [ -x "$candidate" ]; then
            printf '%s\n' "$candidate"
            return
        fi
        [ -n "$found" ] || [ ! -e "$candidate" ] || found=$candidate
    done
    printf '%s\n' "$found"
}

# covered FILE BY: ends the plan if LD_PRELOAD doesn't cover FILE; BY are the scripts that led to it.
covered() {
    # Of an ELF program it may hold NULs. One that can't be read is for the library to judge.
    line=$(head -n 1 -- "$1" 2>/dev/null | tr -d '\000')
    case $line in
    '#!'*) script_covered "$1" "$2" "${line#??}" ;;
    *) program_covered "$1" "$1$2" ;;
    esac
}

uncovered() {
    hint='--force runs it without'
    case $2 in
    *'statically linked'* | *'Go program'*) hint="--guard covers it; $hint" ;;
    *set-uid*) hint="expected the program that it is to start, as in sudo run-restricted.sh --ip ADDR -- COMMAND; $hint" ;;
    esac
    fail 126 "$1 is not covered by LD_PRELOAD: $2 ($hint)"
}

# judge FILE NAME: lets the library judge FILE; messages call it NAME.
judge() {
    said=$(under_library "IPADDR_CHECK_COMMAND=$1") || not_under_library
    is_loaded || not_loaded "whether $2 is covered by LD_PRELOAD"
    reason=$(printf '%s\n' "$said" | sed -n 's/^ipaddr\[.* is not covered by LD_PRELOAD: //p')
    [ -z "$reason" ] || uncovered "$2" "$reason"
}

# program_covered FILE NAME
program_covered() {
    judge "$1" "$2"
    # The dynamic linker's own word, see ld.so(8): it lists what it would load, and runs nothing. It
    # takes $ORIGIN from the name it is given; the kernel would give it that of the file itself.
    file=$(readlink -f -- "$1") || fail 125 "$1: readlink -f can't resolve it"
    interpreter=$(interpreter "$file") || fail 125 "$1: od or dd can't read it"
    # Without one it is a dynamic linker itself.
    [ -n "$interpreter" ] || uncovered "$2" 'it names no dynamic linker'
    listed=$(LD_PRELOAD=$preload "$interpreter" --list "$file" 2>&1 </dev/null) || :
    case $listed in
    *"$library ("*) ;;
    *) uncovered "$2" "$interpreter doesn't load $library into it: $listed" ;;
    esac
}

# interpreter FILE: the path in the program header PT_INTERP of an ELF file, see elf(5), if it has one.
interpreter() {
    bytes=$(od -An -v -tu1 -N64 -- "$1") || return 1
    # shellcheck disable=SC2086 # bytes, as words
    set -- "$1" $bytes
    header=$((${34} + ${35} * 256 + ${36} * 65536 + ${37} * 16777216)) # e_phoff
    size=$((${56} + ${57} * 256))                                      # e_phentsize
    count=$((${58} + ${59} * 256))                                     # e_phnum
    while [ "$count" -gt 0 ]; do
        bytes=$(od -An -v -tu1 -j "$header" -N40 -- "$1") || return 1
        # shellcheck disable=SC2086 # bytes, as words
        set -- "$1" $bytes
        if [ "${2-} ${3-} ${4-} ${5-}" = '3 0 0 0' ] && [ $# -eq 41 ]; then
            start=$((${10} + ${11} * 256 + ${12} * 65536 + ${13} * 16777216)) # p_offset
            length=$((${34} + ${35} * 256 - 1))                               # p_filesz, less the NUL
            dd if="$1" bs=1 skip="$start" count="$length" 2>/dev/null
            return
        fi
        header=$((header + size))
        count=$((count - 1))
    done
}

# script_covered FILE BY LINE: LINE is what follows #!.
script_covered() {
    depth=$((depth + 1))
    [ "$depth" -le 5 ] || uncovered "$1$2" 'there are too many interpreters in a row'
    case $3 in
    *"$carriage_return")
        fail 126 "$1$2: its #! line ends with a carriage return, as lines of DOS do: expected a line feed alone"
        ;;
    *[!\ \	]*) ;;
    *) uncovered "$1$2" 'its #! line names nothing' ;;
    esac
    # Not the words of a pattern, but those of the line.
    set -f
    # shellcheck disable=SC2086
    interpreter_covered ", the interpreter of $1$2" $3
    # For what only the kernel would notice, such as a line that is too long.
    judge "$1" "$1$2"
}

# interpreter_covered BY WORD…: the words of a #! line. The interpreter has to be covered; so has the
# program that env(1) looks up.
interpreter_covered() {
    set +f
    { [ -f "$2" ] && [ -x "$2" ]; } || fail 126 "$2$1: expected a program that may be executed"
    covered "$2" "$1"
    [ "${2##*/}" = env ] || return 0
    by=$1
    shift
    ! clears_environment "$@" ||
        fail 126 "$1$by starts the program without LD_PRELOAD (--force runs it all the same)"
    shift
    while [ $# -gt 0 ]; do
        case $1 in
        -u | -C | --unset | --chdir)
            shift
            [ $# -eq 0 ] || shift
            ;;
        -S?*)
            word=${1#-S}
            shift
            set -- "$word" "$@"
            ;;
        -* | *=*) shift ;;
        *) break ;;
        esac
    done
    [ $# -gt 0 ] || return 0
    file=$(which "$1")
    [ -f "$file" ] || fail 127 "$1$by: not found"
    covered "$file" "$by"
}

# Joins the cgroup, if one is given, after the library has read the policy there.
enter_cgroup() {
    made=
    if [ -n "$cgroup" ]; then
        need awk mkdir rmdir
        cgroup_directory
        make_cgroup
        procs=$directory/cgroup.procs
        # shellcheck disable=SC2016 # for the inner shell
        reason=$(sh -c 'env echo "$$" >"$0"' "$procs" 2>&1) || no_cgroup "it can't be joined: $reason"
    fi
    if [ -n "$guard" ]; then
        probe_guard
    else
        probe
    fi
    [ -z "$procs" ] || env echo "$$" >"$procs" || no_cgroup "it can't be joined"
}

# Sets $directory: where the cgroup is, in the hierarchy that the library takes, see cgroups(7).
cgroup_directory() {
    # The line of /proc/self/cgroup.
    hierarchy=$(awk -F : -v controller="${IPADDR_CGROUP_CONTROLLER-}" '
        function has(name) { return index("," $2 ",", "," name ",") }
        controller != "" { if (has(controller)) { print controller; exit } next }
        $1 == 0 { unified = 1 }
        has("name=systemd") { systemd = 1 }
        lowest == "" || $1 + 0 < number { number = $1 + 0; lowest = $2 }
        END {
            if (controller != "") exit
            sub(/,.*/, "", lowest)
            print unified ? "unified" : systemd ? "name=systemd" : lowest
        }' /proc/self/cgroup) || no_cgroup 'awk has failed'
    [ -n "$hierarchy" ] ||
        no_cgroup "there is no hierarchy ${IPADDR_CGROUP_CONTROLLER:+with the controller $IPADDR_CGROUP_CONTROLLER }in /proc/self/cgroup"
    # ROOT MOUNT-POINT, from mountinfo (see proc(5)), which writes a space as \040.
    mount=$(awk -v hierarchy="$hierarchy" '{
        for (i = 7; i < NF && $i != "-"; i++);
        type = hierarchy == "unified" ? "cgroup2" : "cgroup"
        named = type == "cgroup2" || index("," $(i + 3) ",", "," hierarchy ",")
        if ($(i + 1) == type && named) { print $4, $5; exit }
    }' /proc/self/mountinfo) || no_cgroup 'awk has failed'
    [ -n "$mount" ] || no_cgroup "the cgroup hierarchy ($hierarchy) is not mounted"
    mount=$(printf '%s\n' "$mount" | sed 's/\\\([0-7]\)/\\0\1/g') || no_cgroup 'sed has failed'
    root=$(printf '%b' "${mount%% *}")
    root=${root%/}
    point=$(printf '%b' "${mount#* }")
    case $cgroup/ in
    "$root"/*) directory=$point${cgroup#"$root"} ;;
    *) no_cgroup "only the cgroups below $root are mounted" ;;
    esac
}

# Makes $directory, if that is asked for. Sets $made: the directories that weren't there, seen from $existing.
make_cgroup() {
    [ ! -d "$directory" ] || return 0
    case $cgroup/ in
    "$point"/*)
        spelling=${cgroup#"$point"}
        no_cgroup "this is a path in the file system: expected the cgroup's own, $option $root${spelling:-/}"
        ;;
    /sys/fs/cgroup/*)
        no_cgroup "this is a path in the file system: expected the cgroup's own, as in /proc/self/cgroup"
        ;;
    esac
    [ -n "$create" ] ||
        no_cgroup "there is no such cgroup: expected one with a directory below $point, or --create-cgroup $cgroup to make it"
    existing=$directory
    while [ ! -d "$existing" ]; do
        existing=${existing%/*}
    done
    made=${directory#"$existing"}
    made=${made#/}
    reason=$(mkdir -p -- "$directory" 2>&1) || no_cgroup "it can't be made: $reason"
}

# Removes what has been made, and ends the plan.
no_cgroup() {
    unmake_cgroup
    fail 125 "$option $cgroup: $1"
}

unmake_cgroup() {
    while [ -n "$made" ] && [ ! -d "$existing/$made" ]; do
        case $made in
        */*) made=${made%/*} ;;
        *) made= ;;
        esac
    done
    [ -z "$made" ] || (cd -- "$existing" && rmdir -p -- "$made")
}

# under_library [ASSIGNMENT…]: runs a shell with the library and these variables, in the cgroup of
# $procs if that is set; prints what the library says at load, and "loaded" if it was there.
under_library() {
    real=$(readlink -f -- "$library") || fail 125 "$library: readlink -f can't resolve it"
    # shellcheck disable=SC2016 # for the inner shells
    sh -c '[ -z "$0" ] || env echo "$$" >"$0" || exit; exec "$@"' "$procs" \
        env -u IPADDR_LOG_FILE LD_PRELOAD="$preload" IPADDR_LOG=error "$@" \
        sh -c 'while read -r line; do
                case $line in */"$0") echo loaded; exit ;; esac
            done </proc/self/maps' "${real##*/}" 2>&1 </dev/null
}

# Whether the library was there, by what under_library has printed, $said.
is_loaded() {
    case $said in
    loaded | *"
loaded") ;;
    *) return 1 ;;
    esac
}

# not_loaded WHAT: ends the plan, because WHAT is unknown.
not_loaded() {
    unmake_cgroup
    case $said in
    *"$library"*) fail 125 "$said" ;;
    *) fail 125 "it is unknown $1: expected an sh into which the library can be loaded, not a static one (--force does without)" ;;
    esac
}

not_under_library() {
    unmake_cgroup
    fail 125 "${cgroup:+$option $cgroup: }sh can't be run under $library: $said"
}

# As probe, of the guard: it reads the policy itself.
probe_guard() {
    # shellcheck disable=SC2016 # for the inner shell
    said=$(sh -c '[ -z "$0" ] || env echo "$$" >"$0" || exit; exec "$@"' "$procs" \
        env IPADDR_LOG=error ${ip:+"IPADDR_IPV4=$ip"} ${ip6:+"IPADDR_IPV6=$ip6"} \
        ${policy:+"IPADDR_POLICY_DIR=$policy"} \
        "$guard" ${unassigned:+--allow-unassigned} -- true 2>&1 </dev/null) && return
    unmake_cgroup
    fail 125 "$(printf '%s\n' "$said" | sed '
        s/^ipaddr-guard: //
        '"${ip:+s/^IPADDR_IPV4:/--ip:/}"'
        '"${ip6:+s/^IPADDR_IPV6:/--ip6:/}"'
        s/^IPADDR_REQUIRE: //')"
}

# The library says at load what is wrong with the policy, and in the same way that nothing is
# assigned; so a shell is run first, in the cgroup.
probe() {
    said=$(under_library "IPADDR_CHECK_COMMAND=$(command -v sh)" ${require:+"IPADDR_REQUIRE=$require"} \
        ${ip:+"IPADDR_IPV4=$ip"} ${ip6:+"IPADDR_IPV6=$ip6"} ${policy:+"IPADDR_POLICY_DIR=$policy"}) ||
        not_under_library
    # A variable of another name is no reason by itself, but may be why there is one.
    mistakes=$(printf '%s\n' "$said" | sed -n '
        s/; every use of IPv4 and IPv6 is refused$//
        '"${ip:+s/^\(ipaddr.*\]: \)IPADDR_IPV4:/\1--ip:/}"'
        '"${ip6:+s/^\(ipaddr.*\]: \)IPADDR_IPV6:/\1--ip6:/}"'
        s/^ipaddr\[[0-9]*]: //p') || mistakes=$said
    if [ -z "$(printf '%s\n' "$mistakes" | sed '/: is no variable of libipaddr: /d')" ]; then
        is_loaded || [ -n "$force" ] || not_loaded 'whether the policy is right'
        return 0
    fi
    unmake_cgroup
    fail 125 "$(explain_mistakes)"
}

# What can be done where nothing is assigned.
explain_mistakes() {
    case $mistakes in
    *': nothing is assigned'*) ;;
    *)
        printf '%s\n' "$mistakes"
        return
        ;;
    esac
    hint='set by --ip and --ip6; with --allow-unassigned it runs unrestricted'
    # shellcheck disable=SC2031
    [ "$mode" = command ] || hint='with IPADDR_REQUIRE=0 it may be so'
    [ -z "${SUDO_UID-}" ] || hint="$hint; sudo clears the environment, but not options"
    printf '%s (%s)\n' "$mistakes" "$hint" | sed 's/^IPADDR_REQUIRE: //'
}

# Prints the assignments, and for a calling shell run_restricted_off, which undoes them.
# shellcheck disable=SC2031 # that was for an answer
print_lines() {
    [ -z "$leave_ipv6" ] || echo 'unset IPADDR_IPV6'
    [ -z "$unassigned" ] || echo 'unset IPADDR_REQUIRE'
    for name in LD_PRELOAD IPADDR_IPV4 IPADDR_IPV6 IPADDR_POLICY_DIR IPADDR_CGROUP_CONTROLLER \
        IPADDR_LOG IPADDR_LOG_FILE IPADDR_REQUIRE; do
        variable "$name"
    done
    [ "$mode" = command ] || [ -n "$again" ] ||
        printf 'run_restricted_off() {\n%s\nunset -f run_restricted_off\n}\n' "$undo"
}

# variable NAME: prints the assignment, if there is one, and adds to $undo what undoes it.
variable() {
    eval "set -- \"\$1\" \"\${$1+set}\" \"\${$1-}\""
    case $1 in
    LD_PRELOAD) value=$preload ;;
    IPADDR_IPV4) value=${ip:-$3} ;;
    IPADDR_IPV6) value=${ip6:-$3} ;;
    IPADDR_POLICY_DIR) value=${policy:-$3} ;;
    IPADDR_LOG) value=${log:-$3} ;;
    IPADDR_REQUIRE) value=$require ;;
    *) value=$3 ;;
    esac
    # Set to nothing is set too: the library refuses it rather than take it for unset.
    [ -n "$2$value" ] || return 0
    printf '%s=%s; export %s\n' "$1" "$(quote "$value")" "$1"
    undo="${undo}unset $1
"
    [ -z "$2" ] || undo="$undo$1=$(quote "$3")
"
    case " $exported " in
    *" $1 "*) undo="${undo}export $1
" ;;
    esac
}

version=0.2.0
carriage_return=$(printf '\r')

case ${1-} in
--lines-for-a-calling-shell)
    plan "$@"
    exit
    ;;
esac
# In no condition, where set -e would be without effect.
set -e
run_restricted_lines=$(plan "$@")
eval "unset run_restricted_lines run_restricted_pid
$run_restricted_lines"
exec "$@"
