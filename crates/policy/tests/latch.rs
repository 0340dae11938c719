//! A policy carried over exec as text comes out as it went in.

use ipaddr_policy::family::Family;
use ipaddr_policy::latch::{self, Latch, Malformed};
use ipaddr_policy::list::{self, Separator};
use ipaddr_policy::rules::memory::MAX_NAMES;
use ipaddr_policy::text::{Sink, Text};
use ipaddr_policy::{Assignment, Policy};
use proptest::prelude::*;

struct Bytes(Vec<u8>);

impl Sink for Bytes {
    fn put(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
}

fn write(policy: &Policy) -> String {
    let mut bytes = Bytes(Vec::new());
    Latch(policy).write(&mut bytes);
    String::from_utf8(bytes.0).unwrap()
}

fn policy(ipv4: &str, ipv6: &str) -> Policy<'static> {
    let mut policy = Policy::UNASSIGNED;
    for (family, text) in [(Family::Ipv4, ipv4), (Family::Ipv6, ipv6)] {
        if !text.is_empty() {
            let assignment = policy.family_mut(family);
            list::parse(text.as_bytes(), Separator::Comma, family, assignment).unwrap();
        }
    }
    policy
}

fn read(text: &str) -> Result<Policy<'static>, Malformed> {
    let mut policy = Policy::UNASSIGNED;
    latch::parse(text.as_bytes(), Family::Ipv4, &mut policy.assignments.ipv4)?;
    latch::parse(text.as_bytes(), Family::Ipv6, &mut policy.assignments.ipv6)?;
    Ok(policy)
}

fn same(one: &Assignment, other: &Assignment) -> bool {
    let kind = |it: &Assignment| (it.is_unassigned(), it.is_forbidden(), it.is_loopback());
    (kind(one), one.primary()) == (kind(other), other.primary())
        && one.allowed().as_slice() == other.allowed().as_slice()
}

#[test]
fn as_text() {
    for (ipv4, ipv6, text) in [
        ("", "", "-;-"),
        ("none", "", "none;-"),
        ("loopback", "", "loopback;-"),
        ("224.0.0.251", "", "|224.0.0.251-224.0.0.251;-"),
        (
            "224.0.0.251,10.0.0.5",
            "",
            "10.0.0.5|10.0.0.5-10.0.0.5,224.0.0.251-224.0.0.251;-",
        ),
        (
            "10.0.0.5",
            "loopback",
            "10.0.0.5|10.0.0.5-10.0.0.5;loopback",
        ),
        ("10.0.0.5", "none", "10.0.0.5|10.0.0.5-10.0.0.5;none"),
        (
            "10.0.0.5,10.1.0.0/24,!10.1.0.1",
            "fd00::/64",
            "10.0.0.5|10.0.0.5-10.0.0.5,10.1.0.0-10.1.0.0,10.1.0.2-10.1.0.255;\
             |fd00::-fd00::ffff:ffff:ffff:ffff",
        ),
    ] {
        let policy = policy(ipv4, ipv6);
        assert_eq!(write(&policy), text);
        let read = read(text).unwrap();
        assert!(
            same(&read.assignments.ipv4, &policy.assignments.ipv4)
                && same(&read.assignments.ipv6, &policy.assignments.ipv6)
        );
    }
}

/// Narrowing may leave nothing; that is not the same as unassigned.
#[test]
fn no_address_at_all() {
    let policy = read("|;-").unwrap();
    assert!(
        !policy.assignments.ipv4.is_unassigned() && policy.assignments.ipv4.allowed().is_empty()
    );
    assert_eq!(write(&policy), "|;-");
}

/// Room for the longest text is enough, and not much more than that.
#[test]
fn the_longest() {
    let ipv4 =
        (0..256).map(|number| format!("100.{}.{}.128/25", 100 + number / 128, 100 + number % 128));
    let ipv6 =
        (0..256).map(|number| format!("fd00:1000:1000:1000:1000:1000:1{number:03x}:8000/113"));
    let (ipv4, ipv6) = (
        ipv4.collect::<Vec<_>>().join(","),
        ipv6.collect::<Vec<_>>().join(","),
    );
    let policy = policy(&ipv4, &ipv6);
    assert_eq!(policy.assignments.ipv4.allowed().as_slice().len(), 256);
    assert_eq!(policy.assignments.ipv6.allowed().as_slice().len(), 256);
    let text = write(&policy);
    let lists = latch::MAX_LEN - MAX_NAMES;
    assert!(
        (lists * 9 / 10..=lists).contains(&text.len()),
        "{} {lists}",
        text.len()
    );
    // The kernel's MAX_ARG_STRLEN.
    const { assert!(latch::MAX_LEN + "IPADDR_LATCH=".len() < 128 << 10) }
}

/// What is required assigns nothing.
#[test]
fn required() {
    let policy = read("required").unwrap();
    assert!(policy.is_unassigned());
    assert_eq!(latch::cgroups(latch::REQUIRED).count(), 0);
    for text in ["required;-", "required;required", "Required", "required "] {
        assert!(read(text).is_err(), "{text:?}");
    }
}

#[test]
fn malformed() {
    for text in [
        "",
        "-",
        "-;",
        "-;-;-",
        "10.0.0.5;-",
        "10.0.0.5|;x",
        "|10.0.0.5;-",
        "10.0.0.5|10.0.0.5-;-",
        "|10.0.0.6-10.0.0.5;-",
        "10.0.0.300|10.0.0.5-10.0.0.5;-",
        "|fd00::1-fd00::2;-",
        "-;|10.0.0.5-10.0.0.5",
        "none ;-",
        "loopback ;-",
        "224.0.0.251|224.0.0.251-224.0.0.251;-",
        "-;ff02::fb|ff02::fb-ff02::fb",
        "loopback|127.0.0.1-127.0.0.1;-",
        "|1.0.0.0-1.0.0.1|;-",
    ] {
        assert!(read(text).is_err(), "{text:?}");
    }
}

proptest! {
    #[test]
    fn comes_out_as_it_went_in(
        entries in proptest::collection::vec((any::<u32>(), 0_u32..=32, any::<bool>()), 1..40),
        six in proptest::collection::vec((any::<u128>(), 0_u32..=128), 0..20),
    ) {
        let ipv4 = entries.iter().map(|&(bits, length, excluded)| {
            let bits = bits & u32::MAX.checked_shl(32 - length).unwrap_or(0);
            let sign = if excluded { "!" } else { "" };
            format!("{sign}{}/{length}", std::net::Ipv4Addr::from_bits(bits))
        });
        let ipv6 = six.iter().map(|&(bits, length)| {
            let bits = bits & u128::MAX.checked_shl(128 - length).unwrap_or(0);
            format!("{}/{length}", std::net::Ipv6Addr::from_bits(bits))
        });
        let (ipv4, ipv6) = (ipv4.collect::<Vec<_>>().join(","), ipv6.collect::<Vec<_>>().join(","));
        let mut policy = Policy::UNASSIGNED;
        let good4 = list::parse(ipv4.as_bytes(), Separator::Comma, Family::Ipv4, &mut policy.assignments.ipv4);
        let good6 = list::parse(ipv6.as_bytes(), Separator::Comma, Family::Ipv6, &mut policy.assignments.ipv6);
        prop_assume!(good4.is_ok() && (good6.is_ok() || ipv6.is_empty()));
        if ipv6.is_empty() {
            policy.assignments.ipv6.clear();
        }
        let read = read(&write(&policy)).unwrap();
        prop_assert!(same(&read.assignments.ipv4, &policy.assignments.ipv4) && same(&read.assignments.ipv6, &policy.assignments.ipv6));
    }

    #[test]
    fn anything_is_read_without_a_panic(text in proptest::collection::vec(any::<u8>(), 0..80)) {
        let mut assignment = Assignment::UNASSIGNED;
        let _ = latch::parse(&text, Family::Ipv4, &mut assignment);
        let _ = latch::parse(&text, Family::Ipv6, &mut assignment);
    }
}
