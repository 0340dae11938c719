//! The text of an assignment: `ipaddr.ipv4`, `ipaddr.ipv6`, `$IPADDR_IPV4`, `$IPADDR_IPV6`.
//!
//! One entry a line (in a variable: separated by commas), `#` begins a comment:
//!
//! ```text
//! 10.0.0.5          # the first plain address is the primary
//! 10.0.0.6
//! 10.1.0.0/24       # a network …
//! !10.1.0.1         # … less an address
//! 224.0.0.251       # may be bound, and is never the primary
//! ```
//!
//! or one word alone: `none` forbids the family but for its loopback address,
//! `loopback` does too but turns wildcards into that address, and the wildcard (`0.0.0.0`, `::`)
//! leaves it unassigned, as the RFC's file reads before it is written.

use core::net::IpAddr;

use crate::address;
use crate::family::{Family, number};
use crate::network::Network;
use crate::policy::Assignment;
use crate::ranges::{CAPACITY, Full, Range};
use crate::text::{Printable, Sink, Text, text_is_error};

/// What separates the entries of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Separator {
    /// A file: one entry a line.
    Line,
    /// An environment variable: entries separated by commas.
    Comma,
}

/// A list that can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseError<'a> {
    /// The line, from 1; in a variable the entry, from 1. 0 when the list as a whole is at fault.
    pub line: u32,
    /// The entry at fault, as it is written there.
    pub entry: &'a [u8],
    /// The family that was expected.
    pub family: Family,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What can be wrong with a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The list has no entry.
    Empty,
    /// Not an address, a network, an exclusion or a word of the syntax.
    Syntax,
    /// An address of the other family, v4-mapped ones in an IPv6 list included.
    Family,
    /// An address with a prefix length that isn't the network's own address.
    HostBits(Network),
    /// `none`, `loopback` or the wildcard beside other entries.
    NotAlone,
    /// Exclusions, and nothing that they are taken from.
    OnlyExclusions,
    /// Everything that is listed is excluded again.
    NothingLeft,
    /// A plain address that an exclusion takes away again.
    PlainExcluded,
    /// More than [`CAPACITY`] separate ranges.
    TooMany,
}

text_is_error!(['a] ParseError<'a>);

impl Text for ParseError<'_> {
    /// The line if it isn't 0, the entry, what is wrong and what was expected.
    fn write(&self, out: &mut impl Sink) {
        if self.line != 0 {
            (self.line, ": ").write(out);
        }
        if !self.entry.is_empty() {
            ("\"", Printable(self.entry), "\": ").write(out);
        }
        match self.problem {
            Problem::Syntax => {}
            Problem::Empty => "holds no entry: ".write(out),
            Problem::Family => "is of another address family: ".write(out),
            Problem::HostBits(net) => {
                let length = u32::from(net.length());
                ("has bits set beyond its prefix: expected ", net.first()).write(out);
                return ("/", length, " or ", net.address()).write(out);
            }
            Problem::NotAlone => return "expected no other entry, it stands alone".write(out),
            Problem::OnlyExclusions => {
                return "expected an address or a network to exclude it from".write(out);
            }
            Problem::NothingLeft => {
                return "the exclusions leave nothing: expected an address".write(out);
            }
            Problem::PlainExcluded => {
                return "is excluded in the same list: expected one or the other".write(out);
            }
            Problem::TooMany => {
                return "is one too many: expected at most 256 separate ranges".write(out);
            }
        }
        match self.family {
            Family::Ipv4 => {
                "expected an IPv4 address (10.0.0.5), a network (10.0.0.0/24), \
                 an exclusion (!10.0.0.7), none, loopback, or 0.0.0.0 for unassigned"
            }
            Family::Ipv6 => {
                "expected an IPv6 address (fd00::5), a network (fd00::/64), \
                 an exclusion (!fd00::7), none, loopback, or :: for unassigned"
            }
        }
        .write(out);
    }
}

const _: () = assert!(
    CAPACITY == 256,
    "the message about Problem::TooMany says 256"
);

/// One entry of a list.
#[derive(Clone, Copy)]
struct Entry<'a> {
    line: u32,
    text: &'a [u8],
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    /// `none`
    Forbidden,
    /// `loopback`
    Loopback,
    /// The wildcard address.
    Unassigned,
    /// An address or a network.
    Included(Network),
    /// `!` and an address or a network.
    Excluded(Network),
}

impl Kind {
    const fn stands_alone(self) -> bool {
        matches!(self, Self::Forbidden | Self::Loopback | Self::Unassigned)
    }
}

/// Reads a list into `assignment`.
///
/// # Errors
/// The first mistake; `assignment` is then unassigned, and must not be used as that.
pub fn parse<'a>(
    text: &'a [u8],
    separator: Separator,
    family: Family,
    assignment: &mut Assignment,
) -> Result<(), ParseError<'a>> {
    assignment.clear();
    let parsed = fill(text, separator, family, assignment);
    if parsed.is_err() {
        assignment.clear();
    }
    parsed
}

fn fill<'a>(
    text: &'a [u8],
    separator: Separator,
    family: Family,
    assignment: &mut Assignment,
) -> Result<(), ParseError<'a>> {
    let whole = |problem| ParseError {
        line: 0,
        entry: b"",
        family,
        problem,
    };
    let mut first = None;
    let mut alone = None;
    let mut included = false;
    for entry in entries(text, separator, family) {
        let entry = entry?;
        if alone.is_some() {
            return Err(entry.error(family, Problem::NotAlone));
        }
        if entry.kind.stands_alone() {
            if first.is_some() {
                return Err(entry.error(family, Problem::NotAlone));
            }
            alone = Some(entry);
        }
        first = first.or(Some(entry));
        if let Kind::Included(net) = entry.kind {
            included = true;
            let added = assignment.add(net.range(), family);
            added.map_err(|Full| entry.error(family, Problem::TooMany))?;
        }
    }
    let first = first.ok_or(whole(Problem::Empty))?;
    match alone.map(|entry| entry.kind) {
        Some(Kind::Forbidden) => {
            assignment.forbid(first.line);
            return Ok(());
        }
        Some(Kind::Loopback) => {
            assignment.confine(first.line, family);
            return Ok(());
        }
        Some(_) => return Ok(()),
        None if !included => return Err(first.error(family, Problem::OnlyExclusions)),
        None => assignment.line = first.line,
    }
    exclude(text, separator, family, assignment)?;
    if assignment.allowed().is_empty() {
        return Err(whole(Problem::NothingLeft));
    }
    Ok(())
}

/// Takes the exclusions out of what `assignment` includes; their place in the list makes no difference.
fn exclude<'a>(
    text: &'a [u8],
    separator: Separator,
    family: Family,
    assignment: &mut Assignment,
) -> Result<(), ParseError<'a>> {
    for entry in entries(text, separator, family) {
        let entry = entry?;
        if let Kind::Excluded(net) = entry.kind {
            let removed = assignment.remove(net.range());
            removed.map_err(|Full| entry.error(family, Problem::TooMany))?;
        }
    }
    for entry in entries(text, separator, family) {
        let entry = entry?;
        if let Kind::Included(net) = entry.kind
            && let Some(address) = plain(net)
            && !assignment.allowed().contains(number(address))
        {
            return Err(entry.error(family, Problem::PlainExcluded));
        }
    }
    Ok(())
}

/// The line of the entry that brought `address` into a list that [`parse`] took; 0 if none did.
#[must_use]
pub fn line_of(text: &[u8], separator: Separator, address: IpAddr) -> u32 {
    let at = Range {
        first: number(address),
        last: number(address),
    };
    entries(text, separator, Family::of(address))
        .flatten()
        .find(|entry| matches!(entry.kind, Kind::Included(net) if net.range().covers(at)))
        .map_or(0, |entry| entry.line)
}

fn entries(
    text: &[u8],
    separator: Separator,
    family: Family,
) -> impl Iterator<Item = Result<Entry<'_>, ParseError<'_>>> {
    let byte = match separator {
        Separator::Line => b'\n',
        Separator::Comma => b',',
    };
    text.split(move |&b| b == byte)
        .zip(1..)
        .map(move |(line, number)| {
            let text = match separator {
                Separator::Line => line.split(|&b| b == b'#').next().unwrap_or(line),
                Separator::Comma => line,
            };
            (number, text.trim_ascii())
        })
        // `10.0.0.5,` is a mistake in a variable; an empty line in a file is none.
        .filter(move |(_, text)| !text.is_empty() || separator == Separator::Comma)
        .map(move |(line, text)| {
            let error = |problem| ParseError {
                line,
                entry: text,
                family,
                problem,
            };
            kind(text, family)
                .map(|kind| Entry { line, text, kind })
                .map_err(error)
        })
}

impl<'a> Entry<'a> {
    const fn error(&self, family: Family, problem: Problem) -> ParseError<'a> {
        ParseError {
            line: self.line,
            entry: self.text,
            family,
            problem,
        }
    }
}

fn kind(text: &[u8], family: Family) -> Result<Kind, Problem> {
    if text.is_empty() {
        return Err(Problem::Empty);
    }
    if text == b"none" {
        return Ok(Kind::Forbidden);
    }
    if text == b"loopback" {
        return Ok(Kind::Loopback);
    }
    let (excluded, text) = match text.split_first() {
        Some((b'!', rest)) => (true, rest.trim_ascii_start()),
        _ => (false, text),
    };
    let net = network_of(text, family)?;
    Ok(match (excluded, plain(net)) {
        (true, _) => Kind::Excluded(net),
        (false, Some(address)) if address.is_unspecified() => Kind::Unassigned,
        (false, _) => Kind::Included(net),
    })
}

/// As [`network`], of this family.
fn network_of(text: &[u8], family: Family) -> Result<Network, Problem> {
    let fits = |address| match address {
        IpAddr::V4(_) => family == Family::Ipv4,
        IpAddr::V6(v6) => family == Family::Ipv6 && v6.to_ipv4_mapped().is_none(),
    };
    match network(text) {
        Ok(net) | Err(Problem::HostBits(net)) if !fits(net.address()) => Err(Problem::Family),
        parsed => parsed,
    }
}

/// An address (as the network that holds only it) or a network.
pub(crate) fn network(text: &[u8]) -> Result<Network, Problem> {
    let mut halves = text.splitn(2, |&byte| byte == b'/');
    let address = halves
        .next()
        .and_then(address::parse)
        .ok_or(Problem::Syntax)?;
    let Some(prefix) = halves.next() else {
        return Ok(Network::only(address));
    };
    let net = address::parse_decimal(prefix, 128)
        .and_then(|length| u8::try_from(length).ok())
        .and_then(|length| Network::new(address, length))
        .ok_or(Problem::Syntax)?;
    if net.address() == net.first() {
        Ok(net)
    } else {
        Err(Problem::HostBits(net))
    }
}

/// The address of a network that holds only one, however it was written.
fn plain(net: Network) -> Option<IpAddr> {
    net.is_one_address().then(|| net.address())
}
