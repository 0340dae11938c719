//! What a client prints.

use std::net::{IpAddr, SocketAddr};

/// A connection, as both of its ends have it.
#[derive(Debug)]
pub struct Connection {
    /// The number of the service whose client this is.
    pub client: usize,
    /// The number of the service to which it connected.
    pub server: usize,
    /// getsockname of the client.
    pub local: SocketAddr,
    /// getpeername of the client.
    pub peer: SocketAddr,
    /// The address that came with the server's accept.
    pub seen_peer: SocketAddr,
    /// getsockname of the server.
    pub seen_local: SocketAddr,
}

impl Connection {
    /// From a line of peer_client's.
    pub(super) fn parse(line: &str, client: usize, server: usize) -> Self {
        let words: Vec<_> = line.split(' ').collect();
        let end = |first: usize| -> SocketAddr {
            let address: IpAddr = words[first].parse().expect("an address");
            (address, words[first + 1].parse().expect("a port")).into()
        };
        Self {
            client,
            server,
            local: end(0),
            peer: end(2),
            seen_peer: end(4),
            seen_local: end(6),
        }
    }
}
