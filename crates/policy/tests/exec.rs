//! A policy over execve(2): whatever a process executes, and however often, it keeps what it had or
//! less. Trees of files, variables and moves between cgroups are random.

mod support;

use ipaddr_policy::levels::Given;
use ipaddr_policy::{Assignment, PerFamily, Policy};
use proptest::prelude::*;
use support::{Tree, latch, latch as latch_text, same_rules};

/// What a process is started with: its cgroup and its variables.
#[derive(Clone, Debug)]
struct Start {
    cgroup: &'static str,
    ipv4: Option<String>,
    ipv6: Option<String>,
}

impl Start {
    fn without_variables(&self) -> Self {
        Self {
            ipv4: None,
            ipv6: None,
            ..*self
        }
    }

    /// The policy that a process gets, with what it had before; or the message.
    fn policy(&self, tree: &Tree, latch: Option<&str>) -> Result<Policy<'static>, String> {
        let given = Given {
            latch: latch.map(str::as_bytes),
            lists: PerFamily {
                ipv4: self.ipv4.as_deref().map(str::as_bytes),
                ipv6: self.ipv6.as_deref().map(str::as_bytes),
            },
            ..Given::default()
        };
        tree.policy(self.cgroup, given)
    }
}

fn same(one: &Assignment, other: &Assignment) -> bool {
    let kind = |it: &Assignment| (it.is_unassigned(), it.is_forbidden(), it.is_loopback());
    (kind(one), one.primary()) == (kind(other), other.primary())
        && one.allowed().as_slice() == other.allowed().as_slice()
}

fn same_policy(one: &Policy<'_>, other: &Policy<'_>) -> bool {
    same(&one.assignments.ipv4, &other.assignments.ipv4)
        && same(&one.assignments.ipv6, &other.assignments.ipv6)
        && same_rules(one, other)
}

/// Whether `inner` allows nothing that `outer` doesn't.
fn is_within(inner: &Assignment, outer: &Assignment) -> bool {
    if inner.is_unassigned() || outer.is_unassigned() {
        return outer.is_unassigned();
    }
    match (inner.is_forbidden(), outer.is_forbidden()) {
        (true, _) => true,
        (false, true) => false,
        // The loopback address may always be bound.
        (false, false) if inner.is_loopback() => true,
        (false, false) => inner.allowed().first_outside(outer.allowed()).is_none(),
    }
}

/// Files and variables of the first program, and of the next: the latter is refused, or has this.
#[test]
fn what_the_next_program_has() {
    const FILE: &str = "web/ipaddr.ipv4";
    let two = "10.0.0.2\n10.0.0.3";
    let outside = "is outside what IPADDR_LATCH:1 allows: expected that or a part of it";
    for (file, first, next, expected) in [
        // The same again, and all of it or more: nothing changes, nor does the primary.
        (two, Some("10.0.0.3"), Some("10.0.0.3"), Ok("10.0.0.3")),
        (two, Some("10.0.0.3"), None, Ok("10.0.0.3")),
        (
            two,
            Some("10.0.0.3"),
            Some("10.0.0.2,10.0.0.3"),
            Ok("10.0.0.3"),
        ),
        (
            two,
            None,
            Some("10.0.0.3,10.0.0.2"),
            Ok("10.0.0.2 10.0.0.3"),
        ),
        (
            "10.0.0.0/24",
            Some("10.0.0.0/28,!10.0.0.1"),
            None,
            Ok("10.0.0.0 10.0.0.2-10.0.0.15"),
        ),
        // A part of it narrows.
        (two, None, Some("10.0.0.3"), Ok("10.0.0.3")),
        (
            two,
            None,
            Some("10.0.0.0/24,!10.0.0.2"),
            Err("DIR/web/ipaddr.ipv4:1 allows"),
        ),
        (
            "10.0.0.0/24",
            Some("10.0.0.0/28"),
            Some("10.0.0.4/30"),
            Ok("10.0.0.4-10.0.0.7"),
        ),
        // `none` is a part of everything, and everything is more than that.
        (two, None, Some("none"), Ok("none")),
        (two, Some("none"), None, Ok("none")),
        (two, Some("none"), Some("10.0.0.2"), Ok("none")),
        ("none", None, Some("none"), Ok("none")),
        // `loopback` is a part of every list, and `none` a part of that.
        (two, None, Some("loopback"), Ok("127.0.0.1")),
        (two, Some("loopback"), None, Ok("127.0.0.1")),
        (two, Some("loopback"), Some("10.0.0.2"), Ok("127.0.0.1")),
        (two, Some("loopback"), Some("none"), Ok("none")),
        (two, Some("none"), Some("loopback"), Ok("none")),
        ("none", Some("loopback"), None, Ok("none")),
        // None of it, or something beside it.
        (two, Some("10.0.0.3"), Some("10.0.0.2"), Err(outside)),
        (
            "10.0.0.0/24",
            Some("10.0.0.2"),
            Some("10.0.0.3,10.0.0.4"),
            Err(outside),
        ),
        (
            "10.0.0.0/24",
            Some("10.0.0.2,10.0.0.3"),
            Some("10.0.0.3,10.0.0.4"),
            Err(outside),
        ),
        // Files and variables that are in conflict with each other are, whatever was before.
        (
            two,
            Some("10.0.0.2"),
            Some("10.0.0.2,10.0.0.4"),
            Err("DIR/web/ipaddr.ipv4:1 allows"),
        ),
        (
            "none",
            None,
            Some("10.0.0.2"),
            Err("DIR/web/ipaddr.ipv4:1 allows"),
        ),
    ] {
        let tree = Tree::of(&[(FILE, file)]);
        let start = |variable: Option<&str>| Start {
            cgroup: "/web",
            ipv4: variable.map(str::to_owned),
            ipv6: None,
        };
        let before = start(first).policy(&tree, None).expect("a policy");
        let mut carried = latch(&before);
        for exec in 1..4 {
            let found = start(next).policy(&tree, Some(&carried));
            let case = format!("{file:?} {first:?} {next:?}, exec {exec}");
            match (found, expected) {
                (Ok(policy), Ok(expected)) => {
                    assert_eq!(
                        support::summary(&policy.assignments.ipv4),
                        expected,
                        "{case}"
                    );
                    carried = latch(&policy);
                }
                (Err(message), Err(expected)) => {
                    assert!(message.contains(expected), "{case}: {message}");
                }
                (found, _) => panic!("{case}: {found:?}"),
            }
        }
    }
}

/// The primary stays, too, where a level without one narrows.
#[test]
fn the_primary_stays() {
    let tree = Tree::of(&[("ipaddr.ipv4", "10.0.0.2\n10.0.0.0/24")]);
    let start = |list: &str| Start {
        cgroup: "/",
        ipv4: Some(list.to_owned()),
        ipv6: None,
    };
    let first = start("10.0.0.5,10.0.0.0/24").policy(&tree, None).unwrap();
    let primary = |policy: &Policy<'_>| {
        policy
            .assignments
            .ipv4
            .primary()
            .map(|number| number & 0xff)
    };
    assert_eq!(primary(&first), Some(5));
    let unset = start("0.0.0.0")
        .policy(&tree, Some(&latch(&first)))
        .unwrap();
    assert_eq!(primary(&unset), Some(5));
    let narrowed = start("10.0.0.4/30")
        .policy(&tree, Some(&latch(&unset)))
        .unwrap();
    assert_eq!(primary(&narrowed), Some(5));
    let narrowed = start("10.0.0.4,10.0.0.6")
        .policy(&tree, Some(&latch(&unset)))
        .unwrap();
    assert_eq!(primary(&narrowed), Some(4));
    let narrowed = start("10.0.0.8/30")
        .policy(&tree, Some(&latch(&unset)))
        .unwrap();
    assert_eq!(primary(&narrowed), None);
}

/// Both places are named, the line of the address too.
#[test]
fn a_conflict_names_both_places() {
    let tree = Tree::of(&[
        ("a/ipaddr.ipv4", "10.0.0.2"),
        ("b/ipaddr.ipv4", "# two\n10.0.0.3\n\n10.0.0.1"),
    ]);
    let start = |cgroup| Start {
        cgroup,
        ipv4: None,
        ipv6: None,
    };
    let first = start("/a").policy(&tree, None).unwrap();
    let refused = start("/b").policy(&tree, Some(&latch(&first)));
    assert_eq!(
        refused.expect_err("a conflict"),
        "DIR/b/ipaddr.ipv4:4: 10.0.0.1 is outside what IPADDR_LATCH:1 allows: expected that or a \
         part of it"
    );
}

/// A source that a rule gives and a variable has taken away is refused where it is used, in every
/// program alike.
#[test]
fn a_source_that_is_narrowed_away() {
    let tree = Tree::of(&[
        ("ipaddr.ipv4", "10.0.0.5\n10.0.0.6"),
        ("ipaddr.rules", "-A CONNECT -j SNAT --to-source 10.0.0.6"),
    ]);
    let start = Start {
        cgroup: "/",
        ipv4: Some("10.0.0.5".to_owned()),
        ipv6: None,
    };
    let first = start.policy(&tree, None).expect("a policy");
    let next = start.policy(&tree, Some(&latch(&first))).expect("a policy");
    assert!(same_policy(&first, &next));
}

/// Where nothing is assigned and something has to be, there is no policy; and where something is, it
/// makes no difference.
#[test]
fn an_assignment_that_is_required() {
    let tree = Tree::of(&[("a/ipaddr.ipv4", "10.0.0.5"), ("b/ipaddr.ipv4", "0.0.0.0")]);
    let required = |cgroup, require: Option<&'static str>, latch: Option<&'static str>| {
        let given = Given {
            require: require.map(str::as_bytes),
            latch: latch.map(str::as_bytes),
            ..Given::default()
        };
        tree.policy(cgroup, given).map(|policy| latch_text(&policy))
    };
    for cgroup in ["/", "/b", "/elsewhere"] {
        for (require, latch, place) in [
            (Some("1"), None, "IPADDR_REQUIRE"),
            (Some("1"), Some("required"), "IPADDR_REQUIRE"),
            (None, Some("required"), "IPADDR_LATCH:1"),
            (Some("0"), Some("required"), "IPADDR_LATCH:1"),
        ] {
            let message = required(cgroup, require, latch).expect_err("nothing is assigned");
            let why = format!("{place}: nothing is assigned to cgroup {cgroup} in DIR: expected ");
            assert!(message.starts_with(&why), "{message}");
        }
        for require in [None, Some("0"), Some("")] {
            assert_eq!(required(cgroup, require, None), Ok("-;-".to_owned()));
        }
    }
    for (require, latch) in [
        (Some("1"), None),
        (Some("1"), Some("required")),
        (None, None),
    ] {
        let text = required("/a", require, latch).expect("a policy");
        assert_eq!(text, "10.0.0.5|10.0.0.5-10.0.0.5;-");
    }
    for cgroup in ["/a", "/b"] {
        let message = required(cgroup, Some("on"), None).expect_err("a mistake");
        assert_eq!(message, "IPADDR_REQUIRE: \"on\": expected 1 or 0");
    }
}

/// Rules whose file is away while something is executed are there again when it is back.
#[test]
fn rules_that_are_away_for_a_while() {
    let rules = ("a/ipaddr.rules", "-A BIND -p tcp --sport 1 -j REJECT");
    let with = Tree::of(&[rules]);
    let without = Tree::of(&[("d/ipaddr.ipv4", "10.0.0.5")]);
    let start = |cgroup| Start {
        cgroup,
        ipv4: None,
        ipv6: None,
    };
    let first = start("/a").policy(&with, None).expect("a policy");
    let away = start("/d")
        .policy(&without, Some(&latch(&first)))
        .expect("a policy");
    assert_eq!(latch(&away), "10.0.0.5|10.0.0.5-10.0.0.5;-;/a");
    let back = start("/d")
        .policy(&with, Some(&latch(&away)))
        .expect("a policy");
    assert_eq!(back.rules.expect("rules").names().count(), 1);
    // Where nothing else is assigned it isn't unrestricted meanwhile.
    let away = start("/b")
        .policy(&without, Some(&latch(&first)))
        .expect("a policy");
    assert!(!away.is_unassigned());
    assert_eq!(latch(&away), "-;-;/a");
}

/// Names of cgroups that there is no room for are not left out.
#[test]
fn too_many_cgroups_with_rules() {
    let name = |number| format!("{number}{}", "x".repeat(200));
    let files: Vec<_> = (0..4)
        .map(|number| format!("{}/ipaddr.rules", name(number)))
        .collect();
    let rule = "-A BIND -p tcp --sport 1 -j REJECT";
    let tree = Tree::of(
        &files
            .iter()
            .map(|file| (file.as_str(), rule))
            .collect::<Vec<_>>(),
    );
    fn given(latch: Option<&[u8]>) -> Given<'_> {
        Given {
            latch,
            ..Given::default()
        }
    }
    let mut carried = latch(&tree.policy(&format!("/{}", name(0)), given(None)).unwrap());
    let mut refused = None;
    for number in 1..4 {
        let cgroup = format!("/{}", name(number));
        let found = tree.policy(&cgroup, given(Some(carried.as_bytes())));
        match found {
            Ok(policy) => carried = latch(&policy),
            Err(message) => {
                refused = Some(message);
                break;
            }
        }
        for before in 0..=number {
            assert!(carried.contains(&name(before)), "{carried}");
        }
    }
    let message = refused.expect("the memory of these tests is small");
    assert!(
        message.starts_with("IPADDR_LATCH: has no room for the names"),
        "{message}"
    );
}

fn ipv4_list() -> impl Strategy<Value = String> {
    prop_oneof![
        1 => Just("none".to_owned()),
        1 => Just("loopback".to_owned()),
        1 => Just("127.0.0.1".to_owned()),
        1 => Just("0.0.0.0".to_owned()),
        2 => Just("10.0.0.0/29".to_owned()),
        3 => (0_u8..8).prop_map(|low| format!("10.0.0.{low}")),
        2 => (0_u8..8, 0_u8..8).prop_map(|(one, two)| format!("10.0.0.{one},10.0.0.{two}")),
        2 => (0_u8..2).prop_map(|half| format!("10.0.0.{}/30", 4 * half)),
        2 => (0_u8..8, 0_u8..8)
            .prop_map(|(one, two)| format!("10.0.0.0/29,10.0.0.{one},!10.0.0.{two}")),
        1 => (0_u8..8).prop_map(|hole| format!("10.0.0.0/29,!10.0.0.{hole}")),
    ]
}

fn ipv6_list() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("none".to_owned()),
        Just("loopback".to_owned()),
        Just("::".to_owned()),
        Just("fd00::/126".to_owned()),
        (0_u8..4).prop_map(|low| format!("fd00::{low}")),
        (0_u8..4, 0_u8..4).prop_map(|(one, two)| format!("fd00::{one},fd00::{two}")),
    ]
}

fn rules() -> impl Strategy<Value = String> {
    prop_oneof![
        (1_u16..4).prop_map(|port| format!("-A BIND -p tcp --sport {port} -j REJECT")),
        (0_u8..8).prop_map(|low| format!("-A CONNECT -j SNAT --to-source 10.0.0.{low}")),
    ]
}

const CGROUPS: [&str; 6] = ["/", "/a", "/a/b", "/a/b/c", "/d", "/d/b"];

fn tree() -> impl Strategy<Value = Tree> {
    let file = |list: BoxedStrategy<String>| {
        let file = list.prop_map(|list| list.replace(',', "\n"));
        proptest::option::weighted(0.4, file)
    };
    let level = (
        file(ipv4_list().boxed()),
        file(ipv6_list().boxed()),
        file(rules().boxed()),
    );
    proptest::collection::vec(level, CGROUPS.len()).prop_map(|levels| {
        let mut files = Vec::new();
        for (cgroup, (ipv4, ipv6, rules)) in CGROUPS.into_iter().zip(levels) {
            for (name, text) in [("ipv4", ipv4), ("ipv6", ipv6), ("rules", rules)] {
                let directory = cgroup.trim_start_matches('/');
                let slash = if directory.is_empty() { "" } else { "/" };
                files.extend(text.map(|text| (format!("{directory}{slash}ipaddr.{name}"), text)));
            }
        }
        Tree(files.into_iter().collect())
    })
}

fn start() -> impl Strategy<Value = Start> {
    (
        proptest::sample::select(&CGROUPS[..]),
        proptest::option::weighted(0.5, ipv4_list()),
        proptest::option::weighted(0.2, ipv6_list()),
    )
        .prop_map(|(cgroup, ipv4, ipv6)| Start { cgroup, ipv4, ipv6 })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1024,
        max_global_rejects: 1 << 20,
        ..ProptestConfig::default()
    })]

    /// A chain of programs in one cgroup, with the same variables or without them: all have what
    /// the first had.
    #[test]
    fn any_number_of_execs_is_as_one(tree in tree(), start in start()) {
        let first = start.policy(&tree, None);
        prop_assume!(first.is_ok());
        let first = first.expect("a policy");
        prop_assume!(!first.is_unassigned());
        let mut carried = latch(&first);
        for start in [&start, &start, &start.without_variables(), &start] {
            let next = start.policy(&tree, Some(&carried));
            prop_assert!(next.is_ok(), "{} {:?}", carried, next);
            let next = next.expect("a policy");
            prop_assert!(same_policy(&first, &next), "{} {}", carried, latch(&next));
            carried = latch(&next);
        }
    }

    /// Moved and started with other variables each time: nothing is gained, and what one exec
    /// comes to, the next in the same place comes to.
    #[test]
    fn no_exec_gains_anything(
        tree in tree(),
        starts in proptest::collection::vec(start(), 2..6),
    ) {
        let mut before: Option<Policy<'static>> = None;
        for start in starts {
            let carried = before.as_ref().map(latch);
            let Ok(policy) = start.policy(&tree, carried.as_deref()) else {
                continue;
            };
            let again = start.policy(&tree, Some(&latch(&policy)));
            prop_assert!(again.is_ok(), "{} {:?}", latch(&policy), again);
            prop_assert!(same_policy(&policy, &again.expect("a policy")));
            if let Some(before) = &before {
                prop_assert!(is_within(&policy.assignments.ipv4, &before.assignments.ipv4));
                prop_assert!(is_within(&policy.assignments.ipv6, &before.assignments.ipv6));
                let names = |policy: &Policy<'static>| -> Vec<_> {
                    policy.rules.iter().flat_map(|rules| rules.names()).collect()
                };
                let now = names(&policy);
                prop_assert!(names(before).iter().all(|name| now.contains(name)));
            }
            if !policy.is_unassigned() {
                before = Some(policy);
            }
        }
    }
}
