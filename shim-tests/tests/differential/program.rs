//! Programs of socket calls: made from a seed, and written down for the interpreter.

use std::fmt::{self, Display, Formatter};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use fastrand::Rng;

use crate::place::Place;

/// How many sockets a program has at once.
pub const SLOTS: usize = 4;

/// The addresses that are assigned. Other tests have rows for lists, `none` and `loopback`.
pub const ASSIGNED_IPV4: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const OTHER_IPV4: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);
const ABSENT_IPV4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const PEER_IPV4: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 9);
const ABSENT_IPV6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);

/// `AF_INET`, `AF_INET6`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    Inet,
    Inet6,
}

/// Type and protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Tcp,
    Mptcp,
    Udp,
}

impl Kind {
    /// Whether it is of `SOCK_STREAM`.
    pub fn is_stream(self) -> bool {
        self != Self::Udp
    }
}

/// A socket option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    Ipv6Only,
    ReuseAddress,
    BindAddressNoPort,
}

/// A socket address; its form, sockaddr_in or sockaddr_in6, is that of `address`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    /// `AF_UNSPEC` in the place of the form's own family.
    pub unspec: bool,
    pub address: IpAddr,
    pub port: u16,
    pub length: u32,
}

impl Name {
    /// sa_family.
    pub fn family(&self) -> i32 {
        match self.address {
            _ if self.unspec => libc::AF_UNSPEC,
            IpAddr::V4(_) => libc::AF_INET,
            IpAddr::V6(_) => libc::AF_INET6,
        }
    }
}

/// How a program sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Without a destination: send(2).
    SendTo,
    SendMsg,
    SendMmsg,
    /// sendto(2) with `MSG_FASTOPEN`.
    FastOpen,
}

/// One call on the socket of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    Socket(Domain, Kind),
    Close,
    /// The other slot becomes a duplicate.
    Dup(usize),
    Set(Choice, bool),
    Bind(Name),
    Connect(Name),
    Listen,
    /// How, to whom, and the source that a control message chooses.
    Send(How, Option<Name>, Option<IpAddr>),
    /// As many as make a process one that sends many datagrams.
    Burst(Name),
}

/// A call, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    pub slot: usize,
    pub in_child: bool,
    pub call: Call,
}

/// What is assigned to the process that runs a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Setting {
    pub ipv4: Option<Ipv4Addr>,
    pub ipv6: Option<Ipv6Addr>,
    /// Whether the process has sent many datagrams before.
    pub old: bool,
}

/// Calls, one after another, in a process of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    pub setting: Setting,
    pub steps: Vec<Step>,
}

impl Program {
    /// The program of a seed: the same on every machine where the place is the same.
    pub fn random(seed: u64, place: &Place) -> Self {
        let mut maker = Maker {
            rng: Rng::with_seed(seed),
            place,
            domains: [None; SLOTS],
            // Or no process would be sure that all its datagram sockets are bound.
            ipv4_only: seed / 8 % 2 == 1,
        };
        let setting = Setting {
            ipv4: (seed % 4 < 2).then_some(ASSIGNED_IPV4),
            ipv6: (seed % 4 % 2 == 1).then_some(place.assigned_ipv6),
            old: seed / 4 % 2 == 1,
        };
        let count = maker.rng.usize(3..=14);
        let steps = (0..count).map(|_| maker.step()).collect();
        Self { setting, steps }
    }
}

/// As good as any for a slot without a socket.
const CLOSED: Sort = Sort {
    domain: Domain::Inet,
    kind: Kind::Udp,
    mapped: false,
};

struct Maker<'a> {
    rng: Rng,
    place: &'a Place,
    domains: [Option<Sort>; SLOTS],
    ipv4_only: bool,
}

/// What a slot's socket is.
#[derive(Clone, Copy)]
struct Sort {
    domain: Domain,
    kind: Kind,
    /// An AF_INET6 stream connects by IPv4 only, or never (so not to `::` either, which may be
    /// both): one that has tried it and goes on to IPv6 gets no answer from Linux.
    mapped: bool,
}

impl Maker<'_> {
    fn one_in(&mut self, count: u32) -> bool {
        self.rng.u32(0..count) == 0
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.rng.usize(0..from.len())]
    }

    fn step(&mut self) -> Step {
        let slot = self.slot();
        let call = self.call(slot);
        let own = matches!(call, Call::Socket(..) | Call::Close | Call::Dup(_));
        Step {
            slot,
            in_child: !own && self.one_in(12),
            call,
        }
    }

    /// Most often one with a socket.
    fn slot(&mut self) -> usize {
        let open: Vec<_> = (0..SLOTS)
            .filter(|&slot| self.domains[slot].is_some())
            .collect();
        if open.is_empty() || self.one_in(6) {
            self.rng.usize(0..SLOTS)
        } else {
            self.pick(&open)
        }
    }

    fn call(&mut self, slot: usize) -> Call {
        let Some(sort) = self.domains[slot] else {
            return if self.one_in(30) {
                self.call_on(CLOSED, slot)
            } else {
                self.socket(slot)
            };
        };
        self.call_on(sort, slot)
    }

    fn socket(&mut self, slot: usize) -> Call {
        let domain = if self.ipv4_only || self.one_in(2) {
            Domain::Inet
        } else {
            Domain::Inet6
        };
        let kind = self.pick(&[
            Kind::Tcp,
            Kind::Tcp,
            Kind::Udp,
            Kind::Udp,
            Kind::Udp,
            Kind::Mptcp,
        ]);
        let mapped = self.one_in(2);
        self.domains[slot] = Some(Sort {
            domain,
            kind,
            mapped,
        });
        Call::Socket(domain, kind)
    }

    fn call_on(&mut self, sort: Sort, slot: usize) -> Call {
        let Sort { domain, kind, .. } = sort;
        match self.rng.u32(0..24) {
            0 => self.socket(slot),
            1 if self.one_in(2) => {
                self.domains[slot] = None;
                Call::Close
            }
            1 => {
                let other = (slot + self.rng.usize(1..SLOTS)) % SLOTS;
                self.domains[other] = self.domains[slot];
                Call::Dup(other)
            }
            2..=4 => {
                let choice = self.pick(&[
                    Choice::Ipv6Only,
                    Choice::ReuseAddress,
                    Choice::BindAddressNoPort,
                ]);
                // An MPTCP socket that could be bound again says 0 of the `IPV6_V6ONLY` that its
                // first bind has set, and the library believes it.
                let choice = match (kind, choice) {
                    (Kind::Mptcp, Choice::BindAddressNoPort) => Choice::ReuseAddress,
                    _ => choice,
                };
                let on = self.one_in(2);
                Call::Set(choice, on)
            }
            5..=9 => Call::Bind(self.local(domain, kind)),
            10..=14 => Call::Connect(self.remote(sort, false)),
            15 if kind != Kind::Mptcp => Call::Connect(Name {
                unspec: true,
                address: Ipv4Addr::UNSPECIFIED.into(),
                port: 0,
                length: 16,
            }),
            16 | 17 => Call::Listen,
            18 if kind == Kind::Tcp => {
                Call::Send(How::FastOpen, Some(self.remote(sort, true)), None)
            }
            18 if kind == Kind::Udp => Call::Burst(Name {
                unspec: false,
                address: Ipv4Addr::LOCALHOST.into(),
                port: self.place.sink,
                length: 16,
            }),
            _ => self.send(sort),
        }
    }

    fn send(&mut self, sort: Sort) -> Call {
        let Sort { domain, kind, .. } = sort;
        let how = self.pick(&[How::SendTo, How::SendTo, How::SendMsg, How::SendMmsg]);
        let to = (!self.one_in(6)).then(|| self.remote(sort, true));
        let chooses = kind == Kind::Udp && how != How::SendTo && self.one_in(2);
        let source = chooses.then(|| self.source(domain, to));
        Call::Send(how, to, source)
    }

    /// A source of the destination's kind, or else the kernel takes the message for malformed.
    fn source(&mut self, domain: Domain, to: Option<Name>) -> IpAddr {
        let ipv4 = self.pick(&[
            Ipv4Addr::UNSPECIFIED,
            Ipv4Addr::LOCALHOST,
            ASSIGNED_IPV4,
            OTHER_IPV4,
        ]);
        match (domain, to.map(|name| name.address.to_canonical())) {
            (Domain::Inet, _) => ipv4.into(),
            (Domain::Inet6, Some(IpAddr::V6(_)) | None) => self.ipv6().into(),
            (Domain::Inet6, Some(IpAddr::V4(_))) => ipv4.to_ipv6_mapped().into(),
        }
    }

    /// One that the machine has, or the wildcard.
    fn ipv6(&mut self) -> Ipv6Addr {
        let assigned = self.place.assigned_ipv6;
        let other = self.place.other_ipv6.unwrap_or(assigned);
        self.pick(&[Ipv6Addr::UNSPECIFIED, Ipv6Addr::LOCALHOST, assigned, other])
    }

    /// What a program binds to.
    fn local(&mut self, domain: Domain, kind: Kind) -> Name {
        let ipv4 = self.pick(&[
            Ipv4Addr::UNSPECIFIED,
            Ipv4Addr::UNSPECIFIED,
            Ipv4Addr::LOCALHOST,
            ASSIGNED_IPV4,
            OTHER_IPV4,
            ABSENT_IPV4,
        ]);
        let ipv6 = if self.one_in(8) {
            ABSENT_IPV6
        } else {
            self.ipv6()
        };
        let port = if kind != Kind::Mptcp && self.one_in(2) {
            self.pick(&self.place.free)
        } else {
            0
        };
        self.name(domain, None, ipv4, ipv6, port)
    }

    /// Where a program connects or sends to. What a kernel can't tell from no port, it is not sent.
    fn remote(&mut self, sort: Sort, sends: bool) -> Name {
        let Sort {
            domain,
            kind,
            mapped,
        } = sort;
        let ipv4 = self.pick(&[
            Ipv4Addr::UNSPECIFIED,
            Ipv4Addr::LOCALHOST,
            PEER_IPV4,
            PEER_IPV4,
        ]);
        let ipv6 = match self.ipv6() {
            Ipv6Addr::UNSPECIFIED if kind.is_stream() => Ipv6Addr::LOCALHOST,
            ipv6 => ipv6,
        };
        let port = match kind {
            Kind::Udp if sends && self.one_in(20) => 0,
            Kind::Udp => self.place.peer,
            Kind::Tcp if self.one_in(4) => self.place.refused,
            Kind::Tcp | Kind::Mptcp => self.place.peer,
        };
        let form = kind.is_stream().then_some(mapped);
        let mut name = self.name(domain, form, ipv4, ipv6, port);
        name.unspec &= kind != Kind::Mptcp;
        // To a v4-mapped address of a connection Linux would send IPv6 then.
        name.unspec &= domain == Domain::Inet || self.place.is_closed;
        name
    }

    fn name(
        &mut self,
        domain: Domain,
        mapped: Option<bool>,
        ipv4: Ipv4Addr,
        ipv6: Ipv6Addr,
        port: u16,
    ) -> Name {
        let own_form = !self.one_in(12);
        let address = match domain {
            Domain::Inet if own_form => IpAddr::V4(ipv4),
            Domain::Inet6 if !own_form => IpAddr::V4(ipv4),
            _ if mapped.unwrap_or_else(|| self.one_in(2)) => IpAddr::V6(ipv4.to_ipv6_mapped()),
            _ => IpAddr::V6(ipv6),
        };
        let unspec = address.is_ipv4() && self.one_in(12);
        let usual = if address.is_ipv4() { 16 } else { 28 };
        let length = if self.one_in(12) {
            self.pick(&[0, 2, 15, 16, 23, 24, 28, 128, 129])
        } else {
            usual
        };
        Name {
            unspec,
            address,
            port,
            length,
        }
    }
}

impl Display for Name {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        let Self {
            address,
            port,
            length,
            ..
        } = self;
        write!(to, "{} {address} {port} {length}", self.family())
    }
}

/// As the interpreter reads it.
impl Display for Step {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        let slot = self.slot;
        if self.in_child {
            write!(to, "fork ")?;
        }
        match self.call {
            Call::Socket(domain, kind) => {
                let (domain, (kind, protocol)) = (domain.number(), kind.numbers());
                writeln!(to, "socket {slot} {domain} {kind} {protocol}")
            }
            Call::Close => writeln!(to, "close {slot}"),
            Call::Dup(other) => writeln!(to, "dup {slot} {other}"),
            Call::Set(choice, on) => {
                let (level, option) = choice.numbers();
                writeln!(to, "setsockopt {slot} {level} {option} {}", i32::from(on))
            }
            Call::Bind(name) => writeln!(to, "bind {slot} {name}"),
            Call::Connect(name) => writeln!(to, "connect {slot} {name}"),
            Call::Listen => writeln!(to, "listen {slot}"),
            Call::Burst(name) => writeln!(to, "burst {slot} {name}"),
            Call::Send(how, name, source) => {
                let name = name.map_or("-".to_owned(), |name| name.to_string());
                let source = source.map_or("-".to_owned(), |source| source.to_string());
                writeln!(to, "{} {slot} {name} {source}", how.word())
            }
        }
    }
}

impl Display for Program {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        self.steps.iter().try_for_each(|step| write!(to, "{step}"))
    }
}

impl Domain {
    /// Its number for socket(2).
    pub fn number(self) -> i32 {
        match self {
            Self::Inet => libc::AF_INET,
            Self::Inet6 => libc::AF_INET6,
        }
    }
}

impl Kind {
    /// Type and protocol of socket(2).
    pub fn numbers(self) -> (i32, i32) {
        match self {
            Self::Tcp => (libc::SOCK_STREAM, 0),
            Self::Mptcp => (libc::SOCK_STREAM, libc::IPPROTO_MPTCP),
            Self::Udp => (libc::SOCK_DGRAM, 0),
        }
    }
}

impl Choice {
    /// Level and name of setsockopt(2).
    pub fn numbers(self) -> (i32, i32) {
        match self {
            Self::Ipv6Only => (libc::IPPROTO_IPV6, libc::IPV6_V6ONLY),
            Self::ReuseAddress => (libc::SOL_SOCKET, libc::SO_REUSEADDR),
            Self::BindAddressNoPort => (libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT),
        }
    }
}

impl How {
    /// As the interpreter reads it.
    pub fn word(self) -> &'static str {
        match self {
            Self::SendTo => "sendto",
            Self::SendMsg => "sendmsg",
            Self::SendMmsg => "sendmmsg",
            Self::FastOpen => "fastopen",
        }
    }
}
