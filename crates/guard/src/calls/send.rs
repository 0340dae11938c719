//! sendto(2), sendmsg(2), sendmmsg(2): after the quiet bind they are left to the kernel, with their
//! data. One that has to be changed is sent by the supervisor, with a copy of it.

use std::ffi::c_int;

use ipaddr_policy::errno::{EPERM, Errno};
use ipaddr_socket::after::After;
use ipaddr_socket::host::Host;
use ipaddr_socket::pktinfo::Sources;
use ipaddr_socket::sockaddr::Sockaddr;
use ipaddr_socket::{pktinfo, send};

use super::message::{self, Message, Room};
use super::opened::{Opened, named};
use super::sent::{Copied, Named};
use super::{Judge, Outcome};
use crate::notify::answer::Answer;
use crate::notify::call::Call;
use crate::target::host::Caller;
use crate::target::memory::Memory;

/// How a message may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// By the kernel, as it is.
    AsItIs,
    /// With another source than it has, or with this one.
    Changed(Option<std::net::IpAddr>),
}

impl Judge<'_> {
    /// sendto(fd, data, size, flags, address, len)
    pub fn sendto(&mut self, call: &Call) -> Result<Answer, Outcome> {
        let Opened { socket, process } = self.open(call)?;
        let memory = Memory::of(call.tid);
        let len = call.int(5).cast_unsigned();
        let Some(mut remote) = memory.sockaddr(call.word(4), len)? else {
            return Ok(Answer::Continue);
        };
        self.check_still_waits(call)?;
        let caller = Caller::new(self.tree, &process);
        let named = named("sendto", socket, &caller)?;
        match take_source(&named, call.int(3), &mut remote, Sources::None)? {
            Way::AsItIs => Ok(Answer::Continue),
            Way::Changed(source) => {
                let mut data = Vec::new();
                message::read_data(memory, call.word(1), call.word(2), &mut data)?;
                let copied = Copied {
                    remote: Some(remote),
                    data,
                    control: Vec::new(),
                    sources: Sources::None,
                    source,
                };
                let sent = self.send_copied(call, &named, &copied, call.int(3))?;
                Ok(Answer::Done(i64::from(sent)))
            }
        }
    }

    /// sendmsg(fd, message, flags)
    pub fn sendmsg(&mut self, call: &Call) -> Result<Answer, Outcome> {
        let message = Message::read(Memory::of(call.tid), call.word(1))?;
        if message.says_nothing() {
            return Ok(Answer::Continue);
        }
        let Opened { socket, process } = self.open(call)?;
        let caller = Caller::new(self.tree, &process);
        let named = named("sendmsg", socket, &caller)?;
        match self.judge_message(call, &named, &message, call.int(2))? {
            Way::AsItIs => Ok(Answer::Continue),
            Way::Changed(_) => {
                let sent = self.send_message(call, &named, &message, call.int(2))?;
                Ok(Answer::Done(i64::from(sent)))
            }
        }
    }

    /// sendmmsg(fd, messages, count, flags). The kernel sends all of them or none: where one is
    /// refused, or has to be changed, the supervisor sends those before it, or that one.
    pub fn sendmmsg(&mut self, call: &Call) -> Result<Answer, Outcome> {
        let memory = Memory::of(call.tid);
        let (address, flags) = (call.word(1), call.int(3));
        let Opened { socket, process } = self.open(call)?;
        let caller = Caller::new(self.tree, &process);
        let named = named("sendmmsg", socket, &caller)?;
        let messages = message::each(memory, address, call.int(2).cast_unsigned());
        for (index, message) in (0_u32..).zip(messages) {
            let judged = match message {
                Ok(message) if message.says_nothing() => Ok(Way::AsItIs),
                Ok(message) => self.judge_message(call, &named, &message, flags),
                Err(errno) => Err(errno.into()),
            };
            match judged {
                Ok(Way::AsItIs) => {}
                Ok(Way::Changed(_)) => return self.send_first(call, &named, index.max(1)),
                Err(early) if index == 0 => return Err(early),
                Err(Outcome::Later) => return Err(Outcome::Later),
                Err(Outcome::Answer(_)) => return self.send_first(call, &named, index),
            }
        }
        Ok(Answer::Continue)
    }

    /// Sends the first `count` messages of sendmmsg(2), as far as that goes.
    fn send_first(
        &mut self,
        call: &Call,
        named: &Named<'_, '_>,
        count: u32,
    ) -> Result<Answer, Outcome> {
        let memory = Memory::of(call.tid);
        let (address, flags) = (call.word(1), call.int(3));
        let mut done = 0;
        for (index, message) in (0_u32..).zip(message::each(memory, address, count)) {
            let sent = message
                .map_err(Outcome::from)
                .and_then(|message| self.send_message(call, named, &message, flags));
            match sent {
                Ok(sent) => {
                    memory.write(message::sent_length_at(address, index), &sent.to_ne_bytes())?;
                    done = index + 1;
                }
                // As the kernel does, which says of the next call what it says of the first.
                Err(_) if done > 0 => break,
                Err(early) => return Err(early),
            }
        }
        Ok(Answer::Done(done.into()))
    }

    fn judge_message(
        &self,
        call: &Call,
        named: &Named<'_, '_>,
        message: &Message,
        flags: c_int,
    ) -> Result<Way, Outcome> {
        let memory = Memory::of(call.tid);
        let mut room = Room::new();
        let control = message.control(memory, &mut room)?;
        let remote = message.name(memory)?;
        self.check_still_waits(call)?;
        let (sources, has_to_change) = pktinfo::judge_in_place(named, control)?;
        let way = match remote {
            Some(mut remote) => take_source(named, flags, &mut remote, sources)?,
            None => Way::AsItIs,
        };
        Ok(match way {
            Way::AsItIs if has_to_change => Way::Changed(None),
            way => way,
        })
    }

    /// Judges a message, and sends a copy of it, changed as it has to be.
    fn send_message(
        &mut self,
        call: &Call,
        named: &Named<'_, '_>,
        message: &Message,
        flags: c_int,
    ) -> Result<u32, Outcome> {
        let memory = Memory::of(call.tid);
        let mut room = Room::new();
        let control = message.control(memory, &mut room)?;
        let mut remote = message.name(memory)?;
        let data = message.data(memory)?;
        self.check_still_waits(call)?;
        let sources = pktinfo::judge_copy(named, control)?;
        let source = match &mut remote {
            Some(remote) => match take_source(named, flags, remote, sources)? {
                Way::AsItIs => None,
                Way::Changed(source) => source,
            },
            None => None,
        };
        let copied = Copied {
            remote,
            data,
            control: control.to_vec(),
            sources,
            source,
        };
        self.send_copied(call, named, &copied, flags)
    }
}

fn take_source(
    named: &Named<'_, '_>,
    flags: c_int,
    remote: &mut Sockaddr,
    sources: Sources,
) -> Result<Way, Outcome> {
    match send::before(named, flags, remote, sources)? {
        After::GiveSource(source) => return Ok(Way::Changed(Some(source))),
        // Nobody can look at it again when it is sent.
        After::CheckIpv6Only(_) => return Err(Errno(EPERM).into()),
        After::EndQuietBind { .. } => named.host.note_left_bound(),
        _ => {}
    }
    Ok(Way::AsItIs)
}
