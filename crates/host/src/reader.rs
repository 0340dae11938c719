//! Reads policies, by the code by which the library reads them and in as much memory.

use ipaddr_policy::levels::{self, Files, Given, Levels};
use ipaddr_policy::rules::index::Entry;
use ipaddr_policy::rules::memory::{MAX_FILES, MAX_INDEX, MAX_NAMES, MAX_PORTS, MAX_RULES};
use ipaddr_policy::rules::{Builder, Memory, PortRange, Rule, RuleFile};
use ipaddr_policy::{Assignment, Policy};

/// Why a policy can't be used: the first mistake. Its fields tell it apart, its text is the library's.
pub type UnusablePolicy = Box<levels::Error<Vec<u8>>>;

/// Memory for one policy, to be used again and again.
#[derive(Debug, Default)]
pub struct Reader {
    level: Level,
    rules: RuleMemory,
}

#[derive(Debug)]
struct Level(Box<Assignment>);

impl Default for Level {
    fn default() -> Self {
        Self(Box::new(Assignment::UNASSIGNED))
    }
}

#[derive(Debug)]
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
    /// Reads every level, and calls `then` with the policy that results and where it comes from.
    ///
    /// # Errors
    /// The policy can't be used.
    pub fn read<R>(
        &mut self,
        given: &Given<'_>,
        files: &mut impl Files,
        then: impl FnOnce(&Policy<'_>, &Levels<'_, '_>) -> R,
    ) -> Result<R, UnusablePolicy> {
        let mut policy = Policy::UNASSIGNED;
        let (level, rules) = (&mut self.level.0, self.rules.builder());
        let levels = levels::read(given, files, level, &mut policy, rules);
        let levels = levels.map_err(|error| Box::new(error.map(<[u8]>::to_vec)))?;
        policy.rules = levels.rules.as_ref();
        Ok(then(&policy, &levels))
    }

    /// Memory for the rules of one file.
    pub fn builder(&mut self) -> Builder<'_> {
        self.rules.builder()
    }
}
