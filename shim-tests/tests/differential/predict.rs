//! What a program should see: the rules, with the kernel's own answers where they are untouched.

use std::net::IpAddr;

use crate::differences::{Counts, Difference, Way};
use crate::hooks;
use crate::kernel::{Answer, Kernel, SENT};
use crate::library::is_judged;
use crate::model::Model;
use crate::outcome::Outcome;
use crate::place::Place;
use crate::process::{Datagrams, Process};
use crate::program::{Call, Choice, Domain, How, Kind, Name, Program, Step};
use crate::rules::Verdict;
use crate::socket::{Port, Socket, in_form_of, wildcard};

const BURST: u32 = 70;

/// What each call of a program comes to in one way.
pub fn predict(way: Way, program: &Program, place: &Place, counts: &Counts) -> Vec<Outcome> {
    predict_tree(way, &[program], place, counts).remove(0)
}

/// The same of programs of one setting that are started by one process, one after another: the guard
/// keeps what it knows.
pub fn predict_tree(
    way: Way,
    programs: &[&Program],
    place: &Place,
    counts: &Counts,
) -> Vec<Vec<Outcome>> {
    let mut tree = Process::new(way, programs[0].setting);
    let each = programs.iter().map(|program| {
        let mut model = Model::new(way, program, place, counts);
        if way == Way::Guard {
            model.process = tree;
        }
        let outcomes = program.steps.iter().map(|step| model.step(step)).collect();
        tree = model.process;
        outcomes
    });
    each.collect()
}

impl Model<'_> {
    fn step(&mut self, step: &Step) -> Outcome {
        self.counts.begin_call();
        let before = self.process;
        let mut seen = None;
        let result = self.call(step, &mut seen);
        if step.in_child && self.way != Way::Guard {
            self.process = before;
        }
        let local = self.kernel.slots[step.slot].map(|(socket, _)| {
            let socket = &self.kernel.sockets[socket];
            (socket.local, socket.shown)
        });
        Outcome {
            result,
            local,
            seen,
        }
    }

    fn call(&mut self, step: &Step, seen: &mut Option<IpAddr>) -> Answer<i64> {
        if let Call::Socket(domain, kind) = step.call {
            return self.open(step.slot, domain, kind);
        }
        if let Call::Set(Choice::BindAddressNoPort, _) = step.call {
            self.process.set_no_port = true;
        }
        let Some((socket, _)) = self.kernel.slots[step.slot] else {
            if let Call::Dup(other) = step.call {
                self.kernel.slots[other] = None;
            }
            return Err("EBADF");
        };
        match step.call {
            Call::Socket(..) => {}
            Call::Close => self.kernel.slots[step.slot] = None,
            Call::Dup(other) => self.kernel.put(other, socket),
            Call::Set(choice, on) => self.set(socket, choice, on)?,
            Call::Bind(name) => self.bind(socket, name)?,
            Call::Listen => self.listen(socket)?,
            Call::Connect(name) => {
                self.connect(socket, None, &name)?;
                *seen = self.seen_connecting(socket, &name);
            }
            Call::Send(How::FastOpen, Some(name), _)
                if self.kernel.sockets[socket].kind.is_stream() =>
            {
                self.connect(socket, Some(How::FastOpen), &name)?;
                *seen = self.seen_connecting(socket, &name);
                return Ok(SENT);
            }
            Call::Burst(name) => {
                for _ in 0..BURST {
                    self.send(socket, How::SendTo, Some(&name), None)?;
                }
                return Ok(SENT);
            }
            Call::Send(how, name, source) => {
                let (sent, source) = self.send(socket, how, name.as_ref(), source)?;
                *seen = source;
                return Ok(sent);
            }
        }
        Ok(0)
    }

    fn seen_connecting(&self, socket: usize, name: &Name) -> Option<IpAddr> {
        let own = &self.kernel.sockets[socket];
        let to_peer = own.kind.is_stream() && name.port == self.kernel.place.peer && !name.unspec;
        to_peer.then(|| own.source_to(name.address))
    }

    fn open(&mut self, slot: usize, domain: Domain, kind: Kind) -> Answer<i64> {
        if kind == Kind::Mptcp && self.differs(Difference::NoMptcp) {
            self.kernel.slots[slot] = None;
            return Err("EPROTONOSUPPORT");
        }
        let is_plain =
            kind == Kind::Mptcp && self.rules.is_restricted() && self.differs(Difference::PlainTcp);
        let kind = if is_plain { Kind::Tcp } else { kind };
        let socket = self.kernel.sockets.len();
        self.kernel.sockets.push(Socket::new(domain, kind));
        self.kernel.put(slot, socket);
        if self.process.datagrams == Datagrams::AllBound && kind == Kind::Udp {
            match domain {
                Domain::Inet => self.bind_at_socket(socket),
                Domain::Inet6 => self.process.datagrams = Datagrams::Unknown,
            }
        }
        Ok(0)
    }

    fn set(&mut self, socket: usize, choice: Choice, on: bool) -> Answer<()> {
        let own = &mut self.kernel.sockets[socket];
        if choice == Choice::Ipv6Only && own.kind == Kind::Udp {
            self.process.stop_being_sure();
        }
        match choice {
            Choice::ReuseAddress if own.is_sealed() => return Err("EINVAL"),
            Choice::Ipv6Only => self.kernel.set_ipv6_only(socket, on)?,
            Choice::ReuseAddress => own.reuse = on,
            Choice::BindAddressNoPort => {
                own.no_port = on;
                own.set_no_port = on;
            }
        }
        Ok(())
    }

    fn bind(&mut self, socket: usize, mut name: Name) -> Answer<()> {
        let own = &self.kernel.sockets[socket];
        let is_taken = own.takes(&name) && !(own.is_sealed() && self.way == Way::Kernel);
        let verdict = self.rules.bind(own, name.address);
        match verdict {
            Verdict::Refuse if is_taken => {
                if own.is_sealed() {
                    self.differs(Difference::RefusedFirst);
                }
                return Err("EPERM");
            }
            Verdict::Refuse if is_judged(&name) && self.differs(Difference::OtherForm) => {
                return Err("EPERM");
            }
            Verdict::Become(assigned) if is_taken => {
                if name.unspec && self.differs(Difference::UnspecBind) {
                    return Err("EAFNOSUPPORT");
                }
                name.unspec = false;
                name.address = in_form_of(name.address, assigned);
            }
            _ => {}
        }
        let is_address = !name.address.to_canonical().is_unspecified();
        let passes = verdict == Verdict::Pass && self.rules.is_restricted() && is_judged(&name);
        self.process.chose_source |=
            passes && is_address && name.port == 0 && self.tells_no_port(own);
        self.end_quiet_bind(socket, name.port);
        self.note_no_port(socket, name.port);
        let result = self.kernel.bind(socket, &name);
        if result.is_err() {
            self.after_failed_bind(socket);
        }
        result
    }

    fn note_no_port(&self, socket: usize, port: u16) {
        let own = &self.kernel.sockets[socket];
        if own.no_port != own.set_no_port && port == 0 && !own.is_busy() {
            self.differs(Difference::NoPortOption);
        }
    }

    fn listen(&mut self, socket: usize) -> Answer<()> {
        let own = &self.kernel.sockets[socket];
        if own.kind.is_stream() && self.rules.is_restricted() && self.is_stale(own) {
            return match self.rules.bind(own, own.local) {
                Verdict::Pass => self.kernel.listen(socket),
                _ => Err("EPERM"),
            };
        }
        if own.kind.is_stream()
            && !own.seems_bound()
            && let Verdict::Become(assigned) = self.rules.bind(own, wildcard(own.domain))
            && !self.differs(Difference::ListenUnseen)
        {
            self.note_looks_unbound(socket);
            self.note_no_port(socket, 0);
            let no_port = own.no_port;
            self.kernel.bind_quietly(socket, assigned, no_port)?;
        }
        self.kernel.listen(socket)
    }

    /// connect(2), or a send that connects.
    fn connect(&mut self, socket: usize, how: Option<How>, name: &Name) -> Answer<()> {
        let rules = self.rules;
        let call = if how.is_some() {
            Kernel::fast_open
        } else {
            Kernel::connect
        };
        let before = self.kernel.sockets[socket].clone();
        let result = match self.way {
            Way::Library | Way::Guard => match self.take_source(socket, how, name) {
                Ok(undo) => {
                    self.process.left_bound |= undo && self.is_unwatched(socket);
                    let result = call(&mut self.kernel, socket, name, &mut |_, _, _| Ok(()));
                    if undo && result.is_err() {
                        self.leave_bound(socket);
                    }
                    result
                }
                Err(errno) => {
                    let hook = &mut |_: &mut Kernel<'_>, _, _: &Name| Err(errno);
                    if call(&mut self.kernel.clone(), socket, name, hook) != Err(errno) {
                        self.differs(Difference::RefusedFirst);
                    }
                    Err(errno)
                }
            },
            Way::Kernel => {
                let hook = &mut |kernel: &mut Kernel<'_>, socket, name: &Name| {
                    hooks::connect(rules, kernel, socket, name)
                };
                call(&mut self.kernel, socket, name, hook)
            }
        };
        let dissolved = name.unspec && result.is_ok();
        if dissolved {
            self.after_dissolving(socket);
        }
        if dissolved || result.is_err() {
            self.note_left(socket);
        }
        self.note_autobound(&before, socket, result == Err("EPERM"));
        result
    }

    /// After a connect that failed or was dissolved: what an unbound socket is still bound to.
    fn note_left(&self, socket: usize) {
        let own = &self.kernel.sockets[socket];
        let left =
            own.quietly_locked && own.port == Port::None && own.local != wildcard(own.domain);
        if left {
            match self.way {
                Way::Kernel => self.differs(Difference::StaysBound),
                _ if self.rules.assigned(own.local.to_canonical()).is_none() => {
                    self.differs(Difference::AddressStaysLocked)
                }
                _ => self.differs(Difference::LeftBound),
            };
        }
    }

    /// After a call with a destination.
    fn note_autobound(&self, before: &Socket, socket: usize, refused: bool) {
        let own = &self.kernel.sockets[socket];
        let autobound =
            own.kind == Kind::Udp && before.port == Port::None && own.port != Port::None;
        let of_wildcard = own.local == wildcard(own.domain)
            && matches!(self.rules.bind(before, own.local), Verdict::Become(_));
        if autobound && (refused || of_wildcard) {
            self.differs(Difference::AutobindFirst);
        }
    }

    fn send(
        &mut self,
        socket: usize,
        how: How,
        to: Option<&Name>,
        source: Option<IpAddr>,
    ) -> Answer<(i64, Option<IpAddr>)> {
        let before = self.kernel.sockets[socket].clone();
        let result = match self.way {
            Way::Library | Way::Guard => self.send_by_library(socket, how, to, source),
            Way::Kernel => self.send_by_kernel(socket, how, to, source),
        };
        if to.is_some() {
            self.note_autobound(&before, socket, result == Err("EPERM"));
        }
        let to_peer = to.is_none_or(|name| name.port != self.kernel.place.sink);
        let is_datagram = before.kind == Kind::Udp;
        result.map(|(sent, source)| (sent, source.filter(|_| to_peer && is_datagram)))
    }
}
