//! nginx: a master that binds, workers that accept and connect.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use shim_tests::{PolicyDir, Shim, skip};

use crate::command::source;
use crate::observer::Observer;
use crate::ports::{free_port, free_port_of};
use crate::server::{HTTP, Server};
use crate::wrapped::wrapper;

/// Who says `--ip ADDRESS` to the wrapper expects no other, of IPv6 either.
#[test]
fn nginx_on_both_by_the_wrapper() {
    if !skip::command("nginx") || !skip::ipv6() {
        return;
    }
    let (_dir, wrapper) = wrapper();
    let by = [&wrapper, "--ip", "127.77.75.1", "--", "nginx"];
    let listen = "listen PORT; listen [::]:PORT;";
    let mut nginx = Nginx::start_by(&Shim::without(), &by, listen, free_port());
    let addresses = ["127.77.75.1", "::1"];
    nginx.server.serves_only("127.77.75.1", &addresses, HTTP);
}

#[test]
fn nginx_proxies_from_the_address() {
    if !skip::command("nginx") {
        return;
    }
    let shim = Shim::ipv4("127.77.58.1,127.77.58.9");
    let mut nginx = Nginx::start(&shim, "listen PORT;");
    nginx.server.listens_on(&["127.77.58.1"]);
    nginx.proxies("127.77.58.1", "/upstream", "from 127.77.58.1");
    nginx.proxies("127.77.58.1", "/from/127.77.58.9", "from 127.77.58.9");
    nginx.proxies(
        "127.77.58.1",
        "/from/127.77.58.3",
        "500 Internal Server Error",
    );
    nginx.observer.saw(&["127.77.58.1", "127.77.58.9"]);
}

/// The workers are another user, and the policy is only for root to read: they have their address
/// from the master, which read the policy before it forked.
#[test]
fn nginx_in_a_cgroup() {
    if !skip::command("nginx") {
        return;
    }
    let Some(cgroup) = skip::cgroup() else {
        return;
    };
    let policy = PolicyDir::new();
    policy.write(cgroup.name(), "ipv4", "127.77.59.1\n127.77.59.9\n");
    fs::set_permissions(policy.path(), Permissions::from_mode(0o700)).expect("it is ours");
    let shim = Shim::policy(policy.path()).cgroup(&cgroup);
    let mut nginx = Nginx::start(&shim, "listen PORT;");
    let address = "127.77.59.1";
    nginx.server.serves_only(address, &[address], HTTP);
    nginx.proxies("127.77.59.1", "/upstream", "from 127.77.59.1");
    nginx.proxies("127.77.59.1", "/from/127.77.59.9", "from 127.77.59.9");
}

#[test]
fn nginx_may_bind_only_some_ports() {
    if !skip::command("nginx") {
        return;
    }
    let rules = "-A BIND -p tcp -m tcp --sport 8000:8999 -j ACCEPT\n\
                 -A BIND -j REJECT --reject-with eacces\n";
    let policy = PolicyDir::with_rules("127.77.70.1", rules);
    let shim = Shim::policy(policy.path());
    let mut nginx = Nginx::start_on(&shim, "listen PORT;", free_port_of(8000..9000));
    let address = "127.77.70.1";
    nginx.server.serves_only(address, &[address], HTTP);
    let port = free_port();
    let said = Nginx::start_on(&shim, "listen PORT;", port).server.fails();
    let refused = format!("bind() to 0.0.0.0:{port} failed (13: Permission denied)");
    assert!(said.contains(&refused), "{said}");
    let by = format!(": EACCES, by {}/ipaddr.rules:2", policy.path().display());
    assert!(said.contains(&by), "{said}");
}

/// Starts nginx with these `listen` directives, `PORT` standing for a free port.
pub fn server(shim: &Shim, listen: &str) -> Server {
    Nginx::start(shim, listen).server
}

/// A running nginx, and the upstream that it proxies for.
struct Nginx {
    server: Server,
    observer: Observer,
}

impl Nginx {
    /// Starts nginx with these `listen` directives, `PORT` standing for a free port.
    fn start(shim: &Shim, listen: &str) -> Self {
        Self::start_on(shim, listen, free_port())
    }

    fn start_on(shim: &Shim, listen: &str, port: u16) -> Self {
        Self::start_by(shim, &["nginx"], listen, port)
    }

    /// Starts it by these words, of which `nginx` is the last.
    fn start_by(shim: &Shim, by: &[&str], listen: &str, port: u16) -> Self {
        let observer = Observer::start();
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().to_str().expect("UTF-8");
        let template = fs::read_to_string(source("nginx.conf")).expect("it is beside this file");
        let configuration = template
            .replace("@LISTEN@", &listen.replace("PORT", &port.to_string()))
            .replace("@UPSTREAM@", &observer.address().to_string())
            .replace("@DIR@", path);
        let file = dir.path().join("nginx.conf");
        fs::write(&file, configuration).expect("the directory is ours");
        let (program, words) = by.split_first().expect("there is nginx");
        let mut command = shim.command(program);
        command.args(words);
        command.args(["-p", path, "-c"]).arg(file);
        Self {
            server: Server::start_in(dir, &mut command, port),
            observer,
        }
    }

    /// Asserts what a request for `path` gets.
    #[track_caller]
    fn proxies(&self, address: &str, path: &str, expected: &str) {
        let request = format!("GET {path} HTTP/1.0\r\n\r\n");
        let answer = self.server.request(address, &request).expect("it answers");
        let said = self.server.output();
        assert!(
            answer.contains(expected),
            "{path}: {answer}\nnginx said:\n{said}"
        );
    }
}
