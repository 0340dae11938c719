//! Rounds: each measures every variant once, in a new order, so that no drift of the machine keeps
//! step with them.

use std::time::{Duration, Instant};

use crate::command::Failure;
use crate::stats::Shuffle;

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
    let mut shuffle = Shuffle::new();
    let start = Instant::now();
    let mut round = 0;
    while round < least || start.elapsed() < time {
        shuffle.shuffle(&mut order);
        for &index in &order {
            found[index].push(measure(index)?);
        }
        round += 1;
    }
    Ok(found)
}
