//! Node: a dual-stack `[::]` by default, and connections made without blocking.

use shim_tests::Shim;

use crate::command::source;
use crate::ports::free_port;
use crate::server::Server;

pub fn server(shim: &Shim) -> Server {
    let port = free_port();
    let mut command = shim.command("node");
    command.args([source("http_server.js"), port.to_string()]);
    Server::start(&mut command, port)
}
