//! A static Go server and its client, shim-tests/benches/report/guard/http.go.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use shim_tests::go;

use super::front_ends::FrontEnds;
use crate::command::{self, Failure};
use crate::programs::server::{ADDRESS, Server};
use crate::results::Results;
use crate::rounds;
use crate::variants::{Source, Variant};

/// Of the client's.
const RUN: Duration = Duration::from_secs(1);

const LEAST_ROUNDS: usize = 5;

pub fn report(
    front_ends: &FrontEnds,
    time: Duration,
    results: &mut Results,
) -> Result<(), Failure> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/report/guard/http.go");
    let Some(program) = go::build(&source, front_ends.artifacts.directory()) else {
        results.paragraph("HTTP by Go programs: left out, go is not installed.");
        return Ok(());
    };
    let variants = front_ends.for_static();
    for (connections, title) in [
        ("keep", "A static Go HTTP server and client, keep-alive"),
        (
            "new",
            "A static Go HTTP server and client, a new connection per request",
        ),
    ] {
        let served = rounds::interleave(variants.len(), LEAST_ROUNDS, time / 2, |index| {
            serve(&program, &variants[index], connections)
        })?;
        let of_each = |value: fn(&Served) -> f64| -> Vec<Vec<f64>> {
            served
                .iter()
                .map(|rounds| rounds.iter().map(value).collect())
                .collect()
        };
        let rates = of_each(|served| served.rate);
        results.measurement(title, "a second", &variants, &rates, &[0])?;
        let work = of_each(|served| served.work);
        let title = format!("{title}: processor time of server and client for a request");
        results.measurement(&title, "ns", &variants, &work, &[0])?;
    }
    Ok(())
}

/// What became of the requests of one run.
struct Served {
    /// Requests a second.
    rate: f64,
    /// The nanoseconds that processors worked for one in the server and in the client: these depend
    /// less than the rate on what else the machine does. The supervisors' own aren't among them.
    work: f64,
}

fn serve(program: &Path, variant: &Variant, connections: &str) -> Result<Served, Failure> {
    let mut command = variant.command_at(program);
    let mut server = Server::start(command.arg("serve").stdout(Stdio::piped()))?;
    let output = server.child().stdout.take().ok_or("it is piped")?;
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    let port = line.trim().parse()?;
    server.listens(variant, port)?;
    let url = format!("http://{ADDRESS}:{port}/");
    let milliseconds = RUN.as_millis().to_string();
    let mut client = variant.command_at(program);
    let said = command::output(client.args(["request", &url, &milliseconds, connections]))?;
    let words: Vec<_> = said.split_whitespace().collect();
    let [source, rate, work] = words[..] else {
        return Err(format!("{}: expected three words: {said:?}", variant.name).into());
    };
    let expected = match variant.source {
        Source::Any => "127.0.0.1",
        Source::Assigned | Source::AssignedByPacket => "127.0.0.2",
    };
    if source != expected {
        return Err(format!("{}: requests came from {source}", variant.name).into());
    }
    Ok(Served {
        rate: rate.parse()?,
        work: work.parse()?,
    })
}
