# What the tests run; sourced by run.sh and aarch64/.
# shellcheck shell=sh disable=SC2034

# A command that the tests run, and the Debian package that has it.
PROGRAMS='
cc gcc
clang clang
musl-gcc musl-tools
make make
bzip2 bzip2
readelf binutils
perl perl
python3 python3
curl curl
nginx nginx
redis-server redis-server
redis-cli redis-tools
node nodejs
erl erlang-base
javac default-jdk-headless
bash-static bash-static
dash dash
busybox busybox
zsh zsh
mksh mksh
ksh93 ksh93u+m
yash yash
ip iproute2
iptables-restore iptables
unshare util-linux
script bsdutils
bash bash
setcap libcap2-bin
valgrind valgrind
go golang-go
php php-cli
setpriv util-linux
runc runc
crun crun
strace strace
sudo sudo
postfix postfix
pg_ctlcluster postgresql
pgrep procps
chronyd chrony
groff groff-base
man man-db
mandoc mandoc
shellcheck shellcheck
dh debhelper
lintian lintian
rpmbuild rpm
'

# A library that the tests preload, and the packages that have it.
LIBRARIES='
libjemalloc.so.2 libjemalloc2
libtcmalloc_minimal.so.4 libtcmalloc-minimal4
faketime/libfaketimeMT.so.1 libfaketime
libsocket_wrapper.so libsocket-wrapper
20220829/curl.so php-curl
'

# The tests of the C harness, which are run in processes of musl too.
MUSL_TESTS='assignment bad_input bind_table connect_table hooks rules ephemeral_ports exec guest
many_datagrams log multicast own_filter random_calls require symbols coverage'
