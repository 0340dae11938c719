//! What the number of rules in `ipaddr.rules` costs.

use std::process::Stdio;
use std::time::Duration;

use shim_tests::PolicyDir;

use crate::chart;
use crate::command::Failure;
use crate::loops::Loop;
use crate::results::Results;
use crate::stats::ratios;
use crate::variants::{Variant, Variants};

const COUNTS: [usize; 3] = [10, 100, 1_000];

const LOOPS: [Loop; 4] = [Loop::UdpBind, Loop::UdpConnect, Loop::UdpSend, Loop::Exec];

/// How the rules of a file and what the loops do fit together.
#[derive(Clone, Copy, PartialEq)]
enum Match {
    /// The last rule accepts it; the others are for ports and networks, one after the other, that
    /// it hasn't.
    Last,
    /// None does: all are like those others.
    None,
    /// Each has its address and its port, but another protocol: nothing can be left out.
    Nearly,
}

impl Match {
    const ALL: [Self; 3] = [Self::Last, Self::None, Self::Nearly];

    const fn name(self) -> &'static str {
        match self {
            Self::Last => "the last matches",
            Self::None => "none matches",
            Self::Nearly => "all but the protocol match",
        }
    }

    /// Rule `number` of `count` for BIND and for CONNECT.
    fn rules(self, number: usize, count: usize) -> String {
        let (high, low) = (number / 250, number % 250);
        let bound = 1_000 + number;
        match self {
            Self::Last if number == count => "\
                -A BIND -p udp -j ACCEPT\n\
                -A CONNECT -d 127.0.0.1/32 -p udp -j ACCEPT\n"
                .to_owned(),
            Self::Last | Self::None => format!(
                "-A BIND -p udp -m udp --sport {bound} -j ACCEPT\n\
                 -A CONNECT -d 10.1.{high}.{low}/32 -p udp -m udp --dport 53 -j ACCEPT\n"
            ),
            Self::Nearly => format!(
                "-A BIND -p tcp -m tcp --sport 0:{bound} -j ACCEPT\n\
                 -A CONNECT -d 127.0.0.0/8 -p tcp -m tcp --dport {bound}:65535 -j ACCEPT\n"
            ),
        }
    }
}

/// An ipaddr.rules with so many rules for each loop's chain.
struct Rules {
    count: usize,
    matching: Match,
    directory: PolicyDir,
}

pub fn report(variants: &Variants, time: Duration, results: &mut Results) -> Result<(), Failure> {
    results.heading("The number of rules");
    if !are_read(variants)? {
        results.paragraph("Left out: this library doesn't read ipaddr.rules.");
        return Ok(());
    }
    results.paragraph(
        "A policy file, and an ipaddr.rules with so many rules for BIND and as many for CONNECT. The \
         last matches, or none matches: all others are for ports or networks, one after the other, \
         that the call hasn't. All but the protocol match: each is for the call's address and port, \
         so nothing can be left out.",
    );
    let rules: Vec<_> = COUNTS
        .iter()
        .flat_map(|&count| Match::ALL.map(|matching| Rules::write(count, matching)))
        .collect();
    let mut compared = vec![Variant {
        name: "no rules".to_owned(),
        ..variants.by_file()
    }];
    compared.extend(rules.iter().map(|rules| rules.variant(variants)));
    let mut lines = Vec::new();
    for which in LOOPS {
        let time = time / u32::try_from(LOOPS.len())?;
        let nanoseconds = which.nanoseconds(variants.artifacts, &compared, time)?;
        let title = format!("{}, with rules", which.title());
        results.measurement(&title, "ns", &compared, &nanoseconds, &[0])?;
        lines.push(line(which, Match::None, &rules, &nanoseconds));
        if which == Loop::UdpConnect {
            lines.push(line(which, Match::Nearly, &rules, &nanoseconds));
        }
    }
    let caption = "Time of a call and of an exec against the number of rules in ipaddr.rules, as the \
                   ratio to no rules: the median of the rounds' own ratios and its 95 % confidence \
                   interval";
    results.chart("rules.svg", caption, |path| {
        let axes = ["rules for the call's chain", "time, ratio to no rules"];
        chart::lines(path, "The number of rules", axes, &lines)
    })
}

/// Whether the library refuses what a rule rejects.
fn are_read(variants: &Variants) -> Result<bool, Failure> {
    let directory = PolicyDir::new();
    directory.write("", "ipv4", "127.0.0.2\n");
    directory.write("", "rules", "-A CONNECT -p udp -j REJECT\n");
    let variant = variants.restricted("rejected", directory.path().to_owned());
    let mut command = Loop::UdpConnect.command(variants.artifacts, &variant);
    let status = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    Ok(!status.success())
}

impl Rules {
    fn write(count: usize, matching: Match) -> Self {
        let directory = PolicyDir::new();
        directory.write("", "ipv4", "127.0.0.2\n");
        let text: String = (1..=count)
            .map(|number| matching.rules(number, count))
            .collect();
        directory.write("", "rules", &text);
        Self {
            count,
            matching,
            directory,
        }
    }

    fn variant<'a>(&self, variants: &Variants<'a>) -> Variant<'a> {
        let name = format!("{} rules, {}", self.count, self.matching.name());
        variants.restricted(name, self.directory.path().to_owned())
    }
}

fn line(which: Loop, matching: Match, rules: &[Rules], nanoseconds: &[Vec<f64>]) -> chart::Line {
    let [none, with_rules @ ..] = nanoseconds else {
        unreachable!("no rules, and then some");
    };
    let counted = rules.iter().zip(with_rules);
    let counted = counted.filter(|(rules, _)| rules.matching == matching);
    let points = counted.map(|(rules, own)| (rules.count as f64, ratios(own, none).interval()));
    chart::Line {
        name: format!("{}, {}", which.short(), matching.name()),
        points: points.collect(),
    }
}
