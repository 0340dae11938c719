//! One rule: its options, in the order in which iptables-restore(8) takes them.

use core::net::IpAddr;

use super::chain::Chain;
use super::error::{RuleError, RuleProblem};
use super::reader::Reader;
use super::rule::{Addresses, Families, Jump, PortRange, Ports, Protocols, Rule, key};
use super::span::Span;
use super::words::Words;
use crate::address::parse_decimal;
use crate::errno::EPERM;
use crate::family::{Family, may_be_source};
use crate::list::{Problem, network};
use crate::network::Network;

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

impl<'a> Reader<'a, '_, '_> {
    /// `-A`: the rest of the line.
    pub fn read_rule(&mut self, mut words: Words<'a>) -> Result<(), RuleError<'a>> {
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
            multiport: None,
            comment: None,
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

    fn read_option(
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
                self.allow_source(option, rule.chain)?;
                self.once(option, rule.source.is_none())?;
                rule.source = Some(self.networks(words, negated)?);
            }
            b"-d" | b"--destination" | b"--dst" => {
                self.allow_destination(option, rule.chain)?;
                self.once(option, rule.destination.is_none())?;
                rule.destination = Some(self.networks(words, negated)?);
            }
            b"--sport" | b"--source-port" => {
                self.allow_source(option, rule.chain)?;
                self.once(option, rule.rule.sports.ranges.is_empty())?;
                rule.rule.sports = self.port(rule, option, negated, words)?;
            }
            b"--dport" | b"--destination-port" => {
                self.allow_destination(option, rule.chain)?;
                self.once(option, rule.rule.dports.ranges.is_empty())?;
                rule.rule.dports = self.port(rule, option, negated, words)?;
            }
            b"--sports" | b"--source-ports" => {
                self.allow_source(option, rule.chain)?;
                self.once(option, rule.rule.sports.ranges.is_empty())?;
                rule.rule.sports = self.multiport(rule, option, negated, words)?;
            }
            b"--dports" | b"--destination-ports" => {
                self.allow_destination(option, rule.chain)?;
                self.once(option, rule.rule.dports.ranges.is_empty())?;
                rule.rule.dports = self.multiport(rule, option, negated, words)?;
            }
            _ if negated => return Err(self.error(option, "can't have ! before it")),
            b"-m" | b"--match" => self.read_match(rule, words)?,
            b"--comment" => {
                let is_commented = rule.comment.is_some();
                self.allow(option, is_commented, "expected -m comment before it")?;
                let comment = self.expect(words, "expected the comment's text")?.text;
                let fits = comment.len() < 256;
                self.allow(comment, fits, "is too long: expected at most 255 bytes")?;
                rule.has_comment = true;
            }
            b"-j" | b"--jump" => {
                self.once(option, rule.jump.is_none())?;
                let target = self.expect(words, NO_TARGET)?.text;
                rule.jump = Some((self.jump(rule, target)?, target));
            }
            b"--reject-with" => {
                let rejects = rule.jumps(Jump::Reject);
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
                let snat = rule.jumps(Jump::Snat);
                self.allow(option, snat, "expected -j SNAT before it")?;
                self.once(option, rule.to_source.is_none())?;
                rule.to_source = Some(self.to_source(words)?);
            }
            other => return Err(self.error(other, UNKNOWN_OPTION)),
        }
        Ok(())
    }

    /// The chain knows where packets come from.
    fn allow_source(&self, option: &'a [u8], chain: Chain) -> Result<(), RuleError<'a>> {
        self.allow(option, chain != Chain::Connect, NO_LOCAL_END)
    }

    /// The chain knows where packets go to.
    fn allow_destination(&self, option: &'a [u8], chain: Chain) -> Result<(), RuleError<'a>> {
        self.allow(option, chain != Chain::Bind, NO_REMOTE_END)
    }

    /// `-m`: what it names must be something whose options are known.
    fn read_match(
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
                let had_ports = rule.multiport.replace(name).is_none();
                self.allow(name, had_ports, NO_MULTIPORT)
            }
            b"comment" => {
                rule.comment = Some(name);
                Ok(())
            }
            other => Err(self.error(
                other,
                "is a match that isn't known here: expected tcp, udp, multiport or comment",
            )),
        }
    }

    /// `-p`
    fn protocols(&self, name: &'a [u8], negated: bool) -> Result<Protocols, RuleError<'a>> {
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
    fn networks(
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

    fn network(&self, text: &'a [u8]) -> Result<Network, RuleError<'a>> {
        let expected = match network(text) {
            Ok(net) if !is_mapped(net.address()) => return Ok(net),
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
    fn port(
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
    fn multiport(
        &mut self,
        rule: &mut RuleWords<'a>,
        option: &'a [u8],
        negated: bool,
        words: &mut Words<'a>,
    ) -> Result<Ports, RuleError<'a>> {
        // One -m takes one list.
        let is_multiport = rule.multiport.take().is_some();
        self.allow(option, is_multiport, "expected -m multiport before it")?;
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

    fn push_range(
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
            .ok_or(self.fault(text, RuleProblem::TooMany))
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
    fn jump(&self, rule: &mut RuleWords<'a>, name: &'a [u8]) -> Result<Jump, RuleError<'a>> {
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
    fn errno(&self, words: &mut Words<'a>) -> Result<i32, RuleError<'a>> {
        let expected = "expected eperm, eacces, econnrefused or enetunreach";
        let name = self.expect(words, expected)?.text;
        REJECT_WITH
            .iter()
            .find(|(known, _)| known.as_bytes() == name)
            .map(|&(_, errno)| errno)
            .ok_or(self.error(name, expected))
    }

    /// `--to-source`
    fn to_source(&self, words: &mut Words<'a>) -> Result<IpAddr, RuleError<'a>> {
        let expected = "expected one address, without a port: it is the source of a connection";
        let text = self.expect(words, expected)?.text;
        crate::address::parse(text)
            .filter(|&address| !address.is_unspecified() && !is_mapped(address))
            .filter(|&address| may_be_source(address))
            .ok_or(self.error(text, expected))
    }

    /// A rule that has been read to its end: one for each pair of its addresses.
    fn push(&mut self, words: &RuleWords<'a>) -> Result<(), RuleError<'a>> {
        let Some((jump, target)) = words.jump else {
            return Err(self.error(b"", NO_TARGET_GIVEN));
        };
        if let Some(name) = words.multiport {
            return Err(self.error(name, NO_MULTIPORT));
        }
        if let Some(name) = words.comment
            && !words.has_comment
        {
            return Err(self.error(name, "expected --comment behind it"));
        }
        let mut rule = words.rule;
        rule.jump = jump;
        let to_source = match (jump, words.to_source) {
            (Jump::Snat, None) => return Err(self.error(target, "expected --to-source behind it")),
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
                kept.ok_or(self.fault(words.chain_name, RuleProblem::TooMany))?;
            }
        }
        Ok(())
    }

    /// One network as a rule has it; all of a rule have to be of one family.
    fn addresses(
        &self,
        one: Option<(&'a [u8], bool)>,
        family: &mut Option<Family>,
    ) -> Result<Addresses, RuleError<'a>> {
        let Some((text, negated)) = one else {
            return Ok(Addresses::ANY);
        };
        let net = self.network(text)?;
        let own = net.family();
        if *family.get_or_insert(own) != own {
            return Err(self.error(text, "expected the family of the rule's other address"));
        }
        Ok(Addresses {
            first: key(net.first()),
            last: key(net.last()),
            negated,
        })
    }

    /// Keeps a rule, and what its chain has to know of it.
    fn keep(&mut self, rule: Rule) -> Option<()> {
        self.builder.push_rule(rule)?;
        let chain = self.file.chain_mut(rule.chain);
        chain.has_rules = true;
        chain.needs_protocol |= rule.protocols != Protocols::All;
        chain.needs_local_end |= !(rule.destination.is_any() && rule.dports.ranges.is_empty());
        self.says_something = true;
        Some(())
    }
}

/// A rule while it is read.
struct RuleWords<'a> {
    chain_name: &'a [u8],
    chain: Chain,
    /// What is known of it so far, but for the fields below.
    rule: Rule,
    has_protocol: bool,
    /// The name of `-m multiport`, until its ports have been read.
    multiport: Option<&'a [u8]>,
    /// The name of `-m comment`.
    comment: Option<&'a [u8]>,
    has_comment: bool,
    source: Option<Networks<'a>>,
    destination: Option<Networks<'a>>,
    /// The target, and its name.
    jump: Option<(Jump, &'a [u8])>,
    to_source: Option<IpAddr>,
}

impl RuleWords<'_> {
    fn jumps(&self, to: Jump) -> bool {
        self.jump.is_some_and(|(jump, _)| jump == to)
    }

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
