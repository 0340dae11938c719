//! Networks as lists and rules write them: an address, and the length of its prefix (RFC 4632,
//! RFC 4291 section 2.3).

use core::net::IpAddr;

use crate::family::{Family, number};
use crate::ranges::Range;

/// An address and the length of a prefix in bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    length: u8,
}

impl Network {
    /// A network by one of its addresses; `None` if the prefix is longer than an address.
    #[must_use]
    pub const fn new(address: IpAddr, length: u8) -> Option<Self> {
        if length > Family::of(address).bits() {
            return None;
        }
        Some(Self { address, length })
    }

    /// The network that holds only this address.
    #[must_use]
    pub const fn only(address: IpAddr) -> Self {
        let length = Family::of(address).bits();
        Self { address, length }
    }

    /// The address by which it was written.
    #[must_use]
    pub const fn address(self) -> IpAddr {
        self.address
    }

    /// The length of its prefix in bits.
    #[must_use]
    pub const fn length(self) -> u8 {
        self.length
    }

    /// Its family.
    #[must_use]
    pub const fn family(self) -> Family {
        Family::of(self.address)
    }

    /// Whether it holds only one address.
    #[must_use]
    pub const fn is_one_address(self) -> bool {
        self.length == self.family().bits()
    }

    /// Its lowest address, by which a network is written properly.
    #[must_use]
    pub const fn first(self) -> IpAddr {
        self.family().address(self.range().first)
    }

    /// Its highest address.
    #[must_use]
    pub const fn last(self) -> IpAddr {
        self.family().address(self.range().last)
    }

    /// Its addresses, as numbers of the family.
    #[must_use]
    pub const fn range(self) -> Range {
        let number = number(self.address);
        // The bits behind the prefix; of none of them, the shift is by all 128.
        let unused = 128 - (self.family().bits() - self.length) as u32;
        let behind = match u128::MAX.checked_shr(unused) {
            Some(mask) => mask,
            None => 0,
        };
        Range {
            first: number & !behind,
            last: number | behind,
        }
    }
}
