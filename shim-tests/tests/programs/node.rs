//! Node: a dual-stack `[::]` by default, and connections made without blocking.

use shim_tests::{PolicyDir, Shim, skip};

use crate::command::{client, source};
use crate::observer::Observer;
use crate::ports::free_port;
use crate::server::{HTTP, Server};

#[test]
fn node_server_without_ipv6_assignment() {
    if !skip::command("node") || !skip::ipv6() {
        return;
    }
    let mut server = http_server(&Shim::ipv4("127.77.20.1"));
    server.listens_on(&["::ffff:127.77.20.1"]);
    server.answers_on("127.77.20.1", HTTP);
    server.refuses_on(&["127.0.0.1", "127.77.20.2", "::1"]);
}

#[test]
fn node_server_with_ipv6_assignment() {
    if !skip::command("node") || !skip::ipv6() {
        return;
    }
    let mut server = http_server(&Shim::ipv4("127.77.21.1").var("IPADDR_IPV6", "::1"));
    server.listens_on(&["::1"]);
    server.answers_on("::1", HTTP);
    server.refuses_on(&["127.77.21.1", "127.0.0.1", "127.77.21.2"]);
}

#[test]
fn node_server_with_ipv6_forbidden() {
    if !skip::command("node") || !skip::ipv6() {
        return;
    }
    let mut server = http_server(&Shim::ipv4("127.77.22.1").var("IPADDR_IPV6", "none"));
    server.listens_on(&["::ffff:127.77.22.1"]);
    server.answers_on("127.77.22.1", HTTP);
    server.refuses_on(&["127.0.0.1", "127.77.22.2", "::1"]);
}

/// On a dual-stack socket, whose peers are v4-mapped.
#[test]
fn node_server_resets_strangers() {
    if !skip::command("node") || !skip::ipv6() {
        return;
    }
    let rules = "-A ACCEPT ! -s 127.77.24.0/24 -j REJECT\n";
    let policy = PolicyDir::with_rules("127.77.24.1", rules);
    let mut server = http_server(&Shim::policy(policy.path()));
    server.listens_on(&["::ffff:127.77.24.1"]);
    server.answers_only_to("127.77.24.9", "127.77.25.1", "127.77.24.1", HTTP);
}

#[test]
fn node_keep_alive_agent_connects_from_the_address() {
    if !skip::command("node") {
        return;
    }
    let observer = Observer::start();
    let script = source("http_client.js");
    let run = client(
        &Shim::ipv4("127.77.23.1"),
        "node",
        &[&script, &observer.url()],
    );
    run.says(&["from 127.77.23.1"; 3].join("\n"));
    assert_eq!(observer.peers().len(), 1, "the connection is kept alive");
}

fn http_server(shim: &Shim) -> Server {
    let port = free_port();
    let mut command = shim.command("node");
    command.args([source("http_server.js"), port.to_string()]);
    Server::start(&mut command, port)
}
