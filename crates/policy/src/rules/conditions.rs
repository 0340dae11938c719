//! The rules of a chain as plain conditions, for those who have somebody else apply them: the guard
//! has the kernel do it, by a packet filter.

use super::chain::{Chain, Protocol, Target};
use super::memory::RuleFile;
use super::rule::{Addresses, PortRange, Ports, Rule};
use super::set::RuleSet;
use crate::family::Family;

/// What one file says of a chain: the first rule that matches decides.
#[derive(Clone, Copy, Debug)]
pub struct ChainRules<'r> {
    file: &'r RuleFile,
    set: RuleSet<'r>,
    chain: Chain,
}

impl<'r> RuleSet<'r> {
    /// What each file says of a chain. Every one has to accept.
    pub fn of_chain(&self, chain: Chain) -> impl Iterator<Item = ChainRules<'r>> {
        let set = *self;
        set.files
            .iter()
            .map(move |file| ChainRules { file, set, chain })
    }
}

impl<'r> ChainRules<'r> {
    /// The rules, in the order of the file.
    pub fn rules(&self) -> impl DoubleEndedIterator<Item = Conditions<'r>> {
        let Self { file, set, chain } = *self;
        let rules = file.rules.of(set.rules).iter();
        let of_chain = rules.filter(move |rule| rule.chain == chain);
        of_chain.map(move |rule| Conditions {
            rule,
            ports: set.ports,
        })
    }

    /// What becomes of what no rule matches.
    #[must_use]
    pub const fn otherwise(&self) -> Target {
        self.file.chain(self.chain).policy()
    }
}

/// What one rule requires, all of it, and what becomes of what it matches.
#[derive(Clone, Copy, Debug)]
pub struct Conditions<'r> {
    rule: &'r Rule,
    ports: &'r [PortRange],
}

impl<'r> Conditions<'r> {
    /// Whether it can match packets of this family.
    #[must_use]
    pub fn is_for(&self, family: Family) -> bool {
        self.rule.is_for(family)
    }

    /// Whether it can match packets of this protocol.
    #[must_use]
    pub fn is_for_protocol(&self, protocol: Protocol) -> bool {
        self.rule.is_for_protocol(protocol)
    }

    /// `-s`
    #[must_use]
    pub const fn source(&self) -> NetworkCondition {
        NetworkCondition::of(self.rule.source)
    }

    /// `-d`
    #[must_use]
    pub const fn destination(&self) -> NetworkCondition {
        NetworkCondition::of(self.rule.destination)
    }

    /// `--sport`, `--sports`
    #[must_use]
    pub fn source_ports(&self) -> PortCondition<'r> {
        PortCondition::of(self.rule.sports, self.ports)
    }

    /// `--dport`, `--dports`
    #[must_use]
    pub fn destination_ports(&self) -> PortCondition<'r> {
        PortCondition::of(self.rule.dports, self.ports)
    }

    /// What becomes of what it matches.
    #[must_use]
    pub fn target(&self) -> Target {
        self.rule.target()
    }
}

/// An address has to be in a network, or not to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkCondition {
    /// The lowest address of the network, as a number; IPv4's are where IPv6 has its v4-mapped ones.
    pub first: u128,
    /// The highest.
    pub last: u128,
    /// Whether the address has to be elsewhere.
    pub is_negated: bool,
}

impl NetworkCondition {
    const fn of(addresses: Addresses) -> Self {
        Self {
            first: addresses.first,
            last: addresses.last,
            is_negated: addresses.negated,
        }
    }
}

/// A port has to be in one of some ranges, or in none of them.
#[derive(Clone, Copy, Debug)]
pub struct PortCondition<'r> {
    ranges: &'r [PortRange],
    /// Whether the port has to be elsewhere.
    pub is_negated: bool,
}

impl<'r> PortCondition<'r> {
    fn of(ports: Ports, all: &'r [PortRange]) -> Self {
        Self {
            ranges: ports.ranges.of(all),
            is_negated: ports.negated,
        }
    }

    /// The first and the last port of each range, in host byte order; none means any port.
    pub fn ranges(&self) -> impl ExactSizeIterator<Item = (u16, u16)> {
        self.ranges.iter().map(|range| (range.first, range.last))
    }
}
