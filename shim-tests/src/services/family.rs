//! IPv4 and IPv6.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Of which family the addresses are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Family {
    /// One of 127.0.0.0/8 each.
    Ipv4,
    /// One of a /64 each.
    Ipv6,
}

impl Family {
    pub(super) fn address(self, number: usize) -> IpAddr {
        let number = u32::try_from(number).expect("less than 2^24");
        match self {
            Self::Ipv4 => Ipv4Addr::from(0x7f50_0001 + number).into(),
            Self::Ipv6 => {
                Ipv6Addr::from((0xfd69_7061_6464_7200_u128 << 64) + 1 + u128::from(number)).into()
            }
        }
    }

    pub(super) const fn wildcard(self) -> &'static str {
        match self {
            Self::Ipv4 => "0.0.0.0",
            Self::Ipv6 => "::",
        }
    }

    /// "ipv4" or "ipv6".
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
        }
    }
}
