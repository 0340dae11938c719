//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use clap::builder::PossibleValuesParser;
use shim_tests::artifacts::workspace;

use crate::sections::{SECTIONS, Section};

const QUICK_SECONDS: u64 = 60;

/// Measures what the library costs, and prints and writes a report with charts and all values
#[derive(Parser)]
#[command(name = "bench.sh", bin_name = "./shim-tests/bench.sh")]
pub struct Options {
    /// A minute of measuring: an impression, not a result
    #[arg(long, conflicts_with = "seconds")]
    quick: bool,
    /// About N seconds of measuring
    #[arg(long, value_name = "N", default_value_t = 540)]
    seconds: u64,
    /// This section instead of all, for its part of the time; may be repeated
    #[arg(long, value_name = "SECTION", value_parser = sections())]
    only: Vec<String>,
    /// Where the directory of this run is made, named by date and machine [default:
    /// target/bench-results]
    directory: Option<PathBuf>,
    /// cargo bench gives it to each benchmark.
    #[arg(long = "bench", hide = true)]
    _bench: bool,
}

impl Options {
    /// How long to measure.
    pub fn time(&self) -> Duration {
        let seconds = if self.quick {
            QUICK_SECONDS
        } else {
            self.seconds
        };
        Duration::from_secs(seconds)
    }

    /// What to measure.
    pub fn sections(&self) -> impl Iterator<Item = &Section> {
        let wanted = |name| self.only.is_empty() || self.only.iter().any(|only| only == name);
        SECTIONS.iter().filter(move |section| wanted(section.name))
    }

    /// Where the directory of this run is made.
    pub fn directory(&self) -> PathBuf {
        let default = || workspace().join("target/bench-results");
        self.directory.clone().unwrap_or_else(default)
    }
}

fn sections() -> PossibleValuesParser {
    SECTIONS
        .iter()
        .map(|section| section.name)
        .collect::<Vec<_>>()
        .into()
}
