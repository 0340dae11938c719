//! `ipaddrctl`: the administrator's side of libipaddr.
//!
//! | module | idea |
//! | --- | --- |
//! | [`cli`] | the command line |
//! | [`commands`] | the commands, one file each |
//! | [`named`] | the cgroup and the policy directory that are meant, and likely slips in their names |
//! | [`subject`] | the cgroup or process that the command line names |
//! | [`store`] | changes to the policy directory: one at a time, all or nothing, and on the disk |
//! | [`stale`] | running processes that keep what the files don't say any more |
//! | [`mistakes`] | all mistakes of one file, for `check` |
//! | [`interfaces`] | this machine's addresses, for `check` |
//! | [`addresses`], [`level_text`] | assignments and files, as they are shown |
//! | [`failure`] | what ends a command: the message and the exit status |
//!
//! `ipaddr-host` reads policy files, cgroups and processes; `ipaddr-policy` says what they mean, to the
//! library too.
#![forbid(unsafe_code)]

mod addresses;
mod cli;
mod commands;
mod failure;
mod interfaces;
mod level_text;
mod mistakes;
mod named;
mod stale;
mod store;
mod subject;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};
use failure::{Failure, Outcome};

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(outcome) => outcome.into(),
        Err(failure) => {
            if let Some(message) = failure.message() {
                // Without a standard error there is nobody to be told.
                let _ = writeln!(anstream::stderr(), "ipaddrctl: {message}");
            }
            failure.code()
        }
    }
}

fn run(cli: Cli) -> Result<Outcome, Failure> {
    let policy = cli.policy.as_deref();
    match cli.command {
        Command::Assign {
            cgroup,
            addresses,
            replace,
            create,
        } => {
            let options = commands::assign::Options { replace, create };
            commands::assign::run(policy, cgroup, &addresses, options)
        }
        Command::Show { cgroup, pid, json } => commands::show::run(policy, cgroup, pid, json),
        Command::Check {
            dir,
            strict,
            cgroups,
        } => commands::check::run(dir.as_deref().or(policy), strict, cgroups),
        Command::Explain {
            subject,
            guard,
            call,
        } => commands::explain::run(policy, subject, guard, &call),
        Command::Ps { ignore } => commands::ps::run(policy, &ignore),
        Command::Remove { cgroup, yes } => commands::remove::run(policy, cgroup, yes),
        Command::Unit {
            unit,
            ip,
            ip6,
            slice,
            library,
            install,
            replace,
            units,
        } => {
            let options = commands::unit::Options {
                ip: ip.as_deref(),
                ip6: ip6.as_deref(),
                slice: slice.as_ref(),
                library: library.as_deref(),
                install,
                replace,
                units: units.as_deref(),
            };
            commands::unit::run(policy, &unit, &options)
        }
        Command::Completions { shell } => commands::manual::completions(shell),
        Command::Man { command } => commands::manual::page(&command),
    }
}
