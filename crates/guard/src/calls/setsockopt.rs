//! setsockopt(2) with `IPV6_PKTINFO`, which chooses a source: made by the supervisor. And with
//! `IP_BIND_ADDRESS_NO_PORT`, which it has to know of.

use std::sync::atomic::Ordering;

use ipaddr_socket::pktinfo;
use ipaddr_socket::socket::Socket;
use libc::in6_pktinfo;

use super::opened::{Opened, named};
use super::{Judge, Outcome};
use crate::notify::answer::Answer;
use crate::notify::call::Call;
use crate::target::host::Caller;
use crate::target::memory::Memory;

const LEN: usize = size_of::<in6_pktinfo>();

impl Judge<'_> {
    /// setsockopt(fd, level, name, value, len)
    pub fn setsockopt(&mut self, call: &Call) -> Result<Answer, Outcome> {
        if !pktinfo::is_sticky(call.int(1), call.int(2)) {
            self.tree.has_set_no_port.store(true, Ordering::SeqCst);
            return Ok(Answer::Continue);
        }
        let is_whole = usize::try_from(call.int(4)).is_ok_and(|len| len >= LEN);
        if !is_whole || call.word(3) == 0 {
            return Ok(Answer::Continue);
        }
        let Opened { socket, process } = self.open(call)?;
        let mut value = [0; LEN];
        Memory::of(call.tid).copy(call.word(3), &mut value)?;
        self.check_still_waits(call)?;
        let caller = Caller::new(self.tree, &process);
        let named = named("setsockopt", socket, &caller)?;
        pktinfo::judge_sticky(&named, &value)?;
        if named.socket.is_restricted() {
            return Ok(Answer::Continue);
        }
        let result = named.socket.setsockopt(call.int(1), call.int(2), &value);
        Ok(Answer::made(result))
    }
}
