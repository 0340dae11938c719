//! What the kernel keeps of a socket.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::program::{Domain, Kind, Name};

/// `LOOPBACK4_IPV6`: the IPv4 source of a socket that is bound to an IPv6 address.
const OF_IPV6: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 6);

/// The longest sockaddr, and the shortest that are taken for IPv4's and IPv6's.
pub const STORAGE: u32 = 128;
pub const IN: u32 = 16;
pub const IN6: u32 = 24;

/// A local port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    None,
    /// One that a program has chosen.
    Requested(u16),
    /// One that the kernel has chosen; the number only tells it from others.
    Chosen(usize),
}

/// What a socket is doing, and to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Closed,
    Listening,
    Connected(IpAddr),
}

/// A socket.
#[derive(Clone, Debug)]
pub struct Socket {
    pub domain: Domain,
    pub kind: Kind,
    /// As getsockname(2) tells it.
    pub local: IpAddr,
    pub port: Port,
    /// inet_sport, which getsockname(2) tells: a stream that is disconnected still shows its port.
    pub shown: Port,
    /// `SOCK_BINDADDR_LOCK`, `SOCK_BINDPORT_LOCK`: a program has bound it.
    pub address_locked: bool,
    pub port_locked: bool,
    pub ipv6_only: bool,
    pub reuse: bool,
    pub no_port: bool,
    pub state: State,
    /// The next send tells that the connection was reset.
    pub reset: bool,
    /// Only a quiet bind has locked the address.
    pub quietly_locked: bool,
    /// `IP_BIND_ADDRESS_NO_PORT` as the program has set it.
    pub set_no_port: bool,
    /// `IPV6_V6ONLY` as the program has set it, or a bind of its own has.
    pub set_ipv6_only: bool,
}

impl Socket {
    /// As socket(2) makes it.
    pub fn new(domain: Domain, kind: Kind) -> Self {
        Self {
            domain,
            kind,
            local: wildcard(domain),
            port: Port::None,
            shown: Port::None,
            address_locked: false,
            port_locked: false,
            ipv6_only: false,
            reuse: false,
            no_port: false,
            state: State::Closed,
            reset: false,
            quietly_locked: false,
            set_no_port: false,
            set_ipv6_only: false,
        }
    }

    /// Whether it has an address, or at least a port.
    pub fn is_bound(&self) -> bool {
        self.local != wildcard(self.domain) || self.port != Port::None
    }

    /// Whether getsockname(2) makes it seem bound.
    pub fn seems_bound(&self) -> bool {
        !self.local.to_canonical().is_unspecified() || self.shown != Port::None
    }

    /// Whether another bind is `EINVAL`.
    pub fn is_busy(&self) -> bool {
        self.state != State::Closed || self.port != Port::None
    }

    /// Whether the kernel says `EINVAL` before anything else: __mptcp_nmpc_sk().
    pub fn is_sealed(&self) -> bool {
        self.kind == Kind::Mptcp && matches!(self.state, State::Connected(_))
    }

    /// Whether bind(2) takes a sockaddr for what it is.
    pub fn takes(&self, name: &Name) -> bool {
        let (is_own_form, shortest) = match self.domain {
            Domain::Inet => {
                let accepted = !name.unspec || name.address.is_unspecified();
                (accepted && name.address.is_ipv4(), IN)
            }
            Domain::Inet6 => (name.family() == libc::AF_INET6, IN6),
        };
        is_own_form && (shortest..=STORAGE).contains(&name.length)
    }

    /// Whether it carries IPv4 and IPv6.
    pub fn is_dual_stack(&self) -> bool {
        self.domain == Domain::Inet6 && !self.ipv6_only
    }

    /// inet_saddr: the source of IPv4.
    pub fn ipv4_source(&self) -> Ipv4Addr {
        match self.local.to_canonical() {
            IpAddr::V4(address) => address,
            // Only bind sets it.
            IpAddr::V6(address) if address.is_unspecified() || !self.address_locked => {
                Ipv4Addr::UNSPECIFIED
            }
            IpAddr::V6(_) => OF_IPV6,
        }
    }

    /// What a peer sees of a socket with a local address.
    pub fn source_to(&self, remote: IpAddr) -> IpAddr {
        match remote.to_canonical() {
            IpAddr::V4(_) => self.ipv4_source().into(),
            IpAddr::V6(_) => self.local.to_canonical(),
        }
    }

    /// inet_rcv_saddr_equal(): whether two sockets receive at one address.
    pub fn overlaps(&self, other: &Self) -> bool {
        fn meet<T: PartialEq>(one: Option<T>, other: Option<T>, any: &T) -> bool {
            matches!((one, other), (Some(one), Some(other)) if one == other || one == *any || other == *any)
        }
        meet(
            self.takes_ipv4(),
            other.takes_ipv4(),
            &Ipv4Addr::UNSPECIFIED,
        ) || meet(
            self.takes_ipv6(),
            other.takes_ipv6(),
            &Ipv6Addr::UNSPECIFIED,
        )
    }

    fn takes_ipv4(&self) -> Option<Ipv4Addr> {
        match self.local.to_canonical() {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(address) => {
                (address.is_unspecified() && !self.ipv6_only).then_some(Ipv4Addr::UNSPECIFIED)
            }
        }
    }

    fn takes_ipv6(&self) -> Option<Ipv6Addr> {
        match self.local.to_canonical() {
            IpAddr::V4(_) => None,
            IpAddr::V6(address) => Some(address),
        }
    }

    /// Gives it an IPv4 address, v4-mapped if need be.
    pub fn set_ipv4(&mut self, address: Ipv4Addr) {
        self.local = match self.domain {
            Domain::Inet => address.into(),
            Domain::Inet6 => address.to_ipv6_mapped().into(),
        };
    }
}

/// 0.0.0.0 or `::`.
pub fn wildcard(domain: Domain) -> IpAddr {
    match domain {
        Domain::Inet => Ipv4Addr::UNSPECIFIED.into(),
        Domain::Inet6 => Ipv6Addr::UNSPECIFIED.into(),
    }
}

/// An address as a socket writes it whose own addresses are written like `form`.
pub fn in_form_of(form: IpAddr, address: IpAddr) -> IpAddr {
    match (form, address) {
        (IpAddr::V6(_), IpAddr::V4(address)) => address.to_ipv6_mapped().into(),
        _ => address,
    }
}
