//! The rules of all files, and what they decide.

use core::net::IpAddr;

use super::chain::{Chain, Ends, Target};
use super::index::{self, Entry};
use super::memory::{RuleChain, RuleFile};
use super::rule::{Packet, PortRange, Rule};
use crate::text::{Printable, Sink, Text};

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
    pub(super) files: &'r [RuleFile],
    pub(super) rules: &'r [Rule],
    pub(super) ports: &'r [PortRange],
    pub(super) index: &'r [Entry],
    pub(super) names: &'r [u8],
    /// The cgroups that the rules are of, as [`crate::latch`] carries them over exec; empty for
    /// rules of the root cgroup only.
    pub cgroups: &'r [u8],
}

impl<'r> RuleSet<'r> {
    /// What the rules say to a call. The innermost level is first: its source is the one that
    /// counts.
    #[must_use]
    pub fn decide(&self, chain: Chain, ends: Ends) -> Decision<'r> {
        let packet = Packet::new(chain, ends);
        let mut accepted = Decision {
            target: Target::Accept,
            by: None,
        };
        for file in self.files.iter().rev() {
            let decision = self.decide_in(file, chain, &packet);
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

    /// Whether a chain's rules depend on the protocol.
    #[must_use]
    pub fn needs_protocol(&self, chain: Chain) -> bool {
        self.chains(chain).any(|chain| chain.needs_protocol)
    }

    /// Whether ACCEPT's rules depend on the local end.
    #[must_use]
    pub fn needs_local_end(&self) -> bool {
        self.chains(Chain::Accept)
            .any(|chain| chain.needs_local_end)
    }

    /// Whether a rule may give a socket this source.
    #[must_use]
    pub fn has_source(&self, address: IpAddr) -> bool {
        self.sources().any(|(source, _)| source == address)
    }

    /// Whether a rule may give a socket any source.
    #[must_use]
    pub fn chooses_sources(&self) -> bool {
        self.sources().next().is_some()
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

    fn decide_in(&self, file: &RuleFile, chain: Chain, packet: &Packet) -> Decision<'r> {
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
