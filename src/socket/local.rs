//! The local address of a socket, as far as the rules ask.

use core::ffi::c_int;
use core::net::SocketAddr;

use crate::socket::sockopt;
use crate::sys::errno::Errno;

/// What getsockname(2) says of a socket.
pub enum Local {
    /// It has a local address, or at least a port of its own.
    Bound(SocketAddr),
    /// It has none; with its family, `AF_INET` or `AF_INET6`.
    Unbound(c_int),
    /// Its addresses are neither IPv4 nor IPv6.
    NotInternet,
}

impl Local {
    /// Asks the kernel.
    ///
    /// # Errors
    /// Those of getsockname(2): `EBADF` and `ENOTSOCK`, which any other call on `fd` gives too.
    pub fn of(fd: c_int) -> Result<Self, Errno> {
        let sockaddr = sockopt::local_address(fd)?;
        let Some(endpoint) = sockaddr.endpoint() else {
            return Ok(Self::NotInternet);
        };
        // A raw socket shows its protocol where the port would be.
        let has_port = || endpoint.port() != 0 && !sockopt::is_raw(fd);
        Ok(if endpoint.ip().is_unspecified() && !has_port() {
            Self::Unbound(sockaddr.family())
        } else {
            Self::Bound(endpoint)
        })
    }
}
