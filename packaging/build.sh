#!/bin/sh
# Makes the packages for this machine's architecture, out of one release build (--help).
#
# All of them hold one tree, $tree, as it is below /usr or another prefix; what is particular to one
# kind is in debian/, rpm/ and install.sh beside this file.
set -eu

# The programs in bin, by the names of their packages. (The library is built by itself.)
PROGRAMS='ipaddrctl ipaddr-guard'

help() {
    cat <<'HELP'
Usage: packaging/build.sh [KIND…]

Builds the library and the programs, and makes packages of them in target/packages (below
CARGO_TARGET_DIR, if that is set):

  tar   libipaddr-VERSION-MACHINE-linux.tar.gz, with install.sh; needs GNU tar
  deb   libipaddr_VERSION-1_ARCHITECTURE.deb; needs debhelper
  rpm   libipaddr-VERSION-1.MACHINE.rpm; needs rpmbuild

Without a KIND, all three. The programs are linked statically, for which the linker needs libc.a
(libc6-dev on Debian, glibc-static on Fedora). The same sources and tools make the same files:
SOURCE_DATE_EPOCH is their time, by default that of the newest commit.
HELP
}

fail() {
    printf 'build.sh: %s\n' "$1" >&2
    exit 1
}

# need TOOL PACKAGE
need() {
    command -v "$1" >/dev/null || fail "$1: not found in PATH: expected it there, Debian has it in $2"
}

# cargo_build PACKAGE FLAG…: builds it with these flags for rustc; sets $built, where it is then. Each
# set of flags has a directory of its own, since cargo would build everything anew at each change.
cargo_build() {
    package=$1
    shift
    built=$target/build/${1:+static/}$host/release
    # No path of this machine gets into what is built.
    set -- "--remap-path-prefix=$cargo_home=/cargo" "--remap-path-prefix=$root=/libipaddr" "$@"
    CARGO_ENCODED_RUSTFLAGS=$(printf '%s\037' "$@")
    CARGO_ENCODED_RUSTFLAGS=${CARGO_ENCODED_RUSTFLAGS%?} \
        cargo build --release --locked --target "$host" --target-dir "${built%/"$host"/release}" -p "$package"
}

# Sets $library, and $programs, the directory with them. The library needs no libc by itself; the
# programs are static, and so run on every Linux of the architecture.
build() {
    host=$(rustc -vV | sed -n 's/^host: //p')
    cargo_build ipaddr
    library=$built/libipaddr.so
    for program in $PROGRAMS; do
        cargo_build "$program" -Ctarget-feature=+crt-static
    done
    programs=$built
}

# The wrapper under the name that it is installed by: its messages and examples say that one.
wrapper() {
    sed -e 's|\./run-restricted\.sh|run-restricted|g; s|run-restricted\.sh|run-restricted|g' run-restricted.sh
}

# commands [COMMAND…]: the commands of ipaddrctl, or those of one of them, from its --help.
commands() {
    "$programs/ipaddrctl" "$@" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z][a-z]*\) .*/\1/p' | sed '/^help$/d'
}

# page [COMMAND…]: writes the man page of ipaddrctl, or of one of its commands, and those below it.
page() {
    name=ipaddrctl
    for word in "$@"; do
        name=$name-$word
    done
    "$programs/ipaddrctl" man "$@" >"$tree/share/man/man8/$name.8"
    for command in $(commands "$@"); do
        page "$@" "$command"
    done
}

# completion SHELL FILE
completion() {
    mkdir -p "$tree/share/${2%/*}"
    "$programs/ipaddrctl" completions "$1" >"$tree/share/$2"
}

# The licences of what is linked into the programs and the library, each as its crate has it.
licences() {
    cat <<'HEAD'
The programs contain the crates below, the standard library of Rust (MIT or Apache-2.0,
https://github.com/rust-lang/rust) and the GNU C Library (LGPL-2.1-or-later,
https://www.gnu.org/software/libc/). Where a crate offers a choice, each text is here.
HEAD
    for package in ipaddr $PROGRAMS; do
        cargo tree --locked -p "$package" -e normal,no-proc-macro --prefix none --format '{p}|{l}'
    done | sed -n 's/ (\*)$//; s/^\([^ ]*\) v\([^ |]*\)|\(.*\)/\1-\2 \3/p' | sort -u >"$work/crates"
    while read -r crate licence; do
        printf '\n==== %s: %s\n' "$crate" "$licence"
        found=
        for file in "$cargo_home"/registry/src/*/"$crate"/[Ll][Ii][Cc][Ee][Nn][SsCc][Ee]* \
            "$cargo_home"/registry/src/*/"$crate"/COPYING*; do
            [ -f "$file" ] || continue
            found=yes
            printf '\n'
            cat "$file"
        done
        [ -n "$found" ] || printf '\n(%s has no file with its text)\n' "$crate"
    done <"$work/crates"
}

# Makes $tree.
make_tree() {
    tree=$work/libipaddr-$version-$machine-linux
    documents=$tree/share/doc/libipaddr
    mkdir -p "$tree/bin" "$tree/lib/libipaddr" "$documents/docs"
    install -m 644 "$library" "$tree/lib/libipaddr/"
    for program in $PROGRAMS; do
        install -m 755 "$programs/$program" "$tree/bin/"
    done
    wrapper >"$tree/bin/run-restricted"
    chmod 755 "$tree/bin/run-restricted"
    for file in packaging/man/*.[1-8]; do
        mkdir -p "$tree/share/man/man${file##*.}"
        cp "$file" "$tree/share/man/man${file##*.}/"
    done
    page
    completion bash bash-completion/completions/ipaddrctl
    completion zsh zsh/site-functions/_ipaddrctl
    completion fish fish/vendor_completions.d/ipaddrctl.fish
    cp README.md CHANGELOG.md LICENSE-MIT LICENSE-APACHE "$documents/"
    cp docs/*.md "$documents/docs/"
    licences >"$documents/LICENSES-OF-CRATES"
    find "$tree" -type d -exec chmod 755 {} +
    find "$tree/share" -type f -exec chmod 644 {} +
}

make_tar() {
    need gzip gzip
    cp -a "$tree" "$work/tar"
    install -m 755 packaging/install.sh "$work/tar/"
    name=${tree##*/}
    tar --create --format=gnu --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner \
        --directory="$work" --transform="s|^tar|$name|" tar | gzip -9n >"$work/$name.tar.gz"
    finish "$work/$name.tar.gz"
}

make_deb() {
    need dpkg-buildpackage dpkg-dev
    need dh debhelper
    newest=$(dpkg-parsechangelog -l packaging/debian/changelog -S Version)
    [ "${newest%-*}" = "$version" ] ||
        fail "packaging/debian/changelog: the newest version is $newest: expected $version-1, as in Cargo.toml"
    mkdir -p "$work/deb/source"
    cp -a packaging/debian "$work/deb/source/"
    cp -a "$tree" "$work/deb/source/tree"
    (cd "$work/deb/source" && dpkg-buildpackage --build=binary --no-sign) >"$work/deb.log" 2>&1 ||
        fail "dpkg-buildpackage has failed: $(cat "$work/deb.log")"
    finish "$work"/deb/*.deb
}

make_rpm() {
    need rpmbuild rpm
    rpmbuild -bb --quiet --define "_topdir $work/rpm" --define "ipaddr_version $version" \
        --define "ipaddr_tree $tree" --define "ipaddr_packaging $root/packaging" \
        packaging/rpm/libipaddr.spec >"$work/rpm.log" 2>&1 ||
        fail "rpmbuild has failed: $(cat "$work/rpm.log")"
    finish "$work"/rpm/RPMS/*/*.rpm
}

# finish FILE: moves it to where it belongs, and says so.
finish() {
    chmod 644 "$1"
    mv "$1" "$target/"
    printf '%s\n' "$target/${1##*/}"
}

kinds=
for word in "$@"; do
    case $word in
    tar | deb | rpm) kinds="$kinds $word" ;;
    -h | --help)
        help
        exit
        ;;
    *) fail "$word: expected tar, deb or rpm" ;;
    esac
done

umask 022
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd -- "$root"
need cargo rustup
target=${CARGO_TARGET_DIR:-$root/target}/packages
mkdir -p "$target"
target=$(cd -- "$target" && pwd)
work=$(mktemp -d "$target/work.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
cargo_home=${CARGO_HOME:-$HOME/.cargo}
machine=$(uname -m)
version=$(sed -n '/^\[workspace\.package\]/,/^$/s/^version = "\(.*\)"/\1/p' Cargo.toml)
[ -n "${SOURCE_DATE_EPOCH-}" ] ||
    SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null || stat -c %Y CHANGELOG.md)
export SOURCE_DATE_EPOCH
build
make_tree
for kind in ${kinds:-tar deb rpm}; do
    "make_$kind"
done
