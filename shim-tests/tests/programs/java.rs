//! Java: dual-stack sockets for both ends, unless told otherwise.

use shim_tests::{PolicyDir, Shim, skip};

use crate::command::{client, source};
use crate::observer::Observer;
use crate::ports::free_port;
use crate::server::{HELLO, Server};

const IPV4_ONLY: &str = "-Djava.net.preferIPv4Stack=true";
const DUAL_STACK: &str = "-Djava.net.preferIPv4Stack=false";

#[test]
fn java_server_without_ipv6_assignment() {
    if !skip::command("javac") || !skip::ipv6() {
        return;
    }
    let mut server = serve(&Shim::ipv4("127.77.30.1"), DUAL_STACK);
    server.listens_on(&["::ffff:127.77.30.1"]);
    server.answers_on("127.77.30.1", HELLO);
    server.refuses_on(&["127.0.0.1", "127.77.30.2", "::1"]);
}

#[test]
fn java_server_with_ipv6_assignment() {
    if !skip::command("javac") || !skip::ipv6() {
        return;
    }
    let mut server = serve(
        &Shim::ipv4("127.77.31.1").var("IPADDR_IPV6", "::1"),
        DUAL_STACK,
    );
    server.listens_on(&["::1"]);
    server.answers_on("::1", HELLO);
    server.refuses_on(&["127.77.31.1", "127.0.0.1", "127.77.31.2"]);
}

#[test]
fn java_server_with_ipv4_sockets() {
    if !skip::command("javac") {
        return;
    }
    let mut server = serve(
        &Shim::ipv4("127.77.32.1").var("IPADDR_IPV6", "none"),
        IPV4_ONLY,
    );
    server.listens_on(&["127.77.32.1"]);
    server.answers_on("127.77.32.1", HELLO);
    server.refuses_on(&["127.0.0.1", "127.77.32.2", "::1"]);
}

/// A thread in accept.
#[test]
fn java_server_resets_strangers() {
    if !skip::command("javac") || !skip::ipv6() {
        return;
    }
    let rules = "-A ACCEPT ! -s 127.77.34.0/24 -j REJECT\n";
    let policy = PolicyDir::with_rules("127.77.34.1", rules);
    let mut server = serve(&Shim::policy(policy.path()), DUAL_STACK);
    server.listens_on(&["::ffff:127.77.34.1"]);
    server.answers_only_to("127.77.34.9", "127.77.35.1", "127.77.34.1", HELLO);
}

#[test]
fn java_connects_from_the_address() {
    if !skip::command("javac") {
        return;
    }
    for (stack, address) in [(DUAL_STACK, "127.77.33.1"), (IPV4_ONLY, "127.77.33.2")] {
        let observer = Observer::start();
        let port = observer.address().port().to_string();
        let source = source("Hello.java");
        let arguments = [stack, &source, "fetch", "127.0.0.1", &port];
        let run = client(&Shim::ipv4(address), "java", &arguments);
        assert!(run.success, "{}", run.err);
        // java.net's connection and java.nio's.
        observer.saw(&[address, address]);
    }
}

fn serve(shim: &Shim, stack: &str) -> Server {
    let port = free_port();
    let mut command = shim.command("java");
    command.args([stack, &source("Hello.java"), "serve", &port.to_string()]);
    Server::start(&mut command, port)
}
