//! The text of a file of rules, read as iptables-restore(8) reads it.
//!
//! What iptables has and this has not is a mistake, never passed over. The table's header may be
//! left out, and with it COMMIT.

use core::net::IpAddr;

use ipnet::IpNet;

use super::index::{self, Entry};
use super::memory::{Memory, RuleFile, Span};
use super::rule::{Addresses, By, Families, Jump, PortRange, Ports, Protocols, Rule};
use super::words::{BadQuote, Word, Words};
use super::{Chain, RuleSet, key};
use crate::address::parse_decimal;
use crate::judge::EPERM;
use crate::list::{Family, Problem, network};
use crate::text::{Printable, Sink, Text};

/// A file of rules that can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleError<'a> {
    /// The line, from 1; 0 when the file as a whole is at fault.
    pub line: u32,
    /// The word at fault, as it stands there; empty where one is missing.
    pub word: &'a [u8],
    /// What is wrong, if it isn't plain, and what was expected.
    pub problem: &'static str,
}

impl Text for RuleError<'_> {
    /// The line, the word, what is wrong and what was expected.
    fn write(&self, out: &mut impl Sink) {
        if self.line != 0 {
            (self.line, ": ").write(out);
        } else {
            " ".write(out);
        }
        if !self.word.is_empty() {
            ("\"", Printable(self.word), "\": ").write(out);
        }
        self.problem.write(out);
    }
}

const TOO_MANY: &str = "is one too many: expected fewer rules, addresses or ports in all";
const TOO_MANY_FILES: &str = "is one too many: expected fewer levels with rules";
const NO_REMOTE_END: &str = "BIND has no remote end: expected -s or --sport";
const NO_LOCAL_END: &str = "CONNECT knows the remote end only: expected -d or --dport";
const NO_MULTIPORT: &str = "expected --sports or --dports behind it";
const NO_TARGET: &str = "expected a target: ACCEPT, REJECT or, for CONNECT, SNAT";
const NO_TARGET_GIVEN: &str = "expected -j and a target: without one the rule does nothing";
const UNKNOWN_OPTION: &str = "expected -p, -s, -d, --sport, --dport, -m tcp, udp, multiport or \
                              comment, or -j; iptables may know more, but nothing else is checked here";

/// The errno of `--reject-with`, see errno(3), by its name in lower case.
const REJECT_WITH: [(&str, i32); 4] = [
    ("eperm", EPERM),
    ("eacces", 13),
    ("econnrefused", 111),
    ("enetunreach", 101),
];

/// The most ports that `-m multiport` takes, a range counted as two.
const MULTIPORT_MAX: usize = 15;

/// Reads the files of all levels, from the root inward.
#[derive(Debug)]
pub struct Builder<'r> {
    memory: Memory<'r>,
    files: usize,
    rules: u32,
    ports: u32,
    index: u32,
    names: u32,
}

impl<'r> Builder<'r> {
    /// One that has read nothing yet.
    #[must_use]
    pub const fn new(memory: Memory<'r>) -> Self {
        Self {
            memory,
            files: 0,
            rules: 0,
            ports: 0,
            index: 0,
            names: 0,
        }
    }

    /// Whether it has read nothing yet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.files == 0
    }

    /// Reads the next file, which messages call `name`.
    ///
    /// # Errors
    /// The first mistake; nothing may be made of the builder then.
    pub fn read<'a>(&mut self, name: &impl Text, text: &'a [u8]) -> Result<(), RuleError<'a>> {
        let start = self.rules;
        let mut reader = Reader {
            builder: self,
            file: RuleFile::EMPTY,
            table: Table::None,
            line: 0,
            says_something: false,
        };
        reader.read(text)?;
        let mut file = reader.file;
        file.rules = Span {
            start,
            end: self.rules,
        };
        let whole = |problem| RuleError {
            line: 0,
            word: b"",
            problem,
        };
        if file.rules.len() >= index::LEAST_RULES {
            self.build_index(&mut file).ok_or(whole(TOO_MANY))?;
        }
        file.name = self.keep_name(name);
        let slot = self.memory.files.get_mut(self.files);
        *slot.ok_or(whole(TOO_MANY_FILES))? = file;
        self.files += 1;
        Ok(())
    }

    /// The rules read, and the cgroups that they are of, see [`RuleSet::cgroups`].
    #[must_use]
    pub fn finish(mut self, cgroups: &impl Text) -> RuleSet<'r> {
        let cgroups = self.keep_name(cgroups);
        let files: &[RuleFile] = self.memory.files;
        let names: &[u8] = self.memory.names;
        RuleSet {
            files: files.get(..self.files).unwrap_or(&[]),
            rules: self.memory.rules,
            ports: self.memory.ports,
            index: self.memory.index,
            names,
            cgroups: cgroups.of(names),
        }
    }

    /// Where a rule's SNAT leads that was read last, and its line: [`crate::levels`] looks at each.
    pub(crate) fn last_sources(&self) -> impl Iterator<Item = (IpAddr, u32)> {
        let file = self
            .files
            .checked_sub(1)
            .and_then(|last| self.memory.files.get(last));
        let rules = file.map_or(Span::EMPTY, |file| file.rules);
        rules
            .of(self.memory.rules)
            .iter()
            .filter_map(|rule| match rule.target() {
                super::Target::Snat(source) => Some((source, rule.line)),
                _ => None,
            })
    }

    /// What doesn't fit is cut off: it is for messages.
    fn keep_name(&mut self, name: &impl Text) -> Span {
        let start = self.names;
        let mut out = Names {
            memory: self.memory.names,
            used: start,
        };
        name.write(&mut out);
        self.names = out.used;
        Span {
            start,
            end: self.names,
        }
    }

    fn push_rule(&mut self, rule: Rule) -> Option<()> {
        *self.memory.rules.get_mut(self.rules as usize)? = rule;
        self.rules += 1;
        Some(())
    }

    fn push_ports(&mut self, range: PortRange) -> Option<()> {
        *self.memory.ports.get_mut(self.ports as usize)? = range;
        self.ports += 1;
        Some(())
    }

    /// Sorts the rules of a file into the trees of [`index`], two for each chain.
    fn build_index(&mut self, file: &mut RuleFile) -> Option<()> {
        let rules = file.rules;
        for chain in Chain::ALL {
            let by_address = self.sorted(rules, chain, By::Address, self.index)?;
            let by_port = self.sorted(rules, chain, By::Port, by_address.end)?;
            self.count_twins(rules, by_address, By::Address)?;
            self.count_twins(rules, by_port, By::Port)?;
            file.chain_mut(chain).by_address = self.tree(rules, by_address, By::Address);
            file.chain_mut(chain).by_port = self.tree(rules, by_port, By::Port);
        }
        file.is_indexed = true;
        Some(())
    }

    /// Sorts the ranges of a chain's rules, from `start` on in the index, which is left unclaimed.
    fn sorted(&mut self, rules: Span, chain: Chain, by: By, start: u32) -> Option<Span> {
        let mut end = start;
        let mut push = |first, last, number| {
            *self.memory.index.get_mut(end as usize)? = Entry::new(first, last, number);
            end += 1;
            Some(())
        };
        let numbered = (0..).zip(rules.of(self.memory.rules));
        for (number, rule) in numbered.filter(|(_, rule)| rule.chain == chain) {
            let (addresses, ports) = rule.indexed();
            match by {
                By::Address if !addresses.is_wide() => {
                    push(addresses.first, addresses.last, number)?;
                }
                By::Port if !ports.is_wide() => {
                    for range in ports.ranges.of(self.memory.ports) {
                        push(range.first.into(), range.last.into(), number)?;
                    }
                }
                _ => push(0, u128::MAX, number)?,
            }
        }
        let sorted = Span { start, end };
        index::sort(sorted.of_mut(self.memory.index));
        Some(sorted)
    }

    /// Fills in how many rules of the chain have the same address, or the same ports.
    fn count_twins(&mut self, rules: Span, sorted: Span, by: By) -> Option<()> {
        let rules = rules.of_mut(self.memory.rules);
        for run in index::runs(sorted.of(self.memory.index)) {
            let count = u32::try_from(run.len()).unwrap_or(u32::MAX);
            for entry in run {
                let rule = rules.get_mut(entry.rule as usize)?;
                match by {
                    By::Address => rule.address_twins = count,
                    By::Port => rule.port_twins = count,
                }
            }
        }
        Some(())
    }

    /// Claims the sorted ranges of those rules that are found by this, as a tree.
    fn tree(&mut self, rules: Span, sorted: Span, by: By) -> Span {
        let rules = rules.of(self.memory.rules);
        let start = self.index;
        for from in sorted.start..sorted.end {
            // What is claimed never overtakes what it is taken from.
            let entry = self.memory.index.get(from as usize).copied();
            let wanted = entry.filter(|entry| {
                let rule = rules.get(entry.rule as usize);
                rule.is_some_and(|rule| rule.found_by() == by)
            });
            let slot = self.memory.index.get_mut(self.index as usize);
            if let (Some(entry), Some(slot)) = (wanted, slot) {
                *slot = entry;
                self.index += 1;
            }
        }
        let tree = Span {
            start,
            end: self.index,
        };
        index::link(tree.of_mut(self.memory.index));
        tree
    }
}

struct Names<'a> {
    memory: &'a mut [u8],
    used: u32,
}

impl Sink for Names<'_> {
    fn put(&mut self, bytes: &[u8]) {
        let free = self.memory.iter_mut().skip(self.used as usize);
        for (slot, byte) in free.zip(bytes) {
            *slot = *byte;
            self.used += 1;
        }
    }
}

/// The table's header: rules stand in one, or the file has none.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Table {
    None,
    /// In this line.
    Open(u32),
    Committed,
}

/// Reads one file.
struct Reader<'b, 'r> {
    builder: &'b mut Builder<'r>,
    file: RuleFile,
    table: Table,
    /// The line that is being read, from 1.
    line: u32,
    says_something: bool,
}

impl Reader<'_, '_> {
    fn read<'a>(&mut self, text: &'a [u8]) -> Result<(), RuleError<'a>> {
        for line in text.split(|&byte| byte == b'\n') {
            self.line += 1;
            if line.first() != Some(&b'#') {
                self.read_line(line)?;
            }
        }
        if let Table::Open(header) = self.table {
            self.line = header;
            return Err(self.error(b"*filter", "expected COMMIT at the table's end"));
        }
        if self.says_something {
            return Ok(());
        }
        self.line = 0;
        Err(self.error(
            b"",
            "holds no rule: expected a line like -A BIND -p tcp --sport 8000:8999 -j ACCEPT",
        ))
    }

    fn read_line<'a>(&mut self, line: &'a [u8]) -> Result<(), RuleError<'a>> {
        let mut words = Words::of(line);
        let Some(mut first) = self.next(&mut words)? else {
            return Ok(());
        };
        if self.table == Table::Committed {
            return Err(self.error(
                first.text,
                "expected nothing behind COMMIT: one table is all",
            ));
        }
        match first.text.first() {
            Some(b'*') => return self.read_table(first.text, words),
            Some(b':') => return self.read_policy(first.text, words),
            Some(b'[') => {
                self.check_counters(first.text)?;
                first = self.expect(&mut words, "expected a rule behind its counters")?;
            }
            _ => {}
        }
        match first.text {
            b"COMMIT" if matches!(self.table, Table::Open(_)) => {
                self.table = Table::Committed;
                self.expect_end(words)
            }
            b"COMMIT" => Err(self.error(first.text, "expected *filter before it, or no COMMIT")),
            b"-A" | b"--append" => self.read_rule(words),
            other => Err(self.error(
                other,
                "expected -A CHAIN and a rule, :CHAIN and its policy, *filter, COMMIT or a comment",
            )),
        }
    }

    fn read_table<'a>(&mut self, name: &'a [u8], words: Words<'a>) -> Result<(), RuleError<'a>> {
        if name != b"*filter" {
            return Err(self.error(name, "expected the table filter"));
        }
        if self.says_something || self.table != Table::None {
            return Err(self.error(name, "expected one table, its header before all rules"));
        }
        self.table = Table::Open(self.line);
        self.expect_end(words)
    }

    /// `:CHAIN POLICY [PACKETS:BYTES]`
    fn read_policy<'a>(
        &mut self,
        word: &'a [u8],
        mut words: Words<'a>,
    ) -> Result<(), RuleError<'a>> {
        let chain = self.chain(word.get(1..).unwrap_or(&[]))?;
        let expected = "expected the chain's policy, ACCEPT or DROP";
        let policy = self.expect(&mut words, expected)?.text;
        let drops = match policy {
            b"ACCEPT" | b"-" => false,
            b"DROP" => true,
            other => return Err(self.error(other, expected)),
        };
        if let Some(counters) = self.next(&mut words)? {
            self.check_counters(counters.text)?;
        }
        let line = self.line;
        let chain = self.file.chain_mut(chain);
        chain.drops = drops;
        chain.policy_line = line;
        self.says_something = true;
        self.expect_end(words)
    }

    /// `[PACKETS:BYTES]`
    fn check_counters<'a>(&self, word: &'a [u8]) -> Result<(), RuleError<'a>> {
        let inner = word
            .strip_prefix(b"[")
            .and_then(|word| word.strip_suffix(b"]"));
        let mut halves = inner.unwrap_or(&[]).splitn(2, |&byte| byte == b':');
        let is_number = |half: Option<&[u8]>| {
            half.is_some_and(|half| !half.is_empty() && half.iter().all(u8::is_ascii_digit))
        };
        if is_number(halves.next()) && is_number(halves.next()) {
            Ok(())
        } else {
            Err(self.error(word, "expected counters like [0:0]"))
        }
    }

    fn read_rule<'a>(&mut self, mut words: Words<'a>) -> Result<(), RuleError<'a>> {
        let name = self.expect(&mut words, "expected a chain: BIND, CONNECT or ACCEPT")?;
        let chain = self.chain(name.text)?;
        let mut rule = RuleWords {
            chain_name: name.text,
            chain,
            rule: Rule {
                line: self.line,
                chain,
                ..Rule::EMPTY
            },
            is_multiport: false,
            is_commented: false,
            has_comment: false,
            source: None,
            destination: None,
            jump: None,
            to_source: None,
            has_protocol: false,
        };
        let mut negation = None;
        while let Some(word) = self.next(&mut words)? {
            if word.text == b"!" && !word.quoted {
                if negation.replace(word.text).is_some() {
                    return Err(self.error(word.text, "expected one ! before an option"));
                }
                continue;
            }
            self.read_option(&mut rule, word.text, negation.take().is_some(), &mut words)?;
        }
        if let Some(word) = negation {
            return Err(self.error(word, "expected an option behind it"));
        }
        self.push(&rule)
    }

    fn read_option<'a>(
        &mut self,
        rule: &mut RuleWords<'a>,
        option: &'a [u8],
        negated: bool,
        words: &mut Words<'a>,
    ) -> Result<(), RuleError<'a>> {
        match option {
            b"-p" | b"--protocol" | b"--proto" => {
                self.once(option, !rule.has_protocol)?;
                let value = self.expect(words, "expected a protocol, tcp or udp")?.text;
                rule.rule.protocols = self.protocols(value, negated)?;
                rule.has_protocol = true;
            }
            b"-s" | b"--source" | b"--src" => {
                self.allow(option, rule.chain != Chain::Connect, NO_LOCAL_END)?;
                self.once(option, rule.source.is_none())?;
                rule.source = Some(self.networks(words, negated)?);
            }
            b"-d" | b"--destination" | b"--dst" => {
                self.allow(option, rule.chain != Chain::Bind, NO_REMOTE_END)?;
                self.once(option, rule.destination.is_none())?;
                rule.destination = Some(self.networks(words, negated)?);
            }
            b"--sport" | b"--source-port" => {
                self.allow(option, rule.chain != Chain::Connect, NO_LOCAL_END)?;
                self.once(option, rule.rule.sports.ranges.is_empty())?;
                rule.rule.sports = self.port(rule, option, negated, words)?;
            }
            b"--dport" | b"--destination-port" => {
                self.allow(option, rule.chain != Chain::Bind, NO_REMOTE_END)?;
                self.once(option, rule.rule.dports.ranges.is_empty())?;
                rule.rule.dports = self.port(rule, option, negated, words)?;
            }
            b"--sports" | b"--source-ports" => {
                self.allow(option, rule.chain != Chain::Connect, NO_LOCAL_END)?;
                self.once(option, rule.rule.sports.ranges.is_empty())?;
                rule.rule.sports = self.multiport(rule, option, negated, words)?;
            }
            b"--dports" | b"--destination-ports" => {
                self.allow(option, rule.chain != Chain::Bind, NO_REMOTE_END)?;
                self.once(option, rule.rule.dports.ranges.is_empty())?;
                rule.rule.dports = self.multiport(rule, option, negated, words)?;
            }
            _ if negated => return Err(self.error(option, "can't have ! before it")),
            b"-m" | b"--match" => self.read_match(rule, words)?,
            b"--comment" => {
                self.allow(option, rule.is_commented, "expected -m comment before it")?;
                let comment = self.expect(words, "expected the comment's text")?.text;
                let fits = comment.len() < 256;
                self.allow(comment, fits, "is too long: expected at most 255 bytes")?;
                rule.has_comment = true;
            }
            b"-j" | b"--jump" => {
                self.once(option, rule.jump.is_none())?;
                let target = self.expect(words, NO_TARGET)?.text;
                rule.jump = Some(self.jump(rule, target)?);
            }
            b"--reject-with" => {
                let rejects = rule.jump == Some(Jump::Reject);
                self.allow(option, rejects, "expected -j REJECT before it")?;
                let has_caller = rule.chain != Chain::Accept;
                self.allow(
                    option,
                    has_caller,
                    "nobody is told an errno by ACCEPT: expected REJECT alone",
                )?;
                rule.rule.errno = self.errno(words)?;
            }
            b"--to-source" => {
                let snat = rule.jump == Some(Jump::Snat);
                self.allow(option, snat, "expected -j SNAT before it")?;
                self.once(option, rule.to_source.is_none())?;
                rule.to_source = Some(self.to_source(words)?);
            }
            other => return Err(self.error(other, UNKNOWN_OPTION)),
        }
        Ok(())
    }

    /// `-m`: what it names must be something whose options are known.
    fn read_match<'a>(
        &self,
        rule: &mut RuleWords<'a>,
        words: &mut Words<'a>,
    ) -> Result<(), RuleError<'a>> {
        let name = self
            .expect(words, "expected tcp, udp, multiport or comment")?
            .text;
        let is = |protocols| rule.rule.protocols == protocols;
        match name {
            b"tcp" => self.allow(name, is(Protocols::Tcp), "expected -p tcp before it"),
            b"udp" => self.allow(name, is(Protocols::Udp), "expected -p udp before it"),
            b"multiport" => {
                let had_ports = !rule.is_multiport;
                rule.is_multiport = true;
                self.allow(name, had_ports, NO_MULTIPORT)
            }
            b"comment" => {
                rule.is_commented = true;
                Ok(())
            }
            other => Err(self.error(
                other,
                "is a match that isn't known here: expected tcp, udp, multiport or comment",
            )),
        }
    }

    /// `-p`
    fn protocols<'a>(&self, name: &'a [u8], negated: bool) -> Result<Protocols, RuleError<'a>> {
        let is = |names: [&[u8]; 2]| names.iter().any(|other| name.eq_ignore_ascii_case(other));
        Ok(match negated {
            false if is([b"tcp", b"6"]) => Protocols::Tcp,
            false if is([b"udp", b"17"]) => Protocols::Udp,
            false if is([b"all", b"0"]) => Protocols::All,
            true if is([b"tcp", b"6"]) => Protocols::NotTcp,
            true if is([b"udp", b"17"]) => Protocols::NotUdp,
            _ => return Err(self.error(name, "expected a protocol, tcp or udp")),
        })
    }

    /// `-s` or `-d`: networks, separated by commas.
    fn networks<'a>(
        &self,
        words: &mut Words<'a>,
        negated: bool,
    ) -> Result<Networks<'a>, RuleError<'a>> {
        let text = self.expect(words, "expected an address or a network")?.text;
        if negated && text.contains(&b',') {
            return Err(self.error(text, "expected one address or network behind !"));
        }
        Ok(Networks { text, negated })
    }

    fn network<'a>(&self, text: &'a [u8]) -> Result<IpNet, RuleError<'a>> {
        let expected = match network(text) {
            Ok(net) if !is_mapped(net.addr()) => return Ok(net),
            Ok(_) => "is IPv4: expected it written as that",
            Err(Problem::HostBits(_)) => {
                "has bits set beyond its prefix: expected the network's own address"
            }
            Err(_) => {
                "expected an address (10.0.0.5, fd00::5) or a network (10.0.0.0/24, fd00::/64)"
            }
        };
        Err(self.error(text, expected))
    }

    /// `--sport` or `--dport`.
    fn port<'a>(
        &mut self,
        rule: &RuleWords<'a>,
        option: &'a [u8],
        negated: bool,
        words: &mut Words<'a>,
    ) -> Result<Ports, RuleError<'a>> {
        let has_ports = rule.has_ports();
        self.allow(option, has_ports, "expected -p tcp or -p udp before it")?;
        let text = self
            .expect(words, "expected a port, or two with a colon between")?
            .text;
        // `:80` and `80:` are ranges too.
        let half = |text: &[u8], default| match text {
            b"" => Some(default),
            text => port_number(text),
        };
        let mut halves = text.splitn(2, |&byte| byte == b':');
        let first = halves.next().unwrap_or(&[]);
        let range = match halves.next() {
            None => port_number(first).map(|port| PortRange {
                first: port,
                last: port,
            }),
            Some(last) => half(first, 0).zip(half(last, u16::MAX)).map(pair),
        };
        let start = self.builder.ports;
        self.push_range(text, range)?;
        Ok(self.ports_from(start, negated))
    }

    /// `--sports` or `--dports`.
    fn multiport<'a>(
        &mut self,
        rule: &mut RuleWords<'a>,
        option: &'a [u8],
        negated: bool,
        words: &mut Words<'a>,
    ) -> Result<Ports, RuleError<'a>> {
        self.allow(option, rule.is_multiport, "expected -m multiport before it")?;
        // One -m takes one list.
        rule.is_multiport = false;
        let has_ports = rule.has_ports();
        self.allow(option, has_ports, "expected -p tcp or -p udp before it")?;
        let text = self
            .expect(words, "expected ports, separated by commas")?
            .text;
        let start = self.builder.ports;
        let mut count = 0;
        for one in text.split(|&byte| byte == b',') {
            let mut halves = one.splitn(2, |&byte| byte == b':');
            let first = halves.next().and_then(port_number);
            let last = halves.next().map(port_number);
            count += if last.is_some() { 2 } else { 1 };
            let range = first.zip(last.unwrap_or(first)).map(pair);
            self.push_range(one, range)?;
        }
        let fits = count <= MULTIPORT_MAX;
        self.allow(
            text,
            fits,
            "is too long: expected at most 15 ports, a range counted as two",
        )?;
        Ok(self.ports_from(start, negated))
    }

    fn push_range<'a>(
        &mut self,
        text: &'a [u8],
        range: Option<PortRange>,
    ) -> Result<(), RuleError<'a>> {
        let expected = "expected a port from 0 to 65535, or a range like 8000:8999";
        let range = range
            .filter(|range| range.first <= range.last)
            .ok_or(self.error(text, expected))?;
        self.builder
            .push_ports(range)
            .ok_or(self.error(text, TOO_MANY))
    }

    const fn ports_from(&self, start: u32, negated: bool) -> Ports {
        Ports {
            ranges: Span {
                start,
                end: self.builder.ports,
            },
            negated,
        }
    }

    /// `-j`
    fn jump<'a>(&self, rule: &mut RuleWords<'a>, name: &'a [u8]) -> Result<Jump, RuleError<'a>> {
        match name {
            b"ACCEPT" => Ok(Jump::Accept),
            b"REJECT" => {
                rule.rule.errno = EPERM;
                Ok(Jump::Reject)
            }
            b"SNAT" if rule.chain == Chain::Connect => Ok(Jump::Snat),
            b"SNAT" => Err(self.error(name, "is for CONNECT only: expected ACCEPT or REJECT")),
            other => Err(self.error(other, NO_TARGET)),
        }
    }

    /// `--reject-with`
    fn errno<'a>(&self, words: &mut Words<'a>) -> Result<i32, RuleError<'a>> {
        let expected = "expected eperm, eacces, econnrefused or enetunreach";
        let name = self.expect(words, expected)?.text;
        REJECT_WITH
            .iter()
            .find(|(known, _)| known.as_bytes() == name)
            .map(|&(_, errno)| errno)
            .ok_or(self.error(name, expected))
    }

    /// `--to-source`
    fn to_source<'a>(&self, words: &mut Words<'a>) -> Result<IpAddr, RuleError<'a>> {
        let expected = "expected one address, without a port: it is the source of a connection";
        let text = self.expect(words, expected)?.text;
        crate::address::parse(text)
            .filter(|address| !address.is_unspecified() && !is_mapped(*address))
            .ok_or(self.error(text, expected))
    }

    /// A rule that has been read to its end: one for each pair of its addresses.
    fn push<'a>(&mut self, words: &RuleWords<'a>) -> Result<(), RuleError<'a>> {
        let Some(jump) = words.jump else {
            return Err(self.error(b"", NO_TARGET_GIVEN));
        };
        self.allow(b"multiport", !words.is_multiport, NO_MULTIPORT)?;
        if words.is_commented && !words.has_comment {
            return Err(self.error(b"comment", "expected --comment behind it"));
        }
        let mut rule = words.rule;
        rule.jump = jump;
        let to_source = match (jump, words.to_source) {
            (Jump::Snat, None) => return Err(self.error(b"SNAT", "expected --to-source behind it")),
            (_, to_source) => to_source,
        };
        if let Some(address) = to_source {
            rule.to_source = key(address);
        }
        for source in Networks::each(words.source) {
            for destination in Networks::each(words.destination) {
                let mut family = to_source.map(Family::of);
                rule.source = self.addresses(source, &mut family)?;
                rule.destination = self.addresses(destination, &mut family)?;
                rule.families = match family {
                    None => Families::Both,
                    Some(Family::Ipv4) => Families::Ipv4,
                    Some(Family::Ipv6) => Families::Ipv6,
                };
                let kept = self.keep(rule);
                kept.ok_or(self.error(words.chain_name, TOO_MANY))?;
            }
        }
        Ok(())
    }

    /// One network as a rule has it; all of a rule have to be of one family.
    fn addresses<'a>(
        &self,
        one: Option<(&'a [u8], bool)>,
        family: &mut Option<Family>,
    ) -> Result<Addresses, RuleError<'a>> {
        let Some((text, negated)) = one else {
            return Ok(Addresses::ANY);
        };
        let net = self.network(text)?;
        let own = Family::of(net.addr());
        if *family.get_or_insert(own) != own {
            return Err(self.error(text, "expected the family of the rule's other address"));
        }
        Ok(Addresses {
            first: key(net.network()),
            last: key(net.broadcast()),
            negated,
        })
    }

    /// Keeps a rule, and what its chain has to know of it.
    fn keep(&mut self, rule: Rule) -> Option<()> {
        self.builder.push_rule(rule)?;
        let chain = self.file.chain_mut(rule.chain);
        chain.has_rules = true;
        chain.asks_protocol |= rule.protocols != Protocols::All;
        chain.asks_local_end |= !(rule.destination.is_any() && rule.dports.ranges.is_empty());
        self.says_something = true;
        Some(())
    }

    fn chain<'a>(&self, name: &'a [u8]) -> Result<Chain, RuleError<'a>> {
        Chain::ALL
            .into_iter()
            .find(|chain| chain.name().as_bytes() == name)
            .ok_or(self.error(name, "expected a chain: BIND, CONNECT or ACCEPT"))
    }

    fn next<'a>(&self, words: &mut Words<'a>) -> Result<Option<Word<'a>>, RuleError<'a>> {
        words.next().map_err(|BadQuote(text)| {
            self.error(text, "expected double quotes around a whole word, or none")
        })
    }

    fn expect<'a>(
        &self,
        words: &mut Words<'a>,
        expected: &'static str,
    ) -> Result<Word<'a>, RuleError<'a>> {
        self.next(words)?.ok_or(self.error(b"", expected))
    }

    fn expect_end<'a>(&self, mut words: Words<'a>) -> Result<(), RuleError<'a>> {
        match self.next(&mut words)? {
            None => Ok(()),
            Some(word) => Err(self.error(word.text, "expected the line's end")),
        }
    }

    fn once<'a>(&self, option: &'a [u8], is_first: bool) -> Result<(), RuleError<'a>> {
        self.allow(option, is_first, "is given twice: expected one")
    }

    fn allow<'a>(
        &self,
        word: &'a [u8],
        allowed: bool,
        problem: &'static str,
    ) -> Result<(), RuleError<'a>> {
        if allowed {
            Ok(())
        } else {
            Err(self.error(word, problem))
        }
    }

    const fn error<'a>(&self, word: &'a [u8], problem: &'static str) -> RuleError<'a> {
        RuleError {
            line: self.line,
            word,
            problem,
        }
    }
}

/// A rule while it is read.
struct RuleWords<'a> {
    chain_name: &'a [u8],
    chain: Chain,
    /// What is known of it so far, but for what stands below.
    rule: Rule,
    has_protocol: bool,
    /// Whether `-m multiport` has been read, and not yet its ports.
    is_multiport: bool,
    is_commented: bool,
    has_comment: bool,
    source: Option<Networks<'a>>,
    destination: Option<Networks<'a>>,
    jump: Option<Jump>,
    to_source: Option<IpAddr>,
}

impl RuleWords<'_> {
    /// Whether its protocol is one that has ports.
    const fn has_ports(&self) -> bool {
        matches!(self.rule.protocols, Protocols::Tcp | Protocols::Udp)
    }
}

/// `-s` or `-d`; what its networks are is seen once the whole rule has been read.
#[derive(Clone, Copy)]
struct Networks<'a> {
    text: &'a [u8],
    negated: bool,
}

impl<'a> Networks<'a> {
    /// The text of each; a `None` where the option isn't given.
    fn each(option: Option<Self>) -> impl Iterator<Item = Option<(&'a [u8], bool)>> {
        let text = option.map_or(&b""[..], |networks| networks.text);
        text.split(|&byte| byte == b',')
            .map(move |one| option.map(|networks| (one, networks.negated)))
    }
}

/// A v4-mapped address: the rules know it as the IPv4 address that it is.
const fn is_mapped(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => false,
        IpAddr::V6(v6) => v6.to_ipv4_mapped().is_some(),
    }
}

const fn pair((first, last): (u16, u16)) -> PortRange {
    PortRange { first, last }
}

fn port_number(text: &[u8]) -> Option<u16> {
    parse_decimal(text, u16::MAX.into()).and_then(|port| u16::try_from(port).ok())
}
