//! `ipaddr.rules`: rules for ports and peers, in the syntax of iptables-save(8).
//!
//! | module | idea |
//! | --- | --- |
//! | [`parse`] | the text of a file: its lines |
//! | [`options`] | a line that is a rule: its options |
//! | [`words`] | a line, cut into words |
//! | [`builder`] | keeps what has been read |
//! | [`rule`] | one rule: what it matches, and what becomes of that |
//! | [`index`] | finds the rules that may match without going through all |
//! | [`memory`] | where rules are kept |
//!
//! ```text
//! -A BIND -p tcp --sport 8000:8999 -j ACCEPT
//! -A BIND -j REJECT --reject-with eacces
//! -A CONNECT -d 192.168.0.0/16 -j SNAT --to-source 10.0.0.6
//! -A ACCEPT ! -s 10.0.0.0/24 -j REJECT
//! ```
//!
//! The direction is that on the wire: BIND's local endpoint is `-s` and `--sport`, CONNECT's remote
//! one `-d` and `--dport`; ACCEPT's peer is `-s` and `--sport`, its local end `-d` and `--dport`.
//! The first rule that matches decides within a file, and no match is the chain's policy, ACCEPT
//! unless the file says otherwise; every file has to accept.

use core::net::{IpAddr, SocketAddr};

use crate::text::{Printable, Sink, Text};

pub mod builder;
pub mod index;
pub mod memory;
mod options;
pub mod parse;
pub mod rule;
mod words;

pub use builder::Builder;
pub use memory::{Memory, RuleFile};
pub use parse::RuleError;
pub use rule::{PortRange, Rule};

use index::Entry;
use memory::RuleChain;
use rule::Packet;

/// Which calls a rule is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Chain {
    /// bind(2), and listen(2), by which a socket gets a port that others can reach.
    Bind = 0,
    /// connect(2), and sends with a destination.
    Connect = 1,
    /// accept(2).
    Accept = 2,
}

impl Chain {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Bind, Self::Connect, Self::Accept];

    /// Its name in a file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bind => "BIND",
            Self::Connect => "CONNECT",
            Self::Accept => "ACCEPT",
        }
    }
}

/// What `-p` can tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// TCP, and MPTCP, which is TCP on the wire.
    Tcp,
    /// UDP.
    Udp,
    /// Neither: `-p tcp` and `-p udp` don't match it.
    Other,
}

/// What a program asks for, as the rules see it: the ends of a connection, on the wire.
///
/// Addresses are canonical, as everywhere in this crate: IPv4 is never v4-mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// Where its packets come from: BIND's local endpoint, ACCEPT's peer.
    pub source: SocketAddr,
    /// Where they go to: CONNECT's remote endpoint, ACCEPT's local end.
    pub destination: SocketAddr,
    /// The protocol.
    pub protocol: Protocol,
}

/// What the rules say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// `-j ACCEPT`
    Accept,
    /// `-j REJECT`, with an errno, see errno(3).
    Reject(i32),
    /// `-j SNAT`: accepted, from this address.
    Snat(IpAddr),
}

/// What the rules say, and which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision<'r> {
    /// What they say.
    pub target: Target,
    /// Where that is written; `None` if no rule matched anywhere.
    pub by: Option<Place<'r>>,
}

/// Where a rule, or a chain's policy, is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'r> {
    /// The file's name.
    pub file: &'r [u8],
    /// The line, from 1.
    pub line: u32,
}

impl Text for Place<'_> {
    fn write(&self, out: &mut impl Sink) {
        (Printable(self.file), ":", self.line).write(out);
    }
}

/// The rules of all levels.
#[derive(Clone, Copy, Debug)]
pub struct RuleSet<'r> {
    files: &'r [RuleFile],
    rules: &'r [Rule],
    ports: &'r [PortRange],
    index: &'r [Entry],
    names: &'r [u8],
    /// The cgroups that the rules are of, as [`crate::latch`] carries them over exec; empty for
    /// rules of the root cgroup only.
    pub cgroups: &'r [u8],
}

impl<'r> RuleSet<'r> {
    /// What the rules say to a call. The innermost level is asked first: its is the source that
    /// counts.
    #[must_use]
    pub fn decide(&self, chain: Chain, ends: Ends) -> Decision<'r> {
        let packet = Packet::new(chain, ends);
        let mut accepted = Decision {
            target: Target::Accept,
            by: None,
        };
        for file in self.files.iter().rev() {
            let decision = self.ask(file, chain, &packet);
            match (decision.target, accepted.target) {
                (Target::Reject(_), _) => return decision,
                (Target::Snat(_), Target::Accept) => accepted = decision,
                (Target::Accept, Target::Accept) if accepted.by.is_none() => accepted = decision,
                _ => {}
            }
        }
        accepted
    }

    /// Whether a chain can refuse or change anything, in any file.
    #[must_use]
    pub fn has(&self, chain: Chain) -> bool {
        self.chains(chain).any(|chain| !chain.is_empty())
    }

    /// Whether a chain's rules ask for the protocol.
    #[must_use]
    pub fn asks_protocol(&self, chain: Chain) -> bool {
        self.chains(chain).any(|chain| chain.asks_protocol)
    }

    /// Whether ACCEPT's rules ask for the local end.
    #[must_use]
    pub fn asks_local_end(&self) -> bool {
        self.chains(Chain::Accept).any(|chain| chain.asks_local_end)
    }

    /// Whether a rule may give a socket this source.
    #[must_use]
    pub fn has_source(&self, address: IpAddr) -> bool {
        self.sources().any(|(source, _)| source == address)
    }

    /// The addresses of the SNAT rules, and where they are written.
    pub fn sources(&self) -> impl Iterator<Item = (IpAddr, Place<'r>)> {
        let set = *self;
        set.files.iter().flat_map(move |file| {
            let rules = file.rules.of(set.rules).iter();
            rules.filter_map(move |rule| Some((rule.snat_source()?, set.place(file, rule.line))))
        })
    }

    /// The names of the files, outermost first, and how many rules each has.
    pub fn names(&self) -> impl Iterator<Item = (&'r [u8], usize)> {
        let set = *self;
        set.files
            .iter()
            .map(move |file| (file.name.of(set.names), file.rules.len()))
    }

    fn ask(&self, file: &RuleFile, chain: Chain, packet: &Packet) -> Decision<'r> {
        let rule = self.first_match(file, chain, packet);
        let chain = file.chain(chain);
        match rule {
            Some(rule) => Decision {
                target: rule.target(),
                by: Some(self.place(file, rule.line)),
            },
            None => Decision {
                target: chain.policy(),
                by: (chain.policy_line != 0).then(|| self.place(file, chain.policy_line)),
            },
        }
    }

    fn first_match(&self, file: &RuleFile, chain: Chain, packet: &Packet) -> Option<&'r Rule> {
        let rules = file.rules.of(self.rules);
        let matches = |rule: &Rule| rule.matches(packet, self.ports);
        if !file.is_indexed {
            return rules.iter().find(|rule| matches(rule));
        }
        let chain = file.chain(chain);
        let mut first = index::NONE;
        for (tree, key) in [
            (chain.by_address, packet.indexed_address),
            (chain.by_port, packet.indexed_port),
        ] {
            index::search(tree.of(self.index), key, &mut first, &|number| {
                at(rules, number).is_some_and(matches)
            });
        }
        at(rules, first)
    }

    fn place(&self, file: &RuleFile, line: u32) -> Place<'r> {
        Place {
            file: file.name.of(self.names),
            line,
        }
    }

    fn chains(&self, chain: Chain) -> impl Iterator<Item = &'r RuleChain> {
        self.files.iter().map(move |file| file.chain(chain))
    }
}

fn at(rules: &[Rule], number: u32) -> Option<&Rule> {
    usize::try_from(number).ok().and_then(|at| rules.get(at))
}

/// An address in the one space that the rules of both families are in: IPv4 where IPv6 has its
/// v4-mapped addresses, of which none is ever asked about.
const fn key(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}
