//! Lists: what is taken, and what each mistake is called.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use ipaddr_policy::Assignment;
use ipaddr_policy::family::{Family, number};
use ipaddr_policy::list::{self, ParseError, Problem, Separator};
use ipaddr_policy::ranges::{CAPACITY, Range, Ranges};
use ipaddr_policy::text::Shown;
use proptest::prelude::*;

fn parse(text: &str, family: Family) -> Result<Assignment, ParseError<'_>> {
    let mut assignment = Assignment::UNASSIGNED;
    list::parse(text.as_bytes(), Separator::Line, family, &mut assignment).map(|()| assignment)
}

fn primary(text: &str, family: Family) -> Option<IpAddr> {
    let assignment = parse(text, family).unwrap();
    assignment.primary().map(|number| family.address(number))
}

fn allows(text: &str, address: &str) -> bool {
    let address: IpAddr = address.parse().unwrap();
    let assignment = parse(text, Family::of(address)).unwrap();
    assignment.allowed().contains(number(address))
}

#[test]
fn what_is_taken() {
    let ip = |text: &str| Some(text.parse::<IpAddr>().unwrap());
    assert_eq!(primary("10.0.0.5", Family::Ipv4), ip("10.0.0.5"));
    assert_eq!(primary("10.0.0.5\n", Family::Ipv4), ip("10.0.0.5"));
    assert_eq!(
        primary("# web\n\n \t10.0.0.5 # one\r\n10.0.0.6", Family::Ipv4),
        ip("10.0.0.5")
    );
    assert_eq!(primary("10.0.0.0/24", Family::Ipv4), None);
    assert_eq!(
        primary("10.0.0.0/24\n10.0.0.9/32", Family::Ipv4),
        ip("10.0.0.9")
    );
    assert_eq!(primary("FD00::5", Family::Ipv6), ip("fd00::5"));
    // What packets can't come from is never the primary.
    let list = "224.0.0.251\n255.255.255.255\n10.0.0.5";
    assert_eq!(primary(list, Family::Ipv4), ip("10.0.0.5"));
    assert_eq!(primary("ff02::fb\nfd00::5", Family::Ipv6), ip("fd00::5"));
    assert_eq!(primary("224.0.0.251", Family::Ipv4), None);
    assert!(allows("224.0.0.251\n10.0.0.5", "224.0.0.251"));
    assert!(!allows("224.0.0.0/24\n!224.0.0.251", "224.0.0.251"));
    assert_eq!(primary("!10.0.0.7\n10.0.0.5", Family::Ipv4), ip("10.0.0.5"));
    assert!(parse("none", Family::Ipv4).unwrap().is_forbidden());
    assert!(parse("loopback", Family::Ipv4).unwrap().is_loopback());
    assert_eq!(primary("loopback", Family::Ipv4), ip("127.0.0.1"));
    assert_eq!(primary(" loopback # only", Family::Ipv6), ip("::1"));
    assert!(parse("0.0.0.0", Family::Ipv4).unwrap().is_unassigned());
    assert!(parse("::", Family::Ipv6).unwrap().is_unassigned());
    assert!(allows("10.0.0.0/8", "10.255.255.255"));
    assert!(!allows("10.0.0.0/8", "11.0.0.0"));
    assert!(!allows("10.0.0.0/8\n! 10.1.0.0/16", "10.1.2.3"));
    // Exclusions hold wherever they stand.
    assert!(!allows("!10.1.0.0/16\n10.0.0.0/8", "10.1.2.3"));
    assert!(allows("0.0.0.0/0", "255.255.255.255"));
    assert!(allows("::/0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"));
}

#[test]
fn a_variable_separates_by_commas() {
    let mut assignment = Assignment::UNASSIGNED;
    let parse = |text: &'static str, assignment: &mut Assignment| {
        list::parse(text.as_bytes(), Separator::Comma, Family::Ipv4, assignment)
    };
    parse("10.0.0.5, 10.0.0.6", &mut assignment).unwrap();
    assert_eq!(assignment.allowed().as_slice().len(), 1);
    assert_eq!(
        parse("10.0.0.5,", &mut assignment).unwrap_err().problem,
        Problem::Empty
    );
    assert_eq!(
        parse("", &mut assignment).unwrap_err().problem,
        Problem::Empty
    );
    assert_eq!(
        parse("10.0.0.5 # no", &mut assignment).unwrap_err().problem,
        Problem::Syntax
    );
    assert!(assignment.is_unassigned(), "nothing is half-applied");
}

#[test]
fn every_mistake_has_its_line_and_its_name() {
    let v4 = Family::Ipv4;
    let table = [
        (v4, "", 0, Problem::Empty),
        (v4, "# nothing\n\n", 0, Problem::Empty),
        (v4, "10.0.0.300", 1, Problem::Syntax),
        (v4, "10.0.0.5\n10.0.0", 2, Problem::Syntax),
        (v4, "10.0.0.05", 1, Problem::Syntax),
        (v4, "10.0.0.5 10.0.0.6", 1, Problem::Syntax),
        (v4, "10.0.0.5,10.0.0.6", 1, Problem::Syntax),
        (v4, "\n\nlocalhost", 3, Problem::Syntax),
        (v4, "10.0.0.0/33", 1, Problem::Syntax),
        (v4, "10.0.0.0/", 1, Problem::Syntax),
        (v4, "10.0.0.0/8/8", 1, Problem::Syntax),
        (v4, "10.0.0.0/08", 1, Problem::Syntax),
        (v4, "!", 1, Problem::Syntax),
        (v4, "!none", 1, Problem::Syntax),
        (v4, "!loopback", 1, Problem::Syntax),
        (v4, "Loopback", 1, Problem::Syntax),
        (v4, "loopback\n10.0.0.5", 2, Problem::NotAlone),
        (v4, "none\nloopback", 2, Problem::NotAlone),
        (v4, "10.0.0.5:80", 1, Problem::Syntax),
        (v4, "fd00::5", 1, Problem::Family),
        (v4, "::ffff:10.0.0.5", 1, Problem::Family),
        (v4, "none\n10.0.0.5", 2, Problem::NotAlone),
        (v4, "10.0.0.5\nnone", 2, Problem::NotAlone),
        (v4, "10.0.0.5\n0.0.0.0", 2, Problem::NotAlone),
        (v4, "0.0.0.0\n10.0.0.5", 2, Problem::NotAlone),
        (v4, "!10.0.0.5", 1, Problem::OnlyExclusions),
        (v4, "10.0.0.0/24\n!10.0.0.0/16", 0, Problem::NothingLeft),
        (
            v4,
            "10.0.0.0/24\n10.0.0.5\n!10.0.0.4/30",
            2,
            Problem::PlainExcluded,
        ),
        (Family::Ipv6, "10.0.0.5", 1, Problem::Family),
        (Family::Ipv6, "::ffff:10.0.0.5", 1, Problem::Family),
        (Family::Ipv6, "fe80::1%eth0", 1, Problem::Syntax),
        (Family::Ipv6, "fd00::/129", 1, Problem::Syntax),
        (Family::Ipv6, "fd00:::5", 1, Problem::Syntax),
    ];
    for (family, text, line, problem) in table {
        let error = parse(text, family).unwrap_err();
        assert_eq!((error.line, error.problem), (line, problem), "{text:?}");
        let said = Shown(error).to_string();
        assert!(said.contains("expected"), "{said}");
    }
    let error = parse("10.0.0.5/24", v4).unwrap_err();
    assert!(matches!(error.problem, Problem::HostBits(_)));
    assert_eq!(
        Shown(error).to_string(),
        "1: \"10.0.0.5/24\": has bits set beyond its prefix: expected 10.0.0.0/24 or 10.0.0.5"
    );
    let error = parse("a\u{1b}[31m", v4).unwrap_err();
    assert!(
        Shown(error)
            .to_string()
            .starts_with("1: \"a?[31m\": expected an IPv4 address")
    );
}

#[test]
fn too_many_ranges() {
    let every_other = |count: u32| {
        let addresses = (0..count).map(|n| Ipv4Addr::from_bits(0x0a00_0001 + 2 * n).to_string());
        addresses.collect::<Vec<_>>().join("\n")
    };
    let most = u32::try_from(CAPACITY).unwrap();
    assert!(parse(&every_other(most), Family::Ipv4).is_ok());
    let text = every_other(most + 1);
    let error = parse(&text, Family::Ipv4).unwrap_err();
    assert_eq!((error.line, error.problem), (most + 1, Problem::TooMany));
    // Neighbours are one range.
    let neighbours: Vec<_> = (0..1000)
        .map(|n| format!("10.0.{}.{}", n / 250, n % 250))
        .collect();
    assert!(parse(&neighbours.join("\n"), Family::Ipv4).is_ok());
}

#[test]
fn narrowing() {
    let narrowed = |outer: &str, inner: &str| {
        let mut outer = parse(outer, Family::Ipv4).unwrap();
        let inner = parse(inner, Family::Ipv4).unwrap();
        outer
            .narrow(&inner, Family::Ipv4)
            .map(|()| {
                outer
                    .primary()
                    .map(|number| Family::Ipv4.address(number).to_string())
            })
            .map_err(|outside| outside.to_string())
    };
    let ok = |primary: &str| Ok(Some(primary.to_owned()));
    assert_eq!(narrowed("0.0.0.0", "10.0.0.5"), ok("10.0.0.5"));
    assert_eq!(narrowed("10.0.0.5", "0.0.0.0"), ok("10.0.0.5"));
    assert_eq!(narrowed("10.0.0.5", "10.0.0.5"), ok("10.0.0.5"));
    assert_eq!(narrowed("10.0.0.5", "10.0.0.6"), Err("10.0.0.6".to_owned()));
    assert_eq!(narrowed("10.0.0.0/24", "10.0.0.6"), ok("10.0.0.6"));
    assert_eq!(
        narrowed("10.0.0.0/24", "10.0.1.6"),
        Err("10.0.1.6".to_owned())
    );
    assert_eq!(
        narrowed("10.0.0.0/24\n!10.0.0.7", "10.0.0.0/24"),
        Err("10.0.0.7".to_owned())
    );
    assert_eq!(narrowed("10.0.0.5\n10.0.0.6", "10.0.0.6"), ok("10.0.0.6"));
    // A level without a plain address keeps the primary, if that is inside.
    assert_eq!(
        narrowed("10.0.0.5\n10.0.0.0/24", "10.0.0.0/28"),
        ok("10.0.0.5")
    );
    assert_eq!(narrowed("10.0.0.5\n10.0.0.0/24", "10.0.0.16/28"), Ok(None));
    assert_eq!(narrowed("10.0.0.5", "none"), Ok(None));
    assert_eq!(narrowed("none", "10.0.0.5"), Err("10.0.0.5".to_owned()));
    assert_eq!(narrowed("none", "none"), Ok(None));
    // The loopback address may always be bound, so `loopback` asks for nothing more.
    assert_eq!(narrowed("10.0.0.5", "loopback"), ok("127.0.0.1"));
    assert_eq!(narrowed("10.0.0.0/24", "loopback"), ok("127.0.0.1"));
    assert_eq!(narrowed("none", "loopback"), Ok(None));
    assert_eq!(narrowed("loopback", "none"), Ok(None));
    assert_eq!(narrowed("loopback", "loopback"), ok("127.0.0.1"));
    assert_eq!(narrowed("loopback", "0.0.0.0"), ok("127.0.0.1"));
    assert_eq!(narrowed("loopback", "127.0.0.1"), ok("127.0.0.1"));
    assert_eq!(narrowed("loopback", "10.0.0.5"), Err("10.0.0.5".to_owned()));
    assert_eq!(
        narrowed("loopback", "127.0.0.0/8"),
        Err("127.0.0.0".to_owned())
    );
    // A list within it is no more than it.
    let mut outer = parse("loopback", Family::Ipv4).unwrap();
    let inner = parse("127.0.0.1", Family::Ipv4).unwrap();
    assert_eq!(outer.narrow(&inner, Family::Ipv4), Ok(()));
    assert!(outer.is_loopback());
}

#[test]
fn which_line_brought_an_address_in() {
    let line = |address: &str| {
        let text = b"# a comment\n10.0.0.5\n10.1.0.0/16\n";
        list::line_of(text, Separator::Line, address.parse().unwrap())
    };
    assert_eq!(
        (line("10.0.0.5"), line("10.1.2.3"), line("10.2.0.0")),
        (2, 3, 0)
    );
}

/// Operations on a set of small numbers, against the standard library's set.
fn apply(operations: &[(bool, u8, u8)]) -> (Ranges, BTreeSet<u128>) {
    let mut ranges = Ranges::EMPTY;
    let mut set = BTreeSet::new();
    for &(insert, a, b) in operations {
        let range = Range {
            first: a.min(b).into(),
            last: a.max(b).into(),
        };
        if insert {
            ranges.insert(range).unwrap();
            set.extend(range.first..=range.last);
        } else {
            ranges.remove(range).unwrap();
            set.retain(|n| !(range.first..=range.last).contains(n));
        }
    }
    (ranges, set)
}

proptest! {
    #[test]
    fn ranges_are_a_set(
        operations in prop::collection::vec(any::<(bool, u8, u8)>(), 0..40),
        others in prop::collection::vec(any::<(bool, u8, u8)>(), 0..10),
    ) {
        let (ranges, set) = apply(&operations);
        for number in 0..256 {
            prop_assert_eq!(ranges.contains(number), set.contains(&number));
        }
        for pair in ranges.as_slice().windows(2) {
            prop_assert!(pair[0].last + 1 < pair[1].first, "sorted, apart: {:?}", pair);
        }
        let (other_ranges, other_set) = apply(&others);
        prop_assert_eq!(
            ranges.first_outside(&other_ranges),
            set.difference(&other_set).next().copied()
        );
    }

    /// What a full set refuses leaves it as it was.
    #[test]
    fn a_full_set_refuses(at in 0_u128..2048) {
        let mut ranges = Ranges::EMPTY;
        for n in 0..CAPACITY as u128 {
            ranges.insert(Range { first: 4 * n, last: 4 * n + 2 }).unwrap();
        }
        let before = ranges.as_slice().to_vec();
        let hole = Range { first: at, last: at };
        let splits = at < 1024 && at % 4 == 1;
        prop_assert_eq!(ranges.remove(hole).is_err(), splits);
        if splits {
            prop_assert_eq!(ranges.as_slice(), before);
        }
    }

    #[test]
    fn any_bytes_at_all(text in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut assignment = Assignment::UNASSIGNED;
        if let Err(error) = list::parse(&text, Separator::Line, Family::Ipv4, &mut assignment) {
            prop_assert!(assignment.is_unassigned());
            prop_assert!(Shown(error).to_string().is_ascii());
        }
    }
}
