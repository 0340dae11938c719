//! What memory a supervisor has, after so many connections of the program that it guards.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use shim_tests::memory::Usage;

use super::front_ends::FrontEnds;
use crate::command::Failure;
use crate::results::Results;
use crate::table;

const CONNECTIONS: [u32; 3] = [1, 1_000, 20_000];

pub fn report(front_ends: &FrontEnds, results: &mut Results) -> Result<(), Failure> {
    results.paragraph("### Memory of the supervisor");
    let mut rows = Vec::new();
    for connections in CONNECTIONS {
        let usage = after(front_ends, connections)?;
        let Some(usage) = usage else {
            results.paragraph("Left out: nobody but root may look at the supervisor's memory.");
            return Ok(());
        };
        let name = format!("supervisor after {connections} connections");
        let figures = [usage.resident, usage.proportional, usage.private];
        for (what, kilobytes) in ["RSS", "PSS", "private"].into_iter().zip(figures) {
            results.raw(&name, "kB", what, &[kilobytes as f64])?;
        }
        let mut row = vec![connections.to_string()];
        row.extend(figures.map(|kilobytes| kilobytes.to_string()));
        rows.push(row);
    }
    let head = ["connections", "RSS, kB", "PSS, kB", "private, kB"];
    let head = head.map(str::to_owned).into();
    results.paragraph(&table::layout(head, rows.into_iter()));
    Ok(())
}

/// Of the supervisor of a program that has made so many connections, and still runs.
fn after(front_ends: &FrontEnds, connections: u32) -> Result<Option<Usage>, Failure> {
    let mut command = front_ends.guard.command_at(&front_ends.artifacts.trapped);
    let mut guard = command
        .args(["hold", &connections.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let usage = ready(&mut guard).and_then(|()| {
        let supervisor = only_child(guard.id())?;
        Ok(Usage::of_process(supervisor))
    });
    // The program ends with its input.
    drop(guard.stdin.take());
    let status = guard.wait()?;
    if !status.success() {
        return Err(format!("{command:?}: {status}").into());
    }
    usage
}

fn ready(guard: &mut Child) -> Result<(), Failure> {
    let output = guard.stdout.take().ok_or("it is piped")?;
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    match line.trim() {
        "ready" => Ok(()),
        other => Err(format!("expected ready: {other:?}").into()),
    }
}

fn only_child(pid: u32) -> Result<u32, Failure> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
    Ok(children.trim().parse()?)
}
