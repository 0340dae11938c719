#!/bin/sh
# Runs a command under libipaddr.so, or, sourced, sets a shell up to do so; --help tells how.
#
# What is to be done is planned in a subshell, which checks everything and prints a few lines of
# shell. Only those are carried out by this shell or the calling one, so what fails leaves nothing
# half-applied, and a sourced run leaves nothing behind but the environment and run_restricted_off.

run_restricted_help() {
    cat <<'HELP'
Usage: run-restricted.sh [OPTION…] [--] COMMAND [ARGUMENT…]
  or:  . run-restricted.sh [OPTION…]

Runs COMMAND under libipaddr.so, so that it uses the IP address it is assigned and no other.

  --ip ADDR       assign IPv4: an address (10.0.0.5), or entries separated by commas: addresses,
                  networks (10.1.0.0/24), exclusions (!10.1.0.1); or none; sets IPADDR_IPV4
  --ip6 ADDR      the same for IPv6; sets IPADDR_IPV6
  --policy DIR    the policy directory, in the place of /etc/ipaddr; sets IPADDR_POLICY_DIR
  --cgroup PATH   join this cgroup (/web/a), made if need be; needs root or a delegated cgroup
  --log LEVEL     off, error, info or debug; sets IPADDR_LOG
  --force         run COMMAND even if it isn't covered, or if nothing is assigned
  --help          this text

What isn't given is taken from the environment. An LD_PRELOAD that is there is kept.

Sourced, it sets the same environment in the calling shell and does nothing else;
run_restricted_off undoes it. --cgroup is for commands only. In dash a sourced file gets no
options: set the variables before.

The exit status is COMMAND's, or
  125  an option, the policy or the library can't be used
  126  COMMAND can't be executed, or LD_PRELOAD doesn't cover it: static, set-uid or set-gid, with
       file capabilities (seen by getcap or getfattr), or for another machine; scripts are judged
       by their interpreter
  127  COMMAND isn't there

Examples:
  ./run-restricted.sh --ip 127.0.0.2 -- python3 -m http.server 8080
  ./run-restricted.sh --ip 10.0.0.5 --ip6 none --log info -- curl https://example.org/
  ./run-restricted.sh --policy /srv/policy --cgroup /web/a -- nginx
  IPADDR_IPV4=10.0.0.5; . /usr/local/lib/run-restricted.sh || exit; exec "$@"
HELP
}

# fail STATUS MESSAGE: ends the subshell that plans.
run_restricted_fail() {
    printf 'run-restricted.sh: %s\n' "$2" >&2
    exit "$1"
}

# quote VALUE: as one word of shell.
run_restricted_quote() {
    printf '%s\n' "$1" | sed "s/'/'\\\\''/g; 1s/^/'/; \$s/\$/'/"
}

# Prints what is to be carried out: run_restricted_plan run|source ARGUMENT…
run_restricted_plan() {
    # Whatever the calling shell has set.
    set +efu
    mode=$1
    shift
    words=$#
    ip='' ip6='' policy='' cgroup='' log='' force=''
    while [ $# -gt 0 ]; do
        case $1 in
        --help)
            printf "printf '%%s\\\\n' %s\n" "$(run_restricted_quote "$(run_restricted_help)")"
            [ "$mode" = source ] || echo exit
            return
            ;;
        --force)
            force=yes
            shift
            ;;
        --ip=* | --ip6=* | --policy=* | --cgroup=* | --log=*)
            run_restricted_option "${1%%=*}" "${1#*=}"
            shift
            ;;
        --ip | --ip6 | --policy | --cgroup | --log)
            [ $# -gt 1 ] || run_restricted_fail 125 "$1: expected a value after it"
            run_restricted_option "$1" "$2"
            shift 2
            ;;
        --)
            shift
            break
            ;;
        -*) run_restricted_fail 125 "unknown option $1: expected one of those that --help lists" ;;
        *) break ;;
        esac
    done
    case $mode in
    run)
        [ $# -gt 0 ] || run_restricted_fail 125 'expected a command; --help has examples'
        ;;
    source)
        [ $# -eq 0 ] ||
            run_restricted_fail 125 "unexpected word $1: a sourced run-restricted.sh takes options only"
        [ -z "$cgroup" ] ||
            run_restricted_fail 125 '--cgroup: a sourced run-restricted.sh sets the environment only'
        ;;
    esac

    [ -z "$policy" ] || run_restricted_absolute_policy
    run_restricted_something_is_assigned
    run_restricted_find_library
    run_restricted_compose_preload
    [ "$mode" = source ] || run_restricted_check_command "$1"
    run_restricted_enter_cgroup

    for name in LD_PRELOAD IPADDR_IPV4 IPADDR_IPV6 IPADDR_POLICY_DIR IPADDR_CGROUP_CONTROLLER \
        IPADDR_LOG IPADDR_LOG_FILE; do
        run_restricted_variable "$name"
    done
    if [ "$mode" = run ]; then
        echo "shift $((words - $#))"
    elif ! run_restricted_again; then
        printf 'run_restricted_off() {\n%s\nunset -f run_restricted_off\n}\n' "$undo"
    fi
}

# option NAME VALUE
run_restricted_option() {
    [ -n "$2" ] || run_restricted_fail 125 "$1: expected a value, not an empty one"
    case $1 in
    --ip) earlier=$ip ip=$2 ;;
    --ip6) earlier=$ip6 ip6=$2 ;;
    --policy) earlier=$policy policy=$2 ;;
    --cgroup) earlier=$cgroup cgroup=$2 ;;
    --log) earlier=$log log=$2 ;;
    esac
    [ -z "$earlier" ] || run_restricted_fail 125 "$1: given twice, $earlier and $2"
    case $1=$2 in
    --log=off | --log=error | --log=info | --log=debug) ;;
    --log=*) run_restricted_fail 125 "--log $2: expected off, error, info or debug" ;;
    --cgroup=*/../* | --cgroup=*/.. | --cgroup=[!/]*)
        run_restricted_fail 125 "--cgroup $2: expected a path from the root cgroup on, /web/a say, without .."
        ;;
    esac
}

# The library takes an absolute path only.
run_restricted_absolute_policy() {
    directory=$(CDPATH='' cd -- "$policy" 2>/dev/null && pwd) ||
        run_restricted_fail 125 "--policy $policy: expected a directory that can be entered"
    policy=$directory
}

# A command that is to be restricted and isn't would be a surprise.
run_restricted_something_is_assigned() {
    directory=${policy:-${IPADDR_POLICY_DIR-/etc/ipaddr}}
    if [ -n "$ip$ip6${IPADDR_IPV4+set}${IPADDR_IPV6+set}${IPADDR_LATCH+set}$force" ] || [ -e "$directory" ]; then
        return
    fi
    hint='--force runs the command unrestricted'
    [ "$mode" = run ] || hint='note that dash passes no options to a sourced file'
    run_restricted_fail 125 "nothing is assigned: expected --ip, --ip6, IPADDR_IPV4, IPADDR_IPV6 or the directory $directory ($hint)"
}

# Where this file may be. Sourced, only bash says so; others keep it open while they read it.
run_restricted_places() {
    # shellcheck disable=SC3028 # empty where it isn't bash
    source=${BASH_SOURCE-}
    if [ "$mode" = run ]; then
        readlink -f -- "$0"
    elif [ -n "$source" ]; then
        readlink -f -- "$source"
    else
        for descriptor in "/proc/$run_restricted_pid/fd"/*; do
            readlink -- "$descriptor"
        done | grep '/run-restricted\(\.sh\)\{0,1\}$'
    fi
}

# Sets $library.
run_restricted_find_library() {
    here=$(run_restricted_places | tail -n 1)
    here=${here%/*}
    machine=$(uname -m)
    for library in ${here:+"$here/libipaddr.so" "$here/target/release/libipaddr.so"} \
        ${here:+"$here/../lib/libipaddr.so"} /usr/local/lib/libipaddr.so \
        "/usr/lib/$machine-linux-gnu/libipaddr.so" /usr/lib64/libipaddr.so /usr/lib/libipaddr.so; do
        [ ! -f "$library" ] || return 0
    done
    library=$here/target/release/libipaddr.so
    if [ -z "$here" ] || [ ! -f "$here/Cargo.toml" ] || [ ! -f "$here/src/lib.rs" ]; then
        run_restricted_fail 125 "there is no libipaddr.so: expected one in ${here:-the folder of run-restricted.sh} or in the system's library folders, /usr/local/lib say"
    fi
    [ "$mode" = run ] ||
        run_restricted_fail 125 "there is no $library: expected it built, by cargo build --release"
    command -v cargo >/dev/null ||
        run_restricted_fail 125 "there is no $library, and no cargo in PATH to build it with"
    (
        cd -- "$here" &&
            env -u CARGO_BUILD_TARGET cargo build --release -p ipaddr --target-dir target
    ) </dev/null >&2
    [ -f "$library" ] ||
        run_restricted_fail 125 "$library could not be built: expected cargo build --release to make it"
}

# Sets $preload: the library, and what LD_PRELOAD holds.
run_restricted_compose_preload() {
    [ -r "$library" ] || run_restricted_fail 125 "$library: expected a file that may be read"
    case $library in
    *[:\ \$]*)
        run_restricted_fail 125 "$library: expected a path without a colon, a space or a dollar sign, which LD_PRELOAD can't hold"
        ;;
    esac
    case " ${LD_PRELOAD-} " in
    *[\ :]"$library"[\ :]*) preload=$LD_PRELOAD ;;
    *) preload=$library${LD_PRELOAD:+:$LD_PRELOAD} ;;
    esac
}

# The command has to be a file that exists, and one that LD_PRELOAD covers.
run_restricted_check_command() {
    file=$(run_restricted_which "$1")
    [ -e "$file" ] || run_restricted_fail 127 "$1: not found"
    { [ -f "$file" ] && [ -x "$file" ]; } ||
        run_restricted_fail 126 "$1: expected a program that may be executed"
    [ -n "$force" ] || run_restricted_covered "$file" ''
}

# which NAME: what execvp(3) would execute.
run_restricted_which() {
    case $1 in
    */*)
        printf '%s\n' "$1"
        return
        ;;
    esac
    found=
    rest=${PATH-/bin:/usr/bin}:
    while [ -n "$rest" ]; do
        folder=${rest%%:*}
        rest=${rest#*:}
        candidate=${folder:-.}/$1
        if [ -f "$candidate" ] && [ -x "$candidate" ]; then
            printf '%s\n' "$candidate"
            return
        fi
        [ -n "$found" ] || [ ! -e "$candidate" ] || found=$candidate
    done
    printf '%s\n' "$found"
}

# covered FILE BY: ends the plan if LD_PRELOAD doesn't cover FILE; BY are the scripts that led to it.
run_restricted_covered() {
    [ -r "$1" ] ||
        run_restricted_uncovered "$1$2" 'it may not be read, so nobody can tell whether it is covered'
    # shellcheck disable=SC2046 # bytes, as words
    set -- "$1" "$2" $(od -An -v -tu1 -N64 -- "$1")
    case "${3-} ${4-} ${5-} ${6-}" in
    '127 69 76 70') run_restricted_elf_covered "$@" ;;
    '35 33 '*) run_restricted_script_covered "$1" "$2" ;;
    *) run_restricted_uncovered "$1$2" 'it is neither an ELF program nor a script with a #! line' ;;
    esac
}

run_restricted_uncovered() {
    run_restricted_fail 126 "$1 is not covered by LD_PRELOAD: $2 (--force runs it all the same)"
}

# elf_covered FILE BY BYTE…: the bytes are its ELF header, see elf(5).
run_restricted_elf_covered() {
    file=$1
    name=$1$2
    shift 2
    [ $# -eq 64 ] || run_restricted_uncovered "$name" 'its ELF header is cut short'
    if [ -u "$file" ] || [ -g "$file" ]; then
        run_restricted_uncovered "$name" 'it is set-uid or set-gid'
    fi
    # getcap is in no user's PATH on Debian, and looks at no symbolic link.
    if [ -n "$(PATH=$PATH:/usr/sbin:/sbin getcap -- "$(readlink -f -- "$file")" 2>/dev/null)" ] ||
        getfattr -n security.capability -- "$file" >/dev/null 2>&1; then
        run_restricted_uncovered "$name" 'it has file capabilities'
    fi
    # EI_CLASS, EI_DATA and e_machine have to be the library's.
    # shellcheck disable=SC2046 # bytes, as words
    [ "$5 $6 ${19} ${20}" = "$(set -- $(od -An -v -tu1 -N20 -- "$library") && echo "$5 $6 ${19} ${20}")" ] ||
        run_restricted_uncovered "$name" "it is for another machine than $library"
    interpreter=$(run_restricted_interpreter "$@")
    [ -n "$interpreter" ] || run_restricted_uncovered "$name" 'it is statically linked'
    # The dynamic linker's own word, see ld.so(8): it lists what it would load, and runs nothing.
    listed=$(LD_PRELOAD=$preload "$interpreter" --list "$file" 2>&1 </dev/null)
    case $listed in
    *"$library ("*) ;;
    *) run_restricted_uncovered "$name" "$interpreter doesn't load $library into it: $listed" ;;
    esac
}

# interpreter BYTE…: the path in the program header PT_INTERP of $file, if it has one.
run_restricted_interpreter() {
    header=$((${33} + ${34} * 256 + ${35} * 65536 + ${36} * 16777216)) # e_phoff
    size=$((${55} + ${56} * 256))                                      # e_phentsize
    count=$((${57} + ${58} * 256))                                     # e_phnum
    while [ "$count" -gt 0 ]; do
        # shellcheck disable=SC2046 # bytes, as words
        set -- $(od -An -v -tu1 -j "$header" -N40 -- "$file")
        if [ "${1-} ${2-} ${3-} ${4-}" = '3 0 0 0' ] && [ $# -eq 40 ]; then
            start=$((${9} + ${10} * 256 + ${11} * 65536 + ${12} * 16777216)) # p_offset
            length=$((${33} + ${34} * 256 - 1))                              # p_filesz, less the NUL
            dd if="$file" bs=1 skip="$start" count="$length" 2>/dev/null
            return
        fi
        header=$((header + size))
        count=$((count - 1))
    done
}

# script_covered FILE BY: its interpreter has to be covered; so has the program that env(1) looks up.
run_restricted_script_covered() {
    by=", the interpreter of $1$2"
    depth=$((${depth-0} + 1))
    [ "$depth" -le 5 ] || run_restricted_uncovered "$1$2" 'there are too many interpreters in a row'
    line=$(head -n 1 -- "$1" | cut -c 3-)
    # Not the words of a pattern, but those of the line.
    set -f
    # shellcheck disable=SC2086
    set -- $line
    set +f
    [ $# -gt 0 ] || run_restricted_uncovered "${by#, the interpreter of }" 'its #! line names nothing'
    { [ -f "$1" ] && [ -x "$1" ]; } || run_restricted_fail 126 "$1$by: expected a program that may be executed"
    run_restricted_covered "$1" "$by"
    [ "${1##*/}" = env ] || return 0
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
    file=$(run_restricted_which "$1")
    [ -f "$file" ] || run_restricted_fail 127 "$1$by: not found"
    run_restricted_covered "$file" "$by"
}

# Joins the cgroup, if one is given, after the library has read the policy there.
run_restricted_enter_cgroup() {
    procs=
    made=
    if [ -n "$cgroup" ]; then
        run_restricted_cgroup_folder
        run_restricted_make_cgroup
        procs=$folder/cgroup.procs
        # shellcheck disable=SC2016 # for the inner shell
        reason=$(sh -c 'env echo "$$" >"$0"' "$procs" 2>&1) ||
            run_restricted_no_cgroup "it can't be joined: $reason"
    fi
    run_restricted_probe
    [ -z "$procs" ] || env echo "$$" >"$procs" || run_restricted_no_cgroup "it can't be joined"
}

# Sets $folder: where the cgroup is, in the hierarchy that the library takes, see cgroups(7).
run_restricted_cgroup_folder() {
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
        }' /proc/self/cgroup)
    [ -n "$hierarchy" ] ||
        run_restricted_no_cgroup "there is no hierarchy ${IPADDR_CGROUP_CONTROLLER:+with the controller $IPADDR_CGROUP_CONTROLLER }in /proc/self/cgroup"
    # ROOT MOUNT-POINT, from mountinfo (see proc(5)), which writes a space as \040.
    mount=$(awk -v hierarchy="$hierarchy" '{
        for (i = 7; i < NF && $i != "-"; i++);
        type = hierarchy == "unified" ? "cgroup2" : "cgroup"
        named = type == "cgroup2" || index("," $(i + 3) ",", "," hierarchy ",")
        if ($(i + 1) == type && named) { print $4, $5; exit }
    }' /proc/self/mountinfo)
    [ -n "$mount" ] || run_restricted_no_cgroup "the cgroup hierarchy ($hierarchy) is not mounted"
    mount=$(printf '%s\n' "$mount" | sed 's/\\\([0-7]\)/\\0\1/g')
    root=$(printf '%b' "${mount%% *}")
    root=${root%/}
    point=$(printf '%b' "${mount#* }")
    case $cgroup/ in
    "$root"/*) folder=$point${cgroup#"$root"} ;;
    *) run_restricted_no_cgroup "only the cgroups below $root are mounted" ;;
    esac
}

# Makes $folder. Sets $made: the folders that weren't there, seen from $existing.
run_restricted_make_cgroup() {
    existing=$folder
    while [ ! -d "$existing" ]; do
        existing=${existing%/*}
    done
    made=${folder#"$existing"}
    made=${made#/}
    reason=$(mkdir -p -- "$folder" 2>&1) || run_restricted_no_cgroup "it can't be made: $reason"
}

# Removes what has been made, and ends the plan.
run_restricted_no_cgroup() {
    run_restricted_unmake_cgroup
    run_restricted_fail 125 "--cgroup $cgroup: $1"
}

run_restricted_unmake_cgroup() {
    while [ -n "$made" ] && [ ! -d "$existing/$made" ]; do
        case $made in
        */*) made=${made%/*} ;;
        *) made= ;;
        esac
    done
    [ -z "$made" ] || (cd -- "$existing" && rmdir -p -- "$made")
}

# The library reads the policy at load and says what is wrong with it; so a shell that does nothing
# is run first, in the cgroup. (Where sh is static, the library says it in the command.)
run_restricted_probe() {
    # shellcheck disable=SC2016 # for the inner shell
    said=$(sh -c '[ -z "$0" ] || env echo "$$" >"$0"; exec "$@"' "$procs" \
        env -u IPADDR_LOG_FILE LD_PRELOAD="$preload" IPADDR_LOG=error \
        ${ip:+"IPADDR_IPV4=$ip"} ${ip6:+"IPADDR_IPV6=$ip6"} ${policy:+"IPADDR_POLICY_DIR=$policy"} \
        sh -c : 2>&1 </dev/null) || {
        run_restricted_unmake_cgroup
        run_restricted_fail 125 "${cgroup:+--cgroup $cgroup: }sh can't be run under $library: $said"
    }
    case $said in
    '') return 0 ;;
    *ipaddr\[* | *"$library"*) ;;
    *) return 0 ;;
    esac
    run_restricted_unmake_cgroup
    said=$(printf '%s\n' "$said" | sed '
        s/^ipaddr\[[0-9]*]: //
        s/; every use of IPv4 and IPv6 is refused$//
        '"${ip:+s/^IPADDR_IPV4:/--ip:/}"'
        '"${ip6:+s/^IPADDR_IPV6:/--ip6:/}")
    run_restricted_fail 125 "$said"
}

# variable NAME: prints the assignment, if there is one, and adds to $undo what takes it back.
run_restricted_variable() {
    eval "set -- \"\$1\" \"\${$1+set}\" \"\${$1-}\""
    case $1 in
    LD_PRELOAD) value=$preload ;;
    IPADDR_IPV4) value=${ip:-$3} ;;
    IPADDR_IPV6) value=${ip6:-$3} ;;
    IPADDR_POLICY_DIR) value=${policy:-$3} ;;
    IPADDR_LOG) value=${log:-$3} ;;
    *) value=$3 ;;
    esac
    # Set to nothing is set too: the library refuses it rather than take it for unset.
    [ -n "$2$value" ] || return 0
    if [ "$1" != LD_PRELOAD ] && [ "$value" != "$3" ] && run_restricted_again; then
        run_restricted_fail 125 "this shell has ${2:+$1=$3 and }run_restricted_off already: call that first"
    fi
    printf '%s=%s; export %s\n' "$1" "$(run_restricted_quote "$value")" "$1"
    [ "$mode" = source ] || return 0
    undo="${undo-}unset $1
"
    [ -z "$2" ] || undo="$undo$1=$(run_restricted_quote "$3")
"
    # Was it exported? Then a child sees it.
    # shellcheck disable=SC2016 # for the inner shell
    if sh -c 'eval "[ -n \"\${$0+set}\" ]"' "$1"; then
        undo="${undo}export $1
"
    fi
}

# Whether the calling shell has been set up before.
run_restricted_again() {
    [ "$mode" = source ] && command -v run_restricted_off >/dev/null
}

# zsh has the name of a sourced file in $0, so what follows would take it for a command.
if [ -n "${ZSH_VERSION-}" ]; then
    echo 'run-restricted.sh: expected sh, dash, bash or busybox ash, not zsh' >&2
    return 125
fi

case $(readlink -f -- "$0" || printf '%s\n' "$0") in
*/run-restricted.sh | */run-restricted)
    run_restricted_lines=$(run_restricted_plan run "$@") || exit
    eval "$run_restricted_lines"
    exec "$@"
    ;;
esac

# Sourced. $$ would be another process if this is a subshell.
IFS=' ' read -r run_restricted_pid run_restricted_lines </proc/self/stat
# The arguments are the calling script's own, unless they begin with an option of ours.
case ${1-} in
-- | --ip | --ip=* | --ip6 | --ip6=* | --policy | --policy=* | --cgroup | --cgroup=* | --log | \
    --log=* | --force | --help)
    run_restricted_lines=$(run_restricted_plan source "$@") || run_restricted_lines='return 125'
    ;;
*) run_restricted_lines=$(run_restricted_plan source) || run_restricted_lines='return 125' ;;
esac
unset -f run_restricted_help run_restricted_fail run_restricted_quote run_restricted_plan \
    run_restricted_option run_restricted_absolute_policy run_restricted_something_is_assigned \
    run_restricted_places run_restricted_find_library run_restricted_compose_preload \
    run_restricted_check_command run_restricted_which run_restricted_covered \
    run_restricted_uncovered run_restricted_elf_covered run_restricted_interpreter \
    run_restricted_script_covered run_restricted_enter_cgroup run_restricted_cgroup_folder \
    run_restricted_make_cgroup run_restricted_no_cgroup run_restricted_unmake_cgroup \
    run_restricted_probe run_restricted_variable run_restricted_again
eval "unset run_restricted_lines run_restricted_pid
$run_restricted_lines"
