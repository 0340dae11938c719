//! Landlock: a process that forbids itself the network is never helped over that by the supervisor.
//! Rules for files alone are of no account here.

use std::sync::atomic::Ordering;

use super::Judge;
use crate::notify::answer::Answer;
use crate::notify::call::Call;
use crate::target::memory::Memory;

/// struct landlock_ruleset_attr of linux/landlock.h, as far as `handled_access_net`.
const ATTRIBUTES: usize = 16;

impl Judge<'_> {
    /// landlock_create_ruleset(attributes, size, flags)
    pub fn create_ruleset(&self, call: &Call) -> Answer {
        let is_query = call.int(2) != 0;
        if !is_query && call.word(1) >= ATTRIBUTES as u64 {
            let mut attributes = [0; ATTRIBUTES];
            let copied = Memory::of(call.tid).copy(call.word(0), &mut attributes);
            let handled_access_net = &attributes[8..];
            if copied.is_err() || handled_access_net.iter().any(|&byte| byte != 0) {
                self.tree.has_network_rules.store(true, Ordering::SeqCst);
            }
        }
        Answer::Continue
    }

    /// landlock_restrict_self(rules, flags)
    pub fn restrict_self(&self, call: &Call) -> Answer {
        if !self.tree.has_network_rules.load(Ordering::SeqCst) {
            return Answer::Continue;
        }
        match self.threads.process(call.tid) {
            Ok(process) => {
                self.tree.processes.note_restricted(&process);
                Answer::Continue
            }
            // It couldn't be noted.
            Err(_) => Answer::REFUSED,
        }
    }
}
