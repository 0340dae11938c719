//! A socket that only plays one: it answers what the test says, and records what it was told. For
//! errors that are hard to get of the kernel, and for the order of the system calls.

use std::cell::{Cell, RefCell};
use std::fmt::Write;

use ipaddr_policy::errno::Errno;
use ipaddr_socket::Socket;
use ipaddr_socket::sockaddr::Sockaddr;
use libc::{c_int, sock_filter};

use super::sockaddr;

/// The socket. Unless the test says otherwise, a stream of IPv4 that isn't bound, on which all works.
pub struct Mock {
    /// What getsockname(2) says: an endpoint, or an errno.
    pub local: Result<&'static str, c_int>,
    /// What each next bind(2) says; when there is no more, it works.
    pub binds: RefCell<Vec<Result<(), c_int>>>,
    /// What getsockname(2) says once a bind(2) was made.
    pub later: Option<&'static str>,
    /// What getsockopt(2) says: level, name, value.
    pub options: Vec<(c_int, c_int, c_int)>,
    /// What it says of the other options.
    pub unknown: c_int,
    /// The options that setsockopt(2) refuses.
    pub refused: Vec<(c_int, c_int, c_int)>,
    pub was_bound: Cell<bool>,
    pub calls: RefCell<Vec<String>>,
}

impl Default for Mock {
    fn default() -> Self {
        Self {
            local: Ok("0.0.0.0:0"),
            binds: RefCell::default(),
            later: None,
            options: vec![
                (libc::SOL_SOCKET, libc::SO_DOMAIN, libc::AF_INET),
                (libc::SOL_SOCKET, libc::SO_TYPE, libc::SOCK_STREAM),
                (libc::SOL_SOCKET, libc::SO_PROTOCOL, libc::IPPROTO_TCP),
            ],
            unknown: libc::ENOPROTOOPT,
            refused: Vec::new(),
            was_bound: Cell::new(false),
            calls: RefCell::default(),
        }
    }
}

impl Mock {
    /// The calls since the last time, with what they were told.
    pub fn calls(&self) -> Vec<String> {
        self.calls.take()
    }

    fn record(&self, call: String) {
        self.calls.borrow_mut().push(call);
    }
}

impl Socket for &Mock {
    fn number(&self) -> c_int {
        7
    }

    fn bind(&self, address: &Sockaddr) -> Result<(), Errno> {
        let endpoint = address.endpoint().expect("an address");
        self.record(format!("bind {endpoint}"));
        self.was_bound.set(true);
        let mut binds = self.binds.borrow_mut();
        let answer = if binds.is_empty() {
            Ok(())
        } else {
            binds.remove(0)
        };
        answer.map_err(Errno)
    }

    fn getsockname(&self) -> Result<Sockaddr, Errno> {
        self.record("getsockname".to_owned());
        let was_bound = self.was_bound.get();
        let local = self.later.filter(|_| was_bound).map_or(self.local, Ok);
        local.map(sockaddr).map_err(Errno)
    }

    fn getsockopt(&self, level: c_int, name: c_int) -> Result<c_int, Errno> {
        self.record(format!("getsockopt {}", option(level, name)));
        let known = self.options.iter().find(|it| (it.0, it.1) == (level, name));
        known.map(|it| it.2).ok_or(Errno(self.unknown))
    }

    fn setsockopt(&self, level: c_int, name: c_int, value: &[u8]) -> Result<(), Errno> {
        let mut call = format!("setsockopt {}", option(level, name));
        for word in value.chunks(4) {
            let word = i32::from_ne_bytes(word.try_into().expect("whole ints"));
            write!(call, " {word}").expect("memory");
        }
        self.record(call);
        let refused = self.refused.iter().find(|it| (it.0, it.1) == (level, name));
        refused.map_or(Ok(()), |it| Err(Errno(it.2)))
    }

    fn attach_filter(&self, program: &[sock_filter]) -> Result<(), Errno> {
        self.record(format!("attach_filter {}", program.len()));
        Ok(())
    }

    fn shutdown(&self, _: c_int) -> Result<(), Errno> {
        self.record("shutdown".to_owned());
        Ok(())
    }
}

fn option(level: c_int, name: c_int) -> &'static str {
    match (level, name) {
        (libc::SOL_SOCKET, libc::SO_DOMAIN) => "SO_DOMAIN",
        (libc::SOL_SOCKET, libc::SO_TYPE) => "SO_TYPE",
        (libc::SOL_SOCKET, libc::SO_PROTOCOL) => "SO_PROTOCOL",
        (libc::SOL_SOCKET, libc::SO_ACCEPTCONN) => "SO_ACCEPTCONN",
        (libc::SOL_SOCKET, libc::SO_LINGER) => "SO_LINGER",
        (libc::SOL_SOCKET, libc::SO_LOCK_FILTER) => "SO_LOCK_FILTER",
        (libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT) => "IP_BIND_ADDRESS_NO_PORT",
        (libc::IPPROTO_IPV6, libc::IPV6_V6ONLY) => "IPV6_V6ONLY",
        other => panic!("an option that nobody should look at: {other:?}"),
    }
}
