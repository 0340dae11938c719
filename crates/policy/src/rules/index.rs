//! Finds the rules that may match an address or a port without going through all: an interval tree
//! in a sorted array.
//!
//! The middle entry of a slice is the root, the halves beside it are its subtrees. Each entry knows
//! how far the ranges of its subtree reach, and the number of the first rule there, so a search
//! leaves out what ends before the key, begins behind it, or can't come before what it has found.
//! A rule is in one tree only, by its address or by its port, whichever fewer other rules have too:
//! a thousand ports of one network are found by port, a thousand networks of one port by network.

/// A number that no rule has.
pub(super) const NONE: u32 = u32::MAX;

/// Fewer rules are iterated over, one by one: that is as fast, and takes no time to build.
pub(super) const LEAST_RULES: usize = 16;

/// One range of one rule. All bytes zero is one.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    pub(super) first: u128,
    pub(super) last: u128,
    /// The highest `last` of the subtree.
    pub(super) reach: u128,
    /// The rule's number in its file.
    pub(super) rule: u32,
    /// The lowest number in the subtree.
    pub(super) lowest: u32,
}

impl Entry {
    /// What memory for entries holds before there are any.
    pub const EMPTY: Self = Self::new(0, 0, 0);

    pub(super) const fn new(first: u128, last: u128, rule: u32) -> Self {
        Self {
            first,
            last,
            reach: last,
            rule,
            lowest: rule,
        }
    }

    const fn order(&self) -> (u128, u128) {
        (self.first, self.last)
    }
}

/// Makes `found` the number of the first rule whose range holds `key` and that `matches`, if that
/// comes before `found`.
pub(super) fn search(tree: &[Entry], key: u128, found: &mut u32, matches: &impl Fn(u32) -> bool) {
    let Some((left, root, right)) = split(tree) else {
        return;
    };
    if root.reach < key || root.lowest >= *found {
        return;
    }
    search(left, key, found, matches);
    if root.first > key {
        return;
    }
    if key <= root.last && root.rule < *found && matches(root.rule) {
        *found = root.rule;
    }
    search(right, key, found, matches);
}

/// The runs of entries with the same range, of sorted ones.
pub(super) fn runs(entries: &[Entry]) -> impl Iterator<Item = &[Entry]> {
    let mut rest = entries;
    core::iter::from_fn(move || {
        let first = rest.first()?;
        let is_other = |entry: &Entry| entry.order() != first.order();
        let end = rest.iter().position(is_other).unwrap_or(rest.len());
        let (run, behind) = rest.split_at_checked(end)?;
        rest = behind;
        Some(run)
    })
}

/// A heap sort: core's has a panic path for orders that aren't, and the library may have none.
pub(super) fn sort(entries: &mut [Entry]) {
    // As most lists are written.
    if entries.is_sorted_by_key(Entry::order) {
        return;
    }
    for root in (0..entries.len() / 2).rev() {
        sift(entries, root);
    }
    for end in (1..entries.len()).rev() {
        let Some(heap) = entries.get_mut(..=end) else {
            return;
        };
        swap(heap, 0, end);
        sift(heap.get_mut(..end).unwrap_or(&mut []), 0);
    }
}

fn sift(heap: &mut [Entry], mut root: usize) {
    let order = |heap: &[Entry], at: usize| heap.get(at).map(Entry::order);
    loop {
        let left = 2 * root + 1;
        // None, which is behind the end, comes before every entry.
        let largest = [left, left + 1].into_iter().fold(root, |best, at| {
            if order(heap, at) > order(heap, best) {
                at
            } else {
                best
            }
        });
        if largest == root {
            return;
        }
        swap(heap, root, largest);
        root = largest;
    }
}

fn swap(entries: &mut [Entry], one: usize, other: usize) {
    // The compiler is to see that it can't panic.
    if one < entries.len() && other < entries.len() {
        entries.swap(one, other);
    }
}

/// Makes a tree of sorted entries: fills in what each knows of its subtree, and returns what the root
/// does.
pub(super) fn link(tree: &mut [Entry]) -> (u128, u32) {
    let middle = tree.len() / 2;
    let Some((left, rest)) = tree.split_at_mut_checked(middle) else {
        return (0, NONE);
    };
    let Some((root, right)) = rest.split_first_mut() else {
        return (0, NONE);
    };
    let ((left_reach, left_lowest), (right_reach, right_lowest)) = (link(left), link(right));
    root.reach = root.last.max(left_reach).max(right_reach);
    root.lowest = root.rule.min(left_lowest).min(right_lowest);
    (root.reach, root.lowest)
}

fn split(tree: &[Entry]) -> Option<(&[Entry], &Entry, &[Entry])> {
    let (left, rest) = tree.split_at_checked(tree.len() / 2)?;
    let (root, right) = rest.split_first()?;
    Some((left, root, right))
}
