//! `ipaddrctl completions`, `ipaddrctl man`: what is generated from the definitions of the command
//! line.

use std::io::{self, Write};

use clap::error::ErrorKind;
use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::cli::{Cli, ENVIRONMENT, EXIT_STATUS};
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
pub fn page(words: &[String]) -> Result<Outcome, Failure> {
    let mut cli = Cli::command().disable_help_subcommand(true);
    cli.build();
    let mut page = cli.clone();
    for word in words {
        let Some(command) = page.find_subcommand(word) else {
            let message = format!("no command \"{}\"", words.join(" "));
            cli.error(ErrorKind::InvalidSubcommand, message).exit()
        };
        let name = format!("{}-{word}", page.get_name());
        page = command.clone().name(name);
    }
    let mut text = Vec::new();
    render(page, &mut text)?;
    io::stdout().lock().write_all(&text)?;
    Ok(Outcome::Fine)
}

/// All sections, with those that man-pages(7) names in the place of --help's last lines.
fn render(page: Command, text: &mut Vec<u8>) -> io::Result<()> {
    let has_commands = page.has_subcommands();
    let man = Man::new(page);
    man.render_title(text)?;
    man.render_name_section(text)?;
    man.render_synopsis_section(text)?;
    man.render_description_section(text)?;
    man.render_options_section(text)?;
    if has_commands {
        man.render_subcommands_section(text)?;
    }
    let mut roff = Roff::new();
    for (title, rows) in [
        ("EXIT STATUS", &EXIT_STATUS[..]),
        ("ENVIRONMENT", &ENVIRONMENT),
    ] {
        roff.control("SH", [title]);
        for &(name, meaning) in rows {
            roff.control("TP", [])
                .text([bold(name)])
                .text([roman(meaning)]);
        }
    }
    roff.to_writer(text)?;
    man.render_version_section(text)
}
