//! The rules for peers as a program of the kernel's filter machine: which packets a socket that listens
//! takes, and the connections that come of it.
//!
//! All packets of a connection have the same ends, so what decides about the first decides about all.

use ipaddr_policy::Family;
use ipaddr_policy::rules::conditions::{ChainRules, Conditions};
use ipaddr_policy::rules::{Chain, Protocol, RuleSet, Target};
use libc::{
    BPF_ABS, BPF_ALU, BPF_B, BPF_JA, BPF_JEQ, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_RSH, sock_filter,
};

use super::block::{Block, End, NETWORK_HEADER};

/// `BPF_MAXINSNS` of linux/bpf_common.h: how many instructions the kernel takes.
pub const MOST: usize = 4096;

/// How much of a packet is kept: all of it, or nothing.
const TAKE: u32 = u32::MAX;
const DROP: u32 = 0;

/// The program; `None` where there are no rules for peers. It may be longer than [`MOST`].
#[must_use]
pub fn program(rules: &RuleSet<'_>) -> Option<Vec<sock_filter>> {
    if !rules.has(Chain::Accept) {
        return None;
    }
    let [ipv4, ipv6] = [Family::Ipv4, Family::Ipv6].map(|family| of_family(rules, family));
    let version = [
        plain(BPF_LD | BPF_B | BPF_ABS, NETWORK_HEADER),
        plain(BPF_ALU | BPF_RSH | BPF_K, 4),
    ];
    let is_ipv4 = sock_filter {
        jt: 1,
        ..plain(BPF_JMP | BPF_JEQ | BPF_K, 4)
    };
    let mut program = version.to_vec();
    program.extend([is_ipv4, skip(ipv4.len())]);
    program.extend(ipv4);
    program.extend(ipv6);
    Some(program)
}

fn of_family(rules: &RuleSet<'_>, family: Family) -> Vec<sock_filter> {
    let files = rules.of_chain(Chain::Accept);
    let mut program: Vec<_> = files.flat_map(|file| of_file(&file, family)).collect();
    program.push(answer(TAKE));
    program
}

/// What one file says: it drops, or what is behind it is next.
fn of_file(file: &ChainRules<'_>, family: Family) -> Vec<sock_filter> {
    // From the end on, so that it is known how far it is to there.
    let mut parts = Vec::new();
    let mut len = 0;
    if refuses(file.otherwise()) {
        parts.push(vec![answer(DROP)]);
        len += 1;
    }
    let is_for = |rule: &Conditions<'_>| rule.is_for(family) && rule.is_for_protocol(Protocol::Tcp);
    for rule in file.rules().rev().filter(is_for) {
        let target = match rule.target() {
            target if refuses(target) => answer(DROP),
            _ => skip(len),
        };
        if let Some(part) = of_rule(&rule, target, family) {
            len += part.len();
            parts.push(part);
        }
    }
    parts.into_iter().rev().flatten().collect()
}

/// `None` if the rule matches nothing.
fn of_rule(rule: &Conditions<'_>, target: sock_filter, family: Family) -> Option<Vec<sock_filter>> {
    let blocks = [
        Block::network(rule.source(), End::Source, family),
        Block::network(rule.destination(), End::Destination, family),
        Block::ports(rule.source_ports(), End::Source),
        Block::ports(rule.destination_ports(), End::Destination),
    ];
    let mut blocks = blocks.iter().rev();
    blocks.try_fold(vec![target], |rest, block| block.before(rest))
}

const fn refuses(target: Target) -> bool {
    matches!(target, Target::Reject(_))
}

const fn plain(code: u32, k: u32) -> sock_filter {
    sock_filter {
        code: code as u16,
        jt: 0,
        jf: 0,
        k,
    }
}

const fn answer(kept: u32) -> sock_filter {
    plain(BPF_RET | BPF_K, kept)
}

/// Skips any number of instructions.
const fn skip(instructions: usize) -> sock_filter {
    plain(BPF_JMP | BPF_JA, instructions as u32)
}
