//! What the tests share: memory for rules, policy directories without files, and policies to compare.

#![allow(dead_code, reason = "each test uses its part")]

use std::collections::BTreeMap;

use ipaddr_policy::latch::Latch;
use ipaddr_policy::levels::{self, Error, Files, Given, LevelFile};
use ipaddr_policy::rules::index::Entry;
use ipaddr_policy::rules::{Builder, Memory, PortRange, Rule, RuleFile, RuleSet};
use ipaddr_policy::text::Shown;
use ipaddr_policy::trust::FileProblem;
use ipaddr_policy::{Assignment, Family, Policy};

/// A builder with room for so many rules; its memory is never given back.
pub fn builder(rules: usize) -> Builder<'static> {
    Builder::new(Memory {
        files: vec![RuleFile::EMPTY; 16].leak(),
        rules: vec![Rule::EMPTY; rules].leak(),
        ports: vec![PortRange::EMPTY; 2 * rules].leak(),
        index: vec![Entry::EMPTY; 2 * rules].leak(),
        names: vec![0; 512].leak(),
    })
}

/// The rules of one file that is called `rules`, or the message.
pub fn rules(text: &str) -> Result<RuleSet<'static>, String> {
    let mut builder = builder(16 + 2 * text.lines().count());
    match builder.read(&"rules", text.as_bytes()) {
        Ok(()) => Ok(builder.finish(&"").expect("room for no name")),
        Err(error) => Err(error.to_string()),
    }
}

/// A policy directory: paths below it, and what the files hold.
#[derive(Clone, Debug, Default)]
pub struct Tree(pub BTreeMap<String, String>);

impl Tree {
    /// With these files.
    pub fn of(files: &[(&str, &str)]) -> Self {
        let own = |&(path, text): &(&str, &str)| (path.to_owned(), text.to_owned());
        Self(files.iter().map(own).collect())
    }

    /// The policy of a process in `cgroup` with these variables, or the message.
    pub fn policy(&self, cgroup: &str, given: Given<'_>) -> Result<Policy<'static>, String> {
        self.read(cgroup, given).map_err(|error| error.to_string())
    }

    /// The policy of a process in `cgroup` with these variables.
    pub fn read(
        &self,
        cgroup: &str,
        given: Given<'_>,
    ) -> Result<Policy<'static>, Box<Error<Vec<u8>>>> {
        let mut policy = Policy::UNASSIGNED;
        let mut level = Assignment::UNASSIGNED;
        let given = Given {
            cgroup: Some((b"DIR", cgroup.as_bytes())),
            ..given
        };
        let mut files = Reading(self, b"");
        let rules = builder(256);
        let read = levels::read(&given, &mut files, &mut level, &mut policy, rules);
        let read = read.map_err(|error| Box::new(error.map(<[u8]>::to_vec)))?;
        policy.rules = read.rules.map(|rules| &*Box::leak(Box::new(rules)));
        Ok(policy)
    }
}

/// A tree that is being read, and the text of the last file.
struct Reading<'a>(&'a Tree, &'a [u8]);

impl Files for Reading<'_> {
    fn read(&mut self, file: &LevelFile<&[u8]>) -> Result<bool, FileProblem> {
        let path = Shown(file).to_string();
        let path = path.strip_prefix("DIR/").expect("below the directory");
        let text = self.0.0.get(path);
        self.1 = text.map_or(b"", String::as_bytes);
        Ok(text.is_some())
    }

    fn text(&self) -> &[u8] {
        self.1
    }

    fn has_directory(&mut self, file: &LevelFile<&[u8]>) -> Result<bool, FileProblem> {
        let file = Shown(file).to_string();
        let file = file.strip_prefix("DIR/").expect("below the directory");
        let directory = file.strip_suffix(file.rsplit('/').next().expect("a name"));
        let directory = directory.expect("its end");
        let mut paths = self.0.0.keys();
        Ok(directory.is_empty() || paths.any(|path| path.starts_with(directory)))
    }
}

/// What a process with this policy hands on to what it executes.
pub fn latch(policy: &Policy<'_>) -> String {
    Shown(Latch(policy)).to_string()
}

/// Whether two policies have the same files of rules, in the same order, and carry the same.
pub fn same_rules(one: &Policy<'_>, other: &Policy<'_>) -> bool {
    let files = |policy: &Policy<'_>| -> Vec<(Vec<u8>, usize)> {
        let names = policy.rules.iter().flat_map(|rules| rules.names());
        names.map(|(name, rules)| (name.to_vec(), rules)).collect()
    };
    files(one) == files(other) && latch(one) == latch(other)
}

/// What an IPv4 assignment allows: `none`, or its ranges.
pub fn summary(assignment: &Assignment) -> String {
    if assignment.is_forbidden() {
        return "none".to_owned();
    }
    let ranges = assignment.allowed().as_slice().iter().map(|range| {
        let [first, last] = [range.first, range.last].map(|number| Family::Ipv4.address(number));
        match range.last - range.first {
            0 => first.to_string(),
            1 => format!("{first} {last}"),
            _ => format!("{first}-{last}"),
        }
    });
    ranges.collect::<Vec<_>>().join(" ")
}
