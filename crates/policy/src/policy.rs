//! What a process may use: the assignments of all its levels, narrowed down to one.

use core::net::IpAddr;

use crate::family::{Family, PerFamily, may_be_source, number};
use crate::ranges::{Full, Range, Ranges};
use crate::rules::{Chain, RuleSet};

/// What kind of assignment a family has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum State {
    Unassigned = 0,
    Forbidden = 1,
    Assigned = 2,
    Loopback = 3,
}

impl State {
    /// The higher, the less is allowed: each allows a part of what those below it allow. (Two that
    /// are assigned have to be compared by their addresses.)
    const fn narrowness(self) -> u8 {
        match self {
            Self::Unassigned => 0,
            Self::Assigned => 1,
            Self::Loopback => 2,
            Self::Forbidden => 3,
        }
    }
}

/// Which of two assignments a process has, see [`Assignment::check_against`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effective {
    /// That of the latch.
    Latch,
    /// That of the levels, which is a part of the latch's, or the latch says nothing.
    Levels,
}

/// The assignment of one family: nothing, nothing but loopback (in two ways), or a set of addresses.
///
/// Every field is a number, a `bool` or a fieldless enum for which zero is valid: all bytes zero
/// is the unassigned assignment. The shim depends on it to use fresh pages as they are.
#[derive(Clone, Debug)]
// In this order, so that of a short list one page is touched.
#[repr(C)]
pub struct Assignment {
    state: State,
    has_primary: bool,
    /// The line of the list that assigned it, from 1.
    pub line: u32,
    primary: u128,
    allowed: Ranges,
}

impl Assignment {
    /// `0.0.0.0`: the family is untouched.
    pub const UNASSIGNED: Self = Self {
        state: State::Unassigned,
        has_primary: false,
        line: 0,
        primary: 0,
        allowed: Ranges::EMPTY,
    };

    /// Whether the family is untouched.
    #[must_use]
    pub fn is_unassigned(&self) -> bool {
        self.state == State::Unassigned
    }

    /// `none`: the family is forbidden but for its loopback address, and wildcards are refused.
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        self.state == State::Forbidden
    }

    /// `loopback`: as `none`, but wildcards become the loopback address, which is the primary.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.state == State::Loopback
    }

    /// Whether the family may be used from its loopback address to its loopback address, and not
    /// otherwise.
    #[must_use]
    pub fn is_confined(&self) -> bool {
        self.is_forbidden() || self.is_loopback()
    }

    /// The address that wildcard binds and quiet binds use: the first plain one of the list that
    /// packets may come from ([`may_be_source`]), as a number of the family.
    #[must_use]
    pub fn primary(&self) -> Option<u128> {
        self.has_primary.then_some(self.primary)
    }

    /// The addresses that may be bound; empty unless some are assigned.
    #[must_use]
    pub const fn allowed(&self) -> &Ranges {
        &self.allowed
    }

    /// Whether a socket may have this address of the family.
    #[must_use]
    pub fn allows(&self, address: IpAddr) -> bool {
        self.is_unassigned()
            || address == Family::of(address).loopback()
            || self.allowed.contains(number(address))
    }

    /// Makes it unassigned.
    pub const fn clear(&mut self) {
        self.state = State::Unassigned;
        self.has_primary = false;
        self.line = 0;
        self.allowed.clear();
    }

    pub(crate) const fn forbid(&mut self, line: u32) {
        self.clear();
        self.state = State::Forbidden;
        self.line = line;
    }

    pub(crate) fn confine(&mut self, line: u32, family: Family) {
        self.clear();
        let address = number(family.loopback());
        // An empty set has room for one range.
        let range = Range {
            first: address,
            last: address,
        };
        let _ = self.add(range, family);
        self.state = State::Loopback;
        self.line = line;
    }

    /// Adds a plain address or a network; the first plain address that packets may come from becomes
    /// the primary.
    pub(crate) fn add(&mut self, range: Range, family: Family) -> Result<(), Full> {
        self.state = State::Assigned;
        let is_plain = range.first == range.last;
        if is_plain && !self.has_primary && may_be_source(family.address(range.first)) {
            self.set_primary(Some(range.first));
        }
        self.allowed.insert(range)
    }

    /// What [`Self::add`] can't know: the line, which address is the primary, and that something
    /// is assigned even if it is no address.
    pub(crate) fn restore(&mut self, line: u32, primary: Option<u128>) {
        self.state = State::Assigned;
        self.line = line;
        self.set_primary(primary);
    }

    pub(crate) fn remove(&mut self, range: Range) -> Result<(), Full> {
        self.allowed.remove(range)
    }

    /// Narrows this assignment to that of the next level inward.
    ///
    /// A level without a plain address keeps the primary of the levels around it, where it allows
    /// that address at all. `none` and `loopback` are part of every assignment, because the loopback
    /// address may always be bound; but `none` stays `none`, and refuses wildcards, whatever is
    /// within it.
    ///
    /// # Errors
    /// The lowest address that `inner` allows and this assignment doesn't; this assignment
    /// is then as it was.
    pub fn narrow(&mut self, inner: &Self, family: Family) -> Result<(), IpAddr> {
        let outside = match (self.state, inner.state) {
            (_, State::Unassigned) | (State::Forbidden, State::Loopback) => return Ok(()),
            (State::Unassigned, _) | (_, State::Forbidden | State::Loopback) => None,
            (_, State::Assigned) => inner.allowed.first_outside(&self.allowed),
        };
        if let Some(number) = outside {
            return Err(family.address(number));
        }
        let kept = self
            .primary()
            .filter(|&primary| inner.allowed.contains(primary));
        // What is left is a list within a list, or within `loopback`, where it can hold the loopback
        // address only and so says the same.
        let state = self.state;
        self.copy_from(inner);
        if state == State::Loopback && inner.state == State::Assigned {
            self.state = state;
        }
        self.set_primary(inner.primary().or(kept));
        Ok(())
    }

    /// Checks this assignment, which was read anew, against the one that the process had before
    /// execve(2). [`crate::levels`] says what comes of it, and why.
    ///
    /// # Errors
    /// The lowest address that this assignment allows and the latch doesn't; this assignment
    /// is then as it was.
    pub fn check_against(&mut self, latch: &Self, family: Family) -> Result<Effective, IpAddr> {
        let is_of_levels = match (self.state, latch.state) {
            (State::Assigned, State::Assigned) => {
                match self.allowed.first_outside(&latch.allowed) {
                    // The same addresses: the latch's primary stays.
                    _ if latch.allowed.first_outside(&self.allowed).is_none() => false,
                    None => true,
                    Some(number) => return Err(family.address(number)),
                }
            }
            // Every other state is a part of each that comes before it, or all of it.
            (read, latch) => read.narrowness() > latch.narrowness(),
        };
        let kept = latch
            .primary()
            .filter(|&primary| self.allowed.contains(primary));
        if is_of_levels {
            self.set_primary(self.primary().or(kept));
            return Ok(Effective::Levels);
        }
        self.copy_from(latch);
        Ok(if latch.is_unassigned() {
            Effective::Levels
        } else {
            Effective::Latch
        })
    }

    fn copy_from(&mut self, other: &Self) {
        self.state = other.state;
        self.line = other.line;
        self.set_primary(other.primary());
        self.allowed.copy_from(&other.allowed);
    }

    fn set_primary(&mut self, primary: Option<u128>) {
        self.has_primary = primary.is_some();
        self.primary = primary.unwrap_or(0);
    }
}

/// What a process may use, for both families, and the rules for ports and peers. All bytes zero is
/// [`Policy::UNASSIGNED`].
#[derive(Clone, Debug)]
pub struct Policy<'r> {
    /// Each family's. IPv4's counts for v4-mapped IPv6 addresses, too.
    pub assignments: PerFamily<Assignment>,
    /// The rules of all levels, if there are any.
    pub rules: Option<&'r RuleSet<'r>>,
}

impl Policy<'_> {
    /// Nothing is assigned, nothing is touched.
    pub const UNASSIGNED: Self = Self {
        assignments: PerFamily {
            ipv4: Assignment::UNASSIGNED,
            ipv6: Assignment::UNASSIGNED,
        },
        rules: None,
    };

    /// Whether neither family is assigned and there are no rules.
    #[must_use]
    pub fn is_unassigned(&self) -> bool {
        let is_unassigned = |family| self.family(family).is_unassigned();
        Family::ALL.into_iter().all(is_unassigned) && self.rules.is_none()
    }

    /// Whether the rules of a chain can refuse or change anything.
    #[must_use]
    pub fn has_rules(&self, chain: Chain) -> bool {
        self.rules.is_some_and(|rules| rules.has(chain))
    }

    /// The assignment of a family.
    #[must_use]
    pub const fn family(&self, family: Family) -> &Assignment {
        self.assignments.get(family)
    }

    /// The assignment of a family, to be narrowed.
    #[must_use]
    pub const fn family_mut(&mut self, family: Family) -> &mut Assignment {
        self.assignments.get_mut(family)
    }
}
