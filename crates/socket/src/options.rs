//! What the kernel says of a call's socket, and the options that are set on it.

use core::ffi::c_int;

use ipaddr_policy::errno::Errno;
use libc::{AF_INET, AF_INET6, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET, SOCK_STREAM};

use crate::call::Call;
use crate::host::Host;
use crate::socket::Socket;

impl<S: Socket, H: Host> Call<'_, S, H> {
    /// Whether it is a socket at all.
    ///
    /// # Errors
    /// `EBADF` or `ENOTSOCK` if it isn't; `EPERM` in a confined process.
    pub(crate) fn is_socket(&self) -> Result<(), Errno> {
        self.kind().map(|_| ())
    }

    /// Whether the socket is a stream, see socket(2).
    pub(crate) fn is_stream(&self) -> bool {
        self.kind() == Ok(SOCK_STREAM)
    }

    /// Whether the socket is a datagram one, see socket(2).
    pub fn is_datagram(&self) -> bool {
        self.kind() == Ok(SOCK_DGRAM)
    }

    /// Whether the socket is raw, see raw(7).
    pub(crate) fn is_raw(&self) -> bool {
        self.kind() == Ok(SOCK_RAW)
    }

    /// Whether the socket is a raw one of IPv4, see raw(7).
    pub(crate) fn is_raw_ipv4(&self) -> bool {
        self.option(libc::SOL_SOCKET, libc::SO_DOMAIN) == Ok(AF_INET) && self.is_raw()
    }

    /// Whether listen(2) is for sockets of this type.
    pub(crate) fn listens_at_all(&self) -> bool {
        matches!(self.kind(), Ok(SOCK_STREAM | SOCK_SEQPACKET))
    }

    /// Whether the socket listens already, see `SO_ACCEPTCONN` in socket(7).
    pub(crate) fn is_listening(&self) -> bool {
        self.option(libc::SOL_SOCKET, libc::SO_ACCEPTCONN) == Ok(1)
    }

    /// Whether the socket is TCP or MPTCP.
    pub(crate) fn is_tcp(&self) -> bool {
        matches!(self.protocol(), Ok(libc::IPPROTO_TCP | libc::IPPROTO_MPTCP))
    }

    /// The protocol, see `SO_PROTOCOL` in socket(7). Queried in a confined process too.
    ///
    /// # Errors
    /// Those of getsockopt(2): `EBADF`, `ENOTSOCK`.
    pub(crate) fn protocol(&self) -> Result<c_int, Errno> {
        self.socket.getsockopt(libc::SOL_SOCKET, libc::SO_PROTOCOL)
    }

    /// Whether an AF_INET6 socket carries IPv4 too: `IPV6_V6ONLY` is 0 and its protocol has an IPv4
    /// half, which raw and ICMPv6 ones have not.
    ///
    /// True also where the kernel won't tell: then it isn't an AF_INET6 socket, and the kernel refuses
    /// what is made of the answer.
    pub(crate) fn is_dual_stack(&self) -> bool {
        self.option(libc::IPPROTO_IPV6, libc::IPV6_V6ONLY) != Ok(1)
            && match self.kind() {
                Ok(SOCK_STREAM) => true,
                Ok(SOCK_RAW) => false,
                _ => self.option(libc::SOL_SOCKET, libc::SO_PROTOCOL) != Ok(libc::IPPROTO_ICMPV6),
            }
    }

    /// The arguments of socket(2): domain, type, protocol.
    ///
    /// # Errors
    /// Those of getsockopt(2): `EBADF`, `ENOTSOCK`; `EPERM` in a confined process.
    pub(crate) fn description(&self) -> Result<(c_int, c_int, c_int), Errno> {
        let option = |name| self.option(libc::SOL_SOCKET, name);
        let domain = option(libc::SO_DOMAIN)?;
        Ok((domain, self.kind()?, option(libc::SO_PROTOCOL)?))
    }

    /// The family that a send on this socket takes a destination of family `AF_UNSPEC` for. `None`
    /// where that is no destination (`udpv6_sendmsg` in net/ipv6/udp.c), or the kernel refuses it, as
    /// it does on ping sockets and on streams, with `MSG_FASTOPEN` too.
    pub(crate) fn family_of_unspecified(&self) -> Option<c_int> {
        match self.description().ok()? {
            // raw_sendmsg in net/ipv4/raw.c, rawv6_sendmsg in net/ipv6/raw.c
            (domain @ (AF_INET | AF_INET6), SOCK_RAW, _) => Some(domain),
            (_, SOCK_DGRAM, libc::IPPROTO_ICMP | libc::IPPROTO_ICMPV6) => None,
            // udp_sendmsg in net/ipv4/udp.c
            (AF_INET, SOCK_DGRAM, _) => Some(AF_INET),
            (AF_INET6, SOCK_DGRAM, libc::IPPROTO_UDP | libc::IPPROTO_UDPLITE) => None,
            // l2tp_ip6_sendmsg in net/l2tp/l2tp_ip6.c
            (AF_INET6, SOCK_DGRAM, _) => Some(AF_INET6),
            _ => None,
        }
    }

    /// Whether `IP_BIND_ADDRESS_NO_PORT` (ip(7)) is set.
    pub(crate) fn has_bind_address_no_port(&self) -> bool {
        self.option(libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT) == Ok(1)
    }

    /// Sets `IP_BIND_ADDRESS_NO_PORT` (ip(7)): a bind to port 0 then leaves the port to connect, which
    /// picks it by 4-tuple. Works on AF_INET6 sockets too. A kernel older than 4.2 lacks it, and picks
    /// the port at the bind: that costs more ports, and is otherwise the same.
    ///
    /// # Errors
    /// Those of setsockopt(2), `ENOPROTOOPT` from such a kernel; `EPERM` where a seccomp filter may be
    /// in the way.
    pub(crate) fn set_bind_address_no_port(&self, on: bool) -> Result<(), Errno> {
        self.set(libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT, on)
    }

    /// Sets `IPV6_V6ONLY` (ipv6(7)).
    ///
    /// # Errors
    /// Those of setsockopt(2): `EINVAL` once the socket has a port; `EPERM` where a seccomp filter may
    /// be in the way.
    pub(crate) fn set_ipv6_only(&self, on: bool) -> Result<(), Errno> {
        self.set(libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, on)
    }

    /// Has close(2) reset the connection, see `SO_LINGER` in socket(7). Not where a seccomp filter may
    /// be in the way: then it ends as any other.
    pub(crate) fn set_no_linger(&self) {
        if self.host.may_set_options() {
            // l_onoff is 1, l_linger 0.
            let [a, b, c, d] = 1_i32.to_ne_bytes();
            let linger = [a, b, c, d, 0, 0, 0, 0];
            let _ = self
                .socket
                .setsockopt(libc::SOL_SOCKET, libc::SO_LINGER, &linger);
        }
    }

    /// The type, see socket(2).
    fn kind(&self) -> Result<c_int, Errno> {
        self.option(libc::SOL_SOCKET, libc::SO_TYPE)
    }

    /// An option's value, but `EPERM` in a process with a seccomp filter of its own.
    fn option(&self, level: c_int, name: c_int) -> Result<c_int, Errno> {
        if self.host.is_confined() {
            return Err(Errno(libc::EPERM));
        }
        self.socket.getsockopt(level, name)
    }

    fn set(&self, level: c_int, name: c_int, on: bool) -> Result<(), Errno> {
        if !self.host.may_set_options() {
            return Err(Errno(libc::EPERM));
        }
        let value = c_int::from(on).to_ne_bytes();
        self.socket.setsockopt(level, name, &value)
    }
}
