//! Fuzz targets: whatever reads text or memory that others have written.
//!
//! `cargo test` gives each a short run with random input; coverage-guided, for as long as one
//! likes:
//!
//! ```text
//! cargo install cargo-bolero
//! cargo bolero test -p ipaddr-fuzz --sanitizer NONE -T 10min list
//! ```
//!
//! The longest run so far, libFuzzer for 300 seconds each on one core of a 2-core VM, November 2026:
//! cmsg 182,630,707 inputs, sockaddr 202,175,805, list 35,591,442, carried 24,698,587, proc_cgroup
//! 35,448,265, rules 12,156,872. No failure.

#![cfg(test)]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use bolero::check;
use ipaddr_policy::family::{Family, may_be_source};
use ipaddr_policy::list::{self, Separator};
use ipaddr_policy::rules::index::Entry;
use ipaddr_policy::rules::{
    Builder, Chain, Ends, Memory, PortRange, Protocol, Rule, RuleFile, Target,
};
use ipaddr_policy::text::{Sink, Text};
use ipaddr_policy::{Assignment, Policy, cgroup, latch};
use ipaddr_socket::cmsg::{has_descriptors, next_source};
use ipaddr_socket::sockaddr::Sockaddr;

/// A message, to see that it can be written.
struct Bytes(Vec<u8>);

impl Sink for Bytes {
    fn put(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
}

fn written(text: &impl Text) -> Vec<u8> {
    let mut bytes = Bytes(Vec::new());
    text.write(&mut bytes);
    bytes.0
}

/// Text that gets further than random bytes: half of the bytes mean a token each.
fn text_of(bytes: &[u8], tokens: &[&str]) -> Vec<u8> {
    let piece = |byte: &u8| match byte.checked_sub(128) {
        Some(index) => tokens[usize::from(index) % tokens.len()]
            .as_bytes()
            .to_vec(),
        None => vec![*byte],
    };
    bytes.iter().flat_map(piece).collect()
}

const LIST: [&str; 21] = [
    "\n", ",", "!", "/", ".", ":", "::", "0", "10", "255", "/24", "/0", "10.0.0.", "10.0.0.5",
    "fd00::", "ffff", "none", "loopback", "0.0.0.0", "#", " ",
];

const RULES: [&str; 40] = [
    "\n",
    " ",
    "!",
    "-A ",
    "BIND",
    "CONNECT",
    "ACCEPT",
    "-p ",
    "tcp",
    "udp",
    "-s ",
    "-d ",
    "--sport ",
    "--dport ",
    "--sports ",
    "--dports ",
    "-m ",
    "multiport",
    "comment",
    "--comment ",
    "\"",
    "\\",
    "-j ",
    "REJECT",
    "SNAT",
    "--reject-with ",
    "eacces",
    "--to-source ",
    "10.0.0.6",
    "10.0.0.0/8",
    "fd00::1",
    "::/0",
    "80",
    "80:90",
    ",",
    ":",
    "*filter",
    "COMMIT",
    "DROP",
    "[1:2]",
];

const CARRIED: [&str; 16] = [
    ";",
    "|",
    "-",
    ",",
    ";-",
    "none",
    "loopback",
    "required",
    "10.0.0.5",
    "10.0.0.5-",
    "|10.0.0.0-10.0.0.9",
    "fd00::5",
    "|fd00::1-",
    "255.255.255.255",
    "-;",
    "::",
];

const PROC_CGROUP: [&str; 14] = [
    "0::/",
    "1:name=systemd:/",
    "4:memory:/",
    "memory",
    "cpu",
    "\n",
    ":",
    "/",
    "..",
    "/..",
    "a",
    ",",
    "4294967296",
    "12",
];

/// A list is refused with a line that it has (0: as a whole), or comes to ranges in order that hold its primary.
#[test]
fn list() {
    check!()
        .with_type::<(bool, bool, Vec<u8>)>()
        .for_each(|(six, comma, bytes)| {
            let text = &text_of(bytes, &LIST);
            let family = if *six { Family::Ipv6 } else { Family::Ipv4 };
            let separator = if *comma {
                Separator::Comma
            } else {
                Separator::Line
            };
            let mut assignment = Assignment::UNASSIGNED;
            match list::parse(text, separator, family, &mut assignment) {
                Ok(()) => check_assignment(&assignment, family),
                Err(error) => {
                    let line = usize::try_from(error.line).expect("a line");
                    assert!((0..=text.len() + 1).contains(&line), "line {line}");
                    assert!(!written(&error).is_empty());
                }
            }
            let _ = list::line_of(text, separator, IpAddr::V4(Ipv4Addr::LOCALHOST));
        });
}

/// Rules are refused with a line that the file has, or decide with one that it has.
#[test]
fn rules() {
    check!().for_each(|bytes: &[u8]| {
        let text = &text_of(bytes, &RULES);
        let lines = text.split(|&byte| byte == b'\n').count();
        let has = |line: u32| (0..=lines).contains(&usize::try_from(line).expect("a line"));
        let (mut files, mut rules) = ([RuleFile::EMPTY; 1], vec![Rule::EMPTY; 256]);
        let (mut ports, mut index) = (vec![PortRange::EMPTY; 256], vec![Entry::EMPTY; 512]);
        let mut names = [0; 16];
        let mut builder = Builder::new(Memory {
            files: &mut files,
            rules: &mut rules,
            ports: &mut ports,
            index: &mut index,
            names: &mut names,
        });
        match builder.read(&"rules", text) {
            Err(error) => {
                assert!(has(error.line), "line {}", error.line);
                assert!(!written(&error).is_empty());
            }
            Ok(()) => {
                let rules = builder.finish(&"").expect("room for no name");
                let ends = Ends {
                    source: SocketAddr::from(([10, 0, 0, 6], 80)),
                    destination: SocketAddr::from(([10, 0, 0, 7], 90)),
                    protocol: Protocol::Tcp,
                };
                for chain in Chain::ALL {
                    let decision = rules.decide(chain, ends);
                    assert!(decision.by.is_none_or(|by| by.line != 0 && has(by.line)));
                    assert!(rules.has(chain) || decision.target == Target::Accept);
                }
            }
        }
    });
}

fn check_assignment(assignment: &Assignment, family: Family) {
    let allowed = assignment.allowed();
    let highest = if family == Family::Ipv4 {
        u128::from(u32::MAX)
    } else {
        u128::MAX
    };
    for range in allowed.as_slice() {
        assert!(range.first <= range.last && range.last <= highest);
    }
    for pair in allowed.as_slice().windows(2) {
        assert!(
            pair[0]
                .last
                .checked_add(1)
                .is_some_and(|next| next < pair[1].first)
        );
    }
    if let Some(primary) = assignment.primary() {
        assert!(allowed.contains(primary));
        assert!(may_be_source(family.address(primary)));
    }
}

/// What is read of a carried assignment is written as it was read.
#[test]
fn carried() {
    check!().for_each(|bytes: &[u8]| {
        let text = &text_of(bytes, &CARRIED);
        let mut policy = Policy::UNASSIGNED;
        if latch::parse(text, Family::Ipv4, &mut policy.assignments.ipv4).is_err()
            || latch::parse(text, Family::Ipv6, &mut policy.assignments.ipv6).is_err()
        {
            return;
        }
        let text = written(&latch::Latch(&policy));
        let mut again = Policy::UNASSIGNED;
        assert_eq!(
            latch::parse(&text, Family::Ipv4, &mut again.assignments.ipv4),
            Ok(())
        );
        assert_eq!(
            latch::parse(&text, Family::Ipv6, &mut again.assignments.ipv6),
            Ok(())
        );
        assert_eq!(written(&latch::Latch(&again)), text);
    });
}

/// A cgroup is an absolute path without `..`, whose levels are its components.
#[test]
fn proc_cgroup() {
    check!()
        .with_type::<(bool, Vec<u8>)>()
        .for_each(|(memory, bytes)| {
            let text = &text_of(bytes, &PROC_CGROUP);
            match cgroup::path(text, memory.then_some(&b"memory"[..])) {
                Ok(path) => {
                    assert!(path.starts_with(b"/"));
                    assert!(!path.contains(&b'\n'));
                    for level in cgroup::levels(path) {
                        assert!(!level.is_empty() && level != b"..");
                    }
                }
                Err(error) => assert!(!written(&error).is_empty()),
            }
        });
}

/// A sockaddr of any length: what is judged is what is passed on.
#[test]
fn sockaddr() {
    check!()
        .with_type::<(Vec<u8>, [u8; 4])>()
        .for_each(|(bytes, address)| {
            let mut slot = std::mem::MaybeUninit::uninit();
            let Some(read) = Sockaddr::read(&mut slot, bytes) else {
                assert!(!(2..=128).contains(&bytes.len()));
                return;
            };
            assert_eq!(usize::try_from(read.as_in().1), Ok(bytes.len()));
            let before = read.endpoint();
            let address = IpAddr::V4(Ipv4Addr::from(*address));
            if let Some(endpoint) = before {
                let anywhere = read.with_any_port().endpoint().expect("the same family");
                assert_eq!((anywhere.ip(), anywhere.port()), (endpoint.ip(), 0));
                assert_eq!(read.bind_endpoint(), before);
                read.set_address(address);
                assert_eq!(
                    read.endpoint(),
                    Some(SocketAddr::new(address, endpoint.port()))
                );
                let source = read.source(libc::AF_INET6, address);
                assert_eq!(source.family(), libc::AF_INET6);
                assert_eq!(source.endpoint(), Some(SocketAddr::new(address, 0)));
            }
            if read.is_disguised_ipv4() {
                read.set_family(libc::AF_INET);
                assert!(read.endpoint().is_some_and(|it| it.is_ipv4()));
            }
        });
}

/// Control messages: each source that is told is where it is said to be, and comes behind the last.
#[test]
fn cmsg() {
    check!().for_each(|control: &[u8]| {
        let mut at = 0;
        let mut last_at = 0;
        while let Some(source) = next_source(control, &mut at) {
            let last = control
                .get(source.ipv4_at..source.ipv4_at + 4)
                .expect("within");
            if let IpAddr::V4(address) = source.address {
                assert_eq!(address.octets(), last);
            }
            assert!(source.ipv4_at > last_at && at >= source.ipv4_at + 4);
            last_at = source.ipv4_at;
        }
        let _ = has_descriptors(control);
    });
}
