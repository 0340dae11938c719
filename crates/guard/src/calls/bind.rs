//! bind(2): made by the supervisor, with the address that was judged.

use ipaddr_policy::errno::{EPERM, Errno};
use ipaddr_socket::after::After;
use ipaddr_socket::socket::Socket;

use super::opened::{Opened, named};
use super::{Judge, Outcome};
use crate::notify::answer::Answer;
use crate::notify::call::Call;
use crate::target::host::Caller;
use crate::target::memory::Memory;

impl Judge<'_> {
    /// bind(fd, address, len)
    pub fn bind(&mut self, call: &Call) -> Result<Answer, Outcome> {
        let Opened { socket, process } = self.open(call)?;
        let len = call.int(2).cast_unsigned();
        let Some(mut address) = Memory::of(call.tid).sockaddr(call.word(1), len)? else {
            return Ok(Answer::Continue);
        };
        self.check_still_waits(call)?;
        let asked = address.endpoint();
        let caller = Caller::new(self.tree, &process);
        let named = named("bind", socket, &caller)?;
        let after = ipaddr_socket::bind::before(&named, &mut address)?;
        if named.socket.is_restricted() {
            let is_changed = asked != address.endpoint();
            let has_to_be_checked = matches!(after, After::CheckIpv6Only(_));
            return Ok(if is_changed || has_to_be_checked {
                Errno(EPERM).into()
            } else {
                Answer::Continue
            });
        }
        if address.port() == 0 {
            named.socket.end_quiet_bind();
        }
        let result = named.socket.bind(&address);
        ipaddr_socket::bind::after(&named, after, result)?;
        Ok(Answer::made(result))
    }
}
