//! The parts of the report.

use std::time::Duration;

use crate::command::Failure;
use crate::results::Results;
use crate::variants::Variants;
use crate::{calls, lookups, programs, rules, scale};

/// A part of the report, and its part of the time in per cent.
pub struct Section {
    pub name: &'static str,
    pub share: u32,
    pub report: fn(&Variants, Duration, &mut Results) -> Result<(), Failure>,
}

pub const SECTIONS: [Section; 5] = [
    Section {
        name: "calls",
        share: 36,
        report: calls::report,
    },
    Section {
        name: "programs",
        share: 38,
        report: programs::report,
    },
    Section {
        name: "rules",
        share: 12,
        report: rules::report,
    },
    Section {
        name: "lookups",
        share: 6,
        report: lookups::report,
    },
    Section {
        name: "scale",
        share: 8,
        report: |_, time, results| scale::report(time, results),
    },
];
