//! The local address of a socket, as far as the rules depend on it.

use core::ffi::c_int;
use core::net::SocketAddr;

use ipaddr_policy::errno::Errno;

use crate::call::Call;
use crate::host::Host;
use crate::socket::Socket;

/// What getsockname(2) says of a socket.
pub(crate) enum Local {
    /// It has a local address, or at least a port of its own.
    Bound(SocketAddr),
    /// It has none; with its family, `AF_INET` or `AF_INET6`.
    Unbound(c_int),
    /// Its addresses are neither IPv4 nor IPv6.
    NotInternet,
}

impl Local {
    /// Queries the kernel.
    ///
    /// # Errors
    /// Those of getsockname(2): `EBADF` and `ENOTSOCK`, which any other call on the socket gives too.
    pub(crate) fn of(call: &Call<impl Socket, impl Host>) -> Result<Self, Errno> {
        let sockaddr = call.socket.getsockname()?;
        let Some(endpoint) = sockaddr.endpoint() else {
            return Ok(Self::NotInternet);
        };
        // A raw socket shows its protocol where the port would be.
        let has_port = || endpoint.port() != 0 && !call.is_raw();
        Ok(if endpoint.ip().is_unspecified() && !has_port() {
            Self::Unbound(sockaddr.family())
        } else {
            Self::Bound(endpoint)
        })
    }
}
