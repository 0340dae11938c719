//! What becomes of each judged call, one file a call. The rules are those of `ipaddr-socket`, as for
//! the library; here is which of them the supervisor makes itself, and which the kernel.
//!
//! | call | who makes it |
//! | --- | --- |
//! | bind, listen, `IPV6_PKTINFO` | the supervisor, on a duplicate, with the copy that was judged |
//! | connect | the supervisor, unless it may wait: then the kernel, after the quiet bind |
//! | sends | the kernel, after the quiet bind; the supervisor, if it has to change a datagram |
//! | any, of a process that has restricted itself by Landlock | the kernel, or nobody |

mod bind;
mod connect;
mod landlock;
mod listen;
mod message;
mod opened;
mod send;
mod sent;
mod setsockopt;

use crate::notify::answer::Answer;
use crate::notify::call::Call;
use crate::notify::listener::Listener;
use crate::notify::patience::Patience;
use crate::target::threads::Threads;
use crate::tree::Tree;

/// What a thread of the supervisor judges calls with.
#[derive(Debug)]
pub struct Judge<'a> {
    /// The guarded tree.
    pub tree: &'a Tree,
    /// The threads that this one knows.
    pub threads: &'a mut Threads,
    /// Where the calls come from.
    pub listener: &'a Listener,
    /// Limits the calls that might wait all the same.
    pub patience: &'a Patience,
    /// Whether what takes long may be done: policy files be read, or a full socket waited for.
    pub may_wait: bool,
}

/// What has come of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// An answer.
    Answer(Answer),
    /// It takes long: policy files have to be read, or a socket is full.
    Later,
}

impl<A: Into<Answer>> From<A> for Outcome {
    fn from(answer: A) -> Self {
        Self::Answer(answer.into())
    }
}

impl Judge<'_> {
    /// Judges a call, and makes it if that is the supervisor's to do.
    pub fn judge(&mut self, call: &Call) -> Outcome {
        let judged = match call.number {
            libc::SYS_bind => self.bind(call),
            libc::SYS_connect => self.connect(call),
            libc::SYS_listen => self.listen(call),
            libc::SYS_sendto => self.sendto(call),
            libc::SYS_sendmsg => self.sendmsg(call),
            libc::SYS_sendmmsg => self.sendmmsg(call),
            libc::SYS_setsockopt => self.setsockopt(call),
            libc::SYS_landlock_create_ruleset => Ok(self.create_ruleset(call)),
            libc::SYS_landlock_restrict_self => Ok(self.restrict_self(call)),
            // The filter has no other.
            _ => Ok(Answer::REFUSED),
        };
        judged.map_or_else(|early| early, Outcome::from)
    }
}
