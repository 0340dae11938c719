//! Python

use shim_tests::{PolicyDir, Shim, skip};

use crate::command::{client, source};
use crate::observer::Observer;
use crate::ports::free_port;
use crate::server::{HELLO, HTTP, Server};

#[test]
fn python_http_server() {
    if !skip::command("python3") {
        return;
    }
    let port = free_port();
    let mut command = Shim::ipv4("127.77.10.1").command("python3");
    command.args(["-m", "http.server", &port.to_string()]);
    let mut server = Server::start(&mut command, port);
    server.listens_on(&["127.77.10.1"]);
    server.answers_on("127.77.10.1", HTTP);
    server.refuses_on(&["127.0.0.1", "127.77.10.2", "::1"]);
}

/// It waits for events on a blocking socket, and then in accept.
#[test]
fn python_http_server_resets_strangers() {
    if !skip::command("python3") {
        return;
    }
    let rules = "-A ACCEPT ! -s 127.77.17.0/24 -j REJECT\n";
    let policy = PolicyDir::with_rules("127.77.17.1", rules);
    let port = free_port();
    let mut command = Shim::policy(policy.path()).command("python3");
    command.args(["-m", "http.server", &port.to_string()]);
    let mut server = Server::start(&mut command, port);
    server.listens_on(&["127.77.17.1"]);
    server.answers_only_to("127.77.17.9", "127.77.18.1", "127.77.17.1", HTTP);
}

#[test]
fn asyncio_server_resets_strangers() {
    if !skip::command("python3") || !skip::ipv6() {
        return;
    }
    let rules = "-A ACCEPT ! -s 127.77.19.0/24 -j REJECT\n";
    let policy = PolicyDir::with_rules("127.77.19.1", rules);
    let mut server = asyncio_server(&Shim::policy(policy.path()));
    server.listens_on(&["127.77.19.1", "::"]);
    server.answers_only_to("127.77.19.9", "127.77.18.1", "127.77.19.1", HELLO);
    server.answers_on("::1", HELLO);
}

#[test]
fn python_urllib_connects_from_the_address() {
    if !skip::command("python3") {
        return;
    }
    let observer = Observer::start();
    let arguments = [&source("urllib_client.py"), &observer.url()];
    let run = client(
        &Shim::ipv4("127.77.11.1"),
        "python3",
        &arguments.map(|a| &**a),
    );
    run.says("from 127.77.11.1");
}

/// In a real cgroup, with a policy directory.
#[test]
fn python_in_a_cgroup() {
    if !skip::command("python3") {
        return;
    }
    let Some(cgroup) = skip::cgroup() else {
        return;
    };
    let policy = PolicyDir::new();
    policy.write(cgroup.name(), "ipv4", "127.77.12.1\n");
    let shim = Shim::policy(policy.path()).cgroup(&cgroup);

    let port = free_port();
    let mut command = shim.command("python3");
    command.args(["-m", "http.server", &port.to_string()]);
    let mut server = Server::start(&mut command, port);
    server.listens_on(&["127.77.12.1"]);
    server.answers_on("127.77.12.1", HTTP);
    server.refuses_on(&["127.0.0.1", "127.77.12.2", "::1"]);

    let observer = Observer::start();
    let arguments = [&source("urllib_client.py"), &observer.url()];
    client(&shim, "python3", &arguments.map(|a| &**a)).says("from 127.77.12.1");
}

#[test]
fn asyncio_server_without_ipv6_assignment() {
    if !skip::command("python3") || !skip::ipv6() {
        return;
    }
    let mut server = asyncio_server(&Shim::ipv4("127.77.13.1"));
    server.listens_on(&["127.77.13.1", "::"]);
    server.answers_on("127.77.13.1", HELLO);
    server.answers_on("::1", HELLO);
    server.refuses_on(&["127.0.0.1", "127.77.13.2"]);
}

#[test]
fn asyncio_server_with_ipv6_assignment() {
    if !skip::command("python3") || !skip::ipv6() {
        return;
    }
    let mut server = asyncio_server(&Shim::ipv4("127.77.14.1").var("IPADDR_IPV6", "::1"));
    server.listens_on(&["127.77.14.1", "::1"]);
    server.answers_on("127.77.14.1", HELLO);
    server.answers_on("::1", HELLO);
    server.refuses_on(&["127.0.0.1", "127.77.14.2"]);
}

#[test]
fn asyncio_server_with_ipv6_forbidden() {
    if !skip::command("python3") || !skip::ipv6() {
        return;
    }
    let server = asyncio_server(&Shim::ipv4("127.77.15.1").var("IPADDR_IPV6", "none"));
    let said = server.fails();
    assert!(
        said.contains("Operation not permitted") || said.contains("operation not permitted"),
        "{said}"
    );
}

#[test]
fn asyncio_connects_from_the_address() {
    if !skip::command("python3") {
        return;
    }
    let observer = Observer::start();
    let port = observer.address().port().to_string();
    let script = source("asyncio_client.py");
    let run = client(
        &Shim::ipv4("127.77.16.1"),
        "python3",
        &[&script, "127.0.0.1", &port],
    );
    assert!(run.success, "{}", run.err);
    observer.saw(&["127.77.16.1"; 2]);
}

fn asyncio_server(shim: &Shim) -> Server {
    let port = free_port();
    let mut command = shim.command("python3");
    command.args([source("asyncio_server.py"), port.to_string()]);
    Server::start(&mut command, port)
}
