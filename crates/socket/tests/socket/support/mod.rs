//! What the tests share: policies, a process, and sockets: real ones and one that only plays one.

pub mod mock;
pub mod process;
pub mod real;

use std::mem::MaybeUninit;
use std::net::{IpAddr, SocketAddr};

use ipaddr_policy::errno::Errno;
use ipaddr_policy::list::{self, Separator};
use ipaddr_policy::rules::index::Entry;
use ipaddr_policy::rules::{Builder, Memory, PortRange, Rule, RuleFile, RuleSet};
use ipaddr_policy::{Family, Policy};
use ipaddr_socket::Refusal;
use ipaddr_socket::sockaddr::Sockaddr;
use libc::{AF_INET, AF_INET6, c_int, sa_family_t};

/// A call that is refused as the RFC has it.
pub const EPERM: Refusal = Refusal(Errno(libc::EPERM));

/// A policy of the two lists and these rules; "" is none.
pub fn policy(ipv4: &str, ipv6: &str, rules: &str) -> Policy<'static> {
    let mut policy = Policy::UNASSIGNED;
    for (family, text) in [(Family::Ipv4, ipv4), (Family::Ipv6, ipv6)] {
        if !text.is_empty() {
            let assignment = policy.family_mut(family);
            let read = list::parse(text.as_bytes(), Separator::Comma, family, assignment);
            assert!(read.is_ok(), "{text}");
        }
    }
    policy.rules = (!rules.is_empty()).then(|| rule_set(rules));
    policy
}

/// Its memory is never given back.
fn rule_set(text: &str) -> &'static RuleSet<'static> {
    let mut builder = Builder::new(Memory {
        files: vec![RuleFile::EMPTY; 4].leak(),
        rules: vec![Rule::EMPTY; 32].leak(),
        ports: vec![PortRange::EMPTY; 32].leak(),
        index: vec![Entry::EMPTY; 64].leak(),
        names: vec![0; 512].leak(),
    });
    let read = builder.read(&"rules", text.as_bytes());
    assert!(read.is_ok(), "{text}");
    let rules = builder.finish(&"").expect("room for no name");
    Box::leak(Box::new(rules))
}

/// An endpoint as a program writes it: an IPv6 address, a v4-mapped one too, in a sockaddr_in6.
pub fn sockaddr(endpoint: &str) -> Sockaddr {
    let endpoint: SocketAddr = endpoint.parse().expect("an endpoint");
    let mut sockaddr = Sockaddr::wildcard(match endpoint {
        SocketAddr::V4(_) => AF_INET,
        SocketAddr::V6(_) => AF_INET6,
    });
    sockaddr.set_address(endpoint.ip());
    sockaddr.set_port(endpoint.port());
    sockaddr
}

/// A sockaddr of this family, with these bytes behind it.
pub fn raw_sockaddr(family: c_int, rest: &[u8]) -> Sockaddr {
    let family = sa_family_t::try_from(family).expect("a family");
    let mut bytes = family.to_ne_bytes().to_vec();
    bytes.extend_from_slice(rest);
    let mut slot = MaybeUninit::uninit();
    let sockaddr = Sockaddr::read(&mut slot, &bytes).expect("a length that the kernel takes");
    std::mem::replace(sockaddr, Sockaddr::empty())
}

/// The endpoint in a sockaddr, a v4-mapped address as the IPv4 address it is.
pub fn endpoint(sockaddr: &Sockaddr) -> String {
    sockaddr.endpoint().expect("an address").to_string()
}

pub fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

pub fn at(text: &str) -> SocketAddr {
    text.parse().expect("an endpoint")
}
