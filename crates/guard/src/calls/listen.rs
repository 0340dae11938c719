//! listen(2): made by the supervisor, after it has given the socket the packet filter that applies the
//! rules for peers.

use std::os::fd::AsFd;

use ipaddr_policy::errno::{EPERM, Errno};
use ipaddr_socket::host::{Host, Level};
use ipaddr_socket::socket::Socket;

use super::opened::{Opened, named};
use super::{Judge, Outcome};
use crate::notify::answer::Answer;
use crate::notify::call::Call;
use crate::peers::attach;
use crate::target::host::Caller;
use crate::target::socket::Duplicate;

impl Judge<'_> {
    /// listen(fd, backlog)
    pub fn listen(&mut self, call: &Call) -> Result<Answer, Outcome> {
        let Opened { socket, process } = self.open(call)?;
        self.check_still_waits(call)?;
        let caller = Caller::new(self.tree, &process);
        let named = named("listen", socket, &caller)?;
        let after = ipaddr_socket::listen::before(&named)?;
        filter_peers(&named)?;
        if named.socket.is_restricted() {
            return Ok(Answer::Continue);
        }
        let result = named.socket.listen(call.int(1));
        ipaddr_socket::listen::after(&named, after, result)?;
        Ok(Answer::made(result))
    }
}

/// Nobody listens without the rules for peers that there are.
fn filter_peers(named: &ipaddr_socket::Call<'_, Duplicate<'_>, Caller<'_>>) -> Result<(), Errno> {
    let Some(rules) = named.host.latched().and_then(|policy| policy.rules) else {
        return Ok(());
    };
    attach::to_listener(named.socket.as_fd(), rules).inspect_err(|errno| {
        if named.host.wants(Level::Error) {
            let name = errno.name().unwrap_or("refused");
            let why = match errno.0 {
                EPERM => ", the socket has a locked packet filter of its own",
                _ => ", the socket can't have the packet filter for rules of ACCEPT",
            };
            let number = named.socket.number().cast_unsigned();
            named.host.log(&("listen fd ", number, ": ", name, why));
        }
    })
}
