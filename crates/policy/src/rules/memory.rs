//! Where rules are kept: the caller has the memory, because nothing here allocates.

use super::chain::{Chain, Target};
use super::index::Entry;
use super::rule::{PortRange, Rule};
use super::span::Span;
use crate::errno::EPERM;

/// How many files of rules a process has room for.
pub const MAX_FILES: usize = 64;
/// How many rules.
pub const MAX_RULES: usize = 4096;
/// How many ranges of ports.
pub const MAX_PORTS: usize = 8192;
/// How many entries of the index.
pub const MAX_INDEX: usize = 8192;
/// How many bytes for the names of the files, and of the cgroups that are carried over exec.
pub const MAX_NAMES: usize = 32 << 10;

/// Memory for rules. What it holds before is of no account.
#[derive(Debug)]
pub struct Memory<'r> {
    /// One for each file of a level.
    pub files: &'r mut [RuleFile],
    /// One for each rule; one more for each further address of a list.
    pub rules: &'r mut [Rule],
    /// One for each range of ports.
    pub ports: &'r mut [PortRange],
    /// Two for each rule, and one for each further range of ports that a rule has.
    pub index: &'r mut [Entry],
    /// The names of the files and of the cgroups.
    pub names: &'r mut [u8],
}

/// The rules of one file. All bytes zero is one without rules.
#[derive(Clone, Copy, Debug)]
pub struct RuleFile {
    pub(super) name: Span,
    pub(super) rules: Span,
    /// Whether its chains have trees.
    pub(super) is_indexed: bool,
    pub(super) chains: [RuleChain; 3],
}

impl RuleFile {
    /// What memory for files holds before there are any.
    pub const EMPTY: Self = Self {
        name: Span::EMPTY,
        rules: Span::EMPTY,
        is_indexed: false,
        chains: [RuleChain::EMPTY; 3],
    };

    pub(super) const fn chain(&self, chain: Chain) -> &RuleChain {
        let [bind, connect, accept] = &self.chains;
        match chain {
            Chain::Bind => bind,
            Chain::Connect => connect,
            Chain::Accept => accept,
        }
    }

    pub(super) const fn chain_mut(&mut self, chain: Chain) -> &mut RuleChain {
        let [bind, connect, accept] = &mut self.chains;
        match chain {
            Chain::Bind => bind,
            Chain::Connect => connect,
            Chain::Accept => accept,
        }
    }
}

/// What is known of one chain in a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct RuleChain {
    pub has_rules: bool,
    /// `:CHAIN DROP`
    pub drops: bool,
    pub needs_protocol: bool,
    pub needs_local_end: bool,
    /// The line of `:CHAIN`, from 1; 0 without one.
    pub policy_line: u32,
    /// The trees of [`super::index`].
    pub by_address: Span,
    pub by_port: Span,
}

impl RuleChain {
    pub const EMPTY: Self = Self {
        has_rules: false,
        drops: false,
        needs_protocol: false,
        needs_local_end: false,
        policy_line: 0,
        by_address: Span::EMPTY,
        by_port: Span::EMPTY,
    };

    /// Whether it accepts everything because it says nothing.
    pub const fn is_empty(&self) -> bool {
        !self.has_rules && !self.drops
    }

    /// What becomes of what no rule matches.
    pub const fn policy(&self) -> Target {
        if self.drops {
            Target::Reject(EPERM)
        } else {
            Target::Accept
        }
    }
}
