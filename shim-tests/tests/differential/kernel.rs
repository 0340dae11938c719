//! What Linux does with the calls by itself, as far as the programs go: net/ipv4/af_inet.c,
//! datagram.c, udp.c, tcp_ipv4.c and their IPv6 twins.
//!
//! Where a cgroup-BPF program is called the caller says what it does.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::place::Place;
use crate::program::{Domain, How, Kind, Name, SLOTS};
use crate::socket::{IN, IN6, Port, STORAGE, Socket, State, in_form_of, wildcard};

/// By its name, see errno(3).
pub type Errno = &'static str;
/// What a system call returns.
pub type Answer<T> = Result<T, Errno>;

/// How many bytes a program sends at once.
pub const SENT: i64 = 8;

/// What a cgroup-BPF connect program does, called with the destination.
pub type ConnectHook<'a> = &'a mut dyn FnMut(&mut Kernel, usize, &Name) -> Answer<()>;

/// What a cgroup-BPF sendmsg program does, called with a destination and the source so far:
/// another source.
pub type SendHook<'a> = &'a mut dyn FnMut(IpAddr, IpAddr) -> Answer<IpAddr>;

/// The sockets of one program.
#[derive(Clone)]
pub struct Kernel<'a> {
    pub place: &'a Place,
    pub sockets: Vec<Socket>,
    /// Which socket each slot has, and by which descriptor.
    pub slots: [Option<(usize, u32)>; SLOTS],
    chosen: usize,
}

impl<'a> Kernel<'a> {
    /// No sockets yet.
    pub fn new(place: &'a Place) -> Self {
        Self {
            place,
            sockets: Vec::new(),
            slots: [None; SLOTS],
            chosen: 0,
        }
    }

    /// Puts a socket in a slot, by the lowest descriptor that is free then.
    pub fn put(&mut self, slot: usize, socket: usize) {
        self.slots[slot] = None;
        let taken = |fd| self.slots.iter().flatten().any(|&(_, other)| other == fd);
        let fd = (0..).find(|&fd| !taken(fd));
        self.slots[slot] = fd.map(|fd| (socket, fd));
    }

    fn has(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => address.is_unspecified() || address.is_loopback(),
            IpAddr::V6(address) => {
                address.is_loopback()
                    || address == self.place.assigned_ipv6
                    || Some(address) == self.place.other_ipv6
            }
        }
    }

    fn choose_port(&mut self, socket: usize) {
        self.chosen += 1;
        self.sockets[socket].port = Port::Chosen(self.chosen);
        self.sockets[socket].shown = Port::Chosen(self.chosen);
    }

    /// inet_autobind()
    pub fn autobind(&mut self, socket: usize) {
        if self.sockets[socket].port == Port::None {
            self.choose_port(socket);
        }
    }

    /// The protocol's get_port().
    fn get_port(&mut self, socket: usize, port: u16) -> Answer<()> {
        if port == 0 {
            self.choose_port(socket);
            return Ok(());
        }
        if self.is_in_use(socket, port) {
            return Err("EADDRINUSE");
        }
        self.sockets[socket].port = Port::Requested(port);
        Ok(())
    }

    /// inet_csk_bind_conflict(), udp_lib_lport_inuse()
    fn is_in_use(&self, socket: usize, port: u16) -> bool {
        let own = &self.sockets[socket];
        self.open().any(|index| {
            let other = &self.sockets[index];
            index != socket
                && other.kind.is_stream() == own.kind.is_stream()
                && other.port == Port::Requested(port)
                && other.overlaps(own)
                && !(own.reuse && other.reuse && other.state != State::Listening)
        })
    }

    fn open(&self) -> impl Iterator<Item = usize> {
        let in_slot = |index| {
            self.slots
                .iter()
                .flatten()
                .any(|&(other, _)| other == index)
        };
        (0..self.sockets.len()).filter(move |&index| in_slot(index))
    }

    /// __inet_bind(), __inet6_bind()
    pub fn bind(&mut self, socket: usize, name: &Name) -> Answer<()> {
        let no_port = self.sockets[socket].no_port;
        self.bind_at(socket, name, no_port)?;
        let own = &mut self.sockets[socket];
        own.quietly_locked = false;
        own.set_ipv6_only = own.ipv6_only;
        Ok(())
    }

    /// A bind to port 0 that the program knows nothing of: the library's, or bpf_bind().
    pub fn bind_quietly(&mut self, socket: usize, address: IpAddr, no_port: bool) -> Answer<()> {
        let own = &self.sockets[socket];
        let locked = own.address_locked;
        let name = Name {
            unspec: false,
            address: in_form_of(own.local, address),
            port: 0,
            length: 28,
        };
        self.bind_at(socket, &name, no_port)?;
        self.sockets[socket].quietly_locked |= !locked;
        Ok(())
    }

    fn bind_at(&mut self, socket: usize, name: &Name, no_port: bool) -> Answer<()> {
        let own = &self.sockets[socket];
        let (domain, busy) = (own.domain, own.is_busy());
        let shortest = if domain == Domain::Inet { IN } else { IN6 };
        if name.length > STORAGE || name.length < shortest || own.is_sealed() {
            return Err("EINVAL");
        }
        if !own.takes(name) {
            return Err("EAFNOSUPPORT");
        }
        let canonical = name.address.to_canonical();
        let here = self.has(canonical) || canonical.is_unspecified();
        match domain {
            Domain::Inet if !here => return Err("EADDRNOTAVAIL"),
            _ if busy => return Err("EINVAL"),
            Domain::Inet6 if canonical.is_ipv4() && self.sockets[socket].ipv6_only => {
                return Err("EINVAL");
            }
            Domain::Inet6 if !here => return Err("EADDRNOTAVAIL"),
            _ => {}
        }
        let own = &mut self.sockets[socket];
        let before = own.ipv6_only;
        own.local = name.address;
        own.ipv6_only |= canonical.is_ipv6() && !canonical.is_unspecified();
        if name.port != 0 || !no_port {
            self.get_port(socket, name.port).inspect_err(|_| {
                let own = &mut self.sockets[socket];
                own.local = wildcard(domain);
                own.ipv6_only = before;
            })?;
        }
        let own = &mut self.sockets[socket];
        own.address_locked |= match domain {
            Domain::Inet => !own.local.is_unspecified(),
            Domain::Inet6 => own.local != wildcard(domain),
        };
        own.port_locked |= name.port != 0;
        own.shown = own.port;
        Ok(())
    }

    /// inet_listen()
    pub fn listen(&mut self, socket: usize) -> Answer<()> {
        let own = &self.sockets[socket];
        match (own.kind, own.state) {
            (Kind::Udp, _) => return Err("EOPNOTSUPP"),
            (_, State::Connected(_)) => return Err("EINVAL"),
            (_, State::Listening) => return Ok(()),
            (_, State::Closed) => {}
        }
        match own.port {
            Port::None => self.choose_port(socket),
            Port::Requested(port) if self.is_in_use(socket, port) => return Err("EADDRINUSE"),
            _ => {}
        }
        self.sockets[socket].state = State::Listening;
        Ok(())
    }

    /// connect(2)
    pub fn connect(&mut self, socket: usize, name: &Name, hook: ConnectHook<'_>) -> Answer<()> {
        if name.length > STORAGE || name.length < 2 {
            return Err("EINVAL");
        }
        if name.unspec {
            self.disconnect(socket);
            return Ok(());
        }
        if self.sockets[socket].kind == Kind::Udp {
            self.connect_datagram(socket, name, hook)
        } else {
            self.connect_stream(socket, name, hook)
        }
    }

    /// tcp_disconnect(), __udp_disconnect()
    fn disconnect(&mut self, socket: usize) {
        let own = &mut self.sockets[socket];
        let drops_port = own.kind == Kind::Udp || own.state != State::Closed;
        own.reset |= own.kind.is_stream() && matches!(own.state, State::Connected(_));
        own.state = State::Closed;
        if !own.address_locked {
            own.local = wildcard(own.domain);
        }
        if drops_port && !own.port_locked {
            own.port = Port::None;
            if own.kind == Kind::Udp {
                own.shown = Port::None;
            }
        }
    }

    /// __inet_stream_connect()
    fn connect_stream(&mut self, socket: usize, name: &Name, hook: ConnectHook<'_>) -> Answer<()> {
        let own = &self.sockets[socket];
        if own.state != State::Closed {
            return Err("EISCONN");
        }
        let (shortest, family) = match own.domain {
            Domain::Inet => (IN, libc::AF_INET),
            Domain::Inet6 => (IN6, libc::AF_INET6),
        };
        if name.length < shortest {
            return Err("EINVAL");
        }
        if name.family() == family {
            hook(self, socket, name)?;
        } else {
            return Err("EAFNOSUPPORT");
        }
        let remote = self.reach(socket, name.address)?;
        self.take_source(socket, remote);
        match self.sockets[socket].port {
            Port::None => self.choose_port(socket),
            Port::Requested(_) if self.is_connected(socket, remote, name.port) => {
                self.disconnect(socket);
                return Err("EADDRNOTAVAIL");
            }
            _ => {}
        }
        self.sockets[socket].state = State::Connected(remote);
        self.sockets[socket].reset = false;
        if name.port == self.place.refused {
            self.disconnect(socket);
            self.sockets[socket].reset = false;
            return Err("ECONNREFUSED");
        }
        Ok(())
    }

    /// Whether another socket has the same connection. (Streams connect to one port only.)
    fn is_connected(&self, socket: usize, remote: IpAddr, port: u16) -> bool {
        let own = &self.sockets[socket];
        port == self.place.peer
            && self.open().any(|index| {
                let other = &self.sockets[index];
                index != socket
                    && other.kind.is_stream()
                    && other.state == State::Connected(remote)
                    && other.port == own.port
                    && other.local.to_canonical() == own.local.to_canonical()
            })
    }

    /// inet_dgram_connect()
    fn connect_datagram(
        &mut self,
        socket: usize,
        name: &Name,
        hook: ConnectHook<'_>,
    ) -> Answer<()> {
        let own = &self.sockets[socket];
        let (domain, ipv6_only) = (own.domain, own.ipv6_only);
        let inner = match (domain, name.address) {
            (Domain::Inet, _) if name.length < IN => Err("EINVAL"),
            (Domain::Inet, IpAddr::V6(_)) => Err("EAFNOSUPPORT"),
            (Domain::Inet6, IpAddr::V4(_)) if ipv6_only => Err("EAFNOSUPPORT"),
            (Domain::Inet6, IpAddr::V4(_)) if name.length < IN => Err("EINVAL"),
            (Domain::Inet6, IpAddr::V6(_)) if name.length < IN6 => Err("EINVAL"),
            _ => Ok(()),
        };
        // The checks of udp_pre_connect() and udpv6_pre_connect(), which come before the bind.
        let is_of_ipv4 = (domain, name.address.is_ipv6()) == (Domain::Inet, true);
        if self.place.hooks && !(is_of_ipv4 && name.length >= IN) {
            inner?;
        }
        if inner.is_ok() {
            hook(self, socket, name)?;
        }
        self.autobind(socket);
        inner?;
        let remote = self.reach(socket, name.address)?;
        self.take_source(socket, remote);
        self.sockets[socket].state = State::Connected(remote);
        Ok(())
    }

    /// The destination that is meant, or why it can't be reached from this socket.
    fn reach(&self, socket: usize, remote: IpAddr) -> Answer<IpAddr> {
        let own = &self.sockets[socket];
        let bound_to_ipv4 = own.local.is_ipv6() && own.local.to_canonical().is_ipv4();
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let remote = match remote {
            IpAddr::V6(address) if address.is_unspecified() && bound_to_ipv4 => loopback,
            IpAddr::V6(address) if address.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            _ => remote.to_canonical(),
        };
        match remote {
            IpAddr::V4(_) if own.domain == Domain::Inet6 && own.ipv6_only => Err("ENETUNREACH"),
            IpAddr::V6(_) if bound_to_ipv4 => Err("EAFNOSUPPORT"),
            // The socket's own address.
            IpAddr::V4(address) if address.is_unspecified() => {
                let source = own.ipv4_source();
                Ok(if source.is_unspecified() {
                    loopback
                } else {
                    source.into()
                })
            }
            _ => Ok(remote),
        }
    }

    /// The source that a socket gets as it connects, if it has none.
    fn take_source(&mut self, socket: usize, remote: IpAddr) {
        let own = &mut self.sockets[socket];
        let ipv4 = own.ipv4_source();
        match (remote, own.local.to_canonical()) {
            (_, local) if local.is_unspecified() => match route_source(remote) {
                IpAddr::V4(source) => own.set_ipv4(source),
                source @ IpAddr::V6(_) => own.local = source,
            },
            (IpAddr::V4(_), IpAddr::V6(_)) if own.kind.is_stream() => own.set_ipv4(ipv4),
            _ => {}
        }
    }

    /// setsockopt(2) with `IPV6_V6ONLY`.
    pub fn set_ipv6_only(&mut self, socket: usize, on: bool) -> Answer<()> {
        let own = &mut self.sockets[socket];
        if own.domain == Domain::Inet {
            return Err("ENOPROTOOPT");
        }
        if own.port != Port::None {
            return Err("EINVAL");
        }
        own.ipv6_only = on;
        own.set_ipv6_only = on;
        Ok(())
    }

    /// send(2) and the like on a stream. The destination is ignored.
    pub fn send_stream(&mut self, socket: usize, how: How, to: Option<&Name>) -> Answer<i64> {
        if how == How::SendTo && to.is_some_and(|name| name.length > STORAGE) {
            return Err("EINVAL");
        }
        let own = &mut self.sockets[socket];
        match own.state {
            State::Connected(_) => Ok(sent(how)),
            _ if std::mem::take(&mut own.reset) => Err("ECONNRESET"),
            _ => Err("EPIPE"),
        }
    }

    /// sendto(2) with `MSG_FASTOPEN`, see tcp_sendmsg_fastopen().
    pub fn fast_open(&mut self, socket: usize, name: &Name, hook: ConnectHook<'_>) -> Answer<()> {
        if name.length > STORAGE {
            return Err("EINVAL");
        }
        if name.unspec && name.length >= 2 {
            return Err("EOPNOTSUPP");
        }
        self.connect(socket, name, hook)
    }

    /// udp_sendmsg(), udpv6_sendmsg(). Returns the source too.
    pub fn send_datagram(
        &mut self,
        socket: usize,
        how: How,
        to: Option<&Name>,
        chosen: Option<IpAddr>,
        hook: SendHook<'_>,
    ) -> Answer<(i64, IpAddr)> {
        // A message with no name at all, and one whose name is too long.
        let cuts = how != How::SendTo;
        let to = to.filter(|name| !(cuts && name.length == 0));
        if !cuts && to.is_some_and(|name| name.length > STORAGE) {
            return Err("EINVAL");
        }
        self.autobind(socket);
        let own = &self.sockets[socket];
        let connected = match own.state {
            State::Connected(remote) => Some(remote),
            _ => None,
        };
        let (mut remote, mut port) = (connected, self.place.peer);
        match (own.domain, to) {
            (_, None) => {}
            (Domain::Inet, Some(name)) => {
                match name.address {
                    _ if name.length < IN => return Err("EINVAL"),
                    IpAddr::V6(_) => return Err("EAFNOSUPPORT"),
                    IpAddr::V4(_) => remote = Some(name.address),
                }
                port = name.port;
                if port == 0 {
                    return Err("EINVAL");
                }
            }
            (Domain::Inet6, Some(name)) => match name.family() {
                _ if name.length < 2 => return Err("EINVAL"),
                libc::AF_INET6 if name.length < IN6 => return Err("EINVAL"),
                // As no name, but that a v4-mapped one of a connection isn't checked any more.
                libc::AF_UNSPEC if remote.is_some_and(|remote| remote.is_ipv4()) => {
                    let mapped = chosen.is_some_and(|chosen| chosen.to_canonical().is_ipv4());
                    return Err(if mapped { "EINVAL" } else { "ENETUNREACH" });
                }
                libc::AF_UNSPEC => {}
                libc::AF_INET if own.ipv6_only => return Err("ENETUNREACH"),
                libc::AF_INET if name.length < IN => return Err("EINVAL"),
                _ => {
                    remote = Some(name.address);
                    port = name.port;
                }
            },
        }
        let remote = remote.ok_or("EDESTADDRREQ")?;
        let bound_to_ipv4 = own.local.to_canonical().is_ipv4();
        let remote = match remote.to_canonical() {
            IpAddr::V6(address) if address.is_unspecified() && bound_to_ipv4 => {
                Ipv4Addr::LOCALHOST.into()
            }
            remote => remote,
        };
        if remote.is_ipv4() && own.ipv6_only {
            return Err("ENETUNREACH");
        }
        if port == 0 {
            return Err("EINVAL");
        }
        let own_source = match remote {
            IpAddr::V4(_) => own.ipv4_source().into(),
            IpAddr::V6(_) => own.local,
        };
        let source = match (remote, chosen.map(|chosen| chosen.to_canonical())) {
            (IpAddr::V6(_), Some(IpAddr::V6(chosen))) if chosen.is_unspecified() => own_source,
            (_, Some(chosen)) if chosen.is_ipv4() == remote.is_ipv4() => chosen,
            // IPv4's of an AF_INET socket has room for nothing else.
            (_, Some(_)) => return Err("EINVAL"),
            (_, None) => own_source,
        };
        let source = hook(remote, source)?;
        match (remote, source.to_canonical()) {
            (IpAddr::V6(_), IpAddr::V4(_)) => Err("EAFNOSUPPORT"),
            (_, source) if source.is_unspecified() => Ok((sent(how), route_source(remote))),
            (_, source) => Ok((sent(how), source)),
        }
    }
}

/// sendmmsg(2) tells the count of messages.
fn sent(how: How) -> i64 {
    if how == How::SendMmsg { 1 } else { SENT }
}

/// The source that the route says.
fn route_source(remote: IpAddr) -> IpAddr {
    match remote {
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(address) if address.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        IpAddr::V6(_) => remote,
    }
}
