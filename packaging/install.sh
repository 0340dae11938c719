#!/bin/sh
# Installs libipaddr from the directory that this file is in, or removes it (--help).
set -eu

help() {
    cat <<'HELP'
Usage: ./install.sh [--prefix DIR] [--uninstall]

Installs what is in bin, lib and share beside this file below DIR, by default /usr/local, and makes
the policy directory /etc/ipaddr. If DESTDIR is set, everything goes below that directory.

An earlier version is replaced. Programs that run under it keep it until they are restarted.

  --prefix DIR  an absolute path, for example /opt/libipaddr or /home/ann/.local. An ordinary user
                gets no /etc/ipaddr, and assigns addresses by run-restricted --ip or --policy
  --uninstall   removes what has been installed below DIR, of whatever version. DIR itself stays, and
                so do policies in /etc/ipaddr
HELP
}

fail() {
    printf 'install.sh: %s\n' "$1" >&2
    exit 1
}

# The files of this version, from the prefix on.
files() {
    (cd -- "$here" && find bin lib share -type f | sort)
}

# make_directory DIRECTORY: and those above it, from the prefix on. What wasn't there is written down.
make_directory() {
    [ ! -d "$base/$1" ] || return 0
    case $1 in
    */*) make_directory "${1%/*}" ;;
    esac
    mkdir "$base/$1"
    printf '%s/\n' "$1" >>"$work/new"
}

# place FILE: by a rename, since a library that is overwritten in place kills the programs that have it.
place() {
    make_directory "${1%/*}"
    cp "$here/$1" "$base/$1.new"
    case $1 in
    bin/*) chmod 755 "$base/$1.new" ;;
    *) chmod 644 "$base/$1.new" ;;
    esac
    mv -f "$base/$1.new" "$base/$1"
}

# displace LIST: removes the files that it names, and the directories as far as they are empty then.
displace() {
    grep -v '/$' "$1" | while IFS= read -r file; do
        rm -f "$base/$file"
    done
    grep '/$' "$1" | sort -r | while IFS= read -r directory; do
        rmdir "$base/$directory" 2>/dev/null || :
    done
}

# Whether /etc/ipaddr is ours to make and to remove.
has_policies() {
    [ -n "$DESTDIR" ] || [ "$(id -u)" -eq 0 ]
}

install_files() {
    [ -f "$here/$LIBRARY" ] || fail "$here/$LIBRARY: expected it there, as in the archive"
    mkdir -p "$base"
    : >"$work/old"
    [ ! -f "$base/$LIST" ] || cp "$base/$LIST" "$work/old"
    files >"$work/files"
    cp "$work/files" "$work/new"
    while IFS= read -r file; do
        place "$file"
    done <"$work/files"
    # What an earlier version had, and this one hasn't. Its directories are still ours.
    grep -v '/$' "$work/old" | sort - "$work/files" "$work/files" | uniq -u >"$work/gone"
    grep '/$' "$work/old" | tee -a "$work/gone" >>"$work/new"
    displace "$work/gone"
    cp "$work/new" "$base/$LIST.new"
    mv -f "$base/$LIST.new" "$base/$LIST"
    ! has_policies || mkdir -p "$DESTDIR/etc/ipaddr"
}

uninstall() {
    [ -f "$base/$LIST" ] || fail "$base/$LIST: not there: expected the prefix that it was installed with"
    ! grep -q -s -F -- "$prefix/$LIBRARY" "$DESTDIR/etc/ld.so.preload" ||
        fail "$DESTDIR/etc/ld.so.preload names $prefix/$LIBRARY: expected it without that line, or every program would complain, and run unrestricted"
    cp "$base/$LIST" "$work/old"
    rm -f "$base/$LIST"
    displace "$work/old"
    has_policies || return 0
    rm -f "$DESTDIR/etc/ipaddr/.ipaddrctl.lock"
    rmdir "$DESTDIR/etc/ipaddr" 2>/dev/null || [ ! -d "$DESTDIR/etc/ipaddr" ] ||
        printf '%s: not empty, so not removed\n' "$DESTDIR/etc/ipaddr"
}

LIBRARY=lib/libipaddr/libipaddr.so
# What is installed, for --uninstall and for the next version.
LIST=lib/libipaddr/installed

prefix=/usr/local
action=install_files
while [ $# -gt 0 ]; do
    case $1 in
    --prefix)
        [ $# -gt 1 ] || fail '--prefix: expected a directory after it'
        shift
        prefix=$1
        ;;
    --prefix=*) prefix=${1#*=} ;;
    --uninstall) action=uninstall ;;
    -h | --help)
        help
        exit
        ;;
    *) fail "$1: expected one of the options that --help lists" ;;
    esac
    shift
done
prefix=${prefix%/}
case $prefix in
*[:\ \$]*) fail "--prefix $prefix: expected a path without a colon, a space or a dollar sign, which LD_PRELOAD can't hold" ;;
/*) ;;
*) fail "--prefix $prefix: expected an absolute path" ;;
esac

umask 022
DESTDIR=${DESTDIR-}
base=$DESTDIR$prefix
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
"$action"
