//! redis-server, and redis-benchmark as its client.

use std::process::Stdio;

use shim_tests::ports::free_port;

use super::server::{ADDRESS, Server};
use crate::command::Failure;
use crate::variants::Variant;

/// GETs a second over so many of them, with these options of redis-benchmark's.
pub fn requests(variant: &Variant, count: u32, options: &[&str]) -> Result<f64, Failure> {
    let port = free_port().to_string();
    let dir = tempfile::tempdir()?;
    let mut redis = variant.command("redis-server");
    redis
        .args([
            "--port",
            &port,
            "--bind",
            "0.0.0.0",
            "--protected-mode",
            "no",
        ])
        .args(["--save", "", "--dir"])
        .arg(dir.path())
        .stdout(Stdio::null());
    let mut server = Server::start(&mut redis)?;
    server.listens(variant, port.parse()?)?;
    let mut benchmark = variant.command("redis-benchmark");
    benchmark
        .args([
            "-h",
            &ADDRESS.to_string(),
            "-p",
            &port,
            "-t",
            "get",
            "-c",
            "32",
        ])
        .args(["-n", &count.to_string(), "--csv"])
        .args(options);
    // On standard error it warns of settings that don't matter here.
    let output = benchmark.output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    // "test","rps",…, and under it "GET","12345.67",…
    let rate = said
        .lines()
        .find_map(|line| line.strip_prefix("\"GET\",\""));
    let rate = rate.and_then(|rest| rest.split('"').next());
    Ok(rate
        .ok_or_else(|| format!("redis-benchmark: {said}"))?
        .parse()?)
}
