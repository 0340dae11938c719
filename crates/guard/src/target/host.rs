//! A guarded process, as the rules see it.

use std::cell::OnceCell;
use std::sync::atomic::{AtomicBool, Ordering};

use ipaddr_policy::Policy;
use ipaddr_policy::text::Text;
use ipaddr_socket::host::{Assignment, Host, Level};

use super::process::Process;
use crate::tree::Tree;

/// The process whose call it is, for the time of that call.
#[derive(Debug)]
pub struct Caller<'a> {
    tree: &'a Tree,
    process: &'a Process,
    /// What it has, where it has nothing for life yet.
    found: OnceCell<Assignment<'static>>,
}

impl<'a> Caller<'a> {
    /// For one call.
    pub const fn new(tree: &'a Tree, process: &'a Process) -> Self {
        Self {
            tree,
            process,
            found: OnceCell::new(),
        }
    }

    fn find(&self) -> Assignment<'static> {
        match self.tree.policies.read(self.process.pid) {
            Ok(Some(policy)) => Assignment::Restricted(self.process.latch(policy)),
            Ok(None) => Assignment::Unrestricted,
            Err(unusable) => {
                self.tree
                    .log
                    .mistake(self.process.pid, &unusable.to_string());
                Assignment::Unusable
            }
        }
    }

    fn note(flag: &AtomicBool) {
        flag.store(true, Ordering::Relaxed);
    }
}

impl Host for Caller<'_> {
    fn assignment(&self) -> Assignment<'_> {
        match self.process.policy() {
            Some(policy) => Assignment::Restricted(policy),
            None => *self.found.get_or_init(|| self.find()),
        }
    }

    fn assignment_for_send(&self) -> Assignment<'_> {
        self.assignment()
    }

    fn latched(&self) -> Option<&Policy<'_>> {
        self.process.policy()
    }

    fn wants(&self, level: Level) -> bool {
        self.tree.log.wants(level)
    }

    fn log(&self, line: &impl Text) {
        self.tree.log.line(self.process.pid, line);
    }

    fn note_left_bound(&self) {
        Self::note(&self.tree.has_left_bound);
    }

    fn may_have_left_bound(&self) -> bool {
        self.tree.has_left_bound.load(Ordering::Relaxed)
    }

    fn note_chosen_source(&self) {
        Self::note(&self.tree.has_chosen_source);
    }

    fn may_have_chosen_source(&self) -> bool {
        self.tree.has_chosen_source.load(Ordering::Relaxed)
    }
}
