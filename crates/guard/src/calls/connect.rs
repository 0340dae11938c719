//! connect(2): after the quiet bind, made by the supervisor, unless it may wait. One that waits is left
//! to the kernel, where signals interrupt it.

use ipaddr_socket::after::After;
use ipaddr_socket::host::Host;

use super::opened::{Opened, named};
use super::{Judge, Outcome};
use crate::notify::answer::Answer;
use crate::notify::call::Call;
use crate::target::host::Caller;
use crate::target::memory::Memory;

impl Judge<'_> {
    /// connect(fd, address, len)
    pub fn connect(&mut self, call: &Call) -> Result<Answer, Outcome> {
        let Opened { socket, process } = self.open(call)?;
        let len = call.int(2).cast_unsigned();
        let Some(remote) = Memory::of(call.tid).sockaddr(call.word(1), len)? else {
            return Ok(Answer::Continue);
        };
        self.check_still_waits(call)?;
        let caller = Caller::new(self.tree, &process);
        let named = named("connect", socket, &caller)?;
        let after = ipaddr_socket::connect::before(&named, &remote)?;
        let dissolves = matches!(after, After::EndDissolved);
        if named.socket.is_restricted() || (!dissolves && named.socket.connect_may_wait()) {
            if let After::EndQuietBind { .. } = after {
                // What comes of it nobody tells.
                caller.note_left_bound();
            }
            return Ok(Answer::Continue);
        }
        let connect = || named.socket.connect(&remote);
        let result = if named.socket.is_datagram() {
            connect()
        } else {
            self.patience.limit(connect)
        };
        ipaddr_socket::connect::after(&named, after, result)?;
        Ok(Answer::made(result))
    }
}
