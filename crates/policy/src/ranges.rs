//! A set of addresses as sorted, disjoint, inclusive ranges.
//!
//! Addresses are numbers here, most significant byte first: an IPv4 address is below 2^32, so one
//! type serves both families. A set never mixes them; its owner knows which family it is.

/// How many separate ranges a set can hold. Neighbours are merged, so only real holes count.
pub const CAPACITY: usize = 256;

/// The set has more than [`CAPACITY`] separate ranges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// An inclusive range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The lowest address.
    pub first: u128,
    /// The highest address.
    pub last: u128,
}

impl Range {
    /// Whether every address of `other` is in this range.
    #[must_use]
    pub const fn covers(self, other: Self) -> bool {
        self.first <= other.first && other.last <= self.last
    }
}

/// A set of addresses.
#[derive(Clone, Debug)]
// As [`crate::Assignment`].
#[repr(C)]
pub struct Ranges {
    len: usize,
    slots: [Range; CAPACITY],
}

impl Ranges {
    /// The set without an address.
    pub const EMPTY: Self = Self {
        len: 0,
        slots: [Range { first: 0, last: 0 }; CAPACITY],
    };

    /// The ranges, lowest first; no two of them touch.
    #[must_use]
    pub fn as_slice(&self) -> &[Range] {
        self.slots.get(..self.len).unwrap_or(&[])
    }

    /// Whether no address is in the set.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Empties the set.
    pub const fn clear(&mut self) {
        self.len = 0;
    }

    /// Makes this set equal to `other`, copying only what `other` uses.
    pub fn copy_from(&mut self, other: &Self) {
        self.len = other.len;
        for (slot, range) in self.slots.iter_mut().zip(other.as_slice()) {
            *slot = *range;
        }
    }

    /// Whether `address` is in the set.
    #[must_use]
    pub fn contains(&self, address: u128) -> bool {
        let ranges = self.as_slice();
        let after = ranges.partition_point(|range| range.first <= address);
        after
            .checked_sub(1)
            .and_then(|index| ranges.get(index))
            .is_some_and(|range| address <= range.last)
    }

    /// Adds a range, merging it with those that it overlaps or touches.
    ///
    /// # Errors
    /// [`Full`]; the set is then as it was.
    pub fn insert(&mut self, new: Range) -> Result<(), Full> {
        // `touching` is the run of ranges that become one with the new one.
        let start = self
            .as_slice()
            .partition_point(|old| old.last.saturating_add(1) < new.first);
        let end = self
            .as_slice()
            .partition_point(|old| old.first <= new.last.saturating_add(1));
        let touching = self.as_slice().get(start..end).unwrap_or(&[]);
        let merged = touching.iter().fold(new, |sum, old| Range {
            first: sum.first.min(old.first),
            last: sum.last.max(old.last),
        });
        self.splice(start, touching.len(), &[merged])
    }

    /// Takes every address of `hole` out of the set.
    ///
    /// # Errors
    /// [`Full`], because a hole in the middle makes two ranges of one; the set is then as it was.
    pub fn remove(&mut self, hole: Range) -> Result<(), Full> {
        let start = self.as_slice().partition_point(|old| old.last < hole.first);
        let end = self
            .as_slice()
            .partition_point(|old| old.first <= hole.last);
        let cut = self.as_slice().get(start..end).unwrap_or(&[]);
        let (Some(head), Some(tail)) = (cut.first().copied(), cut.last().copied()) else {
            return Ok(());
        };
        let left = hole.first.checked_sub(1).map(|last| Range {
            first: head.first,
            last,
        });
        let right = hole.last.checked_add(1).map(|first| Range {
            first,
            last: tail.last,
        });
        let count = cut.len();
        match (
            left.filter(|left| left.first <= left.last),
            right.filter(|right| right.first <= right.last),
        ) {
            (Some(left), Some(right)) => self.splice(start, count, &[left, right]),
            (Some(only), None) | (None, Some(only)) => self.splice(start, count, &[only]),
            (None, None) => self.splice(start, count, &[]),
        }
    }

    /// The lowest address that is in this set and not in `other`.
    #[must_use]
    pub fn first_outside(&self, other: &Self) -> Option<u128> {
        // Ranges of a set never touch, so one that isn't covered by a single range of `other`
        // has an address in a gap: its first, or the one behind the range that holds its first.
        self.as_slice().iter().find_map(|range| {
            let before = other
                .as_slice()
                .partition_point(|limit| limit.first <= range.first);
            let limit = before
                .checked_sub(1)
                .and_then(|index| other.as_slice().get(index))
                .filter(|limit| range.first <= limit.last);
            match limit {
                None => Some(range.first),
                Some(limit) if limit.covers(*range) => None,
                Some(limit) => limit.last.checked_add(1),
            }
        })
    }

    /// Replaces `count` ranges from `start` on with `new`.
    fn splice(&mut self, start: usize, count: usize, new: &[Range]) -> Result<(), Full> {
        let old_end = start + count;
        let new_end = start + new.len();
        // Neither is ever too large, but the compiler is to see it too: no panic may be linked.
        if self.len > CAPACITY || old_end > self.len {
            return Err(Full);
        }
        let behind = self.len - old_end;
        if new_end > CAPACITY || behind > CAPACITY - new_end {
            return Err(Full);
        }
        self.slots.copy_within(old_end..self.len, new_end);
        if let Some(slots) = self.slots.get_mut(start..new_end) {
            for (slot, range) in slots.iter_mut().zip(new) {
                *slot = *range;
            }
        }
        self.len = new_end + behind;
        Ok(())
    }
}
