//! The process whose call it is: its policy, its log, and what is known of its sockets.

use ipaddr_policy::Policy;
use ipaddr_policy::text::Text;

/// What a process may use.
#[derive(Clone, Copy, Debug)]
pub enum Assignment<'p> {
    /// Nothing is assigned: every call goes through untouched.
    Unrestricted,
    /// The policy that it will have for life.
    Restricted(&'p Policy<'p>),
    /// There is a policy that can't be used, or it couldn't be read from the beginning: every call
    /// is refused. Not for life; a policy that was caught half-written, or a process out of
    /// descriptors, recovers.
    Unusable,
}

/// There is a policy that can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unusable;

impl<'p> Assignment<'p> {
    /// `None` if nothing is assigned; else the policy, if it can be used.
    #[must_use]
    pub const fn assigned(self) -> Option<Result<&'p Policy<'p>, Unusable>> {
        match self {
            Self::Unrestricted => None,
            Self::Restricted(policy) => Some(Ok(policy)),
            Self::Unusable => Some(Err(Unusable)),
        }
    }
}

/// How much the log says, see `$IPADDR_LOG`: the lines of a level and of those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Nothing.
    Off,
    /// Refusals, and policies that can't be used. The default.
    Error,
    /// Also what is changed: rewritten and quiet binds.
    Info,
    /// Also what goes through as it is.
    Debug,
}

impl Level {
    /// The level of a word; `None` if it is none of the four.
    #[must_use]
    pub const fn named(word: &[u8]) -> Option<Self> {
        Some(match word {
            b"off" => Self::Off,
            b"error" => Self::Error,
            b"info" => Self::Info,
            b"debug" => Self::Debug,
            _ => return None,
        })
    }
}

/// The process whose call it is. The shim implements it for its own process, the guard for another.
///
/// The methods with a default are for an implementation that keeps less in mind: with the defaults
/// the kernel is queried more often, and the answers are the same.
pub trait Host {
    /// The process's policy. While nothing is assigned, each call queries again, so that a policy which
    /// is written later takes effect.
    fn assignment(&self) -> Assignment<'_>;

    /// The process's policy, for a call that is made for every packet: while nothing is assigned, not
    /// each needs to query again.
    fn assignment_for_send(&self) -> Assignment<'_>;

    /// The policy if there is one already, without a query.
    fn latched(&self) -> Option<&Policy<'_>>;

    /// Whether lines of this level are wanted. It is queried first, so that a line that isn't wanted
    /// costs nothing.
    fn wants(&self, level: Level) -> bool;

    /// Writes a line, which is wanted, behind the number of the process.
    fn log(&self, line: &impl Text);

    /// Whether the process has a seccomp filter of its own, so that its sockets can't be queried, nor
    /// an option be set.
    fn is_confined(&self) -> bool {
        false
    }

    /// Whether setsockopt(2) may be called: no seccomp filter is in the way.
    fn may_set_options(&self) -> bool {
        true
    }

    /// A quiet bind has left a socket of this process bound.
    fn note_left_bound(&self) {}

    /// Whether a quiet bind may have left a socket of this process bound. Only then is a socket queried
    /// that is bound to one family and about to reach the other.
    fn may_have_left_bound(&self) -> bool {
        true
    }

    /// The program is about to bind a socket to an address of its own choice in such a way that a
    /// second bind would replace it: without a port and with `IP_BIND_ADDRESS_NO_PORT`, as nginx's
    /// proxy_bind and curl's --interface do, or a raw socket.
    fn note_chosen_source(&self) {}

    /// Whether the program may have done so, ever. Then each connect queries the socket's address
    /// first.
    fn may_have_chosen_source(&self) -> bool {
        true
    }

    /// Whether every datagram of this process leaves from an address that it may use, whatever the
    /// socket: it has none but IPv4 datagram sockets, all bound.
    fn has_bound_datagrams(&self) -> bool {
        false
    }

    /// The kernel is queried for a socket's address before a send to an IPv4 address. After many such
    /// sends the datagram sockets may be bound in advance.
    fn note_query(&self, policy: &Policy<'_>) {
        let _ = policy;
    }

    /// A socket is about to be bound to an address that packets can't come from: what it sends has to
    /// be given a source.
    fn note_sourceless(&self) {}

    /// In a confined process: whether every socket of IPv4 and IPv6 is known to be bound, to an address
    /// that it may use.
    fn all_are_bound(&self) -> bool {
        false
    }

    /// In a confined process: whether a socket may be bound, by another process, to an address that it
    /// may not use.
    fn may_have_foreign(&self) -> bool {
        true
    }
}
