//! `ipaddrctl completions`, `ipaddrctl man`: what is generated from the definitions of the command
//! line.

use std::io::{self, Write};

use clap::error::ErrorKind;
use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::cli::{Cli, ENVIRONMENT, EXAMPLES, EXIT_STATUS, FILES, SEE_ALSO};
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

/// The section for an administrator's commands, see man-pages(7).
const SECTION: &str = "8";

/// The date of the version, as the pages in packaging/man/ have it.
const DATE: &str = "2026-11-25";

/// All sections that man-pages(7) names, those of the command line first.
fn render(page: Command, text: &mut Vec<u8>) -> io::Result<()> {
    let has_commands = page.has_subcommands();
    let command = page.get_bin_name().unwrap_or_else(|| page.get_name());
    let (command, name) = (command.to_owned(), page.get_name().to_owned());
    let version = page.get_version().unwrap_or_default();
    let man = Man::new(with_usage(page.clone()))
        .title(name.to_uppercase())
        .section(SECTION)
        .date(DATE)
        .source(format!("libipaddr {version}"))
        .manual("libipaddr Manual");
    man.render_title(text)?;
    man.render_name_section(text)?;
    man.render_synopsis_section(text)?;
    man.render_description_section(text)?;
    man.render_options_section(text)?;
    if has_commands {
        man.render_subcommands_section(text)?;
    }
    let mut roff = Roff::new();
    table(&mut roff, "EXIT STATUS", &EXIT_STATUS);
    table(&mut roff, "ENVIRONMENT", &ENVIRONMENT);
    table(&mut roff, "FILES", &FILES);
    examples(&mut roff, &command);
    see_also(&mut roff, &name);
    roff.to_writer(text)
}

/// With the usage of --help as the synopsis: the generator's own lacks the values of options.
fn with_usage(mut page: Command) -> Command {
    let usage = page.render_usage().to_string();
    let usage = usage.strip_prefix("Usage: ").unwrap_or(&usage).to_owned();
    page.override_usage(usage)
}

fn table(roff: &mut Roff, title: &str, rows: &[(&str, &str)]) {
    roff.control("SH", [title]);
    for &(name, meaning) in rows {
        roff.control("TP", [])
            .text([bold(name)])
            .text([roman(meaning)]);
    }
}

/// Those that have all words of the command.
fn examples(roff: &mut Roff, command: &str) {
    let is_of_command = |example: &str| {
        let mut words = example.split(' ');
        command.split(' ').all(|word| words.any(|it| it == word))
    };
    let examples: Vec<_> = EXAMPLES
        .into_iter()
        .filter(|it| is_of_command(it))
        .collect();
    if examples.is_empty() {
        return;
    }
    roff.control("SH", ["EXAMPLES"]).control("EX", []);
    for example in examples {
        roff.text([roman(example)]);
    }
    roff.control("EE", []);
}

fn see_also(roff: &mut Roff, name: &str) {
    let main = Some(("ipaddrctl", SECTION)).filter(|(main, _)| *main != name);
    let pages: Vec<_> = SEE_ALSO.into_iter().chain(main).collect();
    roff.control("SH", ["SEE ALSO"]);
    for (index, (page, section)) in pages.iter().enumerate() {
        let comma = if index + 1 < pages.len() { "," } else { "" };
        roff.text([bold(*page), roman(format!("({section}){comma}"))]);
    }
}
