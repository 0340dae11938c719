//! Errors are types: each has fields to tell it apart by, and one text.

mod support;

use std::error;
use std::net::IpAddr;

use ipaddr_policy::cgroup::CgroupError;
use ipaddr_policy::errno::Errno;
use ipaddr_policy::levels::{Error, FileName, Given, Kind, LevelFile, Place};
use ipaddr_policy::list::{ParseError, Problem};
use ipaddr_policy::network::Network;
use ipaddr_policy::rules::{RuleError, RuleProblem};
use ipaddr_policy::trust::FileProblem;
use ipaddr_policy::{Family, PerFamily};
use support::Tree;

const IPV4: FileName = FileName::List(Family::Ipv4);

/// The text of an error, by `std`'s trait, which all of them have.
fn text(error: &dyn error::Error) -> String {
    assert!(error.source().is_none());
    error.to_string()
}

fn file(depth: usize, name: FileName) -> LevelFile<&'static [u8]> {
    LevelFile {
        directory: b"DIR",
        cgroup: b"/web/a",
        depth,
        name,
    }
}

/// Every kind, at a place where it can be.
#[test]
fn of_policies() {
    let in_file = Place::File(file(1, IPV4));
    let in_rules = Place::File(file(2, FileName::Rules));
    let directory = Place::Directory(file(2, FileName::Rules));
    let address = IpAddr::from([10, 0, 0, 6]);
    let (list, rules) = (
        |problem| Kind::List {
            entry: &b"x"[..],
            family: Family::Ipv4,
            problem,
        },
        |problem| Kind::Rules {
            word: &b"x"[..],
            problem,
        },
    );
    let outside = |limit, limit_line| Kind::Outside {
        address,
        limit,
        limit_line,
    };
    let table = [
        (
            in_file,
            0,
            Kind::Unusable(FileProblem::Unreadable(Errno(13))),
            "DIR/web/ipaddr.ipv4: permission denied: expected a readable file",
        ),
        (
            directory,
            0,
            Kind::Unusable(FileProblem::Unreadable(Errno(13))),
            "DIR/web/a: permission denied: expected a readable directory",
        ),
        (
            in_file,
            0,
            Kind::Unusable(FileProblem::LeadsNowhere),
            "DIR/web/ipaddr.ipv4: is a symbolic link that leads nowhere: expected a regular file",
        ),
        (
            directory,
            0,
            Kind::Unusable(FileProblem::LeadsNowhere),
            "DIR/web/a: is a symbolic link that leads nowhere: expected a directory",
        ),
        (
            in_file,
            0,
            Kind::Unusable(FileProblem::WrongKind),
            "DIR/web/ipaddr.ipv4: is something else: expected a regular file",
        ),
        (
            in_file,
            0,
            Kind::Unusable(FileProblem::WorldWritable),
            "DIR/web/ipaddr.ipv4: is world-writable: expected a mode like 0644",
        ),
        (
            directory,
            0,
            Kind::Unusable(FileProblem::WorldWritable),
            "DIR/web/a: is world-writable: expected a mode like 0755",
        ),
        (
            directory,
            0,
            Kind::Unusable(FileProblem::Owner(4711)),
            "DIR/web/a: is owned by user 4711: expected root or the owner of the policy directory",
        ),
        (
            in_file,
            0,
            Kind::Unusable(FileProblem::TooLarge),
            "DIR/web/ipaddr.ipv4: is too large: expected less than 65536 bytes",
        ),
        (
            in_rules,
            0,
            Kind::Unusable(FileProblem::TooLarge),
            "DIR/web/a/ipaddr.rules: is too large: expected less than 262144 bytes",
        ),
        (
            in_file,
            3,
            list(Problem::NotAlone),
            "DIR/web/ipaddr.ipv4:3: \"x\": expected no other entry, it stands alone",
        ),
        (
            Place::Variable(Family::Ipv4),
            1,
            list(Problem::PlainExcluded),
            "IPADDR_IPV4:1: \"x\": is excluded in the same list: expected one or the other",
        ),
        (
            in_rules,
            2,
            rules(RuleProblem::Syntax("expected the line's end")),
            "DIR/web/a/ipaddr.rules:2: \"x\": expected the line's end",
        ),
        (
            in_file,
            4,
            outside(Place::File(file(0, IPV4)), 2),
            "DIR/web/ipaddr.ipv4:4: 10.0.0.6 is outside what DIR/ipaddr.ipv4:2 allows: expected \
             that or a part of it",
        ),
        (
            Place::Variable(Family::Ipv4),
            1,
            outside(Place::Latch, 1),
            "IPADDR_IPV4:1: 10.0.0.6 is outside what IPADDR_LATCH:1 allows: expected that or a \
             part of it",
        ),
        (
            Place::Latch,
            1,
            Kind::BadLatch { text: b"a\x1b" },
            "IPADDR_LATCH:1: \"a?\": expected what this library has written there",
        ),
        (
            Place::Latch,
            1,
            Kind::LatchHasRules,
            "IPADDR_LATCH:1: holds rules: expected the policy directory that they are in",
        ),
        (
            Place::Latch,
            0,
            Kind::LatchIsFull,
            "IPADDR_LATCH: has no room for the names of all cgroups with rules: expected fewer \
             moves between cgroups with rules, or shorter names",
        ),
        (
            Place::Require,
            0,
            Kind::BadRequire { text: b"yes" },
            "IPADDR_REQUIRE: \"yes\": expected 1 or 0",
        ),
        (
            Place::Require,
            0,
            Kind::NothingAssigned { cgroup: None },
            "IPADDR_REQUIRE: nothing is assigned: expected IPADDR_IPV4, IPADDR_IPV6 or a policy \
             directory",
        ),
        (
            Place::Latch,
            1,
            Kind::NothingAssigned {
                cgroup: Some((b"DIR", b"/web")),
            },
            "IPADDR_LATCH:1: nothing is assigned to cgroup /web in DIR: expected a file of it or \
             of a cgroup around it, IPADDR_IPV4 or IPADDR_IPV6",
        ),
    ];
    for (place, line, kind, expected) in table {
        let error = Error { place, line, kind };
        assert_eq!(text(&error), expected);
        // Kept when the files are gone, it is the same.
        let owned = error.map(<[u8]>::to_vec);
        assert_eq!(text(&owned), expected);
        assert_eq!(owned.map(Vec::leak).map(|bytes| &*bytes), error);
    }
}

/// What is read is told apart by fields alone.
#[test]
fn what_a_read_finds() {
    let first = |files: &[(&str, &str)], given: Given<'_>| {
        let read = Tree::of(files).read("/web/a", given);
        *read.expect_err("a mistake")
    };
    let nothing = Given::default;
    let of = |depth, name| Place::File(file(depth, name).map(<[u8]>::to_vec));
    let ipv4 = ("ipaddr.ipv4", "\n10.0.0.0/24");
    let error = first(
        &[ipv4, ("web/ipaddr.ipv4", "#\n10.0.0.1\n10.0.1.6")],
        nothing(),
    );
    let outside = Kind::Outside {
        address: [10, 0, 1, 6].into(),
        limit: of(0, IPV4),
        limit_line: 2,
    };
    assert_eq!((error.place, error.line), (of(1, IPV4), 3));
    assert_eq!(error.kind, outside);

    let snat = (
        "web/a/ipaddr.rules",
        "-A CONNECT -j SNAT --to-source 10.0.1.6",
    );
    let error = first(&[ipv4, snat], nothing());
    assert_eq!((error.place, error.line), (of(2, FileName::Rules), 1));
    assert_eq!(error.kind, outside);

    let error = first(&[("web/ipaddr.ipv4", "10.0.0.1\n 10.0.0.x # x")], nothing());
    let bad = Kind::List {
        entry: b"10.0.0.x".to_vec(),
        family: Family::Ipv4,
        problem: Problem::Syntax,
    };
    assert_eq!((error.place, error.line, error.kind), (of(1, IPV4), 2, bad));

    let bad_rule = ("ipaddr.rules", "-A BIND -j ACCEPT\n-A BIND -j \"DROP\"");
    let error = first(&[bad_rule], nothing());
    assert_eq!((error.place, error.line), (of(0, FileName::Rules), 2));
    assert!(matches!(
        error.kind,
        Kind::Rules { word, problem: RuleProblem::Syntax(_) } if word == b"DROP"
    ));

    let lists = PerFamily {
        ipv4: None,
        ipv6: Some(&b"fd00::1,10.0.0.1"[..]),
    };
    let given = Given { lists, ..nothing() };
    let error = first(&[], given);
    let bad = Kind::List {
        entry: b"10.0.0.1".to_vec(),
        family: Family::Ipv6,
        problem: Problem::Family,
    };
    assert_eq!(
        (error.place, error.line),
        (Place::Variable(Family::Ipv6), 2)
    );
    assert_eq!(error.kind, bad);

    let given = Given {
        latch: Some(b"10.0.0.5"),
        ..nothing()
    };
    let error = first(&[], given);
    let text = b"10.0.0.5".to_vec();
    assert_eq!((error.place, error.line), (Place::Latch, 1));
    assert_eq!(error.kind, Kind::BadLatch { text });

    let given = Given {
        require: Some(b"1"),
        ..nothing()
    };
    let error = first(&[], given);
    let cgroup = Some((b"DIR".to_vec(), b"/web/a".to_vec()));
    assert_eq!((error.place, error.line), (Place::Require, 0));
    assert_eq!(error.kind, Kind::NothingAssigned { cgroup });
}

#[test]
fn of_lists() {
    let of = |line, entry, problem| ParseError {
        line,
        entry,
        family: Family::Ipv6,
        problem,
    };
    let syntax = "expected an IPv6 address (fd00::5), a network (fd00::/64), an exclusion \
                  (!fd00::7), none, loopback, or :: for unassigned";
    let net = Network::new("fd00::5".parse().expect("an address"), 64).expect("a network");
    for (error, expected) in [
        (of(2, b"x", Problem::Syntax), format!("2: \"x\": {syntax}")),
        (
            of(0, b"", Problem::Empty),
            format!("holds no entry: {syntax}"),
        ),
        (
            of(1, b"::ffff:10.0.0.5", Problem::Family),
            format!("1: \"::ffff:10.0.0.5\": is of another address family: {syntax}"),
        ),
        (
            of(1, b"fd00::5/64", Problem::HostBits(net)),
            "1: \"fd00::5/64\": has bits set beyond its prefix: expected fd00::/64 or fd00::5"
                .to_owned(),
        ),
        (
            of(1, b"none", Problem::NotAlone),
            "1: \"none\": expected no other entry, it stands alone".to_owned(),
        ),
        (
            of(1, b"!::1", Problem::OnlyExclusions),
            "1: \"!::1\": expected an address or a network to exclude it from".to_owned(),
        ),
        (
            of(0, b"", Problem::NothingLeft),
            "the exclusions leave nothing: expected an address".to_owned(),
        ),
        (
            of(1, b"::1", Problem::PlainExcluded),
            "1: \"::1\": is excluded in the same list: expected one or the other".to_owned(),
        ),
        (
            of(257, b"::1", Problem::TooMany),
            "257: \"::1\": is one too many: expected at most 256 separate ranges".to_owned(),
        ),
    ] {
        assert_eq!(text_of(error), expected);
    }
}

fn text_of(error: impl error::Error) -> String {
    text(&error)
}

#[test]
fn of_rules() {
    let of = |line, word, problem| RuleError {
        line,
        word,
        problem,
    };
    for (error, expected) in [
        (
            of(3, b"x", RuleProblem::Syntax("expected the line's end")),
            "3: \"x\": expected the line's end",
        ),
        (
            of(0, b"", RuleProblem::Empty),
            "holds no rule: expected a line like -A BIND -p tcp --sport 8000:8999 -j ACCEPT",
        ),
        (
            of(2, b"COMMIT", RuleProblem::NoHeader),
            "2: \"COMMIT\": expected *filter before it, or no COMMIT",
        ),
        (
            of(1, b"*filter", RuleProblem::NoCommit),
            "1: \"*filter\": expected COMMIT at the table's end",
        ),
        (
            of(9, b"BIND", RuleProblem::TooMany),
            "9: \"BIND\": is one too many: expected fewer rules, addresses or ports in all",
        ),
        (
            of(0, b"", RuleProblem::TooManyFiles),
            "is one too many: expected fewer levels with rules",
        ),
    ] {
        assert_eq!(text_of(error), expected);
    }
}

#[test]
fn of_cgroups() {
    for (error, separator, expected) in [
        (
            CgroupError::NoHierarchy,
            ": ",
            "names no hierarchy: expected a line like 0::/path",
        ),
        (
            CgroupError::NoController(&b"cpu"[..]),
            ": ",
            "IPADDR_CGROUP_CONTROLLER: \"cpu\": expected a controller of a cgroup v1 hierarchy",
        ),
        (
            CgroupError::Outside {
                line: 2,
                path: b"/..",
            },
            ":",
            "2: \"/..\": leads out of the cgroup namespace: expected a path without ..",
        ),
        (
            CgroupError::Malformed {
                line: 1,
                text: b"0",
            },
            ":",
            "1: \"0\": expected ID:CONTROLLERS:/PATH",
        ),
    ] {
        assert_eq!((error.separator(), &*text(&error)), (separator, expected));
        assert_eq!(text(&error.map(<[u8]>::to_vec)), expected);
    }
}
