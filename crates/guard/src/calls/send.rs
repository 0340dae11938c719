//! sendto(2), sendmsg(2), sendmmsg(2): after the quiet bind they are left to the kernel, with their
//! data.

use std::ffi::c_int;

use ipaddr_policy::errno::{EPERM, Errno};
use ipaddr_socket::after::After;
use ipaddr_socket::host::{Host, Level};
use ipaddr_socket::pktinfo::Sources;
use ipaddr_socket::sockaddr::Sockaddr;
use ipaddr_socket::{pktinfo, send};

use super::message::{self, Message};
use super::opened::{Opened, named};
use super::{Judge, Outcome};
use crate::notify::answer::Answer;
use crate::notify::call::Call;
use crate::target::host::Caller;
use crate::target::memory::Memory;
use crate::target::socket::Duplicate;

/// A send as the rules see it.
type Named<'c, 'a> = ipaddr_socket::Call<'c, Duplicate<'a>, Caller<'c>>;

impl Judge<'_> {
    /// sendto(fd, data, size, flags, address, len)
    pub fn sendto(&mut self, call: &Call) -> Result<Answer, Outcome> {
        let Opened { socket, process } = self.open(call)?;
        let len = call.int(5).cast_unsigned();
        let Some(mut remote) = Memory::of(call.tid).sockaddr(call.word(4), len)? else {
            return Ok(Answer::Continue);
        };
        self.check_still_waits(call)?;
        let caller = Caller::new(self.tree, &process);
        let named = named("sendto", socket, &caller)?;
        take_source(&named, call.int(3), &mut remote, Sources::None)
    }

    /// sendmsg(fd, message, flags)
    pub fn sendmsg(&mut self, call: &Call) -> Result<Answer, Outcome> {
        let memory = Memory::of(call.tid);
        let message = Message::read(memory, call.word(1))?;
        if message.says_nothing() {
            return Ok(Answer::Continue);
        }
        let Opened { socket, process } = self.open(call)?;
        let caller = Caller::new(self.tree, &process);
        let named = named("sendmsg", socket, &caller)?;
        judge_message(self, call, &named, &message, call.int(2))
    }

    /// sendmmsg(fd, messages, count, flags): sent if all of them may be.
    pub fn sendmmsg(&mut self, call: &Call) -> Result<Answer, Outcome> {
        let memory = Memory::of(call.tid);
        let messages = message::each(memory, call.word(1), call.int(2).cast_unsigned());
        let Opened { socket, process } = self.open(call)?;
        let caller = Caller::new(self.tree, &process);
        let named = named("sendmmsg", socket, &caller)?;
        for message in messages {
            let message = message?;
            if message.says_nothing() {
                continue;
            }
            match judge_message(self, call, &named, &message, call.int(3))? {
                Answer::Continue => {}
                refused => return Ok(refused),
            }
        }
        Ok(Answer::Continue)
    }
}

fn judge_message(
    judge: &Judge<'_>,
    call: &Call,
    named: &Named<'_, '_>,
    message: &Message,
    flags: c_int,
) -> Result<Answer, Outcome> {
    let memory = Memory::of(call.tid);
    let mut room = message::Room::new();
    let control = message.control(memory, &mut room)?;
    let remote = message.name(memory)?;
    judge.check_still_waits(call)?;
    let (sources, has_to_change) = pktinfo::judge_in_place(named, control)?;
    if has_to_change {
        return Ok(not_changed(named, "the wildcard for its source"));
    }
    match remote {
        Some(mut remote) => take_source(named, flags, &mut remote, sources),
        None => Ok(Answer::Continue),
    }
}

fn take_source(
    named: &Named<'_, '_>,
    flags: c_int,
    remote: &mut Sockaddr,
    sources: Sources,
) -> Result<Answer, Outcome> {
    match send::before(named, flags, remote, sources)? {
        After::GiveSource(_) => return Ok(not_changed(named, "no source that it may have")),
        // Nobody can look at it again when it is sent.
        After::CheckIpv6Only(_) => return Ok(Errno(EPERM).into()),
        After::EndQuietBind { .. } => named.host.note_left_bound(),
        _ => {}
    }
    Ok(Answer::Continue)
}

/// A datagram that would have to be given a source, which nobody can do in another's memory.
#[cold]
fn not_changed(named: &Named<'_, '_>, has: &str) -> Answer {
    if named.host.wants(Level::Error) {
        let why = ": EPERM, a datagram has ";
        let remedy = ", and the guard can't change it";
        let line = (named.name, why, has, remedy);
        named.host.log(&line);
    }
    Errno(EPERM).into()
}
