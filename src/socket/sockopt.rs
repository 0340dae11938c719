//! What the shim asks of a socket and sets on it. By libc's functions, so that a library which
//! stands in for the socket calls (socket_wrapper, say) is asked too.

use core::ffi::c_int;

use crate::abi::real;
use crate::sys::errno::{Errno, ThreadErrno};
use crate::sys::seccomp;
use ipaddr_socket::sockaddr::Sockaddr;

/// getsockname(2).
///
/// # Errors
/// Those of getsockname(2).
pub fn local_address(fd: c_int) -> Result<Sockaddr, Errno> {
    let mut sockaddr = Sockaddr::empty();
    let (address, len) = sockaddr.as_out();
    // SAFETY: `len` says how much room `address` has.
    let result = unsafe { libc::getsockname(fd, address, len) };
    checked(result).map(|()| sockaddr)
}

/// Whether an AF_INET6 socket carries IPv4 too: `IPV6_V6ONLY` is 0 and its protocol has an IPv4
/// half, which raw and ICMPv6 ones have not.
///
/// True also where the kernel won't tell: then it isn't an AF_INET6 socket, and the kernel refuses
/// what is made of the answer.
pub fn is_dual_stack(fd: c_int) -> bool {
    let option = |level, name| option_value(fd, level, name);
    option(libc::IPPROTO_IPV6, libc::IPV6_V6ONLY) != Ok(1)
        && match option(libc::SOL_SOCKET, libc::SO_TYPE) {
            Ok(libc::SOCK_STREAM) => true,
            Ok(libc::SOCK_RAW) => false,
            _ => option(libc::SOL_SOCKET, libc::SO_PROTOCOL) != Ok(libc::IPPROTO_ICMPV6),
        }
}

/// Whether the socket is TCP or MPTCP.
pub fn is_tcp(fd: c_int) -> bool {
    matches!(protocol(fd), Ok(libc::IPPROTO_TCP | libc::IPPROTO_MPTCP))
}

/// The protocol, see `SO_PROTOCOL` in socket(7).
///
/// # Errors
/// Those of getsockopt(2): `EBADF`, `ENOTSOCK`.
pub fn protocol(fd: c_int) -> Result<c_int, Errno> {
    ask(fd, libc::SOL_SOCKET, libc::SO_PROTOCOL)
}

/// Whether the socket is raw, see raw(7).
pub fn is_raw(fd: c_int) -> bool {
    option_value(fd, libc::SOL_SOCKET, libc::SO_TYPE) == Ok(libc::SOCK_RAW)
}

/// The arguments of socket(2): domain, type, protocol.
///
/// # Errors
/// Those of getsockopt(2): `EBADF`, `ENOTSOCK`.
pub fn description(fd: c_int) -> Result<(c_int, c_int, c_int), Errno> {
    let option = |name| option_value(fd, libc::SOL_SOCKET, name);
    let domain = option(libc::SO_DOMAIN)?;
    Ok((domain, option(libc::SO_TYPE)?, option(libc::SO_PROTOCOL)?))
}

/// Whether the socket is a raw one of IPv4, see raw(7).
pub fn is_raw_ipv4(fd: c_int) -> bool {
    option_value(fd, libc::SOL_SOCKET, libc::SO_DOMAIN) == Ok(libc::AF_INET) && is_raw(fd)
}

/// The family that a send on this socket takes a destination of family `AF_UNSPEC` for. `None`
/// where that is no destination (`udpv6_sendmsg` in net/ipv6/udp.c), or the kernel refuses it, as it
/// does on ping sockets and on streams, with `MSG_FASTOPEN` too.
pub fn family_of_unspecified(fd: c_int) -> Option<c_int> {
    use libc::{AF_INET, AF_INET6, SOCK_DGRAM, SOCK_RAW};
    match description(fd).ok()? {
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

/// Whether the socket is a stream, see socket(2).
pub fn is_stream(fd: c_int) -> bool {
    option_value(fd, libc::SOL_SOCKET, libc::SO_TYPE) == Ok(libc::SOCK_STREAM)
}

/// Whether the socket is a datagram one, see socket(2).
pub fn is_datagram(fd: c_int) -> bool {
    option_value(fd, libc::SOL_SOCKET, libc::SO_TYPE) == Ok(libc::SOCK_DGRAM)
}

/// Whether listen(2) is for sockets of this type.
pub fn listens_at_all(fd: c_int) -> bool {
    let kind = option_value(fd, libc::SOL_SOCKET, libc::SO_TYPE);
    matches!(kind, Ok(libc::SOCK_STREAM | libc::SOCK_SEQPACKET))
}

/// Whether the socket listens already, see `SO_ACCEPTCONN` in socket(7).
pub fn is_listening(fd: c_int) -> bool {
    option_value(fd, libc::SOL_SOCKET, libc::SO_ACCEPTCONN) == Ok(1)
}

/// Whether `fd` is a socket at all.
///
/// # Errors
/// `EBADF` or `ENOTSOCK` if it isn't.
pub fn is_socket(fd: c_int) -> Result<(), Errno> {
    option_value(fd, libc::SOL_SOCKET, libc::SO_TYPE).map(|_| ())
}

/// An option's value, but `EPERM` in a process with a seccomp filter of its own.
fn option_value(fd: c_int, level: c_int, option: c_int) -> Result<c_int, Errno> {
    if seccomp::is_confined() {
        return Err(Errno(libc::EPERM));
    }
    ask(fd, level, option)
}

fn ask(fd: c_int, level: c_int, option: c_int) -> Result<c_int, Errno> {
    let mut value: c_int = 0;
    let mut len: libc::socklen_t = size_of::<c_int>() as libc::socklen_t;
    // SAFETY: `len` says how much room `value` has.
    let result =
        unsafe { libc::getsockopt(fd, level, option, (&raw mut value).cast(), &raw mut len) };
    checked(result).map(|()| value)
}

/// Whether `IP_BIND_ADDRESS_NO_PORT` (ip(7)) is set.
pub fn has_bind_address_no_port(fd: c_int) -> bool {
    option_value(fd, libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT) == Ok(1)
}

/// Sets `IP_BIND_ADDRESS_NO_PORT` (ip(7)): a bind to port 0 then leaves the port to connect, which
/// picks it by 4-tuple. Works on AF_INET6 sockets too. A kernel older than 4.2 lacks it, and picks
/// the port at the bind: dearer in ports, otherwise the same.
///
/// # Errors
/// Those of setsockopt(2), `ENOPROTOOPT` from such a kernel; `EPERM` where a seccomp filter may be in
/// the way.
pub fn set_bind_address_no_port(fd: c_int, on: bool) -> Result<(), Errno> {
    if !seccomp::may_set_options() {
        return Err(Errno(libc::EPERM));
    }
    let option = libc::IP_BIND_ADDRESS_NO_PORT;
    real::set_option_quietly(fd, libc::IPPROTO_IP, option, &c_int::from(on))
}

/// Sets `IPV6_V6ONLY` (ipv6(7)).
///
/// # Errors
/// Those of setsockopt(2): `EINVAL` once the socket has a port; `EPERM` where a seccomp filter may be
/// in the way.
pub fn set_ipv6_only(fd: c_int, on: bool) -> Result<(), Errno> {
    if !seccomp::may_set_options() {
        return Err(Errno(libc::EPERM));
    }
    let option = libc::IPV6_V6ONLY;
    real::set_option_quietly(fd, libc::IPPROTO_IPV6, option, &c_int::from(on))
}

/// Has close(2) reset the connection, see `SO_LINGER` in socket(7). Not where a seccomp filter may be
/// in the way: then it ends as any other.
pub fn set_no_linger(fd: c_int) {
    if !seccomp::may_set_options() {
        return;
    }
    let linger = libc::linger {
        l_onoff: 1,
        l_linger: 0,
    };
    let _ = real::set_option_quietly(fd, libc::SOL_SOCKET, libc::SO_LINGER, &linger);
}

/// -1 is an error, its number in errno; the exported functions put errno back.
fn checked(result: c_int) -> Result<(), Errno> {
    match result {
        0 => Ok(()),
        _ => Err(Errno::get()),
    }
}
