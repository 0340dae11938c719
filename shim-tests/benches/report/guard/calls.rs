//! What a trapped call takes, and one that isn't trapped.

use std::time::Duration;

use super::front_ends::FrontEnds;
use crate::artifacts::Artifacts;
use crate::command::{self, Failure};
use crate::results::Results;
use crate::rounds;
use crate::stats::{Sorted, ratios};
use crate::table;
use crate::variants::{Source, Variant};

/// Fewer rounds say nothing, however slow the machine.
const LEAST_ROUNDS: usize = 10;

/// A loop of c-harness/bench_trapped.c.
#[derive(Clone, Copy)]
struct Call {
    name: &'static str,
    title: &'static str,
    local: Local,
}

/// The local address that a socket must have got, or something else was measured.
#[derive(Clone, Copy)]
enum Local {
    None,
    /// The wildcard, where nothing is assigned.
    Wildcard,
    /// That of the way to the peer, where nothing is assigned.
    Connected,
}

const CALLS: [Call; 9] = [
    Call::new("getppid", "getppid", Local::None),
    Call::new("read-write", "read and write of a pipe", Local::None),
    Call::new("udp-bind", "UDP bind", Local::Wildcard),
    Call::new("udp-connect", "UDP connect", Local::Connected),
    Call::new("tcp-connect", "TCP connect", Local::Connected),
    Call::new(
        "tcp-nonblocking",
        "TCP connect, non-blocking",
        Local::Connected,
    ),
    Call::new("sendto", "sendto", Local::Wildcard),
    Call::new("sendmsg", "sendmsg", Local::Wildcard),
    Call::new("unix-sendmsg", "AF_UNIX sendmsg and recv", Local::None),
];

impl Call {
    const fn new(name: &'static str, title: &'static str, local: Local) -> Self {
        Self { name, title, local }
    }

    /// Nanoseconds.
    fn measure(self, artifacts: &Artifacts, variant: &Variant) -> Result<f64, Failure> {
        let mut command = variant.command_at(&artifacts.trapped);
        let output = command::output(command.arg(self.name))?;
        let words = output.trim().split_once(' ');
        match words {
            Some((local, nanoseconds)) if local == self.address(variant.source) => {
                Ok(nanoseconds.parse()?)
            }
            _ => Err(format!("{}: {}: unexpected {output:?}", variant.name, self.name).into()),
        }
    }

    const fn address(self, source: Source) -> &'static str {
        match (self.local, source) {
            (Local::None, _) => "-",
            (_, Source::Assigned | Source::AssignedByPacket) => "127.0.0.2",
            (Local::Wildcard, Source::Any) => "0.0.0.0",
            (Local::Connected, Source::Any) => "127.0.0.1",
        }
    }
}

pub fn report(
    front_ends: &FrontEnds,
    time: Duration,
    results: &mut Results,
) -> Result<(), Failure> {
    let variants = front_ends.all();
    let time = time / u32::try_from(CALLS.len())?;
    let mut all = Vec::new();
    for call in CALLS {
        all.push(rounds::interleave(
            variants.len(),
            LEAST_ROUNDS,
            time,
            |index| call.measure(front_ends.artifacts, &variants[index]),
        )?);
    }
    results.paragraph("### Calls under the guard");
    results.paragraph(
        "Nanoseconds of the call alone, on one processor: the median of calls that are timed one by \
         one, the first two lines by the hundred. In the last columns ratios; details below.",
    );
    results.paragraph(&summary(&variants, &all));
    for (call, nanoseconds) in CALLS.iter().zip(&all) {
        let title = format!("{} under the guard", call.title);
        results.measurement(&title, "ns", &variants, nanoseconds, &[0, 2])?;
    }
    Ok(())
}

fn summary(variants: &[Variant], all: &[Vec<Vec<f64>>]) -> String {
    let mut head = vec![String::new()];
    head.extend(
        variants
            .iter()
            .map(|variant| format!("{}, ns", variant.name)),
    );
    head.extend(["guard to none", "guard to round trip"].map(str::to_owned));
    let rows = CALLS.iter().zip(all).map(|(call, of_call)| {
        let mut row = vec![call.title.to_owned()];
        row.extend(of_call.iter().map(|own| {
            let median = Sorted::new(own.iter().copied()).median();
            format!("{median:.0}")
        }));
        let [none, _, round_trip, guard] = of_call.as_slice() else {
            return row;
        };
        row.extend([none, round_trip].map(|base| format!("{:.3}", ratios(guard, base).median())));
        row
    });
    table::layout(head, rows)
}
