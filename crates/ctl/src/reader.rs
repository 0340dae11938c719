//! Policies, read by the code that the library reads them by, in as much memory.

use std::cell::RefCell;

use ipaddr_policy::levels::{self, Files, Given, Levels, Mistakes};
use ipaddr_policy::rules::index::Entry;
use ipaddr_policy::rules::memory::{MAX_FILES, MAX_INDEX, MAX_NAMES, MAX_PORTS, MAX_RULES};
use ipaddr_policy::rules::{Builder, Memory, PortRange, Rule, RuleFile};
use ipaddr_policy::text::{Shown, Text};
use ipaddr_policy::{Assignment, Policy};

/// Memory for one policy, to be used again and again.
#[derive(Default)]
pub struct Reader {
    level: Level,
    rules: RuleMemory,
}

struct Level(Box<Assignment>);

impl Default for Level {
    fn default() -> Self {
        Self(Box::new(Assignment::UNASSIGNED))
    }
}

struct RuleMemory {
    files: Vec<RuleFile>,
    rules: Vec<Rule>,
    ports: Vec<PortRange>,
    index: Vec<Entry>,
    names: Vec<u8>,
}

impl Default for RuleMemory {
    fn default() -> Self {
        Self {
            files: vec![RuleFile::EMPTY; MAX_FILES],
            rules: vec![Rule::EMPTY; MAX_RULES],
            ports: vec![PortRange::EMPTY; MAX_PORTS],
            index: vec![Entry::EMPTY; MAX_INDEX],
            names: vec![0; MAX_NAMES],
        }
    }
}

impl RuleMemory {
    fn builder(&mut self) -> Builder<'_> {
        Builder::new(Memory {
            files: &mut self.files,
            rules: &mut self.rules,
            ports: &mut self.ports,
            index: &mut self.index,
            names: &mut self.names,
        })
    }
}

impl Reader {
    /// Reads every level, and hands what they come to to `then`.
    ///
    /// # Errors
    /// The first mistake, as the library logs it.
    pub fn read<R>(
        &mut self,
        given: &Given<'_>,
        files: &mut impl Files,
        then: impl FnOnce(&Policy<'_>, &Levels<'_, '_>) -> R,
    ) -> Result<R, String> {
        let mistake = Mistake::default();
        let mut policy = Policy::UNASSIGNED;
        let (level, rules) = (&mut self.level.0, self.rules.builder());
        let levels = levels::read(given, files, &mistake, level, &mut policy, rules);
        let Ok(levels) = levels else {
            return Err(mistake.0.take());
        };
        policy.rules = levels.rules.as_ref();
        Ok(then(&policy, &levels))
    }

    /// For one file of rules.
    pub fn builder(&mut self) -> Builder<'_> {
        self.rules.builder()
    }
}

#[derive(Default)]
struct Mistake(RefCell<String>);

impl Mistakes for Mistake {
    fn take(&self, why: &impl Text) {
        self.0.replace(Shown(why).to_string());
    }
}
