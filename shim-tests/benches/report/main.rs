//! What the library costs, against no library, the least shim that C allows (c-harness/floor.c),
//! the kernel's own cgroup-BPF and other preload libraries: ./shim-tests/bench.sh runs it.
//!
//! The effects are a few per cent and a machine's speed drifts by more, so every round runs every
//! variant once, in a new order, each in fresh processes (address space layout alone is worth
//! some per cent); ratios are taken within a round, and what is printed is their median. The floor
//! is there twice: how far the second is from 1.000 is what the measurement can't tell apart.
//!
//! `$IPADDR_LIBRARY` names the library to measure if not this workspace's release build.

mod artifacts;
mod calls;
mod chart;
mod command;
mod instructions;
mod kernel;
mod lookups;
mod loops;
mod machine;
mod others;
mod policies;
mod programs;
mod results;
mod rounds;
mod rules;
mod scale;
mod stats;
mod table;
mod variants;

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use artifacts::Artifacts;
use command::Failure;
use kernel::Kernel;
use policies::Policies;
use results::Results;
use shim_tests::artifacts::workspace;
use shim_tests::{Netns, skip};
use variants::Variants;

const USAGE: &str = "usage: bench.sh [--quick | --seconds N] [--only SECTION]... [FOLDER]
  --quick         a minute or two of measuring: a look, not a result
  --seconds N     about N seconds of measuring instead of 540
  --only SECTION  calls, programs, rules, lookups or scale instead of all, for its part of the time
  FOLDER          for report.md and the charts instead of target/bench-results";

const DEFAULT_SECONDS: u64 = 540;
const QUICK_SECONDS: u64 = 60;

struct Options {
    time: Duration,
    only: Vec<String>,
    folder: PathBuf,
}

/// A part of the report, and its part of the time in per cent.
struct Section {
    name: &'static str,
    share: u32,
    report: fn(&Variants, Duration, &mut Results) -> Result<(), Failure>,
}

const SECTIONS: [Section; 5] = [
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

fn main() -> ExitCode {
    let Some(options) = options(env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match report(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("report: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn options(mut args: impl Iterator<Item = String>) -> Option<Options> {
    let mut seconds = DEFAULT_SECONDS;
    let mut only = Vec::new();
    let mut folder = None;
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--bench" => {} // cargo's own
            "--quick" => seconds = QUICK_SECONDS,
            "--seconds" => seconds = args.next()?.parse().ok()?,
            "--only" => only.push(args.next()?),
            _ if arg.starts_with('-') || folder.is_some() => return None,
            _ => folder = Some(PathBuf::from(arg)),
        }
    }
    let known = |name: &String| SECTIONS.iter().any(|section| section.name == name);
    only.iter().all(known).then(|| Options {
        time: Duration::from_secs(seconds),
        only,
        folder: folder.unwrap_or_else(|| workspace().join("target/bench-results")),
    })
}

fn report(options: &Options) -> Result<(), Failure> {
    let artifacts = Artifacts::build()?;
    // Nobody else's sockets, routes and filters.
    let root = skip::root_for("cgroups and a network namespace");
    let netns = root.then(Netns::new).flatten();
    if let Some(netns) = &netns {
        netns.enter();
    }
    let policies = Policies::create()?;
    let (others, missing) = others::find(artifacts.folder())?;
    let kernel = root.then(Kernel::attach).flatten();
    let variants = Variants {
        artifacts: &artifacts,
        policies: &policies,
        others: &others,
        kernel: kernel.as_ref(),
    };
    let mut results = Results::create(&options.folder)?;
    results.paragraph("# Cost");
    results.paragraph(&machine::describe(&artifacts)?);
    results.paragraph(
        "Every round measures every variant once, in a new order, each in fresh processes. A figure \
         is the median over the rounds, with its quartiles; a ratio is the median of the rounds' \
         own ratios, with its 95 % confidence interval.",
    );
    for what in missing
        .iter()
        .chain(kernel.is_none().then_some(&"cgroup-BPF"))
    {
        results.paragraph(&format!("Left out: {what}, which can't be had here."));
    }
    for section in &SECTIONS {
        if options.only.is_empty() || options.only.iter().any(|name| name == section.name) {
            (section.report)(&variants, options.time * section.share / 100, &mut results)?;
            results.save()?;
        }
    }
    Ok(())
}
