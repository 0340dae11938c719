//! Real sockets, on loopback. The one file with `unsafe`: the system calls.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use ipaddr_policy::errno::Errno;
use ipaddr_socket::Socket;
use ipaddr_socket::sockaddr::Sockaddr;
use libc::{AF_INET, AF_INET6, SOCK_CLOEXEC, SOCK_DGRAM, SOCK_STREAM, c_int, sock_filter};

/// A socket, closed when it goes out of scope.
pub struct Real(OwnedFd);

impl Real {
    pub fn tcp() -> Self {
        Self::new(AF_INET, SOCK_STREAM)
    }

    pub fn tcp6() -> Self {
        Self::new(AF_INET6, SOCK_STREAM)
    }

    pub fn udp() -> Self {
        Self::new(AF_INET, SOCK_DGRAM)
    }

    pub fn udp6() -> Self {
        Self::new(AF_INET6, SOCK_DGRAM)
    }

    pub fn new(domain: c_int, kind: c_int) -> Self {
        // SAFETY: socket has no preconditions.
        let fd = unsafe { libc::socket(domain, kind | SOCK_CLOEXEC, 0) };
        assert!(fd >= 0, "{}", io::Error::last_os_error());
        // SAFETY: it is new, and nobody else's.
        Self(unsafe { OwnedFd::from_raw_fd(fd) })
    }

    /// Its local address and port.
    pub fn local(&self) -> SocketAddr {
        let local = self.getsockname().expect("a socket");
        local.endpoint().expect("of IPv4 or IPv6")
    }

    /// bind(2), as the program makes it.
    pub fn bound(self, address: &Sockaddr) -> Self {
        (&self).bind(address).expect("an address of loopback");
        self
    }

    /// listen(2)
    pub fn listening(self) -> Self {
        self.listen().expect("a stream");
        self
    }

    /// listen(2)
    pub fn listen(&self) -> Result<(), Errno> {
        // SAFETY: listen has no preconditions.
        checked(unsafe { libc::listen(self.0.as_raw_fd(), 8) }.into())
    }

    /// connect(2)
    pub fn connect(&self, remote: &Sockaddr) -> Result<(), Errno> {
        let (address, len) = remote.as_in();
        // SAFETY: `address` is valid for `len` bytes.
        checked(unsafe { libc::connect(self.0.as_raw_fd(), address, len) }.into())
    }

    /// sendto(2) of one byte.
    pub fn send_to(&self, remote: &Sockaddr) -> Result<(), Errno> {
        let (address, len) = remote.as_in();
        let data = [0_u8];
        // SAFETY: both pointers are valid for so many bytes.
        let sent =
            unsafe { libc::sendto(self.0.as_raw_fd(), data.as_ptr().cast(), 1, 0, address, len) };
        checked(sent as i64)
    }

    /// accept(2): the connection, and its peer.
    pub fn accept(&self) -> (Self, Sockaddr) {
        let mut peer = Sockaddr::empty();
        let (address, len) = peer.as_out();
        // SAFETY: `len` says how much room `address` has.
        let fd = unsafe { libc::accept4(self.0.as_raw_fd(), address, len, SOCK_CLOEXEC) };
        assert!(fd >= 0, "{}", io::Error::last_os_error());
        // SAFETY: it is new, and nobody else's.
        (Self(unsafe { OwnedFd::from_raw_fd(fd) }), peer)
    }

    /// recvfrom(2) of what is there: where it is from.
    pub fn receive(&self) -> Result<SocketAddr, Errno> {
        let mut from = Sockaddr::empty();
        let (address, len) = from.as_out();
        let mut data = [0_u8; 8];
        let (to, room) = (data.as_mut_ptr().cast(), data.len());
        let flags = libc::MSG_DONTWAIT;
        // SAFETY: the lengths say how much room there is.
        let received = unsafe { libc::recvfrom(self.0.as_raw_fd(), to, room, flags, address, len) };
        checked(received as i64)?;
        Ok(from.endpoint().expect("an address"))
    }

    pub fn option(&self, level: c_int, name: c_int) -> c_int {
        self.getsockopt(level, name).expect("an option")
    }

    pub fn set(&self, level: c_int, name: c_int, value: c_int) {
        self.setsockopt(level, name, &value.to_ne_bytes())
            .expect("an option");
    }
}

impl Socket for &Real {
    fn number(&self) -> c_int {
        // As the log of each test says it.
        3
    }

    fn bind(&self, address: &Sockaddr) -> Result<(), Errno> {
        let (address, len) = address.as_in();
        // SAFETY: `address` is valid for `len` bytes.
        checked(unsafe { libc::bind(self.0.as_raw_fd(), address, len) }.into())
    }

    fn getsockname(&self) -> Result<Sockaddr, Errno> {
        let mut sockaddr = Sockaddr::empty();
        let (address, len) = sockaddr.as_out();
        // SAFETY: `len` says how much room `address` has.
        let result = unsafe { libc::getsockname(self.0.as_raw_fd(), address, len) };
        checked(result.into()).map(|()| sockaddr)
    }

    fn getsockopt(&self, level: c_int, name: c_int) -> Result<c_int, Errno> {
        let mut value: c_int = 0;
        let mut len = size_of::<c_int>() as libc::socklen_t;
        let (to, room) = ((&raw mut value).cast(), &raw mut len);
        // SAFETY: `len` says how much room `value` has.
        let result = unsafe { libc::getsockopt(self.0.as_raw_fd(), level, name, to, room) };
        checked(result.into()).map(|()| value)
    }

    fn setsockopt(&self, level: c_int, name: c_int, value: &[u8]) -> Result<(), Errno> {
        let (from, len) = (value.as_ptr().cast(), value.len() as libc::socklen_t);
        // SAFETY: so many bytes can be read, and the options have no pointers in them.
        let result = unsafe { libc::setsockopt(self.0.as_raw_fd(), level, name, from, len) };
        checked(result.into())
    }

    fn attach_filter(&self, program: &[sock_filter]) -> Result<(), Errno> {
        let filter = libc::sock_fprog {
            len: program.len().try_into().expect("a short program"),
            filter: program.as_ptr().cast_mut(),
        };
        let (level, name) = (libc::SOL_SOCKET, libc::SO_ATTACH_FILTER);
        let (from, len) = ((&raw const filter).cast(), size_of_val(&filter) as u32);
        // SAFETY: `filter` says how many instructions there are; the kernel writes to none.
        let result = unsafe { libc::setsockopt(self.0.as_raw_fd(), level, name, from, len) };
        checked(result.into())
    }

    fn shutdown(&self, how: c_int) -> Result<(), Errno> {
        // SAFETY: shutdown has no preconditions.
        checked(unsafe { libc::shutdown(self.0.as_raw_fd(), how) }.into())
    }
}

fn checked(result: i64) -> Result<(), Errno> {
    match result {
        -1 => Err(Errno(
            io::Error::last_os_error().raw_os_error().expect("a number"),
        )),
        _ => Ok(()),
    }
}
