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
mod guard;
mod instructions;
mod kernel;
mod lookups;
mod loops;
mod machine;
mod options;
mod others;
mod policies;
mod programs;
mod results;
mod rounds;
mod rules;
mod scale;
mod sections;
mod stats;
mod table;
mod variants;

use std::process::ExitCode;

use clap::Parser;
use shim_tests::{Netns, skip};

use artifacts::Artifacts;
use command::Failure;
use kernel::Kernel;
use options::Options;
use policies::Policies;
use results::Results;
use variants::Variants;

fn main() -> ExitCode {
    match report(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("report: {failure}");
            ExitCode::FAILURE
        }
    }
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
    let (others, missing) = others::find(artifacts.directory())?;
    let kernel = root.then(Kernel::attach).flatten();
    let variants = Variants {
        artifacts: &artifacts,
        policies: &policies,
        others: &others,
        kernel: kernel.as_ref(),
    };
    let mut results = Results::create(&options.directory(), &machine::label()?)?;
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
    for section in options.sections() {
        (section.report)(
            &variants,
            options.time() * section.share / 100,
            &mut results,
        )?;
        results.save()?;
    }
    println!("Written to {}", results.directory().display());
    Ok(())
}
