//! redis-server and redis-cli

use std::thread;
use std::time::{Duration, Instant};

use shim_tests::{FrontEnd, PolicyDir, Shim, skip};

use crate::command::client;
use crate::ports::free_port;
use crate::server::Server;

#[test]
fn redis_cli_connects_from_the_address() {
    if !skip::command("redis-server") || !skip::command("redis-cli") {
        return;
    }
    let mut redis = server(&Shim::without(), &["--bind", "127.0.0.1"]);
    redis.listens_on(&["127.0.0.1"]);
    let port = redis.port().to_string();
    let arguments = ["-h", "127.0.0.1", "-p", &port, "client", "list"];
    let run = client(&Shim::ipv4("127.77.64.1"), "redis-cli", &arguments);
    assert_eq!(sources(&run.out), ["127.77.64.1"]);
}

/// A replica connects to its master without blocking.
#[test]
fn redis_replica_connects_from_the_address() {
    if !skip::command("redis-server") {
        return;
    }
    let mut master = server(&Shim::without(), &["--bind", "127.0.0.1"]);
    master.listens_on(&["127.0.0.1"]);
    let port = master.port().to_string();
    let arguments = ["--bind", "*", "--replicaof", "127.0.0.1", &port];
    let mut replica = server(&Shim::ipv4("127.77.65.1"), &arguments);
    replica.listens_on(&["127.77.65.1"]);
    let start = Instant::now();
    let request = "CLIENT LIST TYPE replica\r\nQUIT\r\n";
    let mut found = Vec::new();
    while found.is_empty() && start.elapsed() < Duration::from_secs(60) {
        thread::sleep(Duration::from_millis(50));
        found = sources(&master.request("127.0.0.1", request).expect("it answers"));
    }
    assert_eq!(
        found,
        ["127.77.65.1"],
        "the replica said:\n{}",
        replica.output()
    );
}

/// A client outside the subnet is refused, one inside is answered.
#[test]
fn redis_drops_strangers() {
    if !skip::command("redis-server") || !skip::command("redis-cli") {
        return;
    }
    let rules = "-A ACCEPT ! -s 127.77.66.0/24 -j REJECT\n";
    let policy = PolicyDir::with_rules("127.77.66.1", rules);
    let mut redis = server(&Shim::policy(policy.path()), &["--bind", "*"]);
    redis.listens_on(&["127.77.66.1"]);
    let port = redis.port().to_string();
    let arguments = ["-h", "127.77.66.1", "-p", &port, "ping"];
    // Under the guard a stranger gets no answer, and redis-cli would wait for one for minutes.
    let resets = FrontEnd::of_tests().expects(true, false);
    for _ in 0..5 {
        if resets {
            let run = client(&Shim::ipv4("127.77.67.1"), "redis-cli", &arguments);
            let told = run.err.clone() + &run.out;
            assert!(told.contains("Connection reset by peer"), "{run:?}");
        }
        client(&Shim::ipv4("127.77.66.9"), "redis-cli", &arguments).says("PONG");
    }
    let stranger = redis.stranger("127.77.67.1", "127.77.66.1");
    assert!(stranger.is_refused());
    if !resets {
        return;
    }
    let said = redis.output();
    let by = format!(": reset, by {}/ipaddr.rules:1", policy.path().display());
    assert!(said.contains(&by), "{said}");
}

/// In protected mode redis answers 127.0.0.1 only, which a rule lets a client be on loopback.
#[test]
fn redis_in_protected_mode() {
    if !skip::command("redis-server") || !skip::command("redis-cli") {
        return;
    }
    let mut redis = server(
        &Shim::without(),
        &["--bind", "*", "--protected-mode", "yes"],
    );
    redis.listens_on(&["0.0.0.0"]);
    let port = redis.port().to_string();
    let arguments = ["-h", "127.0.0.1", "-p", &port, "ping"];
    let refused = client(&Shim::ipv4("127.77.75.1"), "redis-cli", &arguments);
    let told = refused.err.clone() + &refused.out;
    assert!(told.contains("DENIED"), "{refused:?}");
    let rules = "-A CONNECT -d 127.0.0.0/8 -j SNAT --to-source 127.0.0.1\n";
    let policy = PolicyDir::with_rules("127.77.75.1", rules);
    client(&Shim::policy(policy.path()), "redis-cli", &arguments).says("PONG");
}

/// Starts redis-server with these arguments.
pub fn server(shim: &Shim, arguments: &[&str]) -> Server {
    let port = free_port();
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut command = shim.command("redis-server");
    // In protected mode only 127.0.0.1 and ::1 would be answered.
    command
        .args(["--port", &port.to_string(), "--protected-mode", "no"])
        .args(["--save", "", "--dir"])
        .arg(dir.path())
        .args(arguments);
    Server::start_in(dir, &mut command, port)
}

/// The addresses of the clients that `CLIENT LIST` lists.
fn sources(list: &str) -> Vec<String> {
    list.split_whitespace()
        .filter_map(|field| field.strip_prefix("addr="))
        .filter_map(|endpoint| Some(endpoint.rsplit_once(':')?.0.to_owned()))
        .collect()
}
