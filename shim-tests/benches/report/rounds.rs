//! Rounds: each measures every variant once, in a new order, so that no drift of the machine keeps
//! step with them.

use std::time::{Duration, Instant};

use fastrand::Rng;

use crate::command::Failure;

/// Always the same, so that the orders are the same in every run.
const SEED: u64 = 1;

/// Rounds until `time` is up, but at least `least`: for each variant what `measure` found, a
/// value a round.
pub fn interleave<T>(
    variants: usize,
    least: usize,
    time: Duration,
    mut measure: impl FnMut(usize) -> Result<T, Failure>,
) -> Result<Vec<Vec<T>>, Failure> {
    let mut found: Vec<Vec<T>> = (0..variants).map(|_| Vec::new()).collect();
    let mut order: Vec<usize> = (0..variants).collect();
    let mut random = Rng::with_seed(SEED);
    let start = Instant::now();
    let mut round = 0;
    while round < least || start.elapsed() < time {
        random.shuffle(&mut order);
        for &index in &order {
            found[index].push(measure(index)?);
        }
        round += 1;
    }
    Ok(found)
}
