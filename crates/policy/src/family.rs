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
    /// Both, in the order in which they are read and written.
    pub const ALL: [Self; 2] = [Self::Ipv4, Self::Ipv6];

    /// The family's name, as messages say it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ipv4 => "IPv4",
            Self::Ipv6 => "IPv6",
        }
    }

    /// The length of an address in bits.
    #[must_use]
    pub const fn bits(self) -> u8 {
        match self {
            Self::Ipv4 => 32,
            Self::Ipv6 => 128,
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

    /// The address that `number` is in a set of this family.
    #[must_use]
    pub const fn address(self, number: u128) -> IpAddr {
        match self {
            Self::Ipv4 => IpAddr::V4(Ipv4Addr::from_bits(number as u32)),
            Self::Ipv6 => IpAddr::V6(Ipv6Addr::from_bits(number)),
        }
    }
}

/// One of each family.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PerFamily<T> {
    /// The one of IPv4.
    pub ipv4: T,
    /// The one of IPv6.
    pub ipv6: T,
}

impl<T> PerFamily<T> {
    /// The one of a family.
    #[must_use]
    pub const fn get(&self, family: Family) -> &T {
        match family {
            Family::Ipv4 => &self.ipv4,
            Family::Ipv6 => &self.ipv6,
        }
    }

    /// The one of a family, to be changed.
    #[must_use]
    pub const fn get_mut(&mut self, family: Family) -> &mut T {
        match family {
            Family::Ipv4 => &mut self.ipv4,
            Family::Ipv6 => &mut self.ipv6,
        }
    }

    /// What `each` makes of both families, IPv4 first.
    pub fn of(mut each: impl FnMut(Family) -> T) -> Self {
        Self {
            ipv4: each(Family::Ipv4),
            ipv6: each(Family::Ipv6),
        }
    }
}

/// The number that `address` is in a [`crate::ranges::Ranges`].
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
