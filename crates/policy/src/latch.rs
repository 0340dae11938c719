//! An assignment as the text of an environment variable, which carries it over exec.
//!
//! Its own form, not a list's: what is carried is the sum of many lists, the ranges as they are.
//! `10.0.0.5|10.0.0.5-10.0.0.5,10.1.0.0-10.1.0.255;none;/web/a`: IPv4 and IPv6, each `-` where
//! nothing is assigned, `none`, `loopback`, or the primary (if there is one) and the ranges; then, where there
//! are rules for ports and peers, the cgroups that they are of, with a slash between. (Not the
//! rules: they would not fit. They are read anew, with those of the cgroup that the process is then
//! in.)

use crate::address;
use crate::family::{Family, PerFamily, may_be_source, number};
use crate::policy::{Assignment, Policy};
use crate::ranges::{CAPACITY, Range};
use crate::rules::memory::MAX_NAMES;
use crate::text::{Sink, Text};

/// The text of a process that has nothing assigned, and may not go without: what it executes may not
/// either, whether or not `$IPADDR_REQUIRE` is still set.
pub const REQUIRED: &[u8] = b"required";

/// The text of a policy that assigns nothing and has rules of the root cgroup.
pub(crate) const ONLY_RULES: &[u8] = b"-;-";

/// The length in bytes of the longest text there can be: as many ranges as a set holds for both
/// families, their addresses written as long as they can be, and as many names of cgroups as there is
/// memory for. (The kernel takes variables up to 128 KiB, `MAX_ARG_STRLEN`.)
pub const MAX_LEN: usize = {
    const IPV4: usize = "255.255.255.255".len();
    const IPV6: usize = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff".len();
    const fn family(address: usize) -> usize {
        address + "|".len() + CAPACITY * (2 * address + "-,".len())
    }
    family(IPV4) + ";".len() + family(IPV6) + ";".len() + MAX_NAMES
};

/// A policy, written so that [`parse`] reads it.
pub struct Latch<'a>(pub &'a Policy<'a>);

impl Text for Latch<'_> {
    fn write(&self, out: &mut impl Sink) {
        for family in Family::ALL {
            if family == Family::Ipv6 {
                out.put(b";");
            }
            write_family(self.0.family(family), family, out);
        }
        if let Some(rules) = self.0.rules
            && !rules.cgroups.is_empty()
        {
            out.put(b";");
            out.put(rules.cgroups);
        }
    }
}

fn write_family(assignment: &Assignment, family: Family, out: &mut impl Sink) {
    if assignment.is_unassigned() {
        return out.put(b"-");
    }
    if assignment.is_forbidden() {
        return out.put(b"none");
    }
    if assignment.is_loopback() {
        return out.put(b"loopback");
    }
    if let Some(primary) = assignment.primary() {
        family.address(primary).write(out);
    }
    out.put(b"|");
    let mut separator = "";
    for range in assignment.allowed().as_slice() {
        let (first, last) = (family.address(range.first), family.address(range.last));
        (separator, first, "-", last).write(out);
        separator = ",";
    }
}

/// It isn't what [`Latch`] writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// Reads one family of the text into `assignment`; [`REQUIRED`] assigns nothing.
///
/// # Errors
/// [`Malformed`]; what `assignment` holds is then undefined.
pub fn parse(text: &[u8], family: Family, assignment: &mut Assignment) -> Result<(), Malformed> {
    if text == REQUIRED {
        assignment.clear();
        return Ok(());
    }
    let mut parts = parts(text);
    let (Some(ipv4), Some(ipv6)) = (parts.next(), parts.next()) else {
        return Err(Malformed);
    };
    if parts
        .next()
        .is_some_and(|cgroups| !cgroups.starts_with(b"/"))
    {
        return Err(Malformed);
    }
    let text = *PerFamily { ipv4, ipv6 }.get(family);
    assignment.clear();
    match text {
        b"-" => return Ok(()),
        b"none" => {
            assignment.forbid(1);
            return Ok(());
        }
        b"loopback" => {
            assignment.confine(1, family);
            return Ok(());
        }
        _ => {}
    }
    let mut halves = text.split(|&byte| byte == b'|');
    let (Some(primary), Some(ranges), None) = (halves.next(), halves.next(), halves.next()) else {
        return Err(Malformed);
    };
    let ranges = ranges.split(|&byte| byte == b',');
    for range in ranges.filter(|range| !range.is_empty()) {
        let range = parse_range(range, family).ok_or(Malformed)?;
        assignment.add(range, family).map_err(|_| Malformed)?;
    }
    let primary = match primary {
        b"" => None,
        text => Some(
            parse_number(text, family)
                .filter(|&number| may_be_source(family.address(number)))
                .ok_or(Malformed)?,
        ),
    };
    assignment.restore(1, primary);
    Ok(())
}

/// The cgroups whose rules the process had, each a path or, behind the first, one without its first
/// slash.
pub fn cgroups(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = parts(text).nth(2);
    core::iter::from_fn(move || {
        let paths = rest?;
        let end = paths.windows(2).position(|pair| pair == b"//");
        rest = end.and_then(|end| paths.get(end + 2..));
        paths.get(..end.unwrap_or(paths.len()))
    })
}

/// A cgroup's name may hold a semicolon, so only the first two separate.
fn parts(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.splitn(3, |&byte| byte == b';')
}

fn parse_range(text: &[u8], family: Family) -> Option<Range> {
    let dash = text.iter().position(|&byte| byte == b'-')?;
    let first = parse_number(text.get(..dash)?, family)?;
    let last = parse_number(text.get(dash + 1..)?, family)?;
    (first <= last).then_some(Range { first, last })
}

fn parse_number(text: &[u8], family: Family) -> Option<u128> {
    let address = address::parse(text)?;
    (Family::of(address) == family).then(|| number(address))
}
