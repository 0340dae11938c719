//! A UDP server and its client, c-harness/bench_datagrams.c.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use super::RUN;
use super::server::{ADDRESS, Server};
use crate::command::{self, Failure};
use crate::variants::{Source, Variant};

/// Packets a second, of both directions together.
pub fn packets(program: &Path, variant: &Variant) -> Result<f64, Failure> {
    let program = program.to_str().ok_or("the path is not UTF-8")?;
    let mut command = variant.command(program);
    let mut server = Server::start(command.arg("serve").stdout(Stdio::piped()))?;
    let output = server.child().stdout.take().ok_or("it is piped")?;
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    let port = line.split_whitespace().nth(1);
    let port = port.ok_or_else(|| format!("{}: {line:?}", variant.name))?;
    let mut command = variant.command(program);
    let milliseconds = RUN.as_millis().to_string();
    let said =
        command::output(command.args(["request", &ADDRESS.to_string(), port, &milliseconds]))?;
    let (source, rate) = said.trim().split_once(' ').ok_or("two words")?;
    let expected = match variant.source {
        Source::Any => "127.0.0.1",
        Source::Assigned | Source::AssignedByPacket => "127.0.0.2",
    };
    if source != expected {
        return Err(format!("{}: requests came from {source}", variant.name).into());
    }
    Ok(rate.parse()?)
}
