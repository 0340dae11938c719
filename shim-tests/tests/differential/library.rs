//! How the library and the guard keep the rules: when a socket is bound, and when that is taken back.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::differences::{Difference, Way};
use crate::kernel::Answer;
use crate::model::Model;
use crate::process::Datagrams;
use crate::program::{Domain, How, Kind, Name};
use crate::rules::Verdict;
use crate::socket::{Port, Socket, in_form_of, wildcard};

/// How many queries the library makes before it binds all datagram sockets.
const QUERIES_BEFORE_SETTLING: u32 = 64;

/// Some address that isn't a socket's own.
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

impl Model<'_> {
    /// An IPv4 datagram socket is bound without a port, see `src/process/datagrams.rs`.
    pub fn bind_at_socket(&mut self, socket: usize) {
        let like = self.kernel.sockets[socket].local;
        if let Some(assigned) = self.rules.assigned(like)
            && self.differs(Difference::BoundAtSocket)
        {
            let bound = self.kernel.bind_quietly(socket, assigned, true);
            bound.expect("a socket that isn't bound");
        }
    }

    /// Whether `IP_BIND_ADDRESS_NO_PORT` is told to be set: the guard takes it for its own until a
    /// program has set it.
    pub fn tells_no_port(&self, socket: &Socket) -> bool {
        socket.no_port && !self.takes_no_port_back()
    }

    fn takes_no_port_back(&self) -> bool {
        self.way == Way::Guard && !self.process.set_no_port
    }

    /// Before a bind of the program's own.
    pub fn end_quiet_bind(&mut self, socket: usize, port: u16) {
        let taken_back = port == 0 && self.takes_no_port_back();
        self.kernel.sockets[socket].no_port &= !taken_back;
    }

    /// Whether nobody hears what has come of a connect: the kernel makes those that may wait.
    pub fn is_unwatched(&self, socket: usize) -> bool {
        self.way == Way::Guard && self.kernel.sockets[socket].kind.is_stream()
    }

    /// Whether the library takes a port for one that the socket has.
    pub fn is_stale(&self, socket: &Socket) -> bool {
        socket.seems_bound() && !socket.is_bound() && self.differs(Difference::StalePort)
    }

    /// After a bind that failed.
    pub fn after_failed_bind(&mut self, socket: usize) {
        let own = &self.kernel.sockets[socket];
        if self.process.datagrams == Datagrams::AllBound && own.kind == Kind::Udp {
            match own.domain {
                _ if own.seems_bound() => {}
                Domain::Inet => self.bind_at_socket(socket),
                Domain::Inet6 => self.process.datagrams = Datagrams::Unknown,
            }
        }
    }

    /// A socket that a quiet bind moves, though it is bound.
    pub fn note_looks_unbound(&self, socket: usize) {
        let own = &self.kernel.sockets[socket];
        if own.is_bound() && !own.seems_bound() {
            self.differs(Difference::MappedWildcard);
        }
    }

    /// The library, before a connect or a send that connects. Returns whether the bind is undone
    /// should it fail.
    pub fn take_source(&mut self, socket: usize, how: Option<How>, name: &Name) -> Answer<bool> {
        if let Some(how) = how {
            return self.take_source_to_send(socket, how, Some(name));
        }
        if name.unspec || !is_judged(name) || !self.rules.is_restricted() {
            return Ok(false);
        }
        let own = &self.kernel.sockets[socket];
        let is_wildcard = name.address.to_canonical().is_unspecified();
        let is_chosen = self.process.chose_source && !self.may_be_left(socket);
        if (is_chosen || is_wildcard) && own.seems_bound() {
            return self.keep_source(socket, name);
        }
        let remote = name.address.to_canonical();
        let Some(assigned) = self.rules.assigned(remote) else {
            self.free_for(socket, remote);
            return Ok(false);
        };
        self.note_looks_unbound(socket);
        let own = &mut self.kernel.sockets[socket];
        let before = own.clone();
        own.no_port = true;
        let same_form = own.local.is_ipv4() == name.address.is_ipv4();
        if same_form && self.kernel.bind_quietly(socket, assigned, true).is_ok() {
            let chosen = before.local.to_canonical();
            if !chosen.is_unspecified() && chosen != assigned {
                self.differs(Difference::ChosenElsewhere);
            }
            return Ok(true);
        }
        if before.seems_bound() {
            let again = remote.is_ipv4() && self.take_ipv4_again(socket);
            if again && self.kernel.bind_quietly(socket, assigned, true).is_ok() {
                return Ok(true);
            }
            return self.keep_source(socket, name);
        }
        if refuses(&before, name) {
            self.bind_before_refusal(socket)?;
            if self.keep_from_ipv4(socket)
                && name.family() == libc::AF_INET
                && self.kernel.place.hooks
            {
                self.differs(Difference::PortFirst);
            }
            return Ok(false);
        }
        self.kernel.bind_quietly(socket, assigned, true)?;
        Ok(true)
    }

    fn keep_source(&self, socket: usize, name: &Name) -> Answer<bool> {
        let own = &self.kernel.sockets[socket];
        let remote = leads_to(own, name.address);
        match self.rules.reach(own, remote) {
            Verdict::Pass => return Ok(false),
            // The kernel refuses to reach IPv6 from IPv4.
            Verdict::Become(to) if to.is_ipv6() && own.local.is_ipv4() => return Ok(false),
            Verdict::Become(_) if self.is_stale(own) => return Err("EPERM"),
            _ => {}
        }
        Err("EPERM")
    }

    /// The kernel refuses the destination, but gives a datagram socket a port before it does.
    fn bind_before_refusal(&mut self, socket: usize) -> Answer<()> {
        let own = &self.kernel.sockets[socket];
        if own.kind == Kind::Udp
            && let Verdict::Become(assigned) = self.rules.bind(own, wildcard(own.domain))
        {
            let no_port = own.no_port;
            self.kernel.bind_quietly(socket, assigned, no_port)?;
        }
        Ok(())
    }

    /// Such a datagram socket of AF_INET6 gets its port: what kept a bind from choosing one is taken
    /// back, unless it is told to be the program's. Says whether it had none.
    fn keep_from_ipv4(&mut self, socket: usize) -> bool {
        let own = &self.kernel.sockets[socket];
        if own.kind != Kind::Udp || own.domain != Domain::Inet6 {
            return false;
        }
        let had_none = own.port == Port::None;
        self.kernel.autobind(socket);
        let taken_back = self.takes_no_port_back();
        self.kernel.sockets[socket].no_port &= !taken_back;
        had_none
    }

    /// The socket stays bound, but a bind to port 0 chooses a port again.
    pub fn leave_bound(&mut self, socket: usize) {
        self.process.left_bound = true;
        let unwatched = self.is_unwatched(socket);
        let own = &mut self.kernel.sockets[socket];
        own.no_port &= unwatched;
        if own.ipv6_only != own.set_ipv6_only {
            self.differs(Difference::Ipv6OnlyStays);
        }
    }

    /// After connect(2) with `AF_UNSPEC`.
    pub fn after_dissolving(&mut self, socket: usize) {
        let own = &self.kernel.sockets[socket];
        let local = own.local.to_canonical();
        if self.way != Way::Kernel && self.rules.assigned(local) == Some(local) {
            self.leave_bound(socket);
            self.kernel.sockets[socket].no_port = false;
        }
    }

    /// Whether the library takes a socket's address for one that a quiet bind has left.
    fn may_be_left(&self, socket: usize) -> bool {
        let own = &self.kernel.sockets[socket];
        let local = own.local.to_canonical();
        self.process.left_bound
            && self.rules.assigned(local) == Some(local)
            && !(self.process.chose_source && self.tells_no_port(own))
    }

    /// The library is about to replace such an address.
    fn note_replaced(&self, socket: usize) {
        if !self.kernel.sockets[socket].quietly_locked {
            self.differs(Difference::ReplacedToo);
        }
    }

    /// Before a destination of a family that isn't assigned: a socket that a quiet bind has left
    /// bound to the other one becomes one of this family alone.
    fn free_for(&mut self, socket: usize, remote: IpAddr) {
        let own = &self.kernel.sockets[socket];
        let other_family = own.local.to_canonical().is_ipv4() != remote.is_ipv4();
        if own.domain != Domain::Inet6 || !other_family || !self.may_be_left(socket) {
            return;
        }
        let (was_only, wildcard) = (
            own.set_ipv6_only,
            if remote.is_ipv4() {
                Ipv4Addr::UNSPECIFIED.to_ipv6_mapped()
            } else {
                Ipv6Addr::UNSPECIFIED
            },
        );
        if self.kernel.set_ipv6_only(socket, remote.is_ipv6()).is_ok() {
            self.note_replaced(socket);
            let bound = self.kernel.bind_quietly(socket, wildcard.into(), true);
            bound.expect("a socket without a port");
            let own = &mut self.kernel.sockets[socket];
            own.set_ipv6_only = was_only;
            own.no_port = false;
            self.differs(Difference::OneFamilyLeft);
        }
    }

    /// Before an IPv4 destination: takes back that a quiet bind to IPv6 has set `IPV6_V6ONLY`.
    fn take_ipv4_again(&mut self, socket: usize) -> bool {
        let own = &self.kernel.sockets[socket];
        let was_only = own.set_ipv6_only;
        let taken = own.local.to_canonical().is_ipv6()
            && self.may_be_left(socket)
            && self.kernel.set_ipv6_only(socket, false).is_ok();
        if taken {
            self.kernel.sockets[socket].set_ipv6_only = was_only;
            self.note_replaced(socket);
            if was_only {
                self.differs(Difference::Ipv6OnlyForgotten);
            }
        }
        taken
    }

    /// A send. Returns the source too.
    pub fn send_by_library(
        &mut self,
        socket: usize,
        how: How,
        to: Option<&Name>,
        mut source: Option<IpAddr>,
    ) -> Answer<(i64, Option<IpAddr>)> {
        let mut allowed = Ok(false);
        let chosen = source.map(|chosen| chosen.to_canonical());
        if let Some(chosen) = source {
            match self.rules.source(chosen) {
                // What the kernel makes of `::` is the socket's own address.
                Ok(instead) if chosen.to_canonical().is_ipv4() => source = Some(instead),
                Ok(_) => {}
                Err(errno) => allowed = Err(errno),
            }
        }
        let judged = to.map(|to| lead_to_source(*to, source));
        // Where the source has to change, a message of sendmmsg(2) is judged once more.
        let changes = chosen != source.map(|source| source.to_canonical());
        if how == How::SendMmsg && changes {
            allowed = allowed.and_then(|_| self.take_source_to_send(socket, how, judged.as_ref()));
        }
        let allowed = allowed.and_then(|_| self.take_source_to_send(socket, how, judged.as_ref()));
        let own = &self.kernel.sockets[socket];
        if let Err(errno) = allowed {
            self.note_refused(socket, how, to, source);
            return Err(errno);
        }
        if own.kind.is_stream() {
            return Ok((self.kernel.send_stream(socket, how, to)?, None));
        }
        let hook = &mut |_, source| Ok(source);
        let (sent, source) = self.kernel.send_datagram(socket, how, to, source, hook)?;
        Ok((sent, Some(source)))
    }

    /// What the kernel would have said by itself to a send that is refused.
    fn note_refused(&self, socket: usize, how: How, to: Option<&Name>, source: Option<IpAddr>) {
        let mut kernel = self.kernel.clone();
        let own = &kernel.sockets[socket];
        let hook = &mut |_, _| Err("EPERM");
        let refused = match own.kind {
            Kind::Udp => kernel.send_datagram(socket, how, to, source, hook).err(),
            Kind::Tcp | Kind::Mptcp => kernel.send_stream(socket, how, to).err(),
        };
        match refused {
            Some("EPERM") => false,
            Some(_) => self.differs(Difference::RefusedFirst),
            None => self.differs(Difference::IgnoredDestination),
        };
    }

    /// The library, before a send; returns as [`Self::take_source`].
    fn take_source_to_send(&mut self, socket: usize, how: How, to: Option<&Name>) -> Answer<bool> {
        let Some(mut name) = to.copied() else {
            return Ok(false);
        };
        let opens = how == How::FastOpen;
        if !matches!(how, How::SendTo | How::FastOpen) {
            name.length = name.length.min(128);
        }
        let readable = (2..=128).contains(&name.length);
        let own = &self.kernel.sockets[socket];
        let is_queried = opens || self.process.datagrams != Datagrams::AllBound;
        // Of those the kernel takes no notice, or refuses them.
        let passes =
            own.kind.is_stream() || (own.ipv6_only && name.address.to_canonical().is_ipv4());
        if !readable || !self.rules.is_restricted() || (passes && !is_queried) {
            return Ok(false);
        }
        // Of no family it is a destination for IPv4 datagrams only.
        let is_none = name.unspec && (own.kind.is_stream() || own.domain == Domain::Inet6);
        if is_none || name.length < if name.address.is_ipv4() { 16 } else { 24 } {
            if !own.seems_bound() {
                self.bind_before_refusal(socket)?;
            }
            return Ok(false);
        }
        let remote = name.address.to_canonical();
        let assigned = self.rules.assigned(remote);
        if assigned.is_none() && !remote.is_unspecified() {
            self.free_for(socket, remote);
        }
        let own = &self.kernel.sockets[socket];
        if assigned.is_none() && !(remote.is_unspecified() && own.seems_bound()) {
            return Ok(false);
        }
        if remote.is_ipv4() && assigned.is_some() {
            self.note_query();
        }
        if self.kernel.sockets[socket].seems_bound() && !self.is_replaced(socket, remote, opens) {
            return self.keep_source(socket, &name);
        }
        let own = &mut self.kernel.sockets[socket];
        let (stream, no_port, bound) = (own.kind.is_stream(), own.no_port, own.seems_bound());
        let (false, Some(assigned)) = (stream && !opens, assigned) else {
            return Ok(false);
        };
        if refuses(own, &name) {
            self.bind_before_refusal(socket)?;
            self.keep_from_ipv4(socket);
            return Ok(false);
        }
        own.no_port |= opens;
        self.note_looks_unbound(socket);
        match self.kernel.bind_quietly(socket, assigned, no_port || opens) {
            Ok(()) => Ok(opens),
            Err(_) if bound => self.keep_source(socket, &name),
            Err(errno) => Err(errno),
        }
    }

    /// Whether the library binds a socket anew that a quiet bind has left bound.
    fn is_replaced(&mut self, socket: usize, remote: IpAddr, opens: bool) -> bool {
        let own = &self.kernel.sockets[socket];
        let local = own.local.to_canonical();
        let is_left = local.is_ipv4() != remote.is_ipv4()
            && !remote.is_unspecified()
            && (own.shown == Port::None || opens)
            && self.may_be_left(socket);
        if is_left && remote.is_ipv6() && own.port == Port::None {
            self.note_replaced(socket);
        }
        is_left && (remote.is_ipv6() || self.take_ipv4_again(socket))
    }

    fn note_query(&mut self) {
        if self.process.datagrams != Datagrams::Unsettled {
            return;
        }
        if self.process.queries == QUERIES_BEFORE_SETTLING {
            self.process.datagrams = self.settle();
        }
        self.process.queries += 1;
    }

    /// Binds all IPv4 datagram sockets, in the order of their descriptors.
    fn settle(&mut self) -> Datagrams {
        let mut open: Vec<_> = self.kernel.slots.iter().flatten().copied().collect();
        open.sort_by_key(|&(_, fd)| fd);
        for (socket, _) in open {
            let own = &self.kernel.sockets[socket];
            let some_remote: IpAddr = match own.local.to_canonical() {
                IpAddr::V4(_) => Ipv4Addr::BROADCAST.into(),
                IpAddr::V6(_) => ALL_NODES.into(),
            };
            let may_stay = self.rules.reach(own, some_remote) == Verdict::Pass;
            match (own.kind, own.domain) {
                (Kind::Tcp | Kind::Mptcp, _) => {}
                (Kind::Udp, Domain::Inet) if !own.seems_bound() => self.bind_at_socket(socket),
                (Kind::Udp, Domain::Inet6) if !own.seems_bound() || own.is_dual_stack() => {
                    return Datagrams::Unknown;
                }
                (Kind::Udp, _) if may_stay => {}
                (Kind::Udp, _) => return Datagrams::Unknown,
            }
        }
        Datagrams::AllBound
    }
}

/// Of the IPv6 wildcard the kernel makes IPv4's loopback address on a socket that is bound to IPv4.
fn leads_to(socket: &Socket, remote: IpAddr) -> IpAddr {
    if remote.is_ipv6() && remote.is_unspecified() && socket.local.to_canonical().is_ipv4() {
        return Ipv4Addr::LOCALHOST.into();
    }
    remote
}

/// The kernel takes 0.0.0.0 for the source of the packet, so a chosen one is the destination.
fn lead_to_source(mut to: Name, source: Option<IpAddr>) -> Name {
    let wildcard = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    if let Some(source) = source.filter(|source| source.to_canonical().is_ipv4())
        && !source.to_canonical().is_unspecified()
        && to.address.to_canonical() == wildcard
        && !to.unspec
    {
        to.address = in_form_of(to.address, source.to_canonical());
    }
    to
}

/// Whether the library judges a sockaddr, whatever the socket.
pub fn is_judged(name: &Name) -> bool {
    let shortest = if name.address.is_ipv4() { 16 } else { 24 };
    (shortest..=128).contains(&name.length) && (!name.unspec || name.address.is_unspecified())
}

/// Whether the kernel refuses to reach a destination of this form from a socket that isn't bound.
fn refuses(socket: &Socket, name: &Name) -> bool {
    let carries_ipv4 = socket.is_dual_stack();
    match (socket.domain, name.family()) {
        (Domain::Inet, libc::AF_INET6) => true,
        (Domain::Inet6, libc::AF_INET) => socket.kind.is_stream() || !carries_ipv4,
        (Domain::Inet6, libc::AF_INET6) => name.address.to_canonical().is_ipv4() && !carries_ipv4,
        _ => false,
    }
}
