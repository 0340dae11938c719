//! One rule: what it matches, and what becomes of that.

use core::net::{IpAddr, Ipv6Addr};

use super::chain::{Chain, Ends, Protocol, Target};
use super::span::Span;
use crate::family::Family;

/// Which families a rule is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Families {
    Both = 0,
    Ipv4 = 1,
    Ipv6 = 2,
}

/// `-p`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Protocols {
    All = 0,
    Tcp = 1,
    Udp = 2,
    NotTcp = 3,
    NotUdp = 4,
}

/// `-j`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Jump {
    Accept = 0,
    Reject = 1,
    Snat = 2,
}

/// `-s` or `-d`: an inclusive range of the space of [`key`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Addresses {
    pub first: u128,
    pub last: u128,
    pub negated: bool,
}

impl Addresses {
    pub const ANY: Self = Self {
        first: 0,
        last: u128::MAX,
        negated: false,
    };

    const fn matches(&self, address: u128) -> bool {
        (self.first <= address && address <= self.last) != self.negated
    }

    /// Whether it says no more than which addresses not to take, or nothing at all.
    pub const fn is_wide(&self) -> bool {
        self.negated || self.is_any()
    }

    /// Whether it says nothing.
    pub const fn is_any(&self) -> bool {
        !self.negated && self.first == 0 && self.last == u128::MAX
    }
}

/// What a rule is found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    Address,
    Port,
}

/// An inclusive range of ports, in host byte order.
#[derive(Clone, Copy, Debug)]
pub struct PortRange {
    pub(super) first: u16,
    pub(super) last: u16,
}

impl PortRange {
    /// What memory for ranges holds before there are any.
    pub const EMPTY: Self = Self { first: 0, last: 0 };
}

/// `--sport`, `--dport` or their plurals; no range is any port.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ports {
    pub ranges: Span,
    pub negated: bool,
}

impl Ports {
    pub const ANY: Self = Self {
        ranges: Span::EMPTY,
        negated: false,
    };

    fn matches(&self, port: u16, all: &[PortRange]) -> bool {
        if self.ranges.is_empty() {
            return true;
        }
        let mut ranges = self.ranges.of(all).iter();
        ranges.any(|range| (range.first..=range.last).contains(&port)) != self.negated
    }

    pub const fn is_wide(&self) -> bool {
        self.negated || self.ranges.is_empty()
    }
}

/// One rule.
///
/// Every field is a number, a `bool` or a fieldless enum for which zero is valid: all bytes zero is
/// a rule, if one that says nothing. The shim depends on it to use fresh pages as they are.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// The line of the file, from 1.
    pub line: u32,
    pub(super) chain: Chain,
    pub(super) families: Families,
    pub(super) protocols: Protocols,
    pub(super) source: Addresses,
    pub(super) sports: Ports,
    pub(super) destination: Addresses,
    pub(super) dports: Ports,
    pub(super) jump: Jump,
    /// Of `-j REJECT`.
    pub(super) errno: i32,
    /// Of `-j SNAT`, in the space of [`key`].
    pub(super) to_source: u128,
    /// How many rules of the chain have the same address, and the same ports: the rarer of the
    /// two is what the rule is found by.
    pub(super) address_twins: u32,
    pub(super) port_twins: u32,
}

impl Rule {
    /// What memory for rules holds before there are any.
    pub const EMPTY: Self = Self {
        line: 0,
        chain: Chain::Bind,
        families: Families::Both,
        protocols: Protocols::All,
        source: Addresses::ANY,
        sports: Ports::ANY,
        destination: Addresses::ANY,
        dports: Ports::ANY,
        jump: Jump::Accept,
        errno: 0,
        to_source: 0,
        address_twins: 0,
        port_twins: 0,
    };

    /// What becomes of what it matches.
    pub(super) fn target(&self) -> Target {
        match self.jump {
            Jump::Accept => Target::Accept,
            Jump::Reject => Target::Reject(self.errno),
            Jump::Snat => {
                Target::Snat(IpAddr::V6(Ipv6Addr::from_bits(self.to_source)).to_canonical())
            }
        }
    }

    /// The address that SNAT gives.
    pub(super) fn snat_source(&self) -> Option<IpAddr> {
        match self.target() {
            Target::Snat(source) => Some(source),
            Target::Accept | Target::Reject(_) => None,
        }
    }

    pub(super) fn matches(&self, packet: &Packet, ports: &[PortRange]) -> bool {
        self.chain == packet.chain
            && self.is_for(packet.family)
            && self.is_for_protocol(packet.protocol)
            && self.source.matches(packet.source)
            && self.destination.matches(packet.destination)
            && self.sports.matches(packet.sport, ports)
            && self.dports.matches(packet.dport, ports)
    }

    /// The address and the ports by which it can be found, as [`Packet`] has them.
    pub(super) const fn indexed(&self) -> (Addresses, Ports) {
        match self.chain {
            Chain::Bind => (self.source, self.sports),
            Chain::Connect => (self.destination, self.dports),
            Chain::Accept => (self.source, self.dports),
        }
    }

    /// Which of them fewer other rules have too.
    pub(super) fn found_by(&self) -> By {
        let (addresses, ports) = self.indexed();
        let rarer_port = addresses.is_wide() || self.port_twins < self.address_twins;
        if !ports.is_wide() && rarer_port {
            By::Port
        } else {
            By::Address
        }
    }

    pub(super) fn is_for(&self, family: Family) -> bool {
        match self.families {
            Families::Both => true,
            Families::Ipv4 => family == Family::Ipv4,
            Families::Ipv6 => family == Family::Ipv6,
        }
    }

    pub(super) fn is_for_protocol(&self, protocol: Protocol) -> bool {
        match self.protocols {
            Protocols::All => true,
            Protocols::Tcp => protocol == Protocol::Tcp,
            Protocols::Udp => protocol == Protocol::Udp,
            Protocols::NotTcp => protocol != Protocol::Tcp,
            Protocols::NotUdp => protocol != Protocol::Udp,
        }
    }
}

/// What is compared with a rule.
pub(super) struct Packet {
    chain: Chain,
    family: Family,
    protocol: Protocol,
    source: u128,
    sport: u16,
    destination: u128,
    dport: u16,
    /// By what the rules of the chain are found.
    pub indexed_address: u128,
    pub indexed_port: u128,
}

impl Packet {
    pub fn new(chain: Chain, ends: Ends) -> Self {
        let (source, destination) = (key(ends.source.ip()), key(ends.destination.ip()));
        let (sport, dport) = (ends.source.port(), ends.destination.port());
        let (by, address, port) = match chain {
            Chain::Bind => (ends.source, source, sport),
            Chain::Connect => (ends.destination, destination, dport),
            Chain::Accept => (ends.source, source, dport),
        };
        Self {
            chain,
            family: Family::of(by.ip()),
            protocol: ends.protocol,
            source,
            sport,
            destination,
            dport,
            indexed_address: address,
            indexed_port: u128::from(port),
        }
    }
}

/// An address in the one space that the rules of both families are in: IPv4 where IPv6 has its
/// v4-mapped addresses, which never come here.
pub(super) const fn key(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}
