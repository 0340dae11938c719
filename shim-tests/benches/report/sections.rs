//! The parts of the report.

use std::time::Duration;

use crate::command::Failure;
use crate::results::Results;
use crate::variants::Variants;
use crate::{calls, guard, lookups, programs, rules, scale};

/// A part of the report, and its part of the time in per cent.
pub struct Section {
    pub name: &'static str,
    pub share: u32,
    pub report: fn(&Variants, Duration, &mut Results) -> Result<(), Failure>,
}

pub const SECTIONS: [Section; 6] = [
    Section {
        name: "calls",
        share: 30,
        report: calls::report,
    },
    Section {
        name: "programs",
        share: 30,
        report: programs::report,
    },
    Section {
        name: "rules",
        share: 9,
        report: rules::report,
    },
    Section {
        name: "lookups",
        share: 5,
        report: lookups::report,
    },
    Section {
        name: "scale",
        share: 6,
        report: |_, time, results| scale::report(time, results),
    },
    Section {
        name: "guard",
        share: 20,
        report: guard::report,
    },
];
