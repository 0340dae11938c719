//! listen(2): made by the supervisor.

use super::opened::{Opened, named};
use super::{Judge, Outcome};
use crate::notify::answer::Answer;
use crate::notify::call::Call;
use crate::target::host::Caller;

impl Judge<'_> {
    /// listen(fd, backlog)
    pub fn listen(&mut self, call: &Call) -> Result<Answer, Outcome> {
        let Opened { socket, process } = self.open(call)?;
        self.check_still_waits(call)?;
        let caller = Caller::new(self.tree, &process);
        let named = named("listen", socket, &caller)?;
        let after = ipaddr_socket::listen::before(&named)?;
        if named.socket.is_restricted() {
            return Ok(Answer::Continue);
        }
        let result = named.socket.listen(call.int(1));
        ipaddr_socket::listen::after(&named, after, result)?;
        Ok(Answer::made(result))
    }
}
