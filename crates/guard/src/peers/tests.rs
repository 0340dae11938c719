//! The program against what the rules themselves decide, run by a small filter machine of the tests'
//! own; and that the kernel takes it.

use std::net::{IpAddr, SocketAddr};

use ipaddr_policy::rules::index::Entry;
use ipaddr_policy::rules::{
    Builder, Chain, Ends, Memory, PortRange, Protocol, Rule, RuleFile, RuleSet, Target,
};
use libc::sock_filter;
use proptest::prelude::*;

use super::attach::try_out;
use super::block::NETWORK_HEADER;
use super::program::{MOST, program};

/// The rules of some files; their memory is never given back.
fn rules(files: &[String]) -> RuleSet<'static> {
    let many = 16 + 20 * files.iter().map(|text| text.lines().count()).sum::<usize>();
    let mut builder = Builder::new(Memory {
        files: vec![RuleFile::EMPTY; 16].leak(),
        rules: vec![Rule::EMPTY; many].leak(),
        ports: vec![PortRange::EMPTY; 2 * many].leak(),
        index: vec![Entry::EMPTY; 2 * many].leak(),
        names: vec![0; 512].leak(),
    });
    for text in files {
        let read = builder.read(&"rules", text.as_bytes());
        read.unwrap_or_else(|error| panic!("{text}: {error}"));
    }
    builder.finish(&"").expect("room for no name")
}

/// A packet: its IP header, and the beginning of its TCP header.
struct Packet {
    network: Vec<u8>,
    transport: Vec<u8>,
}

impl Packet {
    fn new(source: SocketAddr, destination: SocketAddr) -> Self {
        let network = match (source.ip(), destination.ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                [&[0x45; 1], &[0; 11][..], &from.octets(), &to.octets()].concat()
            }
            (IpAddr::V6(from), IpAddr::V6(to)) => {
                [&[0x60; 1], &[0; 7][..], &from.octets(), &to.octets()].concat()
            }
            _ => panic!("one family"),
        };
        let ports = [source.port(), destination.port()];
        Self {
            network,
            transport: ports.map(u16::to_be_bytes).concat(),
        }
    }

    fn load(&self, offset: u32, len: usize) -> u32 {
        let (from, at) = match offset.checked_sub(NETWORK_HEADER) {
            Some(at) => (&self.network, at as usize),
            None => (&self.transport, offset as usize),
        };
        let bytes = from[at..at + len].iter();
        bytes.fold(0, |number, &byte| number << 8 | u32::from(byte))
    }
}

/// Whether the program takes the packet.
fn takes(program: &[sock_filter], packet: &Packet) -> bool {
    let (mut accumulator, mut at) = (0, 0);
    loop {
        let one = program[at];
        at += 1;
        let skipped = |holds| usize::from(if holds { one.jt } else { one.jf });
        match one.code {
            0x20 => accumulator = packet.load(one.k, 4),
            0x28 => accumulator = packet.load(one.k, 2),
            0x30 => accumulator = packet.load(one.k, 1),
            0x54 => accumulator &= one.k,
            0x74 => accumulator >>= one.k,
            0x05 => at += one.k as usize,
            0x15 => at += skipped(accumulator == one.k),
            0x25 => at += skipped(accumulator > one.k),
            0x35 => at += skipped(accumulator >= one.k),
            0x06 => return one.k != 0,
            code => panic!("no instruction {code:#x}"),
        }
    }
}

fn accepts(rules: &RuleSet<'_>, source: SocketAddr, destination: SocketAddr) -> bool {
    let ends = Ends {
        source,
        destination,
        protocol: Protocol::Tcp,
    };
    rules.decide(Chain::Accept, ends).target == Target::Accept
}

#[test]
fn where_there_are_no_rules_for_peers_there_is_no_program() {
    let text = "-A BIND -p tcp --sport 80 -j REJECT\n:CONNECT DROP\n";
    assert!(program(&rules(&[text.to_owned()])).is_none());
}

#[test]
fn the_kernel_refuses_what_is_too_long() {
    let line = |number: u32| {
        let [_, a, b, c] = number.to_be_bytes();
        format!("-A ACCEPT -s 10.{a}.{b}.{c} -j REJECT\n")
    };
    let with = |count| program(&rules(&[(0..count).map(line).collect()])).expect("rules");
    assert_eq!(try_out(&with(100)), Ok(()));
    let long = with(2000);
    assert!(long.len() > MOST);
    assert!(try_out(&long).is_err());
}

fn network() -> impl Strategy<Value = (bool, String)> {
    prop_oneof![
        (0_u8..4).prop_map(|low| (false, format!("10.0.0.{low}"))),
        (0_u8..3).prop_map(|low| (false, format!("10.0.{low}.0/24"))),
        (0_u8..2).prop_map(|low| (false, format!("10.0.0.{}/30", low * 4))),
        Just((false, "10.0.0.0/8".to_owned())),
        Just((false, "0.0.0.0/0".to_owned())),
        (0_u8..4).prop_map(|low| (true, format!("fd00::{low}"))),
        (0_u8..3).prop_map(|low| (true, format!("fd00:0:{low}::/48"))),
        Just((true, "fd00::/9".to_owned())),
        Just((true, "fd00::/77".to_owned())),
        Just((true, "::/0".to_owned())),
    ]
}

fn ports(side: &'static str) -> impl Strategy<Value = String> {
    let not = prop_oneof![Just(""), Just("! ")];
    let one = (not.clone(), 0_u16..6).prop_map(move |(not, port)| format!(" {not}--{side} {port}"));
    let range = (not.clone(), 0_u16..6, 0_u16..4);
    let range = range
        .prop_map(move |(not, first, more)| format!(" {not}--{side} {first}:{}", first + more));
    let list = (not, 0_u16..3, 3_u16..6);
    let list = list.prop_map(move |(not, low, high)| {
        format!(" -m multiport {not}--{side}s {low},{high}:7,65535")
    });
    prop_oneof![3 => Just(String::new()), 1 => one, 1 => range, 1 => list]
}

fn rule() -> impl Strategy<Value = String> {
    let address = || proptest::option::of((proptest::bool::ANY, network()));
    let protocol = prop_oneof![
        Just(""),
        Just(" -p udp"),
        Just(" ! -p udp"),
        Just(" ! -p tcp")
    ];
    let filter = prop_oneof![
        1 => protocol.prop_map(str::to_owned),
        2 => ports("sport").prop_map(|ports| format!(" -p tcp{ports}")),
        2 => ports("dport").prop_map(|ports| format!(" -p tcp{ports}")),
        1 => (1_u16..4, 1_u16..4).prop_map(|(from, to)| format!(" -p tcp --sport {from} ! --dport {to}")),
    ];
    let target = prop_oneof![Just("ACCEPT"), Just("REJECT")];
    (address(), address(), filter, target).prop_map(|(source, destination, filter, target)| {
        let family = source.as_ref().map(|(_, (is_ipv6, _))| *is_ipv6);
        let mut line = "-A ACCEPT".to_owned();
        let mut put = |option, address: Option<(bool, (bool, String))>| {
            if let Some((is_negated, (is_ipv6, network))) = address
                && family.is_none_or(|family| family == is_ipv6)
            {
                let not = if is_negated { " !" } else { "" };
                line += &format!("{not} {option} {network}");
            }
        };
        put("-s", source);
        put("-d", destination);
        format!("{line}{filter} -j {target}\n")
    })
}

fn file() -> impl Strategy<Value = String> {
    let policy = prop_oneof![Just(""), Just(":ACCEPT DROP\n"), Just(":ACCEPT ACCEPT\n")];
    let lines = proptest::collection::vec(rule(), 0..24);
    // What is said of another chain is of no account.
    let other = "-A BIND -j REJECT\n";
    (policy, lines).prop_map(move |(policy, lines)| format!("{policy}{other}{}", lines.concat()))
}

fn ends() -> impl Strategy<Value = (SocketAddr, SocketAddr)> {
    let ipv4 = (0_u8..4, 0_u8..6).prop_map(|(third, low)| IpAddr::from([10, 0, third, low]));
    let ipv6 = (0_u16..4, 0_u16..6)
        .prop_map(|(third, low)| IpAddr::from([0xfd00, 0, third, 0, 0, 0, 0, low]));
    let both = |address: BoxedStrategy<IpAddr>| (address.clone(), address);
    let other = Just(IpAddr::from([192, 0, 2, 1])).boxed();
    let addresses = prop_oneof![
        4 => both(ipv4.clone().boxed()),
        4 => both(ipv6.boxed()),
        1 => (other, ipv4.boxed()),
    ];
    (addresses, 0_u16..8, 0_u16..8).prop_map(|((from, to), sport, dport)| {
        (SocketAddr::new(from, sport), SocketAddr::new(to, dport))
    })
}

proptest! {
    #[test]
    fn the_program_takes_what_the_rules_accept(
        files in proptest::collection::vec(file(), 1..4),
        connections in proptest::collection::vec(ends(), 40),
    ) {
        let rules = rules(&files);
        if let Some(program) = program(&rules) {
            prop_assert_eq!(try_out(&program), Ok(()), "{:?}", files);
            for (source, destination) in connections {
                let packet = Packet::new(source, destination);
                prop_assert_eq!(
                    takes(&program, &packet),
                    accepts(&rules, source, destination),
                    "{} to {}: {:?}", source, destination, files
                );
            }
        }
    }
}
