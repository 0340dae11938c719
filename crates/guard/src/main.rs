//! `ipaddr-guard`: holds every program of a process tree to its address, the static ones too, by
//! seccomp user notification.
//!
//! | module | idea |
//! | --- | --- |
//! | [`cli`], [`settings`] | the command line and the environment |
//! | [`failure`] | what ends the guard before the command runs |
//! | [`launch`] | three processes: parent, supervisor, command |
//! | [`filter`] | which system calls are judged |
//! | [`notify`] | calls come in, answers go out |
//! | [`calls`] | what becomes of each call |
//! | [`peers`] | rules for peers, which the kernel applies |
//! | [`target`] | the processes that are guarded |
//! | [`policies`] | what they may use |
//! | [`mark`] | what is latched, for others to see |
//! | [`tree`] | what all threads of the supervisor share |
//! | [`log`] | one line a decision |
//! | [`sys`] | system calls that neither std nor nix has; all `unsafe` |
//!
//! The rules are `ipaddr-socket`'s, as for the library: here is only how a socket of another process
//! is reached.
#![deny(unsafe_code)]

mod calls;
mod cli;
mod failure;
mod filter;
mod launch;
mod log;
mod mark;
mod notify;
mod peers;
mod policies;
mod settings;
mod sys;
mod target;
mod tree;

use std::ffi::c_int;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use cli::Cli;
use failure::Failure;
use launch::parent;
use policies::Policies;
use settings::Settings;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
                _ => ExitCode::from(125),
            };
        }
    };
    match run(cli) {
        Ok(status) => parent::end_as(status),
        Err(failure) => {
            eprintln!("ipaddr-guard: {failure}");
            ExitCode::from(failure.status())
        }
    }
}

fn run(cli: Cli) -> Result<c_int, Failure> {
    let policies = Policies::start(Settings::new(&cli)?)?;
    parent::run(cli.command, policies)
}
