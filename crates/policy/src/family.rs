//! The two families of addresses, and an address as a number.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Which of the two assignments a list is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// `ipaddr.ipv4`
    Ipv4,
    /// `ipaddr.ipv6`
    Ipv6,
}

impl Family {
    /// The family's name, as messages say it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ipv4 => "IPv4",
            Self::Ipv6 => "IPv6",
        }
    }

    /// The family of `address`; a v4-mapped address counts as what it is written as, IPv6.
    #[must_use]
    pub const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::Ipv4,
            IpAddr::V6(_) => Self::Ipv6,
        }
    }

    /// `INADDR_LOOPBACK` or `in6addr_loopback`, see ip(7) and ipv6(7).
    #[must_use]
    pub const fn loopback(self) -> IpAddr {
        match self {
            Self::Ipv4 => IpAddr::V4(Ipv4Addr::LOCALHOST),
            Self::Ipv6 => IpAddr::V6(Ipv6Addr::LOCALHOST),
        }
    }

    /// The address that `number` stands for in a set of this family.
    #[must_use]
    pub const fn address(self, number: u128) -> IpAddr {
        match self {
            // Truncation drops nothing: an IPv4 set holds numbers below 2^32.
            #[allow(clippy::cast_possible_truncation)]
            Self::Ipv4 => IpAddr::V4(Ipv4Addr::from_bits(number as u32)),
            Self::Ipv6 => IpAddr::V6(Ipv6Addr::from_bits(number)),
        }
    }
}

/// The number that stands for `address` in a [`crate::ranges::Ranges`].
#[must_use]
pub const fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_bits() as u128,
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// Whether packets may come from `address`. From multicast addresses and 255.255.255.255 they may
/// not: a socket that is bound to one receives there, and the kernel chooses what it sends from
/// (`__inet_bind` in net/ipv4/af_inet.c).
#[must_use]
pub const fn may_be_source(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !v4.is_multicast() && !v4.is_broadcast(),
        IpAddr::V6(v6) => !v6.is_multicast(),
    }
}
