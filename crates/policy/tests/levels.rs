//! The levels of a policy read from a tree without files: what they come to, what they carry over
//! exec, and which mistakes there can be between them.

mod support;

use std::net::{IpAddr, SocketAddr};

use ipaddr_policy::levels::Given;
use ipaddr_policy::rules::{Chain, Protocol};
use ipaddr_policy::{Policy, Request, Verdict, judge};
use proptest::prelude::*;
use support::{Tree, latch};

fn nothing() -> Given<'static> {
    Given::default()
}

fn refused(files: &[(&str, &str)], cgroup: &str) -> String {
    Tree::of(files)
        .policy(cgroup, nothing())
        .expect_err("a mistake")
}

fn connect(policy: &Policy<'_>, remote: &str) -> Verdict {
    let request = Request::Connect {
        remote: remote.parse().expect("an endpoint"),
        protocol: Protocol::Tcp,
    };
    judge(policy, request)
}

#[test]
fn every_level_has_to_accept() {
    let tree = Tree::of(&[
        (
            "ipaddr.rules",
            "-A CONNECT -d 10.0.0.0/8 -j REJECT --reject-with eacces",
        ),
        ("web/ipaddr.ipv4", "10.0.0.5"),
        (
            "web/a/ipaddr.rules",
            "-A CONNECT -p tcp --dport 25 -j REJECT\n-A CONNECT -j ACCEPT",
        ),
    ]);
    let web = tree.policy("/web", nothing()).expect("a policy");
    let inner = tree.policy("/web/a", nothing()).expect("a policy");
    let leaves = Verdict::Rewrite(IpAddr::from([10, 0, 0, 5]));
    for (remote, in_web, in_a) in [
        ("192.0.2.1:80", leaves, leaves),
        ("10.1.1.1:80", Verdict::Deny(13), Verdict::Deny(13)),
        ("192.0.2.1:25", leaves, Verdict::Deny(1)),
        // Of two that refuse, the inner one is heard.
        ("10.1.1.1:25", Verdict::Deny(13), Verdict::Deny(1)),
    ] {
        assert_eq!(connect(&web, remote), in_web, "{remote}");
        assert_eq!(connect(&inner, remote), in_a, "{remote}");
    }
    let rules = inner.rules.expect("rules");
    let names: Vec<_> = rules.names().collect();
    assert_eq!(
        names,
        [
            (&b"DIR/ipaddr.rules"[..], 1),
            (&b"DIR/web/a/ipaddr.rules"[..], 2)
        ]
    );
}

#[test]
fn rules_alone_are_a_policy() {
    let tree = Tree::of(&[("web/ipaddr.rules", "-A BIND -p tcp --sport 80 -j REJECT")]);
    let policy = tree.policy("/web", nothing()).expect("a policy");
    assert!(!policy.is_unassigned());
    assert!(policy.has_rules(Chain::Bind) && !policy.has_rules(Chain::Connect));
    assert_eq!(connect(&policy, "192.0.2.1:80"), Verdict::Pass);
    let elsewhere = tree.policy("/mail", nothing()).expect("a policy");
    assert!(elsewhere.is_unassigned());
}

#[test]
fn a_source_is_one_that_its_level_may_use() {
    let snat = "-A CONNECT -d 192.168.0.0/16 -j SNAT --to-source 10.0.0.6";
    let two = ("web/ipaddr.ipv4", "10.0.0.5\n10.0.0.6");
    assert_eq!(
        refused(
            &[("web/ipaddr.ipv4", "10.0.0.5"), ("web/ipaddr.rules", snat)],
            "/web"
        ),
        "DIR/web/ipaddr.rules:1: 10.0.0.6 is outside what DIR/web/ipaddr.ipv4:1 allows: expected \
         that or a part of it"
    );
    let tree = Tree::of(&[
        two,
        ("web/ipaddr.rules", snat),
        ("web/a/ipaddr.ipv4", "10.0.0.5"),
    ]);
    let web = tree.policy("/web", nothing()).expect("a policy");
    let by_snat = Verdict::Rewrite(IpAddr::from([10, 0, 0, 6]));
    assert_eq!(connect(&web, "192.168.1.1:80"), by_snat);
    let primary = Verdict::Rewrite(IpAddr::from([10, 0, 0, 5]));
    assert_eq!(connect(&web, "192.0.2.1:80"), primary);
    // An inner level may give it up; what needs it is refused then.
    let inner = tree.policy("/web/a", nothing()).expect("a policy");
    assert_eq!(connect(&inner, "192.168.1.1:80"), Verdict::Deny(1));
    assert_eq!(connect(&inner, "192.0.2.1:80"), primary);
    // Without an assignment any source will do, and loopback always does.
    let free = Tree::of(&[("ipaddr.rules", snat)]);
    let free = free.policy("/web", nothing()).expect("a policy");
    assert_eq!(connect(&free, "192.168.1.1:80"), by_snat);
    // The loopback address may always be bound, and so be a source; where nothing else may be used
    // it leads to itself only.
    let to_loopback = "-A CONNECT -d 127.0.0.0/8 -j SNAT --to-source 127.0.0.1";
    let loopback = Verdict::Rewrite(IpAddr::from([127, 0, 0, 1]));
    for (list, elsewhere, near) in [
        ("10.0.0.5", primary, loopback),
        ("10.0.0.0/24", Verdict::Deny(1), loopback),
        ("none", Verdict::Deny(1), Verdict::Deny(1)),
        ("loopback", Verdict::Deny(1), Verdict::Deny(1)),
    ] {
        let tree = Tree::of(&[("ipaddr.ipv4", list), ("ipaddr.rules", to_loopback)]);
        let policy = tree.policy("/", nothing()).expect("a policy");
        assert_eq!(connect(&policy, "127.0.0.1:80"), loopback, "{list}");
        assert_eq!(connect(&policy, "127.0.0.2:80"), near, "{list}");
        assert_eq!(connect(&policy, "192.0.2.1:80"), elsewhere, "{list}");
    }
    // A list without a primary, and a rule that says which.
    let network = Tree::of(&[("ipaddr.ipv4", "10.0.0.0/24"), ("ipaddr.rules", snat)]);
    let network = network.policy("/", nothing()).expect("a policy");
    assert_eq!(connect(&network, "192.168.1.1:80"), by_snat);
    assert_eq!(connect(&network, "192.0.2.1:80"), Verdict::Deny(1));
    // The innermost level's source counts.
    let inner = "-A CONNECT -j SNAT --to-source 10.0.0.7";
    let nested = Tree::of(&[("ipaddr.rules", snat), ("web/ipaddr.rules", inner)]);
    let nested = nested.policy("/web", nothing()).expect("a policy");
    let by_inner = Verdict::Rewrite(IpAddr::from([10, 0, 0, 7]));
    assert_eq!(connect(&nested, "192.168.1.1:80"), by_inner);
}

#[test]
fn a_bound_socket_keeps_its_address_whatever_snat_says() {
    let tree = Tree::of(&[
        ("ipaddr.ipv4", "10.0.0.5\n10.0.0.6"),
        (
            "ipaddr.rules",
            "-A CONNECT -d 192.0.2.9 -j REJECT\n-A CONNECT -j SNAT --to-source 10.0.0.6",
        ),
    ]);
    let policy = tree.policy("/", nothing()).expect("a policy");
    let bound = |remote: &str, local: [u8; 4]| {
        let request = Request::Connect {
            remote: remote.parse().expect("an endpoint"),
            protocol: Protocol::Tcp,
        };
        judge(&policy, request.on_bound(IpAddr::from(local)))
    };
    assert_eq!(bound("192.0.2.1:80", [10, 0, 0, 5]), Verdict::Pass);
    assert_eq!(bound("192.0.2.1:80", [10, 0, 0, 7]), Verdict::Deny(1));
    assert_eq!(bound("192.0.2.9:80", [10, 0, 0, 5]), Verdict::Deny(1));
}

/// On the wire is the address that the socket gets, and a dual-stack wildcard is both families'.
#[test]
fn bind_is_judged_by_what_the_socket_gets() {
    let bind = |files: &[(&str, &str)], address: &str, dual_stack| {
        let policy = Tree::of(files).policy("/", nothing()).expect("a policy");
        let request = Request::Bind {
            local: SocketAddr::new(address.parse().expect("an address"), 80),
            protocol: Protocol::Tcp,
            dual_stack,
        };
        judge(&policy, request)
    };
    let only = (
        "ipaddr.rules",
        "-A BIND -s 10.0.0.5 -j ACCEPT\n-A BIND -j REJECT",
    );
    let assigned = ("ipaddr.ipv4", "10.0.0.5");
    let rewritten = Verdict::Rewrite(IpAddr::from([10, 0, 0, 5]));
    assert_eq!(bind(&[only, assigned], "0.0.0.0", false), rewritten);
    assert_eq!(bind(&[only, assigned], "::", true), rewritten);
    assert_eq!(
        bind(&[only, assigned], "127.0.0.1", false),
        Verdict::Deny(1)
    );
    assert_eq!(bind(&[only], "0.0.0.0", false), Verdict::Deny(1));
    let no_ipv4 = (
        "ipaddr.rules",
        "-A BIND -s 0.0.0.0/0 -p tcp --sport 80 -j REJECT",
    );
    assert_eq!(bind(&[no_ipv4], "::", true), Verdict::Deny(1));
    assert_eq!(bind(&[no_ipv4], "::", false), Verdict::Pass);
    let no_ipv6 = (
        "ipaddr.rules",
        "-A BIND -s ::/0 -p tcp --sport 80 -j REJECT",
    );
    assert_eq!(bind(&[no_ipv6], "::", true), Verdict::Deny(1));
    assert_eq!(bind(&[no_ipv6, assigned], "::", true), rewritten);
}

/// A mistake anywhere makes the whole unusable.
#[test]
fn mistakes_name_file_and_line() {
    let bad = "-A BIND -p tcp --sport 80 -j ACCEPT\n-A BIND -j DROP";
    for (files, message) in [
        (
            &[("ipaddr.rules", bad), ("web/ipaddr.ipv4", "10.0.0.5")][..],
            "DIR/ipaddr.rules:2: \"DROP\": expected a target: ACCEPT, REJECT or, for CONNECT, SNAT",
        ),
        (
            &[("web/ipaddr.rules", "")],
            "DIR/web/ipaddr.rules: holds no rule: expected a line like -A BIND -p tcp --sport \
             8000:8999 -j ACCEPT",
        ),
        (
            &[
                ("ipaddr.ipv4", "10.0.0.5"),
                ("web/ipaddr.ipv4", "# ours\n10.0.0.6"),
            ],
            "DIR/web/ipaddr.ipv4:2: 10.0.0.6 is outside what DIR/ipaddr.ipv4:1 allows: expected \
             that or a part of it",
        ),
    ] {
        assert_eq!(refused(files, "/web"), message);
    }
}

/// Over exec go the addresses as they are, and of the rules the cgroups that they are of.
#[test]
fn the_rules_of_a_cgroup_are_carried() {
    let tree = Tree::of(&[
        ("ipaddr.rules", "-A BIND -p tcp --sport 1 -j REJECT"),
        ("web/a/ipaddr.rules", "-A BIND -p tcp --sport 2 -j REJECT"),
        ("mail/ipaddr.rules", "-A BIND -p tcp --sport 3 -j REJECT"),
        ("web/a/ipaddr.ipv4", "10.0.0.5"),
    ]);
    let read = |cgroup: &str, latch: Option<&str>| {
        let given = Given {
            latch: latch.map(str::as_bytes),
            ..nothing()
        };
        tree.policy(cgroup, given).expect("a policy")
    };
    let ports = |policy: &Policy<'_>| -> Vec<u16> {
        let refuses = |&port: &u16| {
            let request = Request::Bind {
                local: SocketAddr::from(([127, 0, 0, 1], port)),
                protocol: Protocol::Tcp,
                dual_stack: false,
            };
            judge(policy, request) != Verdict::Pass
        };
        (1..4).filter(refuses).collect()
    };
    let text = latch;
    // What is below the last rules isn't part of the name.
    let first = read("/web/a/b", None);
    let web = "10.0.0.5|10.0.0.5-10.0.0.5;-;/web/a";
    assert_eq!((ports(&first), &*text(&first)), (vec![1, 2], web));
    // Executed in the same cgroup it reads the same files, once.
    let again = read("/web/a/b", Some(web));
    assert_eq!((ports(&again), &*text(&again)), (vec![1, 2], web));
    assert_eq!(again.rules.expect("rules").names().count(), 2);
    // Moved, then executed: both.
    let moved = read("/mail", Some(web));
    let both = "10.0.0.5|10.0.0.5-10.0.0.5;-;/web/a//mail";
    assert_eq!((ports(&moved), &*text(&moved)), (vec![1, 2, 3], both));
    // And back, or further: none is lost.
    for cgroup in ["/web/a", "/mail", "/", "/elsewhere"] {
        let policy = read(cgroup, Some(both));
        assert_eq!(ports(&policy), [1, 2, 3], "{cgroup}");
        assert_eq!(policy.rules.expect("rules").names().count(), 3, "{cgroup}");
    }
    // The root cgroup's are everybody's, and need not be carried.
    assert_eq!(text(&read("/", None)), "-;-");
}

/// Lists and rules for three levels, and requests near to them.
fn list() -> impl Strategy<Value = Option<String>> {
    proptest::option::of(prop_oneof![
        Just("none".to_owned()),
        Just("loopback".to_owned()),
        Just("0.0.0.0".to_owned()),
        Just("10.0.0.0/29".to_owned()),
        (0_u8..8).prop_map(|low| format!("10.0.0.{low}")),
        (0_u8..8, 0_u8..8)
            .prop_map(|(one, two)| format!("10.0.0.0/29\n10.0.0.{one}\n!10.0.0.{two}")),
    ])
}

fn rule_file() -> impl Strategy<Value = Option<String>> {
    let rule = prop_oneof![
        (0_u16..4).prop_map(|port| format!("-A BIND -p tcp --sport {port} -j REJECT")),
        (0_u8..8).prop_map(|low| format!("-A BIND -s 10.0.0.{low} -j ACCEPT")),
        Just("-A BIND -j REJECT --reject-with eacces".to_owned()),
        Just(":BIND DROP".to_owned()),
        (0_u8..4).prop_map(|low| format!("-A CONNECT -d 192.0.2.{low} -j REJECT")),
        (0_u8..4, 0_u8..8).prop_map(|(to, low)| format!(
            "-A CONNECT -d 192.0.2.{to} -j SNAT --to-source 10.0.0.{low}"
        )),
        (0_u16..4).prop_map(|port| format!("-A CONNECT -p tcp --dport {port} -j ACCEPT")),
        (0_u8..4).prop_map(|low| format!("-A ACCEPT -s 192.0.2.{low} -j REJECT")),
        Just("-A ACCEPT ! -s 192.0.2.0/31 -j REJECT".to_owned()),
    ];
    proptest::option::of(proptest::collection::vec(rule, 1..4).prop_map(|rules| rules.join("\n")))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    /// Narrowing never widens: what the levels together allow, each of them allows.
    #[test]
    fn allowed_is_allowed_by_every_level(
        levels in proptest::collection::vec((list(), rule_file()), 3),
        address in prop_oneof![
            Just([0, 0, 0, 0]),
            Just([127, 0, 0, 1]),
            (0_u8..9).prop_map(|low| [10, 0, 0, low]),
        ],
        remote in 0_u8..5,
        port in 0_u16..5,
        tcp in any::<bool>(),
    ) {
        let folders = ["", "a/", "a/b/"];
        let files = |at: usize| {
            let (list, rules) = &levels[at];
            let named = |name: &str, text: &Option<String>| {
                text.clone().map(|text| (format!("{}{name}", folders[at]), text))
            };
            [named("ipaddr.ipv4", list), named("ipaddr.rules", rules)].into_iter().flatten()
        };
        let whole = Tree((0..3).flat_map(files).collect());
        // A conflict refuses everything.
        let Ok(effective) = whole.policy("/a/b", nothing()) else {
            return Ok(());
        };
        let protocol = if tcp { Protocol::Tcp } else { Protocol::Udp };
        let remote = SocketAddr::from(([192, 0, 2, remote], port));
        let connect = Request::Connect { remote, protocol };
        let bind = |address| Request::Bind {
            local: SocketAddr::new(address, port),
            protocol,
            dual_stack: false,
        };
        let accept = Request::Accept {
            peer: remote,
            local: SocketAddr::from((address, port)),
            protocol,
        };
        let address = IpAddr::from(address);
        let used = match judge(&effective, bind(address)) {
            Verdict::Pass => Some(address),
            Verdict::Rewrite(used) => Some(used),
            Verdict::Deny(_) => None,
        };
        let source = judge(&effective, connect);
        let accepted = judge(&effective, accept) == Verdict::Pass;
        for at in 0..3 {
            let level = Tree(files(at).collect());
            // SNAT of an inner level may name what only an outer one allows.
            let Ok(level) = level.policy("/a/b", nothing()) else {
                continue;
            };
            let denies = |request| matches!(judge(&level, request), Verdict::Deny(_));
            if let Some(used) = used {
                prop_assert!(!denies(bind(used)), "level {} refuses a bind to {}", at, used);
            }
            match source {
                Verdict::Rewrite(source) => {
                    let request = connect.on_bound(source);
                    prop_assert!(!denies(request), "level {} refuses {} as a source", at, source);
                }
                Verdict::Pass => prop_assert!(!denies(connect), "level {} refuses the connect", at),
                Verdict::Deny(_) => {}
            }
            if accepted {
                prop_assert!(!denies(accept), "level {} refuses the peer", at);
            }
        }
    }
}
