//! `ipaddr-guard`: gives every program of a process tree one IP address, the static ones too, by
//! seccomp user notification.
//!
//! | module | idea |
//! | --- | --- |
//! | [`cli`], [`settings`] | the command line and the environment |
//! | [`failure`] | what ends the guard before the command runs |
//! | [`system`] | what the guard needs of the machine |
//! | [`launch`] | three processes: parent, supervisor, command |
//! | [`agent`] | containers, which an OCI runtime hands over |
//! | [`filter`] | which system calls are judged |
//! | [`profile`] | the filter as a profile for OCI runtimes |
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

mod agent;
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
mod profile;
mod settings;
mod sys;
mod system;
mod target;
mod tree;

use std::ffi::c_int;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use cli::{Cli, Task};
use failure::Failure;
use launch::parent;
use policies::Policies;
use profile::Profile;
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
        Ok(Some(status)) => parent::end_as(status),
        Ok(None) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("ipaddr-guard: {failure}");
            ExitCode::from(failure.status())
        }
    }
}

/// Returns the status of the command, if there is one.
fn run(cli: Cli) -> Result<Option<c_int>, Failure> {
    match &cli.task {
        None => {
            let policies = Policies::start(Settings::new(&cli)?)?;
            parent::run(cli.command, policies).map(Some)
        }
        Some(Task::Agent(options)) => agent::run(options).map(|never| match never {}),
        Some(Task::Profile(options)) => print(&Profile::new(options)).map(|()| None),
    }
}

fn print(profile: &Profile<'_>) -> Result<(), Failure> {
    let failed = |why: String| Failure::Refused(format!("the profile: {why}"));
    let text = profile
        .to_json()
        .map_err(|error| failed(error.to_string()))?;
    writeln!(io::stdout(), "{text}").map_err(|error| failed(error.to_string()))
}
