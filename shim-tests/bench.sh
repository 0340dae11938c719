#!/bin/sh
# What the library costs, in one command:
#
#   ./shim-tests/bench.sh [--quick | --seconds N] [--only SECTION]... [DIRECTORY]
#
# Prints a report as it measures, about ten minutes long, and writes it as report.md, with charts and
# with each value as raw.csv, into a new directory of DIRECTORY (target/bench-results if none is
# named), whose name is the date and the machine. As root with apt-get it first installs the programs
# and libraries that it compares; what is missing is left out, and the report says so. It is worth
# the more the less else the machine has to do.
set -u

# A command that is measured or measured with, and the Debian package that has it.
PROGRAMS='
cc gcc
clang clang
ip iproute2
nginx nginx
redis-server redis-server
redis-benchmark redis-tools
wrk wrk
valgrind valgrind
go golang-go
'

# A library that is measured, and the package that has it.
LIBRARIES='
libsocket_wrapper.so libsocket-wrapper
torsocks/libtorsocks.so torsocks
libproxychains.so.4 libproxychains4
'

here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd) || exit 1
if ! command -v cargo >/dev/null; then
    echo 'cargo is not in PATH: install a Rust toolchain first' >&2
    exit 1
fi
# shellcheck source=shim-tests/packages.sh
. "$here/shim-tests/packages.sh"
trap allow_services EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
export PATH="$PATH:/usr/sbin:/sbin"

# cargo runs the benchmark in another directory: a path that is relative here means something else there.
previous=
for argument; do
    shift
    case $previous,$argument in
    --seconds,* | --only,* | *,-* | *,/*) ;;
    *) argument=$PWD/$argument ;;
    esac
    previous=$argument
    set -- "$@" "$argument"
done

install_missing "$PROGRAMS" "$LIBRARIES" </dev/null
cargo bench --quiet --manifest-path "$here/Cargo.toml" -p shim-tests --bench report -- "$@" </dev/null
