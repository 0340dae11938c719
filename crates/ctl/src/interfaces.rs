//! The addresses that this machine has, see getifaddrs(3).

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;

use ipaddr_policy::Family;
use ipaddr_policy::family::number;
use ipaddr_policy::ranges::Range;
use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use nix::sys::socket::SockaddrStorage;

/// The addresses of one network namespace, the caller's.
#[derive(Default)]
pub struct Interfaces {
    ipv4: BTreeSet<u128>,
    ipv6: BTreeSet<u128>,
    /// To the kernel every address of a loopback interface's IPv4 network is local.
    loopback: Vec<Range>,
}

impl Interfaces {
    /// Queries the kernel.
    pub fn read() -> io::Result<Self> {
        let mut found = Self::default();
        for interface in getifaddrs()? {
            match interface.address.and_then(address) {
                Some(IpAddr::V4(v4)) => {
                    let mask = interface.netmask.and_then(address);
                    if let (Some(IpAddr::V4(mask)), true) =
                        (mask, interface.flags.contains(InterfaceFlags::IFF_LOOPBACK))
                    {
                        found.loopback.push(Range {
                            first: (v4 & mask).to_bits().into(),
                            last: (v4 | !mask).to_bits().into(),
                        });
                    }
                    found.ipv4.insert(number(v4.into()));
                }
                Some(v6) => {
                    found.ipv6.insert(number(v6));
                }
                None => {}
            }
        }
        Ok(found)
    }

    /// Whether an interface has an address of the range.
    pub fn have_any(&self, range: Range, family: Family) -> bool {
        let (addresses, loopback) = match family {
            Family::Ipv4 => (&self.ipv4, &self.loopback[..]),
            Family::Ipv6 => (&self.ipv6, &[][..]),
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
