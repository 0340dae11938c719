//! `ipaddrctl`: the administrator's side of libipaddr.
//!
//! | module | idea |
//! | --- | --- |
//! | [`cli`] | the command line |
//! | [`commands`] | the commands, one file each |
//! | [`subject`] | whose policy it is |
//! | [`reader`] | policies, by the library's own code (`ipaddr-policy`) |
//! | [`files`], [`cgroup_path`], [`settings`] | the policy directory |
//! | [`store`] | changes to it: one at a time, all or nothing, and on the disk |
//! | [`tree`], [`mistakes`], [`hierarchy`], [`interfaces`] | what `check` goes through and holds it to |
//! | [`process`], [`latched`] | processes, and what they have latched |
//! | [`addresses`], [`failure`] | what is printed |
#![forbid(unsafe_code)]

mod addresses;
mod cgroup_path;
mod cli;
mod commands;
mod failure;
mod files;
mod hierarchy;
mod interfaces;
mod latched;
mod mistakes;
mod process;
mod reader;
mod settings;
mod store;
mod subject;
mod tree;

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
                // Where it can't be written there is nobody to be told.
                let _ = writeln!(anstream::stderr(), "ipaddrctl: {message}");
            }
            failure.code()
        }
    }
}

fn run(cli: Cli) -> Result<Outcome, Failure> {
    let policy = cli.policy.as_deref();
    match cli.command {
        Command::Assign { cgroup, addresses } => commands::assign::run(policy, &cgroup, &addresses),
        Command::Show { cgroup, pid, json } => commands::show::run(policy, cgroup, pid, json),
        Command::Check { dir, strict } => commands::check::run(dir.as_deref().or(policy), strict),
        Command::Explain { subject, call } => commands::explain::run(policy, subject, &call),
        Command::Ps => commands::ps::run(policy),
        Command::Remove { cgroup, yes } => commands::remove::run(policy, &cgroup, yes),
        Command::Completions { shell } => commands::manual::completions(shell),
        Command::Man { command } => commands::manual::page(&command),
    }
}
