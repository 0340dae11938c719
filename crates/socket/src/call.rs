//! A call on a socket.

use crate::host::Host;
use crate::socket::Socket;

/// A call of a program on one of its sockets.
pub struct Call<'a, S: Socket, H: Host> {
    /// The name of the call, for the log.
    pub name: &'static str,
    /// The socket; of accept(2) the new one.
    pub socket: S,
    /// The process whose call it is.
    pub host: &'a H,
}
