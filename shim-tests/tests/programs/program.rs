//! The server programs: how each is started, and what it speaks.

use shim_tests::{Shim, skip};

use crate::server::{HELLO, HTTP, Protocol, REDIS, Server};
use crate::{java, nginx, node, perl, python, redis};

/// A server program, with what it is told.
#[derive(Clone, Copy)]
pub enum Program {
    /// By asyncio, without a host: 0.0.0.0 and, with `IPV6_V6ONLY`, `[::]`.
    Asyncio,
    /// With this option of the virtual machine's.
    Java(&'static str),
    /// With these `listen` directives, `PORT` standing for the port.
    Nginx(&'static str),
    /// A dual-stack `[::]`.
    Node,
    Perl,
    /// `python3 -m http.server`
    PythonHttp,
    /// With these arguments.
    Redis(&'static [&'static str]),
}

impl Program {
    /// Whether it can run here; skips if it can't.
    pub fn is_there(self) -> bool {
        skip::command(self.needs()) && (!self.takes_ipv6() || skip::ipv6())
    }

    /// Starts it on a free port.
    pub fn start(self, shim: &Shim) -> Server {
        match self {
            Self::Asyncio => python::asyncio_server(shim),
            Self::Java(option) => java::server(shim, option),
            Self::Nginx(listen) => nginx::server(shim, listen),
            Self::Node => node::server(shim),
            Self::Perl => perl::server(shim),
            Self::PythonHttp => python::http_server(shim),
            Self::Redis(arguments) => redis::server(shim, arguments),
        }
    }

    /// What its clients say.
    pub const fn protocol(self) -> Protocol {
        match self {
            Self::Asyncio | Self::Java(_) | Self::Perl => HELLO,
            Self::Nginx(_) | Self::Node | Self::PythonHttp => HTTP,
            Self::Redis(_) => REDIS,
        }
    }

    const fn needs(self) -> &'static str {
        match self {
            Self::Asyncio | Self::PythonHttp => "python3",
            Self::Java(_) => "javac",
            Self::Nginx(_) => "nginx",
            Self::Node => "node",
            Self::Perl => "perl",
            Self::Redis(_) => "redis-server",
        }
    }

    /// Whether it makes sockets of AF_INET6.
    fn takes_ipv6(self) -> bool {
        match self {
            Self::Asyncio | Self::Node => true,
            Self::Java(option) => option == java::DUAL_STACK,
            Self::Nginx(listen) => listen.contains("[::]"),
            // Its default is `bind * -::*`.
            Self::Redis(arguments) => arguments.is_empty(),
            Self::Perl | Self::PythonHttp => false,
        }
    }
}
