//! What judging a call and reading a policy take, without the system calls around them.

use std::fmt::Write;
use std::net::SocketAddr;

use divan::Bencher;
use divan::counter::ItemsCount;
use ipaddr_policy::list::{self, Separator};
use ipaddr_policy::rules::index::Entry;
use ipaddr_policy::rules::memory::{MAX_FILES, MAX_INDEX, MAX_NAMES, MAX_PORTS, MAX_RULES};
use ipaddr_policy::rules::{Builder, Memory, PortRange, Protocol, Rule, RuleFile};
use ipaddr_policy::{Assignment, Family, Policy, Request, judge};

fn main() {
    divan::main();
}

/// How many entries a list has: one address, the usual, and as many ranges as there can be.
const ENTRIES: [usize; 2] = [1, 256];

/// How many rules a file has, the last of which matches.
const RULES: [usize; 4] = [1, 10, 100, 4000];

/// Addresses with one between them, so that each is a range.
fn list(entries: usize) -> String {
    (0..entries).fold(String::new(), |mut text, entry| {
        writeln!(text, "10.0.{}.{}", entry / 128, entry % 128 * 2).expect("a string grows");
        text
    })
}

/// A rule for each port, and behind them one for a peer.
fn rules(rules: usize) -> String {
    let mut text = String::new();
    for port in 1..rules {
        writeln!(text, "-A CONNECT -p tcp --dport {port} -j REJECT").expect("a string grows");
    }
    text + "-A CONNECT -d 192.0.2.0/24 -j ACCEPT\n"
}

fn assignment(entries: usize) -> Assignment {
    let mut assignment = Assignment::UNASSIGNED;
    let text = list(entries);
    list::parse(
        text.as_bytes(),
        Separator::Line,
        Family::Ipv4,
        &mut assignment,
    )
    .expect("a list");
    assignment
}

fn policy(entries: usize) -> Policy<'static> {
    let mut policy = Policy::UNASSIGNED;
    policy.assignments.ipv4 = assignment(entries);
    policy
}

/// As much memory for rules as the library has.
struct Rules {
    files: Vec<RuleFile>,
    rules: Vec<Rule>,
    ports: Vec<PortRange>,
    index: Vec<Entry>,
    names: Vec<u8>,
}

impl Rules {
    fn new() -> Self {
        Self {
            files: vec![RuleFile::EMPTY; MAX_FILES],
            rules: vec![Rule::EMPTY; MAX_RULES],
            ports: vec![PortRange::EMPTY; MAX_PORTS],
            index: vec![Entry::EMPTY; MAX_INDEX],
            names: vec![0; MAX_NAMES],
        }
    }

    fn builder(&mut self) -> Builder<'_> {
        Builder::new(Memory {
            files: &mut self.files,
            rules: &mut self.rules,
            ports: &mut self.ports,
            index: &mut self.index,
            names: &mut self.names,
        })
    }
}

/// A bind to the wildcard, which becomes the primary address.
#[divan::bench(args = ENTRIES, sample_size = 1000)]
fn judge_bind(bencher: Bencher<'_, '_>, entries: usize) {
    let policy = policy(entries);
    let request = Request::Bind {
        local: SocketAddr::from(([0; 4], 80)),
        protocol: Protocol::Tcp,
        dual_stack: false,
    };
    bencher.bench(|| judge(divan::black_box(&policy), divan::black_box(request)));
}

/// A bind to the last address of the list.
#[divan::bench(args = ENTRIES, sample_size = 1000)]
fn judge_bind_last(bencher: Bencher<'_, '_>, entries: usize) {
    let policy = policy(entries);
    let last = policy.assignments.ipv4.allowed().as_slice().last();
    let last = Family::Ipv4.address(last.expect("it isn't empty").last);
    let request = Request::Bind {
        local: SocketAddr::new(last, 80),
        protocol: Protocol::Tcp,
        dual_stack: false,
    };
    bencher.bench(|| judge(divan::black_box(&policy), divan::black_box(request)));
}

/// A connect that gets its source, past so many rules.
#[divan::bench(args = RULES, sample_size = 1000)]
fn judge_connect(bencher: Bencher<'_, '_>, count: usize) {
    let mut memory = Rules::new();
    let mut builder = memory.builder();
    builder
        .read(&"rules", rules(count).as_bytes())
        .expect("rules");
    let rules = builder.finish(&"").expect("room for no name");
    let mut policy: Policy<'_> = policy(1);
    policy.rules = Some(&rules);
    let request = Request::Connect {
        remote: SocketAddr::from(([192, 0, 2, 1], 50_000)),
        protocol: Protocol::Tcp,
    };
    bencher.bench(|| judge(divan::black_box(&policy), divan::black_box(request)));
}

#[divan::bench(args = ENTRIES)]
fn read_list(bencher: Bencher<'_, '_>, entries: usize) {
    let text = list(entries);
    let mut assignment = Assignment::UNASSIGNED;
    bencher.counter(ItemsCount::new(entries)).bench_local(|| {
        let text = divan::black_box(text.as_bytes());
        list::parse(text, Separator::Line, Family::Ipv4, &mut assignment).is_ok()
    });
}

#[divan::bench(args = RULES)]
fn read_rules(bencher: Bencher<'_, '_>, count: usize) {
    let text = rules(count);
    let mut memory = Rules::new();
    bencher.counter(ItemsCount::new(count)).bench_local(|| {
        let text = divan::black_box(text.as_bytes());
        memory.builder().read(&"rules", text).is_ok()
    });
}
