//! What the guard costs.

mod calls;
mod fairness;
mod front_ends;
mod http;
mod memory;
mod start;

use std::time::Duration;

use crate::command::Failure;
use crate::results::Results;
use crate::variants::Variants;
use front_ends::FrontEnds;

pub fn report(variants: &Variants, time: Duration, results: &mut Results) -> Result<(), Failure> {
    let front_ends = FrontEnds::new(variants)?;
    results.heading("The guard");
    results.paragraph(
        "\"Round trip only\" is a supervisor that lets every call go on without a look at it \
         (c-harness/round_trip.c): what the kernel's mechanism costs by itself.",
    );
    calls::report(&front_ends, time * 40 / 100, results)?;
    start::report(&front_ends, time * 10 / 100, results)?;
    http::report(&front_ends, time * 35 / 100, results)?;
    fairness::report(&front_ends, time * 15 / 100, results)?;
    memory::report(&front_ends, results)
}
