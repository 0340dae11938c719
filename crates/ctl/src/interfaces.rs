//! The addresses that this machine has, see getifaddrs(3).

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;

use ipaddr_policy::family::number;
use ipaddr_policy::ranges::Range;
use ipaddr_policy::{Family, PerFamily};
use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use nix::sys::socket::SockaddrStorage;

/// The addresses of one network namespace, the caller's.
#[derive(Default)]
pub struct Interfaces {
    addresses: PerFamily<BTreeSet<u128>>,
    /// To the kernel every address of a loopback interface's IPv4 network is local.
    loopback: Vec<Range>,
}

impl Interfaces {
    /// Queries the kernel.
    pub fn read() -> io::Result<Self> {
        let mut found = Self::default();
        for interface in getifaddrs()? {
            let Some(own) = interface.address.and_then(address) else {
                continue;
            };
            let mask = interface.netmask.and_then(address);
            if let (IpAddr::V4(own), Some(IpAddr::V4(mask))) = (own, mask)
                && interface.flags.contains(InterfaceFlags::IFF_LOOPBACK)
            {
                found.loopback.push(Range {
                    first: (own & mask).to_bits().into(),
                    last: (own | !mask).to_bits().into(),
                });
            }
            let addresses = found.addresses.get_mut(Family::of(own));
            addresses.insert(number(own));
        }
        Ok(found)
    }

    /// Whether an interface has an address of the range.
    pub fn have_any(&self, range: Range, family: Family) -> bool {
        let addresses = self.addresses.get(family);
        let loopback = match family {
            Family::Ipv4 => &self.loopback[..],
            Family::Ipv6 => &[],
        };
        let overlaps = |own: &Range| own.first <= range.last && range.first <= own.last;
        loopback.iter().any(overlaps) || addresses.range(range.first..=range.last).next().is_some()
    }
}

fn address(address: SockaddrStorage) -> Option<IpAddr> {
    let ipv4 = address
        .as_sockaddr_in()
        .map(|address| IpAddr::V4(address.ip()));
    ipv4.or_else(|| {
        address
            .as_sockaddr_in6()
            .map(|address| IpAddr::V6(address.ip()))
    })
}
