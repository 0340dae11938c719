//! Calls on a socket, with the bytes of its addresses and options.

use std::ffi::c_int;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use ipaddr_policy::errno::Errno;
use ipaddr_socket::sockaddr::Sockaddr;
use libc::{iovec, msghdr, sock_filter, sock_fprog, socklen_t};

/// bind(2)
///
/// # Errors
/// Those of bind(2).
pub fn bind(socket: BorrowedFd<'_>, address: &Sockaddr) -> Result<(), Errno> {
    let (address, len) = address.as_in();
    // SAFETY: `len` is how much of `address` there is.
    checked(unsafe { libc::bind(socket.as_raw_fd(), address, len) })
}

/// connect(2)
///
/// # Errors
/// Those of connect(2).
pub fn connect(socket: BorrowedFd<'_>, address: &Sockaddr) -> Result<(), Errno> {
    let (address, len) = address.as_in();
    // SAFETY: `len` is how much of `address` there is.
    checked(unsafe { libc::connect(socket.as_raw_fd(), address, len) })
}

/// listen(2)
///
/// # Errors
/// Those of listen(2).
pub fn listen(socket: BorrowedFd<'_>, backlog: c_int) -> Result<(), Errno> {
    // SAFETY: two numbers.
    checked(unsafe { libc::listen(socket.as_raw_fd(), backlog) })
}

/// shutdown(2)
///
/// # Errors
/// Those of shutdown(2).
pub fn shutdown(socket: BorrowedFd<'_>, how: c_int) -> Result<(), Errno> {
    // SAFETY: two numbers.
    checked(unsafe { libc::shutdown(socket.as_raw_fd(), how) })
}

/// getsockname(2)
///
/// # Errors
/// Those of getsockname(2).
pub fn local_address(socket: BorrowedFd<'_>) -> Result<Sockaddr, Errno> {
    let mut sockaddr = Sockaddr::empty();
    let (address, len) = sockaddr.as_out();
    // SAFETY: `len` says how much room `address` has.
    checked(unsafe { libc::getsockname(socket.as_raw_fd(), address, len) })?;
    Ok(sockaddr)
}

/// getsockopt(2), of an option whose value is an int.
///
/// # Errors
/// Those of getsockopt(2).
pub fn option(socket: BorrowedFd<'_>, level: c_int, name: c_int) -> Result<c_int, Errno> {
    let mut value: c_int = 0;
    let mut len = size_of::<c_int>() as socklen_t;
    let to = (&raw mut value).cast();
    // SAFETY: `len` says how much room `value` has.
    let result = unsafe { libc::getsockopt(socket.as_raw_fd(), level, name, to, &raw mut len) };
    checked(result).map(|()| value)
}

/// `SO_NETNS_COOKIE` of socket(7): the network namespace of a socket, a number that no other has as
/// long as the machine runs.
///
/// # Errors
/// `ENOPROTOOPT` from a kernel before 5.14.
pub fn namespace(socket: BorrowedFd<'_>) -> Result<u64, Errno> {
    let mut value: u64 = 0;
    let mut len = size_of::<u64>() as socklen_t;
    let to = (&raw mut value).cast();
    let (level, name) = (libc::SOL_SOCKET, libc::SO_NETNS_COOKIE);
    // SAFETY: `len` says how much room `value` has.
    let result = unsafe { libc::getsockopt(socket.as_raw_fd(), level, name, to, &raw mut len) };
    checked(result).map(|()| value)
}

/// sendmsg(2) with one block of data.
///
/// # Errors
/// Those of sendmsg(2).
pub fn send(
    socket: BorrowedFd<'_>,
    to: Option<&Sockaddr>,
    data: &[u8],
    control: &[u8],
    flags: c_int,
) -> Result<usize, Errno> {
    let mut data = iovec {
        iov_base: data.as_ptr().cast_mut().cast(),
        iov_len: data.len(),
    };
    // SAFETY: all bytes zero is a msghdr.
    let mut message: msghdr = unsafe { zeroed() };
    if let Some((name, len)) = to.map(Sockaddr::as_in) {
        message.msg_name = name.cast_mut().cast();
        message.msg_namelen = len;
    }
    message.msg_iov = &raw mut data;
    message.msg_iovlen = 1;
    if !control.is_empty() {
        message.msg_control = control.as_ptr().cast_mut().cast();
        message.msg_controllen = control.len();
    }
    // SAFETY: each pointer has its length beside it, and the kernel only reads there.
    let sent = unsafe { libc::sendmsg(socket.as_raw_fd(), &raw const message, flags) };
    usize::try_from(sent).map_err(|_| Errno(nix::errno::Errno::last_raw()))
}

/// setsockopt(2)
///
/// # Errors
/// Those of setsockopt(2).
pub fn set_option(
    socket: BorrowedFd<'_>,
    level: c_int,
    name: c_int,
    value: &[u8],
) -> Result<(), Errno> {
    let len = socklen_t::try_from(value.len()).map_err(|_| Errno(libc::EINVAL))?;
    let from = value.as_ptr().cast();
    // SAFETY: `len` is the length of `value`.
    checked(unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, from, len) })
}

/// setsockopt(2) with `SO_ATTACH_FILTER`.
///
/// # Errors
/// Those of setsockopt(2).
pub fn attach_filter(socket: BorrowedFd<'_>, program: &[sock_filter]) -> Result<(), Errno> {
    let program = sock_fprog {
        len: u16::try_from(program.len()).map_err(|_| Errno(libc::EINVAL))?,
        filter: program.as_ptr().cast_mut(),
    };
    let len = size_of::<sock_fprog>() as socklen_t;
    let (level, name) = (libc::SOL_SOCKET, libc::SO_ATTACH_FILTER);
    let from = (&raw const program).cast();
    // SAFETY: the kernel only reads the program, of which `len` is the length.
    checked(unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, from, len) })
}

/// setsockopt(2) with `SO_LOCK_FILTER`: from now on nobody replaces the filter.
///
/// # Errors
/// Those of setsockopt(2).
pub fn lock_filter(socket: BorrowedFd<'_>) -> Result<(), Errno> {
    let on = c_int::from(true).to_ne_bytes();
    set_option(socket, libc::SOL_SOCKET, libc::SO_LOCK_FILTER, &on)
}

/// `SO_GET_FILTER` of socket(7): the filter of a socket, empty if it has none.
///
/// # Errors
/// `EINVAL` if it has more than `most` instructions, `EACCES` if it isn't of this kind.
pub fn filter(socket: BorrowedFd<'_>, most: usize) -> Result<Vec<sock_filter>, Errno> {
    let nothing = sock_filter {
        code: 0,
        jt: 0,
        jf: 0,
        k: 0,
    };
    let mut program = vec![nothing; most];
    let mut len = socklen_t::try_from(most).map_err(|_| Errno(libc::EINVAL))?;
    let (level, name) = (libc::SOL_SOCKET, libc::SO_GET_FILTER);
    let to = program.as_mut_ptr().cast();
    // SAFETY: `len` says how many instructions `program` has room for, as this option counts.
    let result = unsafe { libc::getsockopt(socket.as_raw_fd(), level, name, to, &raw mut len) };
    checked(result)?;
    program.truncate(len as usize);
    Ok(program)
}

/// A new TCP socket, of IPv6 where there is no IPv4.
///
/// # Errors
/// Those of socket(2).
pub fn stream() -> Result<OwnedFd, Errno> {
    let kind = libc::SOCK_STREAM | libc::SOCK_CLOEXEC;
    // SAFETY: three numbers.
    let new = |family| unsafe { libc::socket(family, kind, 0) };
    let fd = match new(libc::AF_INET) {
        -1 => new(libc::AF_INET6),
        fd => fd,
    };
    checked(fd)?;
    // SAFETY: the kernel has just made it, and nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn checked(result: c_int) -> Result<(), Errno> {
    match result {
        -1 => Err(Errno(nix::errno::Errno::last_raw())),
        _ => Ok(()),
    }
}
