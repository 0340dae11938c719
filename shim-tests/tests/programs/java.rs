//! Java: dual-stack sockets for both ends, unless told otherwise.

use shim_tests::Shim;

use crate::command::source;
use crate::ports::free_port;
use crate::server::Server;

pub const IPV4_ONLY: &str = "-Djava.net.preferIPv4Stack=true";
pub const DUAL_STACK: &str = "-Djava.net.preferIPv4Stack=false";

pub fn server(shim: &Shim, stack: &str) -> Server {
    let port = free_port();
    let mut command = shim.command("java");
    command.args([stack, &source("Hello.java"), "serve", &port.to_string()]);
    Server::start(&mut command, port)
}
