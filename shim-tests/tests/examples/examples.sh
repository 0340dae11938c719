#!/bin/sh
# Runs the commands of README.md, docs/, CONTRIBUTING.md and run-restricted.sh --help as they are written
# there: examples.sh [LIBRARY]. The addresses, cgroups and files that they speak of are made in namespaces.
#
# A block marked sh holds commands, and each has to be run here or named in not_here with the reason why
# it isn't; one below a line <!-- not run by a test: REASON --> is left alone. A block that begins with #!
# is a script.
set -u

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit
root=${here%/shim-tests/tests/examples}
# shellcheck source=shim-tests/tests/checks.sh
. "$root/shim-tests/tests/checks.sh"
export PATH="$PATH:/usr/sbin:/sbin"

# The cgroup of the test, from which the namespace's tree begins.
make_cgroup() {
    unified=$(awk '/ - cgroup2 / { print $5; exit }' /proc/self/mountinfo)
    cgroup=$unified/ipaddr-test-examples-$$
    [ -n "$unified" ] && mkdir "$cgroup" 2>/dev/null
}

remove() {
    rm -rf "$work"
    find "$cgroup" -depth -type d -exec rmdir {} +
}

if [ "${1-}" != --inside ]; then
    for tool in unshare ip ss python3 curl nginx redis-server; do
        have "$tool" 'everything' || exit 0
    done
    root_for 'everything' || exit 0
    make_cgroup || {
        skip 'everything' 'no cgroup v2 hierarchy that may be written to'
        exit 0
    }
    work=$(mktemp -d) || exit
    trap remove EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    archive=
    ! have cargo 'cargo build, and the archive' || archive=$("$root/packaging/build.sh" tar 2>"$work/log") || {
        cat "$work/log"
        exit 1
    }
    # shellcheck disable=SC2016 # for the inner shell
    sh -c 'env echo "$$" >"$0/cgroup.procs" && exec "$@"' "$cgroup" \
        unshare --mount --net --cgroup --pid --fork --mount-proc --kill-child sh "$0" --inside \
        "${1:-$root/target/release/libipaddr.so}" "$work" "$unified" "$archive"
    exit
fi

library=$2
work=$3
unified=$4
archive=$5
guard=${IPADDR_GUARD:-$root/target/release/ipaddr-guard}
for variable in LD_PRELOAD $(env | sed -n 's/^\(IPADDR_[A-Za-z0-9_]*\)=.*/\1/p'); do
    unset "$variable"
done

# copied DIRECTORY: a copy in its place.
copied() {
    mkdir -p "$work$1" && cp -a "$1/." "$work$1" && mount --bind "$work$1" "$1"
}

mount -t tmpfs -o mode=755 tmpfs "$work" && copied /etc && copied /var/lib/nginx &&
    copied /var/log/nginx || exit 1
# What is written below /usr is written elsewhere.
mkdir "$work/upper" "$work/work" &&
    mount -t overlay -o "lowerdir=/usr,upperdir=$work/upper,workdir=$work/work" overlay /usr || exit 1
for directory in /run /srv /opt; do
    mount -t tmpfs -o mode=755 tmpfs "$directory" || exit 1
done
umount "$unified" && mount -t cgroup2 none "$unified" || exit 1
ip link set lo up && ip address add 10.0.0.5/32 dev lo && ip address add 10.0.0.6/32 dev lo || exit 1
rm -rf /etc/ld.so.preload /etc/ipaddr
# A tree as the source's, with the library built.
tree=$work/tree
mkdir -p "$tree/target/release" && cp "$root/run-restricted.sh" "$tree/" &&
    cp "$library" "$tree/target/release/libipaddr.so" &&
    cp "$guard" "$tree/target/release/ipaddr-guard" && cd "$tree" || exit 1

readme=$root/README.md
deployment=$root/docs/deployment.md
awk -f "$here/commands.awk" "$readme" "$root"/docs/*.md "$root/CONTRIBUTING.md" >"$work/commands" || exit 1
help=$(sh ./run-restricted.sh --help)

# documented COMMAND: whether it is written somewhere, or an example of --help; it counts as run.
documented() {
    printf '%s\n' "$1" >>"$work/run"
    grep -q -x -F -- "$1" "$work/commands" || printf '%s\n' "$help" | grep -q -x -F -- "  $1" ||
        fail "documented: $1" 'not in the text any more'
}

# block FILE LINE: the rest of the block that begins with the line.
block() {
    awk -v first="$2" '$0 == first { within = 1 } within && /^```/ { exit } within { print }' "$1"
}

# listeners PORT: the IPv4 addresses where somebody listens on the port, once somebody does.
listeners() {
    tries=0
    until found=$(ss -4Hltn "sport = :$1" | awk '{ print $4 }' | sort) && [ -n "$found" ] || [ "$tries" -eq 600 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    printf '%s\n' "$found" | paste -s -d ' ' -
}

# end PORT: ends who listens there.
end() {
    # One process may end with another.
    # shellcheck disable=SC2046 # numbers
    kill $(ss -Hltnp "sport = :$1" | grep -o 'pid=[0-9]*' | cut -d = -f 2 | sort -u) 2>/dev/null
    tries=0
    while [ -n "$(ss -Hltn "sport = :$1")" ] && [ "$tries" -lt 600 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
}

# serves COMMAND PORT ADDRESS: what it starts listens there only.
serves() {
    documented "$1"
    sh -c "$1" >"$work/log" 2>&1 </dev/null &
    found=$(listeners "$2")
    check "$1" "$3:$2" "${found:-$(cat "$work/log")}"
    end "$2"
}

# succeeds COMMAND: within the tree.
succeeds() {
    documented "$1"
    if said=$(sh -c "$1" 2>&1 </dev/null); then
        pass "$1"
    else
        fail "$1" "$said"
    fi
}

# The policy directory in two minutes.
policy=$(block "$readme" 'mkdir -p /etc/ipaddr/web/a /etc/ipaddr/web/b /etc/ipaddr/mail')
printf '%s\n' "$policy" | sed 's/ *# .*//' >>"$work/run"
sh -eu -c "$policy" || fail 'the policy directory' "$policy"
check 'the policy directory' 6 "$(find /etc/ipaddr -type f -exec cat {} + | wc -l)"
serves './run-restricted.sh --create-cgroup /web/a -- nginx' 80 10.0.0.5
serves './run-restricted.sh --create-cgroup /web/b -- redis-server' 6379 10.0.0.6

cp -a /etc/ipaddr /srv/ipaddr && rm -r /etc/ipaddr
serves './run-restricted.sh --ip 127.0.0.2 -- python3 -m http.server 8080' 8080 127.0.0.2
succeeds './run-restricted.sh --guard --ip 127.0.0.2 -- busybox true'
serves './run-restricted.sh --policy /srv/ipaddr --cgroup /web/a -- nginx' 80 10.0.0.5
line='./run-restricted.sh --ip 10.0.0.5 --ip6 none --log info -- curl http://10.0.0.6/'
documented "$line"
./run-restricted.sh --ip 10.0.0.6 -- nginx
listeners 80 >/dev/null
said=$(sh -c "$line" 2>&1)
holds "$line" "$said" 'from 10.0.0.5'
holds "$line: the page" "$said" '<html'
end 80
printf '%s\n' "$help" | sed -n 's/^  \(\.\/run-restricted.sh --.*\)/\1/p' >"$work/examples"
while IFS= read -r line; do
    grep -q -x -F -- "$line" "$work/run" || fail "help: $line" 'nobody runs it'
done <"$work/examples"

# Built, and installed from the archive.
line='cargo build --release --workspace'
documented "$line"
version=$(sed -n 's/^version=//p' run-restricted.sh)
unpacked=libipaddr-$version-x86_64-linux
if [ -n "$archive" ]; then
    (cd "$root" && sh -c "$line")
    check "$line: status" 0 $?
    cp "$archive" "$unpacked.tar.gz"
    succeeds "tar -xzf $unpacked.tar.gz"
    [ -d "$unpacked" ] || mv "$(basename "$archive" .tar.gz)" "$unpacked"
    succeeds "./$unpacked/install.sh"
    check 'install.sh: where' /usr/local/bin/run-restricted "$(command -v run-restricted)"
    succeeds "./$unpacked/install.sh --uninstall"
    check 'install.sh --uninstall' '' "$(find /usr/local /etc -name '*ipaddr*')"
else
    for line in "tar -xzf $unpacked.tar.gz" "./$unpacked/install.sh" "./$unpacked/install.sh --uninstall"; do
        documented "$line"
    done
fi

# Installed where packages have it, and where a container has it.
ctl=$root/target/release/ipaddrctl
for prefix in /usr /opt/libipaddr; do
    mkdir -p "$prefix/bin" "$prefix/lib/libipaddr" && cp run-restricted.sh "$prefix/bin/run-restricted" &&
        cp "$library" "$prefix/lib/libipaddr/libipaddr.so" || exit 1
    [ ! -x "$ctl" ] || cp "$ctl" "$guard" "$prefix/bin/"
done

# Containers: the entrypoint that sources the wrapper, and the wrapper as one.
block "$deployment" '#!/bin/sh' >"$work/entrypoint.sh"
chmod 755 "$work/entrypoint.sh"
IPADDR_IPV4=10.0.0.5 "$work/entrypoint.sh" nginx -g 'daemon off;' &
check 'the entrypoint' 10.0.0.5:80 "$(listeners 80)"
end 80
sed -n 's/^ENTRYPOINT \["\(.*\)", "\(--\)"\]$/\1 \2/p' "$readme" "$deployment" | sort -u >"$work/entrypoints"
check 'entrypoints that are the wrapper' 1 "$(wc -l <"$work/entrypoints")"
read -r wrapper dashes <"$work/entrypoints"
IPADDR_IPV4=10.0.0.5 "$wrapper" "$dashes" nginx -g 'daemon off;' &
check "the entrypoint $wrapper $dashes" 10.0.0.5:80 "$(listeners 80)"
end 80
line=$(printf '%s\n' "$help" | sed -n 's/^  \(IPADDR_IPV4=10.0.0.5; .*\)/\1/p')
sh -c "$line" sh nginx -g 'daemon off;' &
check "help: $line" 10.0.0.5:80 "$(listeners 80)"
end 80

# Instead of sourcing it: a command that isn't covered is refused.
line='exec /usr/bin/run-restricted -- "$@"'
documented "$line"
IPADDR_IPV4=10.0.0.5 sh -c "$line" sh nginx -g 'daemon off;' &
check "$line" 10.0.0.5:80 "$(listeners 80)"
end 80
if have bash-static "$line, of a static program"; then
    said=$(IPADDR_IPV4=10.0.0.5 sh -c "$line" sh bash-static -c 'echo ran' 2>&1)
    check "$line, of a static program: status" 126 $?
    holds "$line, of a static program" "$said" 'it is statically linked'
fi

# What the systemd units execute.
sed -n 's/^ExecStart=\(.*run-restricted.*\)/\1/p' "$readme" "$deployment" | sort -u >"$work/units"
check 'units with the wrapper' 1 "$(wc -l <"$work/units")"
line=$(cat "$work/units")
sh -c "$line" &
check "$line" 10.0.0.5:80 "$(listeners 80)"
end 80
line='ipaddrctl unit web-b.service --ip 10.0.0.6'
documented "$line"
if [ -x "$ctl" ]; then
    drop_in=$(block "$deployment" '# /etc/systemd/system/web-b.service.d/libipaddr.conf')
    check "$line" "$drop_in" "$(sh -c "$line" 2>/dev/null)"
    sh -c "$line --install --units $work/drop-ins" >"$work/log" 2>&1
    setting=$(printf '%s\n' "$drop_in" | sed -n 's/^Environment=\(LD_PRELOAD=.*\)/\1/p')
    mkdir -p "$unified/system.slice/web-b.service"
    # shellcheck disable=SC2016 # for the inner shell
    sh -c 'echo "$$" >"$0/system.slice/web-b.service/cgroup.procs"; exec env "$1" nginx -g "daemon off;"' \
        "$unified" "$setting" &
    check "$line --install" 10.0.0.6:80 "$(listeners 80)"
    end 80
else
    skip "$line" 'ipaddrctl is not built'
fi

# One daemon's own setting, the whole system, and a new library.
# shellcheck disable=SC2016 # as it is written
line='postconf -e "import_environment = $(postconf -hd import_environment) LD_PRELOAD=/usr/lib/libipaddr/libipaddr.so IPADDR_IPV4=10.0.1.9"'
if have postconf "$line"; then
    succeeds "$line"
    holds "$line: the setting" "$(postconf -h import_environment)" 'LD_PRELOAD=/usr/lib/libipaddr/libipaddr.so'
else
    documented "$line"
fi
if [ -x "$ctl" ]; then
    succeeds 'ipaddrctl check'
else
    documented 'ipaddrctl check'
    skip 'ipaddrctl' 'it is not built'
fi
succeeds 'echo /usr/lib/libipaddr/libipaddr.so >/etc/ld.so.preload.new && mv /etc/ld.so.preload.new /etc/ld.so.preload'
said=$(IPADDR_IPV4=10.0.0.5 env -i IPADDR_LOG=info IPADDR_IPV4=10.0.0.6 "$(command -v true)" 2>&1)
holds '/etc/ld.so.preload' "$said" 'IPv4 10.0.0.6 by IPADDR_IPV4'
succeeds 'install -m 644 target/release/libipaddr.so /usr/lib/libipaddr/libipaddr.so.new'
succeeds 'mv /usr/lib/libipaddr/libipaddr.so.new /usr/lib/libipaddr/libipaddr.so'
line="bash-static -c ': >/etc/ld.so.preload'"
if have bash-static "$line"; then
    succeeds "$line"
    check "$line: the file" '' "$(cat /etc/ld.so.preload)"
else
    documented "$line"
    : >/etc/ld.so.preload
fi

# not_here COMMAND: whether it is one of those that this test can't run; $reason says why.
not_here() {
    case $1 in
    './shim-tests/run.sh' | *'cargo test '* | 'sh shim-tests/tests/'*) reason='it is the tests themselves' ;;
    'packaging/build.sh') reason='the test of packages runs it' ;;
    './shim-tests/bench.sh') reason='it takes ten minutes' ;;
    *'./shim-tests/aarch64.sh'*) reason='it takes hours' ;;
    'cargo bolero '*) reason='it fuzzes for ten minutes, with a tool of its own' ;;
    'python3 shim-tests/suites/'*) reason='it takes minutes' ;;
    'cargo clippy '* | 'cargo fmt '* | 'shellcheck '*) reason='run.sh runs it' ;;
    *) return 1 ;;
    esac
}

# names COMMAND: whether what it names is there: packages, tests, files, variables.
names() {
    before=
    # shellcheck disable=SC2086 # words
    set -- $1
    for word in "$@"; do
        case $before in
        -p) grep -q -r --include=Cargo.toml -x "name = \"$word\"" "$root/Cargo.toml" "$root/crates" "$root/shim-tests" ;;
        --test) [ -d "$root/shim-tests/tests/$word" ] || [ -d "$root/crates/ctl/tests/$word" ] ;;
        *)
            case $word in
            IPADDR_*=*) grep -q -r --include='*.rs' --include='*.sh' "${word%%=*}" "$root/shim-tests" ;;
            ./* | shim-tests/* | packaging/*) [ -e "$root/$word" ] ;;
            esac
            ;;
        esac || {
            reason="there is no $word"
            return 1
        }
        before=$word
    done
}

while IFS= read -r line; do
    if grep -q -x -F -- "$line" "$work/run"; then
        continue
    elif ! not_here "$line"; then
        fail "run: $line" 'nobody runs it'
    elif names "$line"; then
        pass "not run, as $reason: $line"
    else
        fail "not run: $line" "$reason"
    fi
done <"$work/commands"

summary
