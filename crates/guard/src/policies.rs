//! The policies of the guarded tree: one latch for all of it, and what narrows it for processes in
//! other cgroups.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::sync::OnceLock;

use ipaddr_host::cgroup_path::CgroupPath;
use ipaddr_host::level_files::Disk;
use ipaddr_host::process::Process;
use ipaddr_host::reader::{Reader, UnusablePolicy};
use ipaddr_policy::family::PerFamily;
use ipaddr_policy::latch::Latch;
use ipaddr_policy::levels::{self, Given, Kind};
use ipaddr_policy::rules::{Builder, Memory, RuleSet};
use ipaddr_policy::text::{Sink, Text};
use ipaddr_policy::{Assignment, Policy};
use libc::pid_t;
use parking_lot::Mutex;

use crate::failure::Failure;
use crate::mark;
use crate::peers::{attach, program};
use crate::settings::Settings;

/// A policy that is never given back: a process has it for life.
pub type Latched = &'static Policy<'static>;

/// A policy that can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// The first mistake in it.
    Mistake(UnusablePolicy),
    /// The cgroup can't be told.
    NoCgroup(String),
    /// The kernel takes no packet filter that is so many instructions long.
    TooManyRulesForPeers(usize),
}

impl From<UnusablePolicy> for Unusable {
    fn from(error: UnusablePolicy) -> Self {
        Self::Mistake(error)
    }
}

impl fmt::Display for Unusable {
    /// `PLACE: what is wrong: expected …`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mistake(error) => error.fmt(f),
            Self::NoCgroup(why) => f.write_str(why),
            Self::TooManyRulesForPeers(instructions) => write!(
                f,
                "ipaddr.rules: the rules of ACCEPT make a packet filter of {instructions} \
                 instructions, which the kernel refuses: expected at most {}, in the memory that \
                 net.core.optmem_max allows, or the library (run-restricted.sh without --guard)",
                program::MOST
            ),
        }
    }
}

/// The policies of the guarded tree.
#[derive(Debug)]
pub struct Policies {
    settings: Settings,
    /// The cgroup that the guard was started in; none where it can't be told, and is of no account.
    own_cgroup: Option<CgroupPath>,
    /// The policy of the tree, and its text. Set once.
    tree: OnceLock<(Latched, Vec<u8>)>,
    /// What processes in other cgroups have, as long as the tree has a policy.
    others: Mutex<HashMap<CgroupPath, Latched>>,
}

impl Policies {
    /// Takes the first look.
    ///
    /// # Errors
    /// The policy can't be used, or nothing is assigned and something has to be.
    pub fn start(settings: Settings) -> Result<Self, Failure> {
        let refused = |unusable| Failure::Refused(explained(&unusable));
        let policies = Self::of(settings, Process::current()).map_err(refused)?;
        match policies.of_tree() {
            Err(unusable) if !policies.settings.allows_unusable => Err(refused(unusable)),
            // It is said at the first call that it matters to.
            _ => Ok(policies),
        }
    }

    /// Those of a container, by the cgroup of its first process. Nothing is read yet: a container
    /// whose policy can't be used runs all the same, and everything is refused to it.
    ///
    /// # Errors
    /// The cgroup can't be told.
    pub fn of_container(settings: Settings, first: Process) -> Result<Self, Failure> {
        Self::of(settings, first).map_err(|unusable| Failure::Refused(unusable.to_string()))
    }

    fn of(settings: Settings, first: Process) -> Result<Self, Unusable> {
        let own_cgroup = match cgroup_of(first, &settings) {
            Err(unusable) if has_directory(&settings) => return Err(unusable),
            cgroup => cgroup.ok(),
        };
        Ok(Self {
            settings,
            own_cgroup,
            tree: OnceLock::new(),
            others: Mutex::default(),
        })
    }

    /// The cgroup whose policy is the tree's, in words.
    pub fn place(&self) -> String {
        match &self.own_cgroup {
            Some(cgroup) => format!("cgroup {cgroup}"),
            None => "an unknown cgroup".to_owned(),
        }
    }

    /// What it was told.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The rules of the tree, as far as they are known.
    pub fn rules(&self) -> Option<&'static RuleSet<'static>> {
        self.tree.get().and_then(|(policy, _)| policy.rules)
    }

    /// The policy of a process, read from files if need be: it may take long.
    ///
    /// # Errors
    /// There is one that can't be used.
    pub fn read(&self, pid: pid_t) -> Result<Option<Latched>, Unusable> {
        let Some(cgroup) = self.other_cgroup(pid)? else {
            return self.of_tree();
        };
        if let Some(known) = self.known_for(&cgroup) {
            return Ok(Some(known));
        }
        // What the tree has holds the guard's own lists already. Without it there are none.
        let latch = self.tree.get().map(|(_, text)| text.as_slice());
        let policy = self.read_for(Some(&cgroup), latch, PerFamily::default())?;
        if let (Some(policy), Some(_)) = (policy, latch) {
            self.others.lock().insert(cgroup, policy);
        }
        Ok(policy)
    }

    /// The policy of a process if no file has to be read for it but `/proc/PID/cgroup`.
    pub fn known(&self, pid: pid_t) -> Option<Latched> {
        let (policy, _) = self.tree.get()?;
        match self.other_cgroup(pid).ok()? {
            None => Some(policy),
            Some(cgroup) => self.known_for(&cgroup),
        }
    }

    fn known_for(&self, cgroup: &CgroupPath) -> Option<Latched> {
        self.others.lock().get(cgroup).copied()
    }

    /// The cgroup of a process, if it is another than the guard's own and there is a policy directory.
    fn other_cgroup(&self, pid: pid_t) -> Result<Option<CgroupPath>, Unusable> {
        if !has_directory(&self.settings) {
            return Ok(None);
        }
        let process = Process {
            pid: pid.cast_unsigned(),
        };
        let cgroup = cgroup_of(process, &self.settings)?;
        Ok(Some(cgroup).filter(|cgroup| self.own_cgroup.as_ref() != Some(cgroup)))
    }

    /// The policy of the tree, for life once there is one. It may take long.
    ///
    /// # Errors
    /// There is one that can't be used, or none and there has to be.
    pub fn of_tree(&self) -> Result<Option<Latched>, Unusable> {
        if let Some((policy, _)) = self.tree.get() {
            return Ok(Some(policy));
        }
        let latch = self.settings.latch.as_deref();
        let lists = PerFamily {
            ipv4: self.settings.ipv4.as_deref(),
            ipv6: self.settings.ipv6.as_deref(),
        };
        let Some(policy) = self.read_for(self.own_cgroup.as_ref(), latch, lists)? else {
            return Ok(None);
        };
        let mut text = Bytes(Vec::new());
        Latch(policy).write(&mut text);
        // Another thread may have been faster.
        let (policy, _) = self.tree.get_or_init(|| {
            mark::put(&text.0);
            (policy, text.0)
        });
        Ok(Some(*policy))
    }

    fn read_for(
        &self,
        cgroup: Option<&CgroupPath>,
        latch: Option<&[u8]>,
        lists: PerFamily<Option<&[u8]>>,
    ) -> Result<Option<Latched>, Unusable> {
        let settings = &self.settings;
        let given = Given {
            latch,
            lists,
            require: settings.is_required.then_some(b"1"),
            ..cgroup
                .filter(|_| has_directory(settings))
                .map_or_else(Given::default, |cgroup| cgroup.given(&settings.directory))
        };
        if let Some(found) = read_without_rules(&given) {
            return Ok(found);
        }
        let assigns = Reader::default().read(&given, &mut Disk::default(), |policy, _| {
            check_rules_for_peers(policy).map(|()| !policy.is_unassigned())
        })??;
        if !assigns {
            return Ok(None);
        }
        Ok(Some(keep(&given)?))
    }
}

/// Reads a policy that has no rules, as most: the memory for rules takes longer to get than all else.
/// `None` if it has some, or can't be used.
fn read_without_rules(given: &Given<'_>) -> Option<Option<Latched>> {
    let mut policy = Box::new(Policy::UNASSIGNED);
    let mut level = Box::new(Assignment::UNASSIGNED);
    let mut files = Disk::default();
    let rules = Builder::new(Memory {
        files: &mut [],
        rules: &mut [],
        ports: &mut [],
        index: &mut [],
        names: &mut [],
    });
    let levels = levels::read(given, &mut files, &mut level, &mut policy, rules).ok()?;
    if levels.rules.is_some() {
        return None;
    }
    Some((!policy.is_unassigned()).then(|| &*Box::leak(policy)))
}

/// Reads a policy into memory that is never given back.
fn keep(given: &Given<'_>) -> Result<Latched, Unusable> {
    let reader: &'static mut Reader = Box::leak(Box::default());
    let policy = Box::leak(Box::new(Policy::UNASSIGNED));
    let mut level = Box::new(Assignment::UNASSIGNED);
    let mut files = Disk::default();
    let levels = levels::read(given, &mut files, &mut level, policy, reader.builder())
        .map_err(|error| Box::new(error.map(<[u8]>::to_vec)))?;
    policy.rules = levels.rules.map(|rules| &*Box::leak(Box::new(rules)));
    Ok(policy)
}

/// Whether the kernel takes the rules for peers.
fn check_rules_for_peers(policy: &Policy<'_>) -> Result<(), Unusable> {
    let Some(program) = policy.rules.and_then(program::program) else {
        return Ok(());
    };
    attach::try_out(&program).map_err(|_| Unusable::TooManyRulesForPeers(program.len()))
}

fn cgroup_of(process: Process, settings: &Settings) -> Result<CgroupPath, Unusable> {
    process
        .cgroup(settings.controller.as_deref())
        .map_err(|error| Unusable::NoCgroup(error.to_string()))
}

/// Whether there is a policy directory, or something in its place.
fn has_directory(settings: &Settings) -> bool {
    let found = settings.directory.symlink_metadata();
    !found.is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// With what can be done where nothing is assigned.
fn explained(unusable: &Unusable) -> String {
    let hint = match unusable {
        Unusable::Mistake(error) if matches!(error.kind, Kind::NothingAssigned { .. }) => {
            " (set by --ip and --ip6; with --allow-unassigned it runs unrestricted)"
        }
        _ => "",
    };
    format!("{unusable}{hint}")
}

struct Bytes(Vec<u8>);

impl Sink for Bytes {
    fn put(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
}
