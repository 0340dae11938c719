//! Whether one supervisor starves a thread of a program that sends by many.

use std::time::Duration;

use super::front_ends::FrontEnds;
use crate::command::{self, Failure};
use crate::results::Results;
use crate::rounds;
use crate::variants::Variant;

const THREADS: &str = "8";

/// Of one run.
const RUN: Duration = Duration::from_secs(1);

const LEAST_ROUNDS: usize = 5;

/// What the threads of one run have sent.
struct Sent {
    /// A second, all together.
    rate: f64,
    /// The slowest thread's count, in per cent of the fastest's.
    slowest: f64,
}

pub fn report(
    front_ends: &FrontEnds,
    time: Duration,
    results: &mut Results,
) -> Result<(), Failure> {
    let variants = front_ends.all();
    let sent = rounds::interleave(variants.len(), LEAST_ROUNDS, time, |index| {
        send(front_ends, &variants[index])
    })?;
    let of_each = |value: fn(&Sent) -> f64| -> Vec<Vec<f64>> {
        sent.iter()
            .map(|rounds| rounds.iter().map(value).collect())
            .collect()
    };
    results.measurement(
        &format!("sendto by {THREADS} threads, all together"),
        "a second",
        &variants,
        &of_each(|sent| sent.rate),
        &[0],
    )?;
    results.measurement(
        &format!("sendto by {THREADS} threads, the slowest in per cent of the fastest"),
        "%",
        &variants,
        &of_each(|sent| sent.slowest),
        &[0],
    )
}

fn send(front_ends: &FrontEnds, variant: &Variant) -> Result<Sent, Failure> {
    let mut command = variant.command_at(&front_ends.artifacts.trapped);
    let milliseconds = RUN.as_millis().to_string();
    let output = command::output(command.args(["threads", THREADS, &milliseconds]))?;
    let counts: Result<Vec<f64>, _> = output.split_whitespace().map(str::parse).collect();
    let counts = counts?;
    let least = counts.iter().copied().fold(f64::INFINITY, f64::min);
    let most = counts.iter().copied().fold(0.0, f64::max);
    if most == 0.0 {
        return Err(format!("{}: nothing was sent: {output:?}", variant.name).into());
    }
    Ok(Sent {
        rate: counts.iter().sum::<f64>() / RUN.as_secs_f64(),
        slowest: least / most * 100.0,
    })
}
