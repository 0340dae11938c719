//! What it takes to start a command under the guard, and one inside of it.

use std::time::{Duration, Instant};

use super::front_ends::FrontEnds;
use crate::command::{self, Failure};
use crate::loops::COMMAND;
use crate::results::Results;
use crate::rounds;
use crate::stats::Sorted;
use crate::variants::Variant;

const LEAST_ROUNDS: usize = 10;

/// A value is the median of so many.
const REPETITIONS: usize = 21;

pub fn report(
    front_ends: &FrontEnds,
    time: Duration,
    results: &mut Results,
) -> Result<(), Failure> {
    let variants = front_ends.all();
    let started = rounds::interleave(variants.len(), LEAST_ROUNDS, time / 2, |index| {
        start(&variants[index])
    })?;
    let title = format!("Start of {COMMAND}: spawn + exec + wait, the guard's own start included");
    results.measurement(&title, "ns", &variants, &started, &[0])?;
    let executed = rounds::interleave(variants.len(), LEAST_ROUNDS, time / 2, |index| {
        exec(front_ends, &variants[index])
    })?;
    let title = format!("exec {COMMAND} by a program that is run this way");
    results.measurement(&title, "ns", &variants, &executed, &[0])
}

fn start(variant: &Variant) -> Result<f64, Failure> {
    let mut command = variant.command(COMMAND);
    let mut all = Vec::new();
    for _ in 0..REPETITIONS {
        let begin = Instant::now();
        let status = command.status()?;
        all.push(begin.elapsed().as_nanos() as f64);
        if !status.success() {
            return Err(format!("{command:?}: {status}").into());
        }
    }
    Ok(Sorted::new(all).median())
}

fn exec(front_ends: &FrontEnds, variant: &Variant) -> Result<f64, Failure> {
    let mut command = variant.command_at(front_ends.artifacts.loops().get_program());
    command.args(["exec", COMMAND]);
    for (name, value) in &variant.environment {
        command.arg(format!("{name}={}", value.display()));
    }
    let output = command::output(&mut command)?;
    let nanoseconds = output.split_whitespace().nth(1);
    Ok(nanoseconds.ok_or("two words")?.parse()?)
}
