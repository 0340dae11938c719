//! `ipaddrctl completions`, `ipaddrctl man`: what is generated from the definitions of the command
//! line.

use std::io::{self, Write};

use clap::{CommandFactory, Error, error::ErrorKind};
use clap_complete::Shell;
use clap_mangen::Man;

use crate::cli::Cli;
use crate::failure::{Failure, Outcome};

/// Prints the completion for a shell.
pub fn completions(shell: Shell) -> Result<Outcome, Failure> {
    // At once, because the generator panics where it can't write.
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "ipaddrctl", &mut text);
    io::stdout().lock().write_all(&text)?;
    Ok(Outcome::Fine)
}

/// Prints the man page, or that of one command.
pub fn page(name: Option<&str>) -> Result<Outcome, Failure> {
    let mut cli = Cli::command().disable_help_subcommand(true);
    cli.build();
    let page = match name {
        None => cli,
        Some(name) => match cli.find_subcommand(name) {
            Some(command) => command.clone().name(format!("ipaddrctl-{name}")),
            None => Error::raw(ErrorKind::InvalidSubcommand, format!("no command {name}\n"))
                .format(&mut cli)
                .exit(),
        },
    };
    let mut text = Vec::new();
    Man::new(page).render(&mut text)?;
    io::stdout().lock().write_all(&text)?;
    Ok(Outcome::Fine)
}
