//! Keeps the rules of all levels, and sorts them into the trees of [`index`].

use core::net::IpAddr;

use super::chain::Chain;
use super::error::RuleProblem;
use super::index::{self, Entry};
use super::memory::{Memory, RuleFile};
use super::rule::{By, PortRange, Rule};
use super::set::RuleSet;
use super::span::Span;
use crate::text::{Sink, Text};

/// Reads the files of all levels, from the root inward.
#[derive(Debug)]
pub struct Builder<'r> {
    memory: Memory<'r>,
    files: usize,
    rules: u32,
    /// How many ranges of ports there are.
    pub(super) ports: u32,
    index: u32,
    names: u32,
}

impl<'r> Builder<'r> {
    /// One that has read nothing yet.
    #[must_use]
    pub const fn new(memory: Memory<'r>) -> Self {
        Self {
            memory,
            files: 0,
            rules: 0,
            ports: 0,
            index: 0,
            names: 0,
        }
    }

    /// Whether it has read nothing yet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.files == 0
    }

    /// How many rules there are.
    pub(super) const fn rules(&self) -> u32 {
        self.rules
    }

    /// Keeps a file whose rules have been pushed, from number `start` on, unless there is no memory
    /// for its index or for one more file.
    pub(super) fn push_file(
        &mut self,
        name: &impl Text,
        mut file: RuleFile,
        start: u32,
    ) -> Result<(), RuleProblem> {
        file.rules = Span {
            start,
            end: self.rules,
        };
        if file.rules.len() >= index::LEAST_RULES {
            self.build_index(&mut file).ok_or(RuleProblem::TooMany)?;
        }
        // What of a file's name is cut off is missing in messages only.
        file.name = self.keep_name(name).0;
        let slot = self.memory.files.get_mut(self.files);
        *slot.ok_or(RuleProblem::TooManyFiles)? = file;
        self.files += 1;
        Ok(())
    }

    /// The rules read, and the cgroups that they are of, see [`RuleSet::cgroups`]; `None` if there is
    /// no memory for the names of the cgroups.
    #[must_use]
    pub fn finish(mut self, cgroups: &impl Text) -> Option<RuleSet<'r>> {
        let (cgroups, is_whole) = self.keep_name(cgroups);
        if !is_whole {
            return None;
        }
        let files: &[RuleFile] = self.memory.files;
        let names: &[u8] = self.memory.names;
        Some(RuleSet {
            files: files.get(..self.files).unwrap_or(&[]),
            rules: self.memory.rules,
            ports: self.memory.ports,
            index: self.memory.index,
            names,
            cgroups: cgroups.of(names),
        })
    }

    /// The sources that SNAT gives in the file that was read last, and their lines, for
    /// [`crate::levels`] to check.
    pub(crate) fn last_sources(&self) -> impl Iterator<Item = (IpAddr, u32)> {
        let file = self
            .files
            .checked_sub(1)
            .and_then(|last| self.memory.files.get(last));
        let rules = file.map_or(Span::EMPTY, |file| file.rules);
        let rules = rules.of(self.memory.rules).iter();
        rules.filter_map(|rule| Some((rule.snat_source()?, rule.line)))
    }

    /// Keeps a name, cut off where there is no more memory, and says whether all of it is there.
    fn keep_name(&mut self, name: &impl Text) -> (Span, bool) {
        let start = self.names;
        let mut out = Names {
            memory: self.memory.names,
            used: start,
            is_whole: true,
        };
        name.write(&mut out);
        let (end, is_whole) = (out.used, out.is_whole);
        self.names = end;
        (Span { start, end }, is_whole)
    }

    pub(super) fn push_rule(&mut self, rule: Rule) -> Option<()> {
        *self.memory.rules.get_mut(self.rules as usize)? = rule;
        self.rules += 1;
        Some(())
    }

    pub(super) fn push_ports(&mut self, range: PortRange) -> Option<()> {
        *self.memory.ports.get_mut(self.ports as usize)? = range;
        self.ports += 1;
        Some(())
    }

    /// Sorts the rules of a file into the trees of [`index`], two for each chain.
    fn build_index(&mut self, file: &mut RuleFile) -> Option<()> {
        let rules = file.rules;
        for chain in Chain::ALL {
            let by_address = self.sorted(rules, chain, By::Address, self.index)?;
            let by_port = self.sorted(rules, chain, By::Port, by_address.end)?;
            self.count_twins(rules, by_address, By::Address)?;
            self.count_twins(rules, by_port, By::Port)?;
            file.chain_mut(chain).by_address = self.tree(rules, by_address, By::Address);
            file.chain_mut(chain).by_port = self.tree(rules, by_port, By::Port);
        }
        file.is_indexed = true;
        Some(())
    }

    /// Sorts the ranges of a chain's rules, from `start` on in the index, which is left unclaimed.
    fn sorted(&mut self, rules: Span, chain: Chain, by: By, start: u32) -> Option<Span> {
        let mut end = start;
        let mut push = |first, last, number| {
            *self.memory.index.get_mut(end as usize)? = Entry::new(first, last, number);
            end += 1;
            Some(())
        };
        let numbered = (0..).zip(rules.of(self.memory.rules));
        for (number, rule) in numbered.filter(|(_, rule)| rule.chain == chain) {
            let (addresses, ports) = rule.indexed();
            match by {
                By::Address if !addresses.is_wide() => {
                    push(addresses.first, addresses.last, number)?;
                }
                By::Port if !ports.is_wide() => {
                    for range in ports.ranges.of(self.memory.ports) {
                        push(range.first.into(), range.last.into(), number)?;
                    }
                }
                _ => push(0, u128::MAX, number)?,
            }
        }
        let sorted = Span { start, end };
        index::sort(sorted.of_mut(self.memory.index));
        Some(sorted)
    }

    /// Fills in how many rules of the chain have the same address, or the same ports.
    fn count_twins(&mut self, rules: Span, sorted: Span, by: By) -> Option<()> {
        let rules = rules.of_mut(self.memory.rules);
        for run in index::runs(sorted.of(self.memory.index)) {
            let count = u32::try_from(run.len()).unwrap_or(u32::MAX);
            for entry in run {
                let rule = rules.get_mut(entry.rule as usize)?;
                match by {
                    By::Address => rule.address_twins = count,
                    By::Port => rule.port_twins = count,
                }
            }
        }
        Some(())
    }

    /// Claims the sorted ranges of those rules that are found by this, as a tree.
    fn tree(&mut self, rules: Span, sorted: Span, by: By) -> Span {
        let rules = rules.of(self.memory.rules);
        let start = self.index;
        for from in sorted.start..sorted.end {
            // What is claimed never overtakes what it is taken from.
            let entry = self.memory.index.get(from as usize).copied();
            let wanted = entry.filter(|entry| {
                let rule = rules.get(entry.rule as usize);
                rule.is_some_and(|rule| rule.found_by() == by)
            });
            let slot = self.memory.index.get_mut(self.index as usize);
            if let (Some(entry), Some(slot)) = (wanted, slot) {
                *slot = entry;
                self.index += 1;
            }
        }
        let tree = Span {
            start,
            end: self.index,
        };
        index::link(tree.of_mut(self.memory.index));
        tree
    }
}

struct Names<'a> {
    memory: &'a mut [u8],
    used: u32,
    is_whole: bool,
}

impl Sink for Names<'_> {
    fn put(&mut self, bytes: &[u8]) {
        let free = self.memory.get_mut(self.used as usize..).unwrap_or(&mut []);
        self.is_whole &= bytes.len() <= free.len();
        for (slot, byte) in free.iter_mut().zip(bytes) {
            *slot = *byte;
            self.used += 1;
        }
    }
}
