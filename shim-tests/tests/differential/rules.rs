//! The rules, from the table in docs/rules.md and nothing of the library's code.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::kernel::Answer;
use crate::program::Setting;
use crate::socket::Socket;

/// What the rules say.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Pass,
    /// Another local address.
    Become(IpAddr),
    Refuse,
}

/// The rules under an assignment.
#[derive(Clone, Copy)]
pub struct Rules(pub Setting);

impl Rules {
    /// Whether anything is assigned.
    pub fn is_restricted(self) -> bool {
        self.0.ipv4.is_some() || self.0.ipv6.is_some()
    }

    /// The assigned address of the family that another address is of.
    pub fn assigned(self, like: IpAddr) -> Option<IpAddr> {
        match like {
            IpAddr::V4(_) => self.0.ipv4.map(IpAddr::V4),
            IpAddr::V6(_) => self.0.ipv6.map(IpAddr::V6),
        }
    }

    fn allows(self, address: IpAddr) -> bool {
        let loopback = match address {
            IpAddr::V4(address) => address == Ipv4Addr::LOCALHOST,
            IpAddr::V6(address) => address == Ipv6Addr::LOCALHOST,
        };
        loopback
            || self
                .assigned(address)
                .is_none_or(|assigned| assigned == address)
    }

    /// The rows about bind.
    pub fn bind(self, socket: &Socket, address: IpAddr) -> Verdict {
        let address = address.to_canonical();
        let ipv4 = self.0.ipv4.map(IpAddr::V4);
        if !address.is_unspecified() {
            return if self.allows(address) {
                Verdict::Pass
            } else {
                Verdict::Refuse
            };
        }
        let assigned = match self.assigned(address) {
            None if address.is_ipv6() && socket.is_dual_stack() => ipv4,
            assigned => assigned,
        };
        assigned.map_or(Verdict::Pass, Verdict::Become)
    }

    /// The rows about connect and about sendto with a destination.
    pub fn reach(self, socket: &Socket, remote: IpAddr) -> Verdict {
        let (local, remote) = (socket.local.to_canonical(), remote.to_canonical());
        let Some(assigned) = self.assigned(remote) else {
            return Verdict::Pass;
        };
        let allowed = match (local, remote) {
            _ if !socket.is_bound() => return Verdict::Become(assigned),
            // The kernel refuses it.
            (IpAddr::V4(_), IpAddr::V6(_)) => true,
            (IpAddr::V6(_), IpAddr::V4(_)) => false,
            _ => self.allows(local),
        };
        if allowed {
            Verdict::Pass
        } else {
            Verdict::Refuse
        }
    }

    /// The row about a chosen source; and what a datagram leaves from, if the socket says nothing.
    pub fn source(self, source: IpAddr) -> Answer<IpAddr> {
        let source = source.to_canonical();
        match self.assigned(source) {
            Some(assigned) if source.is_unspecified() => Ok(assigned),
            _ if source.is_unspecified() || self.allows(source) => Ok(source),
            _ => Err("EPERM"),
        }
    }
}
