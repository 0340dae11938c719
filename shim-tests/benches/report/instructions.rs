//! User-space instructions of one exec: unlike its time, nearly the same every time.

use std::env;

use crate::command::Failure;
use crate::loops::COMMAND;
use crate::variants::Variant;

/// Something that counts instructions of a command.
struct Tool {
    name: &'static str,
    program: &'static str,
    options: &'static [&'static str],
    /// The count in what it writes to stderr.
    parse: fn(&str) -> Option<u64>,
}

/// The processor's own counter first; many virtual machines have none.
const TOOLS: [Tool; 2] = [
    Tool {
        name: "perf stat -e instructions:u",
        program: "perf",
        options: &["stat", "-x,", "-e", "instructions:u", "--"],
        parse: parse_perf,
    },
    Tool {
        name: "valgrind --tool=callgrind",
        program: "valgrind",
        options: &["--tool=callgrind", "--callgrind-out-file=/dev/null"],
        parse: parse_callgrind,
    },
];

/// The first tool that works here and its count for each variant; `None` if none does.
pub fn count(variants: &[Variant]) -> Result<Option<(&'static str, Vec<u64>)>, Failure> {
    for tool in &TOOLS {
        if variants
            .first()
            .is_none_or(|first| tool.count(first).is_none())
        {
            continue;
        }
        let counts: Result<Vec<u64>, Failure> = variants
            .iter()
            .map(|variant| {
                tool.count(variant)
                    .ok_or_else(|| format!("{}: {}: no count", variant.name, tool.name).into())
            })
            .collect();
        return Ok(Some((tool.name, counts?)));
    }
    Ok(None)
}

impl Tool {
    fn count(&self, variant: &Variant) -> Option<u64> {
        let output = variant
            .command(self.program)
            .args(self.options)
            .arg(COMMAND)
            .env("PATH", env::var_os("PATH").unwrap_or_default())
            .env("LC_ALL", "C")
            .output()
            .ok()?;
        let text = String::from_utf8_lossy(&output.stderr);
        (self.parse)(&text).filter(|_| output.status.success())
    }
}

/// `123456,,instructions:u,...`, a line for each kind of core; `<not supported>` in the count's
/// place where there is no counter.
fn parse_perf(text: &str) -> Option<u64> {
    let lines = text.lines().filter(|line| line.contains("instructions"));
    let counts = lines.filter_map(|line| line.split(',').next()?.parse::<u64>().ok());
    counts.reduce(|sum, count| sum + count)
}

/// `==123== Collected : 123456`
fn parse_callgrind(text: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.contains("Collected :"))?;
    line.split_whitespace().next_back()?.parse().ok()
}
