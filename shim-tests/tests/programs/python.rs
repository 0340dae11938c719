//! Python

use shim_tests::{PolicyDir, Shim, skip};

use crate::command::{client, source};
use crate::observer::Observer;
use crate::ports::free_port;
use crate::server::{HTTP, Server};

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

    let mut server = http_server(&shim);
    server.serves_only("127.77.12.1", &["127.77.12.1"], HTTP);

    let observer = Observer::start();
    let arguments = [&source("urllib_client.py"), &observer.url()];
    client(&shim, "python3", &arguments.map(|a| &**a)).says("from 127.77.12.1");
}

pub fn http_server(shim: &Shim) -> Server {
    let port = free_port();
    let mut command = shim.command("python3");
    command.args(["-m", "http.server", &port.to_string()]);
    Server::start(&mut command, port)
}

pub fn asyncio_server(shim: &Shim) -> Server {
    let port = free_port();
    let mut command = shim.command("python3");
    command.args([source("asyncio_server.py"), port.to_string()]);
    Server::start(&mut command, port)
}
