//! What the library reads as rules, iptables-restore(8) reads too, chain names and errnos aside.

use std::fmt::Write as _;
use std::process::{Command, Stdio};

use ipaddr_policy::rules::index::Entry;
use ipaddr_policy::rules::{Builder, Memory, PortRange, Rule, RuleFile};
use shim_tests::{Netns, skip};

const FRAGMENTS: [&[&str]; 6] = [
    &[
        "-A BIND",
        "-A CONNECT",
        "--append ACCEPT",
        "[3:180] -A CONNECT",
        "  -A ACCEPT",
    ],
    &[
        "",
        "-p tcp",
        "-p udp",
        "-p TCP",
        "-p 17",
        "-p all",
        "! -p tcp",
        "--protocol udp",
        "-p tcp -m tcp",
        "-p udp -m udp",
        "-m tcp",
        "-p tcp -p tcp",
        "-p http",
        "-p tcp -m udp",
    ],
    &[
        "",
        "-s 10.0.0.5",
        "-s 10.0.0.0/8",
        "! -s 10.0.0.0/24",
        "--source 10.0.0.5/32",
        "-s fd00::/8",
        "! --src ::1",
        "-s 10.0.0.5,10.0.0.7",
        "! -s 10.0.0.5,10.0.0.7",
        "-s 0.0.0.0/0",
        "-d 10.0.0.5",
        "! -d 10.0.0.0/24",
        "--destination fd00::5",
        "-d ::/0",
        "--dst 192.168.0.0/16",
        "-s 10.0.0.5 -d 10.0.0.6",
        "-s fd00::1 -d ! fd00::2",
        "-s 10.0.0.256",
        "-d example.org/40",
        "-s 10.0.0.5 -s 10.0.0.6",
        "-s ! 10.0.0.5",
    ],
    &[
        "",
        "--sport 80",
        "--sport 8000:8999",
        "--dport :1023",
        "--dport 1024:",
        "! --sport 53",
        "--source-port 0",
        "--destination-port 65535",
        "--sport 65536",
        "--sport 90:80",
        "--dport 080",
        "-m multiport --sports 80,443",
        "-m multiport --dports 1,2,8000:8010",
        "-m multiport ! --dports 22",
        "-m multiport --sports 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15",
        "-m multiport --sports 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15:16",
        "-m multiport --sports 1,",
        "-m multiport --sports 1 -m multiport --dports 2",
        "-m multiport --sports 1 --dports 2",
        "--sport 80 --dport 80",
        "--sport 80 --sport 81",
        "--sports 80",
        "-m multiport",
    ],
    &[
        "",
        "-m comment --comment why",
        "-m comment --comment \"why \\\" not\"",
        "--comment why",
        "-m comment --comment 'a b'",
        "-m comment --comment \"\"",
        "-m comment",
        "! -m comment --comment x",
    ],
    &[
        "-j ACCEPT",
        "-j REJECT",
        "--jump ACCEPT",
        "-j REJECT --reject-with eacces",
        "-j SNAT --to-source 10.0.0.6",
        "-j SNAT --to-source fd00::6",
        "-j SNAT",
        "-j DROP -j ACCEPT",
        "-j ACCEPT # why",
        "! -j ACCEPT",
        "-j REJECT --reject-with",
        "",
    ],
];

/// Each pair of fragments of two kinds, with the first, plainest one of the others that goes with
/// it; and each fragment with every protocol.
fn lines() -> Vec<String> {
    let mut lines = Vec::new();
    let mut words = FRAGMENTS.map(|kind| kind[0]);
    for protocol in FRAGMENTS[1] {
        for (kind, fragments) in FRAGMENTS.iter().enumerate() {
            for (other, others) in FRAGMENTS.iter().enumerate().skip(kind) {
                for one in *fragments {
                    for two in *others {
                        words[1] = protocol;
                        words[kind] = one;
                        words[other] = two;
                        for chain in ["-A BIND", "-A CONNECT", "-A ACCEPT"] {
                            if kind != 0 {
                                words[0] = chain;
                            }
                            lines.push(words.join(" "));
                        }
                    }
                    words = FRAGMENTS.map(|kind| kind[0]);
                }
            }
        }
    }
    lines.sort();
    lines.dedup();
    lines
}

fn we_read(text: &str) -> bool {
    let (mut files, mut rules) = ([RuleFile::EMPTY], [Rule::EMPTY; 64]);
    let (mut ports, mut index) = ([PortRange::EMPTY; 64], [Entry::EMPTY; 128]);
    let mut builder = Builder::new(Memory {
        files: &mut files,
        rules: &mut rules,
        ports: &mut ports,
        index: &mut index,
        names: &mut [],
    });
    builder.read(&"rules", text.as_bytes()).is_ok()
}

/// With its own words for a refusal, and chains that it has: ACCEPT can be none there.
fn as_iptables(text: &str, six: bool) -> String {
    let refusal = if six {
        "--reject-with icmp6-port-unreachable"
    } else {
        "--reject-with icmp-port-unreachable"
    };
    let errnos = ["eperm", "eacces", "econnrefused", "enetunreach"]
        .map(|errno| (format!("--reject-with {errno}"), refusal.to_owned()));
    let chains = [
        ("BIND", "INPUT"),
        ("CONNECT", "OUTPUT"),
        ("ACCEPT", "FORWARD"),
    ];
    let chains = chains.iter().flat_map(|(ours, theirs)| {
        ["-A ", "--append ", "\n:"]
            .map(|before| (format!("{before}{ours}"), format!("{before}{theirs}")))
    });
    errnos
        .into_iter()
        .chain(chains)
        .fold(text.to_owned(), |text, (ours, theirs)| {
            text.replace(&ours, &theirs)
        })
}

fn table(rules: &[&String], six: bool) -> String {
    let mut text = "*filter\n".to_owned();
    for rule in rules {
        writeln!(text, "{rule}").expect("a string");
    }
    as_iptables(&(text + "COMMIT\n"), six)
}

/// What iptables-restore says against a table.
fn iptables(netns: &Netns, six: bool, table: &str) -> Result<(), String> {
    let program = if six {
        "ip6tables-restore"
    } else {
        "iptables-restore"
    };
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), table).expect("it is ours");
    let output = Command::new("ip")
        .args(["netns", "exec", netns.name(), program, "--test"])
        .arg(file.path())
        .stdin(Stdio::null())
        .output()
        .expect("ip runs");
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned())
}

fn netns() -> Option<Netns> {
    if !skip::command("iptables-restore") {
        return None;
    }
    let netns = skip::netns("iptables-restore")?;
    for six in [false, true] {
        if let Err(said) = iptables(&netns, six, "*filter\n-A INPUT -j ACCEPT\nCOMMIT\n") {
            let said = said.trim();
            skip::skip(&format!(
                "iptables-restore --test can't be used here: {said}"
            ));
            return None;
        }
    }
    Some(netns)
}

#[test]
fn every_rule_that_is_read_here_iptables_reads_too() {
    let Some(netns) = netns() else {
        return;
    };
    let lines = lines();
    let (read, refused): (Vec<_>, Vec<_>) = lines.iter().partition(|line| we_read(line));
    assert!(
        read.len() > 1000 && refused.len() > 1000,
        "{} of {}",
        read.len(),
        lines.len()
    );
    for six in [false, true] {
        // Those without an address are of both.
        let other = if six { ".0.0" } else { "::" };
        let is_of_family = |line: &&&String| !line.contains(other);
        let rules: Vec<_> = read.iter().filter(is_of_family).copied().collect();
        assert!(rules.len() > 500, "{}", rules.len());
        let table = table(&rules, six);
        if let Err(said) = iptables(&netns, six, &table) {
            let number = said
                .split("line: ")
                .nth(1)
                .and_then(|rest| rest.split_whitespace().next()?.parse::<usize>().ok());
            let line = number.and_then(|number| table.lines().nth(number - 1));
            panic!("{line:?} (IPv6: {six}): {said}");
        }
    }
}

/// Headers, policies and comments.
#[test]
fn every_table_that_is_read_here_iptables_reads_too() {
    let Some(netns) = netns() else {
        return;
    };
    let mut both = 0;
    for text in [
        "*filter\n:BIND ACCEPT [0:0]\n-A BIND -j ACCEPT\nCOMMIT\n",
        "# a comment\n\n*filter\n:BIND - [0:0]\n:CONNECT DROP\n:ACCEPT DROP [12:34]\n[1:2] -A BIND -j REJECT\nCOMMIT\n# done\n",
        "*filter\n:BIND DROP [0:0]\n:BIND ACCEPT [0:0]\nCOMMIT\n",
        "*filter\n:BIND ACCEPT [0:0]\n-A BIND -j ACCEPT\n",
        "*filter\n:BIND\n-A BIND -j ACCEPT\nCOMMIT\n",
        "*filter\n:BIND ACCEPT [0:0]\n-A BIND -j ACCEPT\nCOMMIT now\n",
        "*filter\n:BIND ACCEPT [0:0]\n # a comment\nCOMMIT\n",
        "*filter\n:BIND ACCEPT [0:0]\n-A BIND -j ACCEPT\nCOMMIT\n-A BIND -j ACCEPT\n",
        "*mangle\n:BIND ACCEPT [0:0]\nCOMMIT\n",
    ] {
        if we_read(text) {
            both += 1;
            let table = as_iptables(text, false);
            assert_eq!(iptables(&netns, false, &table), Ok(()), "{text}");
        }
    }
    assert_eq!(both, 3);
}
