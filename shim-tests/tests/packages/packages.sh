#!/bin/sh
# Builds the packages, checks what is in them, and installs the archive in a temporary directory. Prints
# a line a check, ok or not ok, and a count at the end; exits 0 only if none failed.
set -u

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit
root=${here%/shim-tests/tests/packages}
# shellcheck source=shim-tests/tests/checks.sh
. "$root/shim-tests/tests/checks.sh"
export PATH="$PATH:/usr/sbin:/sbin"
for variable in LD_PRELOAD DESTDIR RUN_RESTRICTED_LIBRARY RUN_RESTRICTED_GUARD \
    $(env | sed -n 's/^\(IPADDR_[A-Za-z0-9_]*\)=.*/\1/p'); do
    unset "$variable"
done
export IPADDR_POLICY_DIR=/nonexistent/ipaddr IPADDR_LOG=off

# ordinary COMMAND: as a user without rights.
ordinary() {
    if [ "$(id -u)" -eq 0 ]; then
        setpriv --reuid 65534 --regid 65534 --clear-groups -- "$@"
    else
        "$@"
    fi
}

# main_job NAME PREFIX: as an ordinary user, under the library that is installed there.
main_job() {
    check "$1: the main job" '127.0.0.2 127.0.0.2 refused' \
        "$(ordinary "$2/bin/run-restricted" --ip 127.0.0.2 -- python3 "$work/main_job.py" 2>&1)"
}

# below DIRECTORY: the files in it.
below() {
    (cd "$1" && find . -type f | sed 's/^\.\///' | LC_ALL=C sort)
}

for tool in cargo python3 setpriv tar; do
    have "$tool" 'the packages' || exit 0
done
kinds=tar
have dh 'the package for Debian' && kinds="$kinds deb"
have rpmbuild 'the package for RPM' && kinds="$kinds rpm"
work=$(mktemp -d) || exit
running=
# shellcheck disable=SC2086 # nothing, or one number
trap '[ -z "$running" ] || kill $running; rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
chmod 755 "$work"
cp "$here/main_job.py" "$work/"

# shellcheck disable=SC2086 # words
"$root/packaging/build.sh" $kinds >"$work/made" 2>"$work/log" || {
    fail 'build.sh' "$(cat "$work/log")"
    # The tool alone.
(cd "$root" && cargo install --quiet --locked --path crates/ctl --root "$work/cargo") 2>"$work/log"
check "cargo install: $(cat "$work/log"): status" 0 $?
check 'cargo install: the version' "$("$tree/bin/ipaddrctl" --version)" "$("$work/cargo/bin/ipaddrctl" --version)"

summary
    exit 1
}
pass 'build.sh'

# The archive.
archive=$(grep 'tar\.gz$' "$work/made")
tar -xzf "$archive" -C "$work"
tree=$work/$(basename "$archive" .tar.gz)
main_job 'archive, unpacked' "$tree"
for file in bin/ipaddrctl bin/ipaddr-guard lib/libipaddr/libipaddr.so share/man/man1/run-restricted.1 share/man/man1/ipaddr-guard.1 share/man/man5/ipaddr.policy.5 \
    share/man/man8/libipaddr.so.8 share/man/man8/ipaddrctl.8 share/man/man8/ipaddrctl-explain-bind.8 \
    share/bash-completion/completions/ipaddrctl share/zsh/site-functions/_ipaddrctl \
    share/fish/vendor_completions.d/ipaddrctl.fish share/doc/libipaddr/README.md \
    share/doc/libipaddr/docs/deployment.md share/doc/libipaddr/LICENSE-MIT share/doc/libipaddr/CHANGELOG.md; do
    [ -s "$tree/$file" ] || fail "archive: $file" 'missing, or empty'
done
check 'archive: crates without a licence' '' "$(grep 'has no file with its text' "$tree/share/doc/libipaddr/LICENSES-OF-CRATES")"
check 'archive: paths of this machine' '' "$(grep -r -l -F -e "$root" -e "${CARGO_HOME:-$HOME/.cargo}" "$tree")"
said=$("$tree/bin/run-restricted" 2>&1)
check 'archive: the name in messages' 'run-restricted: expected a command; --help has examples' "$said"
check 'archive: run-restricted.sh in the wrapper' '' "$(grep -F run-restricted.sh "$tree/bin/run-restricted")"
for sh in dash bash; do
    have "$sh" "archive, sourced in $sh" || continue
    # shellcheck disable=SC2016 # for the inner shell
    said=$(IPADDR_IPV4=127.0.0.2 PATH="$tree/bin:$PATH" ordinary "$sh" -c '. run-restricted && exec "$@"' \
        "$sh" python3 "$work/main_job.py" 2>&1)
    check "archive, sourced in $sh by its name" '127.0.0.2 127.0.0.2 refused' "$said"
done
check 'archive: the main job, under the guard' '127.0.0.2 127.0.0.2 refused' \
    "$(ordinary "$tree/bin/run-restricted" --guard --ip 127.0.0.2 -- python3 "$work/main_job.py" 2>&1)"
for program in ipaddrctl ipaddr-guard; do
    have readelf "$program: static" || continue
    check "$program: needs no dynamic linker" '' "$(readelf -lW "$tree/bin/$program" | grep INTERP)"
done

# Installed by root, for another root directory: all of it, and nothing when it is uninstalled.
export DESTDIR="$work/root"
mkdir -p "$DESTDIR/opt/ipaddr/bin" "$DESTDIR/etc" && chmod -R 755 "$DESTDIR"
cp -a "$tree" "$work/older" && echo old >"$work/older/share/doc/libipaddr/older" &&
    mkdir "$work/older/share/older" && echo old >"$work/older/share/older/older"
sh "$work/older/install.sh" --prefix /opt/ipaddr
check 'install.sh: status' 0 $?
prefix=$DESTDIR/opt/ipaddr
main_job 'install.sh' "$prefix"
check 'install.sh: the policy directory' 755 "$(stat -c %a "$DESTDIR/etc/ipaddr")"
check 'install.sh: modes' '755 644' "$(stat -c %a "$prefix/bin/run-restricted" "$prefix/lib/libipaddr/libipaddr.so" | paste -s -d ' ')"

# A new version, while a program runs under the old one.
mkfifo "$work/lines"
ordinary "$prefix/bin/run-restricted" --ip 127.0.0.2 -- python3 "$work/main_job.py" again \
    <"$work/lines" >"$work/said" 2>&1 &
running=$!
exec 9>"$work/lines"
# one_more COUNT: lets it do its job, for the COUNTth time.
one_more() {
    echo >&9
    tries=0
    until [ "$(wc -l <"$work/said")" -ge "$1" ] || [ "$tries" -eq 300 ] || ! kill -0 "$running" 2>/dev/null; do
        sleep 0.1
        tries=$((tries + 1))
    done
}
one_more 1
sh "$tree/install.sh" --prefix=/opt/ipaddr
check 'a new version: status' 0 $?
one_more 2
exec 9>&-
wait "$running"
check 'a program that runs meanwhile: status' 0 $?
running=
check 'a program that runs meanwhile' '127.0.0.2 127.0.0.2 refused
127.0.0.2 127.0.0.2 refused' "$(cat "$work/said")"
check 'a new version: its files' "$( (below "$tree" | grep -v '^install\.sh$'; echo lib/libipaddr/installed) | LC_ALL=C sort)" \
    "$(below "$prefix")"
check 'a new version: the directories of the old one' '' "$(find "$prefix" -name older)"
main_job 'a new version' "$prefix"

echo /opt/ipaddr/lib/libipaddr/libipaddr.so >"$DESTDIR/etc/ld.so.preload"
said=$(sh "$tree/install.sh" --uninstall --prefix /opt/ipaddr 2>&1)
check '--uninstall with /etc/ld.so.preload: status' 1 $?
holds '--uninstall with /etc/ld.so.preload' "$said" "$DESTDIR/etc/ld.so.preload names /opt/ipaddr/lib/libipaddr/libipaddr.so"
[ -f "$prefix/lib/libipaddr/libipaddr.so" ] || fail '--uninstall with /etc/ld.so.preload: the library' 'gone'
rm "$DESTDIR/etc/ld.so.preload"
IPADDR_POLICY_DIR=$DESTDIR/etc/ipaddr "$prefix/bin/ipaddrctl" assign /ipaddr-test-packages 127.0.0.2 >/dev/null 2>&1
check 'ipaddrctl assign: the file' 127.0.0.2 "$(cat "$DESTDIR/etc/ipaddr/ipaddr-test-packages/ipaddr.ipv4")"
said=$(sh "$work/older/install.sh" --uninstall --prefix /opt/ipaddr 2>&1)
check '--uninstall: policies stay' "$DESTDIR/etc/ipaddr: not empty, so not removed" "$said"
check '--uninstall: what is left' './etc/ipaddr/ipaddr-test-packages/ipaddr.ipv4' "$(cd "$DESTDIR" && find . -type f)"
check '--uninstall: directories that were there' "$prefix/bin" "$(find "$prefix" -mindepth 1)"
rm -r "$DESTDIR/etc/ipaddr/ipaddr-test-packages"
sh "$tree/install.sh" --prefix /opt/ipaddr && sh "$tree/install.sh" --prefix /opt/ipaddr --uninstall
check '--uninstall: nothing is left' './etc
./opt
./opt/ipaddr
./opt/ipaddr/bin' "$(cd "$DESTDIR" && find . -mindepth 1 | LC_ALL=C sort)"
unset DESTDIR

# Installed by an ordinary user in a home directory.
mkdir "$work/home" && chmod 777 "$work/home"
ordinary sh "$tree/install.sh" --prefix "$work/home/.local"
check 'install.sh, an ordinary user: status' 0 $?
main_job 'install.sh, an ordinary user' "$work/home/.local"
ordinary sh "$tree/install.sh" --prefix "$work/home/.local" --uninstall
check '--uninstall, an ordinary user: nothing is left' "$work/home/.local" "$(find "$work/home" -mindepth 1)"
for prefix in relative '/with space'; do
    said=$(ordinary sh "$tree/install.sh" --prefix "$prefix" 2>&1)
    check "--prefix $prefix: status" 1 $?
    holds "--prefix $prefix" "$said" "install.sh: --prefix $prefix: expected"
done

# expected [SED SCRIPT]: the files of a package, by those of the archive.
expected() {
    below "$tree" | sed -e '/^install\.sh$/d; s|^|/usr/|; s|\(/man/.*\)|\1.gz|' "$@" | LC_ALL=C sort
}

# The package for Debian.
deb=$(grep 'deb$' "$work/made") && {
    dpkg-deb --extract "$deb" "$work/deb"
    main_job '.deb, unpacked' "$work/deb/usr"
    check '.deb: files' "$( (expected -e 's|site-functions|vendor-completions|; /LICENSE-/d' \
        -e 's|CHANGELOG.md|changelog.gz|; s|OF-CRATES|&.gz|'
    printf '/usr/share/doc/libipaddr/%s\n' changelog.Debian.gz copyright
    echo /usr/share/lintian/overrides/libipaddr) | LC_ALL=C sort)" "$(below "$work/deb" | sed 's|^|/|')"
    check '.deb: /etc/ipaddr' 755 "$(stat -c %a "$work/deb/etc/ipaddr")"
    check '.deb: needs' 'libc6 (>= 2.16)' "$(dpkg-deb --field "$deb" Depends)"
    if have lintian 'lintian'; then
        said=$(lintian --fail-on error,warning "$deb" 2>/dev/null)
        check "lintian: $said" 0 $?
    fi
}

# The package for RPM.
rpm=$(grep 'rpm$' "$work/made") && {
    check '.rpm: files' "$( (expected; echo /etc/ipaddr; echo /usr/lib/libipaddr
    printf '/usr/share/doc/libipaddr%s\n' '' /docs) | LC_ALL=C sort)" "$(rpm -qlp "$rpm" | LC_ALL=C sort)"
    if root_for 'rpm --root'; then
        mkdir "$work/rpm"
        # It has no sh for the scripts.
        rpm --root "$work/rpm" --install --nodeps "$rpm" 2>"$work/log"
        check '.rpm: installed' 0 $?
        main_job '.rpm, installed' "$work/rpm/usr"
        rpm --root "$work/rpm" --erase --nodeps --noscripts libipaddr 2>"$work/log"
        check '.rpm: erased' 0 $?
        check '.rpm: what is left' '' "$(find "$work/rpm" -name '*ipaddr*')"
    fi
}

# The tool alone.
(cd "$root" && cargo install --quiet --locked --path crates/ctl --root "$work/cargo") 2>"$work/log"
check "cargo install: $(cat "$work/log"): status" 0 $?
check 'cargo install: the version' "$("$tree/bin/ipaddrctl" --version)" "$("$work/cargo/bin/ipaddrctl" --version)"

summary
