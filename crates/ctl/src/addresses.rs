//! Assignments as text for people.

use std::fmt;

use ipaddr_policy::latch;
use ipaddr_policy::levels::Place;
use ipaddr_policy::list::{self, Separator};
use ipaddr_policy::ranges::Range;
use ipaddr_policy::text::{Printable, Shown};
use ipaddr_policy::{Assignment, Family};
use ipnet::IpNet;

/// The address that means unassigned, as in the RFC's file: `0.0.0.0` or `::`.
pub fn wildcard(family: Family) -> String {
    family.address(0).to_string()
}

/// The addresses that an assignment allows, as addresses, networks and ranges, as few as possible.
pub fn allowed(assignment: &Assignment, family: Family) -> Vec<String> {
    let ranges = assignment.allowed().as_slice().iter();
    ranges.flat_map(|range| shown(*range, family)).collect()
}

fn shown(range: Range, family: Family) -> Vec<String> {
    let (first, last) = (family.address(range.first), family.address(range.last));
    let width = u32::from(family.bits());
    // A network's first and last address differ only in their last bits, all 0 and all 1.
    let bits = 128 - (range.first ^ range.last).leading_zeros();
    let prefix = u8::try_from(width - bits).ok();
    let net = prefix.and_then(|prefix| IpNet::new(first, prefix).ok());
    match (range.last - range.first, net) {
        (0, _) => vec![first.to_string()],
        (1, _) => vec![first.to_string(), last.to_string()],
        (_, Some(net)) if net.network() == first && net.broadcast() == last => {
            vec![net.to_string()]
        }
        _ => vec![format!("{first}-{last}")],
    }
}

/// An assignment in a line: `10.0.0.6, 10.0.0.7 (wildcards become 10.0.0.6)`
pub struct Summary<'a>(pub &'a Assignment, pub Family);

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(assignment, family) = *self;
        if assignment.is_unassigned() {
            return write!(f, "{} (unassigned)", wildcard(family));
        }
        if assignment.is_forbidden() {
            return write!(f, "none (but {})", family.loopback());
        }
        if assignment.is_loopback() {
            let loopback = family.loopback();
            return write!(f, "loopback (only {loopback}, wildcards become it)");
        }
        let allowed = allowed(assignment, family).join(", ");
        match assignment.primary() {
            Some(primary) => {
                let primary = family.address(primary).to_string();
                if primary == allowed {
                    write!(f, "{allowed}")
                } else {
                    write!(f, "{allowed} (wildcards become {primary})")
                }
            }
            None => write!(f, "{allowed} (wildcards are refused)"),
        }
    }
}

/// What each line of a list allows by itself, with the line's number, from 1. A line with a mistake, a
/// comment or an exclusion allows nothing. `memory` is for one line.
pub fn ranges_by_line<'t>(
    text: &'t [u8],
    family: Family,
    memory: &'t mut Assignment,
) -> impl Iterator<Item = (u32, Range)> + 't {
    let lines = text.split(|&byte| byte == b'\n').zip(1..);
    lines.filter_map(move |(line, number)| {
        let parsed = list::parse(line, Separator::Line, family, memory);
        let range = *memory.allowed().as_slice().first()?;
        parsed.is_ok().then_some((number, range))
    })
}

/// Where an assignment comes from: the file and the line.
pub fn origin(assignment: &Assignment, limit: Option<Place<&[u8]>>) -> Option<String> {
    limit.map(|place| match place {
        Place::Latch => "the latch".to_owned(),
        _ => Shown((place, ":", assignment.line)).to_string(),
    })
}

/// The text of [`ipaddr_policy::latch::Latch`] in words.
pub fn latched(text: &[u8]) -> String {
    let mut parts = Vec::new();
    for family in Family::ALL {
        let mut assignment = Assignment::UNASSIGNED;
        if latch::parse(text, family, &mut assignment).is_err() {
            return Shown(Printable(text)).to_string();
        }
        if assignment.is_forbidden() {
            parts.push(format!("no {}", family.name()));
        } else if assignment.is_loopback() {
            parts.push(format!("{} on loopback", family.name()));
        } else if !assignment.is_unassigned() {
            parts.push(Summary(&assignment, family).to_string());
        }
    }
    let rules = latch::cgroups(text).map(|cgroup| {
        let path = cgroup.strip_prefix(b"/").unwrap_or(cgroup);
        Shown(("the rules of /", Printable(path))).to_string()
    });
    parts.extend(rules);
    if parts.is_empty() {
        // A latch without an assignment comes from rules, here those of the root cgroup.
        parts.push("the rules of /".to_owned());
    }
    parts.join("; ")
}
