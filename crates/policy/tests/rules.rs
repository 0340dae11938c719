//! `ipaddr.rules`: what is read, what it decides, and what is refused with which message.

mod support;

use std::net::{IpAddr, SocketAddr};

use ipaddr_policy::levels::Given;
use ipaddr_policy::rules::{Chain, Decision, Ends, Protocol, RuleSet, Target};
use proptest::prelude::*;
use support::{Tree, rules};

const EPERM: i32 = 1;
const EACCES: i32 = 13;

/// `10.0.0.5:80/tcp`, `[fd00::5]:80/udp`
fn endpoint(text: &str) -> (SocketAddr, Protocol) {
    let (endpoint, protocol) = text.split_once('/').expect("a protocol");
    let protocol = match protocol {
        "tcp" => Protocol::Tcp,
        "udp" => Protocol::Udp,
        _ => Protocol::Other,
    };
    (endpoint.parse().expect("an endpoint"), protocol)
}

fn nowhere() -> SocketAddr {
    "0.0.0.0:0".parse().expect("an endpoint")
}

fn decide<'r>(rules: &RuleSet<'r>, chain: Chain, asked: &str) -> Decision<'r> {
    let (asked, protocol) = endpoint(asked);
    let (source, destination) = match chain {
        Chain::Connect => (nowhere(), asked),
        Chain::Bind | Chain::Accept => (asked, nowhere()),
    };
    rules.decide(
        chain,
        Ends {
            source,
            destination,
            protocol,
        },
    )
}

/// The line that decides, 0 for none, and what it says.
fn decided(text: &str, chain: Chain, asked: &str) -> (u32, Target) {
    let rules = rules(text).expect("rules");
    let decision = decide(&rules, chain, asked);
    (decision.by.map_or(0, |by| by.line), decision.target)
}

#[test]
fn the_first_match_decides() {
    use Chain::{Accept, Bind, Connect};
    let accepted = Target::Accept;
    let refused = Target::Reject(EPERM);
    let ports = "-A BIND -p tcp --sport 8000:8999 -j ACCEPT\n-A BIND -j REJECT\n";
    let nets = "-A CONNECT -d 10.0.0.0/8 -p tcp --dport 443 -j ACCEPT\n\
                -A CONNECT -d fd00::/8 -j ACCEPT\n\
                -A CONNECT -j REJECT --reject-with eacces\n";
    let peers = "-A ACCEPT ! -s 10.0.0.0/24 -j REJECT\n";
    let table = [
        // file, chain, endpoint, line, target
        (ports, Bind, "10.0.0.5:8000/tcp", 1, accepted),
        (ports, Bind, "10.0.0.5:8999/tcp", 1, accepted),
        (ports, Bind, "[fd00::5]:8500/tcp", 1, accepted),
        (ports, Bind, "10.0.0.5:7999/tcp", 2, refused),
        (ports, Bind, "10.0.0.5:9000/tcp", 2, refused),
        (ports, Bind, "10.0.0.5:8000/udp", 2, refused),
        (ports, Bind, "10.0.0.5:8000/sctp", 2, refused),
        (ports, Bind, "10.0.0.5:0/tcp", 2, refused),
        (ports, Connect, "10.0.0.5:80/tcp", 0, accepted),
        (ports, Accept, "10.0.0.5:80/tcp", 0, accepted),
        (nets, Connect, "10.1.2.3:443/tcp", 1, accepted),
        (nets, Connect, "10.1.2.3:80/tcp", 3, Target::Reject(EACCES)),
        (nets, Connect, "11.0.0.0:443/tcp", 3, Target::Reject(EACCES)),
        (nets, Connect, "[fdff::1]:80/udp", 2, accepted),
        (nets, Connect, "[fe80::1]:80/udp", 3, Target::Reject(EACCES)),
        // The space of v4-mapped addresses is IPv4's own.
        (nets, Connect, "[::1]:443/tcp", 3, Target::Reject(EACCES)),
        (peers, Accept, "10.0.0.200:5000/tcp", 0, accepted),
        (peers, Accept, "10.0.1.0:5000/tcp", 1, refused),
        // A network says which family the rule is for, negated or not.
        (peers, Accept, "[fd00::1]:5000/tcp", 0, accepted),
        (
            "-A BIND -s ::/0 -j REJECT",
            Bind,
            "10.0.0.5:80/tcp",
            0,
            accepted,
        ),
        (
            "-A BIND -s ::/0 -j REJECT",
            Bind,
            "[fd00::5]:80/tcp",
            1,
            refused,
        ),
        (
            "-A BIND -s 0.0.0.0/0 -j REJECT",
            Bind,
            "[fd00::5]:80/tcp",
            0,
            accepted,
        ),
        (
            "-A BIND -s 0.0.0.0/0 -j REJECT",
            Bind,
            "10.0.0.5:80/tcp",
            1,
            refused,
        ),
        (
            "-A BIND ! -s ::1 -j REJECT",
            Bind,
            "10.0.0.5:80/tcp",
            0,
            accepted,
        ),
        (
            "-A BIND ! -s ::1 -j REJECT",
            Bind,
            "[fd00::5]:80/tcp",
            1,
            refused,
        ),
        (
            "-A BIND ! -p tcp -j REJECT",
            Bind,
            "10.0.0.5:80/udp",
            1,
            refused,
        ),
        (
            "-A BIND ! -p tcp -j REJECT",
            Bind,
            "10.0.0.5:80/sctp",
            1,
            refused,
        ),
        (
            "-A BIND ! -p tcp -j REJECT",
            Bind,
            "10.0.0.5:80/tcp",
            0,
            accepted,
        ),
        (
            "-A BIND -p all -j REJECT",
            Bind,
            "10.0.0.5:80/sctp",
            1,
            refused,
        ),
        (
            "-A BIND -p udp ! --sport 53 -j REJECT",
            Bind,
            "10.0.0.5:54/udp",
            1,
            refused,
        ),
        (
            "-A BIND -p udp ! --sport 53 -j REJECT",
            Bind,
            "10.0.0.5:53/udp",
            0,
            accepted,
        ),
        (
            "-A BIND -p udp --sport :53 -j REJECT",
            Bind,
            "10.0.0.5:53/udp",
            1,
            refused,
        ),
        (
            "-A BIND -p udp --sport 53: -j REJECT",
            Bind,
            "10.0.0.5:65535/udp",
            1,
            refused,
        ),
        (
            "-A BIND -p udp --sport 53: -j REJECT",
            Bind,
            "10.0.0.5:52/udp",
            0,
            accepted,
        ),
        (
            "-A CONNECT -p tcp -m multiport --dports 80,443,8000:8010 -j REJECT",
            Connect,
            "10.0.0.9:8005/tcp",
            1,
            refused,
        ),
        (
            "-A CONNECT -p tcp -m multiport ! --dports 80,443 -j REJECT",
            Connect,
            "10.0.0.9:443/tcp",
            0,
            accepted,
        ),
        (
            "-A CONNECT -d 10.0.0.7,10.0.0.9 -j REJECT",
            Connect,
            "10.0.0.9:443/tcp",
            1,
            refused,
        ),
        (
            "-A CONNECT -d 192.168.0.0/16 -j SNAT --to-source 10.0.0.6",
            Connect,
            "192.168.7.7:1/tcp",
            1,
            Target::Snat(IpAddr::from([10, 0, 0, 6])),
        ),
        // Its address says which family it is for.
        (
            "-A CONNECT -j SNAT --to-source 10.0.0.6",
            Connect,
            "[fd00::1]:1/tcp",
            0,
            accepted,
        ),
        (":BIND DROP [0:0]", Bind, "10.0.0.5:80/tcp", 1, refused),
        (
            ":BIND DROP\n-A BIND -p tcp --sport 80 -j ACCEPT",
            Bind,
            "10.0.0.5:80/tcp",
            2,
            accepted,
        ),
        (":BIND DROP", Connect, "10.0.0.5:80/tcp", 0, accepted),
        (":BIND ACCEPT [7:8]", Bind, "10.0.0.5:80/tcp", 1, accepted),
    ];
    for (text, chain, asked, line, target) in table {
        let context = format!("{text:?} {chain:?} {asked}");
        assert_eq!(decided(text, chain, asked), (line, target), "{context}");
    }
}

#[test]
fn accept_knows_both_ends() {
    let rules = rules(
        "-A ACCEPT -p tcp -s 10.0.0.0/24 -d 10.0.0.5 --dport 80 -j ACCEPT\n\
         -A ACCEPT -p tcp --sport 1:1023 --dport 514 -j ACCEPT\n\
         -A ACCEPT -j REJECT\n",
    )
    .expect("rules");
    for (peer, local, line) in [
        ("10.0.0.9:5000", "10.0.0.5:80", 1),
        ("10.0.0.9:5000", "10.0.0.6:80", 3),
        ("10.0.0.9:5000", "10.0.0.5:81", 3),
        ("10.0.1.9:1023", "10.0.0.6:514", 2),
        ("10.0.1.9:1024", "10.0.0.6:514", 3),
        ("[fd00::9]:1023", "[fd00::5]:514", 2),
    ] {
        let ends = Ends {
            source: peer.parse().expect("an endpoint"),
            destination: local.parse().expect("an endpoint"),
            protocol: Protocol::Tcp,
        };
        let by = rules.decide(Chain::Accept, ends).by.expect("a rule");
        assert_eq!((by.file, by.line), (&b"rules"[..], line), "{peer} {local}");
    }
    assert!(rules.needs_local_end());
    assert!(rules.needs_protocol(Chain::Accept));
    assert!(rules.has(Chain::Accept) && !rules.has(Chain::Bind));
}

/// As iptables-save(8) writes it.
#[test]
fn a_whole_table() {
    let text = "# Generated by iptables-save v1.8.9 on Wed Nov 25 12:00:00 2026\n\
                *filter\n\
                :BIND DROP [0:0]\n\
                :CONNECT ACCEPT [3:180]\n\
                [12:720] -A BIND -s 10.0.0.5/32 -p tcp -m tcp --sport 80 -m comment --comment \"the \\\"web\\\" port\" -j ACCEPT\n\
                \n\
                \t-A CONNECT  -d 10.0.0.0/8\t-j REJECT --reject-with econnrefused\n\
                COMMIT\n\
                # Completed on Wed Nov 25 12:00:00 2026\n";
    assert_eq!(
        decided(text, Chain::Bind, "10.0.0.5:80/tcp"),
        (5, Target::Accept)
    );
    assert_eq!(
        decided(text, Chain::Bind, "10.0.0.5:81/tcp"),
        (3, Target::Reject(EPERM))
    );
    assert_eq!(
        decided(text, Chain::Connect, "10.1.0.5:81/tcp"),
        (7, Target::Reject(111))
    );
}

#[test]
fn mistakes_name_the_line_the_word_and_what_was_expected() {
    let long = format!("-A BIND -m comment --comment {} -j ACCEPT", "x".repeat(256));
    let unknown = "expected -p, -s, -d, --sport, --dport, -m tcp, udp, multiport or comment, or \
                   -j; iptables may know more, but nothing else is checked here";
    let table = [
        ("", "holds no rule: expected a line like -A BIND -p tcp --sport 8000:8999 -j ACCEPT".to_owned()),
        ("# nothing\n", "holds no rule: expected a line like -A BIND -p tcp --sport 8000:8999 -j ACCEPT".to_owned()),
        ("-A BIND -m state --state NEW -j ACCEPT", "1: \"state\": is a match that isn't known here: expected tcp, udp, multiport or comment".to_owned()),
        ("-A BIND -i eth0 -j ACCEPT", format!("1: \"-i\": {unknown}")),
        ("\n-A BIND -j DROP", "2: \"DROP\": expected a target: ACCEPT, REJECT or, for CONNECT, SNAT".to_owned()),
        ("-A BIND -j LOG", "1: \"LOG\": expected a target: ACCEPT, REJECT or, for CONNECT, SNAT".to_owned()),
        ("-A BIND -p tcp --sport 80", "1: expected -j and a target: without one the rule does nothing".to_owned()),
        ("-A BIND -j", "1: expected a target: ACCEPT, REJECT or, for CONNECT, SNAT".to_owned()),
        ("-A INPUT -j ACCEPT", "1: \"INPUT\": expected a chain: BIND, CONNECT or ACCEPT".to_owned()),
        ("-A", "1: expected a chain: BIND, CONNECT or ACCEPT".to_owned()),
        ("-I BIND -j ACCEPT", "1: \"-I\": expected -A CHAIN and a rule, :CHAIN and its policy, *filter, COMMIT or a comment".to_owned()),
        ("-A BIND --sport 80 -j ACCEPT", "1: \"--sport\": expected -p tcp or -p udp before it".to_owned()),
        ("-A BIND ! -p tcp --sport 80 -j ACCEPT", "1: \"--sport\": expected -p tcp or -p udp before it".to_owned()),
        ("-A BIND -p icmp -j ACCEPT", "1: \"icmp\": expected a protocol, tcp or udp".to_owned()),
        ("-A BIND -p udp -m tcp -j ACCEPT", "1: \"tcp\": expected -p tcp before it".to_owned()),
        ("-A BIND -p tcp -p udp -j ACCEPT", "1: \"-p\": is given twice: expected one".to_owned()),
        ("-A BIND -p tcp --sport 80 --sport 81 -j ACCEPT", "1: \"--sport\": is given twice: expected one".to_owned()),
        ("-A BIND -p tcp --sport 81:80 -j ACCEPT", "1: \"81:80\": expected a port from 0 to 65535, or a range like 8000:8999".to_owned()),
        ("-A BIND -p tcp --sport http -j ACCEPT", "1: \"http\": expected a port from 0 to 65535, or a range like 8000:8999".to_owned()),
        ("-A BIND -p tcp --sport 65536 -j ACCEPT", "1: \"65536\": expected a port from 0 to 65535, or a range like 8000:8999".to_owned()),
        ("-A BIND -p tcp --sports 80 -j ACCEPT", "1: \"--sports\": expected -m multiport before it".to_owned()),
        ("-A BIND -p tcp -m multiport --sports 1,,2 -j ACCEPT", "1: expected a port from 0 to 65535, or a range like 8000:8999".to_owned()),
        ("-A BIND -p tcp -m multiport --sports 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15:16 -j ACCEPT", "1: \"1,2,3,4,5,6,7,8,9,10,11,12,13,14,15:16\": is too long: expected at most 15 ports, a range counted as two".to_owned()),
        (
            "-A BIND -p tcp -m multiport -j ACCEPT",
            "1: \"multiport\": expected --sports or --dports behind it".to_owned(),
        ),
        (
            "-A ACCEPT -p tcp -m multiport --sports 1 --dports 2 -j ACCEPT",
            "1: \"--dports\": expected -m multiport before it".to_owned(),
        ),
        ("-A BIND -d 10.0.0.5 -j ACCEPT", "1: \"-d\": BIND has no remote end: expected -s or --sport".to_owned()),
        ("-A BIND -p tcp --dport 80 -j ACCEPT", "1: \"--dport\": BIND has no remote end: expected -s or --sport".to_owned()),
        ("-A CONNECT -s 10.0.0.5 -j ACCEPT", "1: \"-s\": CONNECT knows the remote end only: expected -d or --dport".to_owned()),
        ("-A CONNECT -d 10.0.0.5/24 -j ACCEPT", "1: \"10.0.0.5/24\": has bits set beyond its prefix: expected the network's own address".to_owned()),
        ("-A CONNECT -d example.org -j ACCEPT", "1: \"example.org\": expected an address (10.0.0.5, fd00::5) or a network (10.0.0.0/24, fd00::/64)".to_owned()),
        ("-A CONNECT -d 10.0.0.5, -j ACCEPT", "1: expected an address (10.0.0.5, fd00::5) or a network (10.0.0.0/24, fd00::/64)".to_owned()),
        ("-A CONNECT -d ::ffff:10.0.0.5 -j ACCEPT", "1: \"::ffff:10.0.0.5\": is IPv4: expected it written as that".to_owned()),
        ("-A CONNECT ! -d 10.0.0.5,10.0.0.6 -j ACCEPT", "1: \"10.0.0.5,10.0.0.6\": expected one address or network behind !".to_owned()),
        ("-A ACCEPT -s 10.0.0.5 -d fd00::5 -j ACCEPT", "1: \"fd00::5\": expected the family of the rule's other address".to_owned()),
        ("-A CONNECT -d fd00::/8 -j SNAT --to-source 10.0.0.6", "1: \"fd00::/8\": expected the family of the rule's other address".to_owned()),
        ("-A CONNECT -j SNAT", "1: \"SNAT\": expected --to-source behind it".to_owned()),
        ("-A CONNECT -j SNAT --to-source 10.0.0.6:80", "1: \"10.0.0.6:80\": expected one address, without a port: it is the source of a connection".to_owned()),
        ("-A CONNECT -j SNAT --to-source 0.0.0.0", "1: \"0.0.0.0\": expected one address, without a port: it is the source of a connection".to_owned()),
        ("-A CONNECT -j SNAT --to-source 224.0.0.6", "1: \"224.0.0.6\": expected one address, without a port: it is the source of a connection".to_owned()),
        ("-A BIND -j SNAT --to-source 10.0.0.6", "1: \"SNAT\": is for CONNECT only: expected ACCEPT or REJECT".to_owned()),
        ("-A CONNECT -j ACCEPT --to-source 10.0.0.6", "1: \"--to-source\": expected -j SNAT before it".to_owned()),
        ("-A CONNECT -j ACCEPT --reject-with eperm", "1: \"--reject-with\": expected -j REJECT before it".to_owned()),
        ("-A CONNECT -j REJECT --reject-with icmp-port-unreachable", "1: \"icmp-port-unreachable\": expected eperm, eacces, econnrefused or enetunreach".to_owned()),
        ("-A ACCEPT -j REJECT --reject-with eperm", "1: \"--reject-with\": nobody is told an errno by ACCEPT: expected REJECT alone".to_owned()),
        ("-A BIND ! -j ACCEPT", "1: \"-j\": can't have ! before it".to_owned()),
        ("-A BIND ! ! -s 10.0.0.5 -j ACCEPT", "1: \"!\": expected one ! before an option".to_owned()),
        ("-A BIND -j ACCEPT !", "1: \"!\": expected an option behind it".to_owned()),
        ("-A BIND -j ACCEPT # why", format!("1: \"#\": {unknown}")),
        ("-A BIND -m comment --comment \"why -j ACCEPT", "1: \"\"why -j ACCEPT\": expected double quotes around a whole word, or none".to_owned()),
        ("-A BIND -m comment -j ACCEPT", "1: \"comment\": expected --comment behind it".to_owned()),
        ("-A BIND --comment why -j ACCEPT", "1: \"--comment\": expected -m comment before it".to_owned()),
        (&long, format!("1: \"{}\": is too long: expected at most 255 bytes", "x".repeat(256))),
        ("*nat\nCOMMIT", "1: \"*nat\": expected the table filter".to_owned()),
        ("*filter\n-A BIND -j ACCEPT", "1: \"*filter\": expected COMMIT at the table's end".to_owned()),
        ("-A BIND -j ACCEPT\nCOMMIT", "2: \"COMMIT\": expected *filter before it, or no COMMIT".to_owned()),
        ("-A BIND -j ACCEPT\n*filter\nCOMMIT", "2: \"*filter\": expected one table, its header before all rules".to_owned()),
        ("*filter\n-A BIND -j ACCEPT\nCOMMIT\n-A BIND -j REJECT", "4: \"-A\": expected nothing behind COMMIT: one table is all".to_owned()),
        (":BIND", "1: expected the chain's policy, ACCEPT or DROP".to_owned()),
        (":BIND REJECT", "1: \"REJECT\": expected the chain's policy, ACCEPT or DROP".to_owned()),
        (":BIND DROP [0]", "1: \"[0]\": expected counters like [0:0]".to_owned()),
        (":FORWARD DROP", "1: \"FORWARD\": expected a chain: BIND, CONNECT or ACCEPT".to_owned()),
        ("[1:2]", "1: expected a rule behind its counters".to_owned()),
    ];
    for (text, message) in table {
        assert_eq!(rules(text).map(|_| ()), Err(message.clone()), "{text:?}");
        // The word is the same where it is looked up in the text of a level's file.
        let tree = Tree::of(&[("ipaddr.rules", text)]);
        let separator = if message.starts_with(|first: char| first.is_ascii_digit()) {
            ""
        } else {
            " "
        };
        assert_eq!(
            tree.policy("/", Given::default()).map(|_| ()),
            Err(format!("DIR/ipaddr.rules:{separator}{message}")),
            "{text:?}"
        );
    }
}

/// Rules that are found by an index decide as they do one by one.
fn rule() -> impl Strategy<Value = String> {
    let network = prop_oneof![
        (0_u8..8).prop_map(|low| format!("10.0.0.{low}")),
        (0_u8..4).prop_map(|low| format!("10.0.{low}.0/24")),
        Just("10.0.0.0/8".to_owned()),
        Just("0.0.0.0/0".to_owned()),
        (0_u8..8).prop_map(|low| format!("fd00::{low}")),
        Just("fd00::/64".to_owned()),
        Just("::/0".to_owned()),
    ];
    let port = 0_u16..12;
    let ports = prop_oneof![
        port.clone().prop_map(|port| format!("--dport {port}")),
        (port.clone(), 0_u16..4)
            .prop_map(|(first, more)| format!("--dport {first}:{}", first + more)),
        (port.clone(), port)
            .prop_map(|(one, other)| format!("-m multiport --dports {one},{other}")),
    ];
    let address =
        proptest::option::of((any::<bool>(), network)).prop_map(|address| match address {
            None => String::new(),
            Some((true, network)) => format!(" ! -d {network}"),
            Some((false, network)) => format!(" -d {network}"),
        });
    let ends =
        proptest::option::of((any::<bool>(), any::<bool>(), ports)).prop_map(|ends| match ends {
            None => String::new(),
            Some((tcp, negated, ports)) => {
                let protocol = if tcp { "tcp" } else { "udp" };
                let ports = if negated {
                    ports.replace("--", "! --")
                } else {
                    ports
                };
                format!(" -p {protocol} {ports}")
            }
        });
    let target = prop_oneof![
        Just("ACCEPT"),
        Just("REJECT"),
        Just("REJECT --reject-with eacces")
    ];
    let chain = prop_oneof![4 => Just("CONNECT"), 1 => Just("ACCEPT")];
    (chain, address, ends, target).prop_map(|(chain, address, ends, target)| {
        // Nobody is told an errno by ACCEPT.
        let target = if chain == "ACCEPT" { "REJECT" } else { target };
        format!("-A {chain}{address}{ends} -j {target}")
    })
}

proptest! {
    #[test]
    fn an_index_changes_nothing(
        lines in proptest::collection::vec(rule(), 16..120),
        asked in proptest::collection::vec(
            (
                prop_oneof![
                    (0_u8..3, 0_u8..10).prop_map(|(third, low)| IpAddr::from([10, 0, third, low])),
                    (0_u16..10).prop_map(|low| IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 0, low])),
                    Just(IpAddr::from([192, 0, 2, 1])),
                ],
                0_u16..16,
                prop_oneof![Just(Protocol::Tcp), Just(Protocol::Udp), Just(Protocol::Other)],
            ),
            1..40,
        ),
    ) {
        let all = rules(&lines.join("\n")).expect("rules");
        let alone: Vec<_> = lines.iter().map(|line| rules(line).expect("a rule")).collect();
        for (address, port, protocol) in asked {
            let ends = Ends {
                source: nowhere(),
                destination: SocketAddr::new(address, port),
                protocol,
            };
            let expected = (1..).zip(&alone).find_map(|(line, rule)| {
                let decision = rule.decide(Chain::Connect, ends);
                decision.by.map(|_| (line, decision.target))
            });
            let decision = all.decide(Chain::Connect, ends);
            let decided = decision.by.map(|by| (by.line, decision.target));
            prop_assert_eq!(decided, expected, "{}:{} {:?}", address, port, protocol);
        }
    }

    /// Whatever is in a file: a rule set or a mistake with a line that it has.
    #[test]
    fn any_text_is_read_or_refused(words in proptest::collection::vec(prop_oneof![
        Just("-A"), Just("BIND"), Just("CONNECT"), Just("ACCEPT"), Just("-j"), Just("REJECT"),
        Just("-p"), Just("tcp"), Just("--sport"), Just("80"), Just("!"), Just("-s"), Just("-d"),
        Just("10.0.0.0/8"), Just("\""), Just("\n"), Just("*filter"), Just("COMMIT"), Just(":BIND"),
        Just("DROP"), Just("-m"), Just("multiport"), Just("--dports"), Just("1,2:3"), Just("SNAT"),
        Just("--to-source"), Just("fd00::1"), Just("["), Just("[1:1]"), Just("#"), Just("\\"),
    ], 0..40)) {
        let text = words.join(" ");
        if let Err(message) = rules(&text) {
            let line = message.split(':').nth(1).and_then(|line| line.parse::<usize>().ok());
            prop_assert!(line.unwrap_or(0) <= text.lines().count().max(1), "{}", message);
        }
    }
}
