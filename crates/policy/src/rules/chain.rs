//! What a rule is for, what it is compared with, and what it can say.

use core::net::{IpAddr, SocketAddr};

/// Which calls a rule is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Chain {
    /// bind(2), and listen(2), by which a socket gets a port that others can reach.
    Bind = 0,
    /// connect(2), and sends with a destination.
    Connect = 1,
    /// accept(2).
    Accept = 2,
}

impl Chain {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Bind, Self::Connect, Self::Accept];

    /// Its name in a file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bind => "BIND",
            Self::Connect => "CONNECT",
            Self::Accept => "ACCEPT",
        }
    }
}

/// What `-p` can tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// TCP, and MPTCP, which is TCP on the wire.
    Tcp,
    /// UDP.
    Udp,
    /// Neither: `-p tcp` and `-p udp` don't match it.
    Other,
}

/// What a program requests, as the rules see it: the ends of a connection, on the wire.
///
/// Addresses are canonical, as everywhere in this crate: IPv4 is never v4-mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// Where its packets come from: BIND's local endpoint, ACCEPT's peer.
    pub source: SocketAddr,
    /// Where they go to: CONNECT's remote endpoint, ACCEPT's local end.
    pub destination: SocketAddr,
    /// The protocol.
    pub protocol: Protocol,
}

/// What the rules say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// `-j ACCEPT`
    Accept,
    /// `-j REJECT`, with an errno, see errno(3).
    Reject(i32),
    /// `-j SNAT`: accepted, from this address.
    Snat(IpAddr),
}
