//! What is left to do when the kernel has answered.

use core::net::{IpAddr, SocketAddr};

use crate::host::{Host, Level};

/// What is left to do after a call that was let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// Nothing.
    Nothing,
    /// Log what has become of a bind to `address`, where `asked` was asked for. The port is the same.
    LogBind {
        /// What the program has asked for.
        asked: SocketAddr,
        /// What the kernel was asked for.
        address: IpAddr,
    },
    /// If the connect fails: end what the quiet bind has begun.
    EndQuietBind {
        /// What the socket was bound to.
        source: IpAddr,
        /// The destination.
        remote: SocketAddr,
    },
    /// If `AF_UNSPEC` dissolves the association: the same.
    EndDissolved,
    /// `::` and this port were passed for IPv6 alone: judge them again if the socket takes IPv4 too.
    CheckIpv6Only(u16),
    /// Judge the peer of the connection that has been accepted.
    JudgePeer,
    /// Nothing; but before it the datagram has to be given this source, for the socket has none.
    GiveSource(IpAddr),
}

impl After {
    /// Whether there is anything to do behind a call that has failed, or hasn't. A cheap check for the
    /// caller, before it gets ready for the function of that name.
    #[inline]
    pub fn is_due(&self, host: &impl Host, failed: bool) -> bool {
        match self {
            Self::Nothing | Self::JudgePeer | Self::GiveSource(_) => false,
            Self::EndQuietBind { .. } => failed,
            Self::EndDissolved => !failed,
            Self::LogBind { .. } => failed || host.wants(Level::Info),
            Self::CheckIpv6Only(_) => true,
        }
    }
}
