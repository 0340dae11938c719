//! The line in the log that says that the library is loaded: its version, what is assigned, and by
//! what.

use ipaddr_policy::levels::Place;
use ipaddr_policy::mark::VERSION_NAME;
use ipaddr_policy::text::{Sink, Text};
use ipaddr_policy::{Assignment, Family, PerFamily, Policy};

use crate::process::log;

/// The name and version of the library, for strings(1) too.
pub const VERSION: &str = concat!("libipaddr ", env!("CARGO_PKG_VERSION"));

const _: () = assert!(begins(VERSION, VERSION_NAME));

const fn begins(text: &str, beginning: &str) -> bool {
    let (text, beginning) = (text.as_bytes(), beginning.as_bytes());
    let mut at = 0;
    while at < beginning.len() {
        if text[at] != beginning[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// A policy that assigns something has been read; `places` is where each family's comes from.
pub fn assigned(policy: &Policy<'_>, places: &PerFamily<Option<Place<&[u8]>>>) {
    let rules = if policy.rules.is_some() {
        ", and there are rules"
    } else {
        ""
    };
    let of = |family| Assigned(policy.family(family), family, *places.get(family));
    let PerFamily { ipv4, ipv6 } = PerFamily::of(of);
    log::info(&(VERSION, ": ", ipv4, ", ", ipv6, rules));
}

/// At load, where nothing is assigned.
pub fn unassigned() {
    log::info(&(VERSION, ": nothing is assigned"));
}

/// At load, where there is a policy that can't be used; why has been logged.
pub fn unusable() {
    log::info(&(VERSION, ": the policy can't be used"));
}

/// What a family may use, and where that is written.
struct Assigned<'a>(&'a Assignment, Family, Option<Place<&'a [u8]>>);

impl Text for Assigned<'_> {
    fn write(&self, out: &mut impl Sink) {
        let Self(assignment, family, place) = self;
        (family.name(), " ").write(out);
        if assignment.is_unassigned() {
            return "unassigned".write(out);
        }
        let ranges = assignment.allowed().as_slice();
        match (assignment.primary(), ranges.first()) {
            _ if assignment.is_forbidden() => "none".write(out),
            _ if assignment.is_loopback() => "loopback".write(out),
            (_, None) => "no address".write(out),
            (Some(primary), Some(first)) => {
                family.address(primary).write(out);
                if ranges.len() > 1 || first.first != first.last {
                    " and others".write(out);
                }
            }
            (None, Some(first)) => {
                let (from, to) = (family.address(first.first), family.address(first.last));
                (from, "-", to).write(out);
                if ranges.len() > 1 {
                    " and others".write(out);
                }
            }
        }
        if let Some(place) = place {
            (" by ", place, ":", assignment.line).write(out);
        }
    }
}
