//! What the library costs: nanoseconds a call and an exec, and the ratio to no shim and to the
//! least shim that C allows (c-harness/floor.c).
//!
//! ```text
//! cargo bench -p shim-tests --bench cost [-- --quick | --seconds N]
//! ```
//!
//! The effects are a few per cent and a machine's speed drifts by more, so every round runs every
//! variant once, in a new order, each in a fresh process (address space layout alone is worth
//! some per cent); ratios are taken within a round, and what is printed is their median. The floor
//! is there twice: how far the second is from 1.000 is what the measurement can't tell apart.
//!
//! `$IPADDR_LIBRARY` names the library to measure if not this workspace's release build.

#[path = "cost/artifacts.rs"]
mod artifacts;
#[path = "cost/command.rs"]
mod command;
#[path = "cost/instructions.rs"]
mod instructions;
#[path = "cost/policies.rs"]
mod policies;
#[path = "cost/rounds.rs"]
mod rounds;
#[path = "cost/stats.rs"]
mod stats;
#[path = "cost/table.rs"]
mod table;
#[path = "cost/variants.rs"]
mod variants;

use std::env;
use std::fs;
use std::process::ExitCode;
use std::time::Duration;

use artifacts::Artifacts;
use command::Failure;
use policies::Policies;
use rounds::Loop;
use variants::Variant;

const USAGE: &str = "usage: cargo bench -p shim-tests --bench cost [-- --quick | --seconds N]
  --quick      8 seconds of measuring: a look, not a result
  --seconds N  N seconds of measuring instead of 100";

const DEFAULT_SECONDS: u64 = 100;
const QUICK_SECONDS: u64 = 8;

/// What every variant of the last two tables executes.
const COMMAND: &str = "/bin/true";

fn main() -> ExitCode {
    let Some(budget) = budget(env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match report(budget) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("cost: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// The time for all tables.
fn budget(mut args: impl Iterator<Item = String>) -> Option<Duration> {
    let mut seconds = DEFAULT_SECONDS;
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--bench" => {} // cargo's own
            "--quick" => seconds = QUICK_SECONDS,
            "--seconds" => seconds = args.next()?.parse().ok()?,
            _ => return None,
        }
    }
    Some(Duration::from_secs(seconds))
}

fn report(budget: Duration) -> Result<(), Failure> {
    let artifacts = Artifacts::build()?;
    let policies = Policies::create()?;
    let variants = variants::all(&artifacts, &policies);
    let mut connecting = variants.clone();
    connecting.extend(variants::chosen_source(&variants));
    print_about(&artifacts)?;
    print_calls(Loop::UdpBind, &artifacts, &variants, budget)?;
    print_calls(Loop::UdpConnect, &artifacts, &connecting, budget)?;
    print_calls(Loop::TcpConnect, &artifacts, &connecting, budget)?;
    let sending = variants::sending(&variants);
    print_calls(Loop::UdpSend, &artifacts, &sending, budget)?;
    print_exec(&artifacts, &variants, budget)
}

fn print_about(artifacts: &Artifacts) -> Result<(), Failure> {
    let about = command::output(artifacts.loops().arg("about"))?;
    let load = fs::read_to_string("/proc/loadavg")?;
    println!("# Cost\n");
    println!(
        "{}; load average at the start {}.",
        about.trim(),
        word(&load)
    );
    println!(
        "A figure is the median over the rounds, with its quartiles; a ratio is the median of the \
         rounds' own ratios, with its 95 % confidence interval. A call's nanoseconds are those of \
         the whole socket + call + close.\n"
    );
    Ok(())
}

fn print_calls(
    which: Loop,
    artifacts: &Artifacts,
    variants: &[Variant],
    budget: Duration,
) -> Result<(), Failure> {
    let figures = rounds::run(which, artifacts, variants, budget)?;
    println!("## {}\n", which.title());
    println!("{}", table::times(variants, &figures));
    Ok(())
}

fn print_exec(
    artifacts: &Artifacts,
    variants: &[Variant],
    budget: Duration,
) -> Result<(), Failure> {
    let figures = rounds::run(Loop::Exec, artifacts, variants, budget)?;
    println!("## {}\n", Loop::Exec.title());
    println!("{}", table::times(variants, &figures));
    match instructions::count(variants)? {
        Some((tool, counts)) => {
            println!("## exec {COMMAND}: user-space instructions ({tool}) and minor page faults\n");
            println!("{}", table::counts(variants, &counts, &figures));
        }
        None => println!(
            "Instructions of the exec were not counted: perf has no instruction counter here, and \
             there is no valgrind."
        ),
    }
    Ok(())
}

fn word(text: &str) -> &str {
    text.split_whitespace().next().unwrap_or_default()
}
