//! A process that calls, with what it knows.

use std::cell::{Cell, RefCell};

use ipaddr_policy::Policy;
use ipaddr_policy::text::{Shown, Text};
use ipaddr_socket::{Assignment, Call, Host, Level, Socket};

use super::policy;

/// A process. What the shim has in statics is in its fields.
pub struct Process {
    pub policy: Option<Policy<'static>>,
    pub is_usable: bool,
    pub is_confined: bool,
    pub has_bound_datagrams: bool,
    pub all_are_bound: bool,
    pub may_have_foreign: bool,
    pub left_bound: Cell<bool>,
    pub chosen_source: Cell<bool>,
    pub queries: Cell<u32>,
    pub is_sourceless: Cell<bool>,
    pub lines: RefCell<Vec<String>>,
}

impl Process {
    /// With these assignments and rules; "" is none.
    pub fn with(ipv4: &str, ipv6: &str, rules: &str) -> Self {
        Self {
            policy: Some(policy(ipv4, ipv6, rules)),
            ..Self::unassigned()
        }
    }

    /// With an IPv4 address or list.
    pub fn ipv4(list: &str) -> Self {
        Self::with(list, "", "")
    }

    /// Without an assignment.
    pub fn unassigned() -> Self {
        Self {
            policy: None,
            is_usable: true,
            is_confined: false,
            has_bound_datagrams: false,
            all_are_bound: false,
            may_have_foreign: false,
            left_bound: Cell::new(false),
            chosen_source: Cell::new(false),
            queries: Cell::new(0),
            is_sourceless: Cell::new(false),
            lines: RefCell::default(),
        }
    }

    /// With a policy that can't be used.
    pub fn unusable() -> Self {
        Self {
            is_usable: false,
            ..Self::unassigned()
        }
    }

    pub fn call<S: Socket>(&self, name: &'static str, socket: S) -> Call<'_, S, Self> {
        Call {
            name,
            socket,
            host: self,
        }
    }

    /// The lines of the log since the last time.
    pub fn lines(&self) -> Vec<String> {
        self.lines.take()
    }
}

impl Host for Process {
    fn assignment(&self) -> Assignment<'_> {
        match &self.policy {
            Some(policy) => Assignment::Restricted(policy),
            None if self.is_usable => Assignment::Unrestricted,
            None => Assignment::Unusable,
        }
    }

    fn assignment_for_send(&self) -> Assignment<'_> {
        self.assignment()
    }

    fn latched(&self) -> Option<&Policy<'_>> {
        self.policy.as_ref()
    }

    fn wants(&self, level: Level) -> bool {
        level <= Level::Info
    }

    fn log(&self, line: &impl Text) {
        self.lines.borrow_mut().push(Shown(line).to_string());
    }

    fn is_confined(&self) -> bool {
        self.is_confined
    }

    fn may_set_options(&self) -> bool {
        !self.is_confined
    }

    fn note_left_bound(&self) {
        self.left_bound.set(true);
    }

    fn may_have_left_bound(&self) -> bool {
        self.left_bound.get()
    }

    fn note_chosen_source(&self) {
        self.chosen_source.set(true);
    }

    fn may_have_chosen_source(&self) -> bool {
        self.chosen_source.get()
    }

    fn has_bound_datagrams(&self) -> bool {
        self.has_bound_datagrams
    }

    fn note_query(&self, _: &Policy<'_>) {
        self.queries.set(self.queries.get() + 1);
    }

    fn note_sourceless(&self) {
        self.is_sourceless.set(true);
    }

    fn all_are_bound(&self) -> bool {
        self.all_are_bound
    }

    fn may_have_foreign(&self) -> bool {
        self.may_have_foreign
    }
}
