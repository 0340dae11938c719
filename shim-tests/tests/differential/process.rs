//! What the library keeps of a process, and the guard of its tree.

use crate::differences::Way;
use crate::program::Setting;

/// What the library knows of the IPv4 datagram sockets of a process.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Datagrams {
    Unsettled,
    AllBound,
    Unknown,
}

/// What the library keeps of a process, and the guard of all of the tree.
#[derive(Clone, Copy)]
pub struct Process {
    pub datagrams: Datagrams,
    /// Datagrams so far for which the library queried the socket.
    pub queries: u32,
    pub chose_source: bool,
    /// Whether a quiet bind has left a socket bound.
    pub left_bound: bool,
    /// Whether a program has set `IP_BIND_ADDRESS_NO_PORT`, to whatever value.
    pub set_no_port: bool,
}

impl Process {
    /// As the program begins.
    pub fn new(way: Way, setting: Setting) -> Self {
        Self {
            datagrams: match way {
                Way::Guard => Datagrams::Unknown,
                _ if setting.old && setting.ipv4.is_some() => Datagrams::AllBound,
                _ => Datagrams::Unsettled,
            },
            queries: 0,
            chose_source: false,
            left_bound: false,
            set_no_port: false,
        }
    }

    /// A socket may carry IPv4 now that isn't bound.
    pub fn stop_being_sure(&mut self) {
        if self.datagrams == Datagrams::AllBound {
            self.datagrams = Datagrams::Unknown;
        }
    }
}
