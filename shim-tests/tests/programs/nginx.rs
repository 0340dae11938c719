//! nginx: a master that binds, workers that accept and connect.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use shim_tests::{PolicyDir, Shim, skip};
use tempfile::TempDir;

use crate::command::source;
use crate::observer::Observer;
use crate::ports::{free_port, free_port_of};
use crate::server::{HTTP, Server};
use crate::wrapped::wrapper;

#[test]
fn nginx_ipv4() {
    if !skip::command("nginx") {
        return;
    }
    let mut nginx = Nginx::start(&Shim::ipv4("127.77.50.1"), "listen PORT;");
    nginx.server.listens_on(&["127.77.50.1"]);
    nginx.server.answers_on("127.77.50.1", HTTP);
    nginx
        .server
        .refuses_on(&["127.0.0.1", "127.77.50.2", "::1"]);
}

/// nginx sets `IPV6_V6ONLY`, so this is pure IPv6: as in the RFC, untouched.
#[test]
fn nginx_ipv6_without_ipv6_assignment() {
    if !skip::command("nginx") || !skip::ipv6() {
        return;
    }
    let shim = Shim::ipv4("127.77.51.1").var("IPADDR_LOG", "debug");
    let mut nginx = Nginx::start(&shim, "listen [::]:PORT;");
    nginx.server.listens_on(&["::"]);
    let said = nginx.server.output();
    let passed = format!("[::]:{}\n", nginx.server.port());
    assert!(said.contains(&passed), "the library has seen it: {said}");
    nginx.server.answers_on("::1", HTTP);
    nginx.server.refuses_on(&["127.77.51.1", "127.0.0.1"]);
}

#[test]
fn nginx_ipv6_with_ipv6_assignment() {
    if !skip::command("nginx") || !skip::ipv6() {
        return;
    }
    let shim = Shim::ipv4("127.77.52.1").var("IPADDR_IPV6", "::1");
    let mut nginx = Nginx::start(&shim, "listen [::]:PORT;");
    nginx.server.listens_on(&["::1"]);
    nginx.server.answers_on("::1", HTTP);
    nginx.server.refuses_on(&["127.77.52.1", "127.0.0.1"]);
}

#[test]
fn nginx_ipv6_forbidden() {
    if !skip::command("nginx") || !skip::ipv6() {
        return;
    }
    let shim = Shim::ipv4("127.77.53.1").var("IPADDR_IPV6", "none");
    let said = Nginx::start(&shim, "listen [::]:PORT;").server.fails();
    assert!(said.contains("Operation not permitted"), "{said}");
    assert!(said.contains("IPv6 is forbidden"), "{said}");
}

#[test]
fn nginx_dual_stack_without_ipv6_assignment() {
    dual_stack(&Shim::ipv4("127.77.54.1"), "127.77.54.1");
}

#[test]
fn nginx_dual_stack_with_ipv6_forbidden() {
    let shim = Shim::ipv4("127.77.55.1").var("IPADDR_IPV6", "none");
    dual_stack(&shim, "127.77.55.1");
}

fn dual_stack(shim: &Shim, address: &str) {
    if !skip::command("nginx") || !skip::ipv6() {
        return;
    }
    let mut nginx = Nginx::start(shim, "listen [::]:PORT ipv6only=off;");
    nginx.server.listens_on(&[&format!("::ffff:{address}")]);
    nginx.server.answers_on(address, HTTP);
    nginx
        .server
        .refuses_on(&["127.0.0.1", "127.77.54.2", "::1"]);
}

#[test]
fn nginx_dual_stack_with_ipv6_assignment() {
    if !skip::command("nginx") || !skip::ipv6() {
        return;
    }
    let shim = Shim::ipv4("127.77.56.1").var("IPADDR_IPV6", "::1");
    let mut nginx = Nginx::start(&shim, "listen [::]:PORT ipv6only=off;");
    nginx.server.listens_on(&["::1"]);
    nginx.server.answers_on("::1", HTTP);
    nginx.server.refuses_on(&["127.77.56.1", "127.0.0.1"]);
}

/// As Debian's default site has it.
#[test]
fn nginx_on_both() {
    if !skip::command("nginx") || !skip::ipv6() {
        return;
    }
    let shim = Shim::ipv4("127.77.57.1").var("IPADDR_IPV6", "::1");
    let mut nginx = Nginx::start(&shim, "listen PORT; listen [::]:PORT;");
    nginx.server.listens_on(&["127.77.57.1", "::1"]);
    nginx.server.answers_on("127.77.57.1", HTTP);
    nginx.server.answers_on("::1", HTTP);
    nginx.server.refuses_on(&["127.0.0.1", "127.77.57.2"]);
}

/// The usual configuration on a host whose IPv6 is nobody's.
#[test]
fn nginx_on_both_with_ipv6_on_loopback() {
    if !skip::command("nginx") || !skip::ipv6() {
        return;
    }
    let shim = Shim::ipv4("127.77.73.1").var("IPADDR_IPV6", "loopback");
    let mut nginx = Nginx::start(&shim, "listen PORT; listen [::]:PORT;");
    nginx.server.listens_on(&["127.77.73.1", "::1"]);
    nginx.server.answers_on("127.77.73.1", HTTP);
    nginx.server.answers_on("::1", HTTP);
    nginx.server.refuses_on(&["127.0.0.1", "127.77.73.2"]);
}

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
    nginx.server.listens_on(&["127.77.75.1", "::1"]);
    nginx.server.answers_on("127.77.75.1", HTTP);
    nginx.server.answers_on("::1", HTTP);
    nginx.server.refuses_on(&["127.0.0.1", "127.77.75.2"]);
}

#[test]
fn nginx_dual_stack_with_ipv6_on_loopback() {
    let shim = Shim::ipv4("127.77.74.1").var("IPADDR_IPV6", "loopback");
    dual_stack(&shim, "127.77.74.1");
}

/// For a health check at localhost. Without `bind` nginx takes the wildcard's socket for both.
#[test]
fn nginx_on_loopback_too() {
    if !skip::command("nginx") {
        return;
    }
    let listen = "listen PORT; listen 127.0.0.1:PORT bind;";
    let mut nginx = Nginx::start(&Shim::ipv4("127.77.76.1"), listen);
    nginx.server.listens_on(&["127.77.76.1", "127.0.0.1"]);
    nginx.server.answers_on("127.77.76.1", HTTP);
    nginx.server.answers_on("127.0.0.1", HTTP);
    nginx.server.refuses_on(&["127.77.76.2"]);
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
/// from the master, which looked before it forked.
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
    nginx.server.listens_on(&["127.77.59.1"]);
    nginx.server.answers_on("127.77.59.1", HTTP);
    nginx
        .server
        .refuses_on(&["127.0.0.1", "127.77.59.2", "::1"]);
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
    nginx.server.listens_on(&["127.77.70.1"]);
    nginx.server.answers_on("127.77.70.1", HTTP);
    nginx.server.refuses_on(&["127.0.0.1", "127.77.70.2"]);
    let port = free_port();
    let said = Nginx::start_on(&shim, "listen PORT;", port).server.fails();
    let refused = format!("bind() to 0.0.0.0:{port} failed (13: Permission denied)");
    assert!(said.contains(&refused), "{said}");
    let by = format!(": EACCES, by {}/ipaddr.rules:2", policy.path().display());
    assert!(said.contains(&by), "{said}");
}

/// Its workers wait for events, all of them at one socket.
#[test]
fn nginx_resets_strangers() {
    if !skip::command("nginx") {
        return;
    }
    let rules = "-A ACCEPT ! -s 127.77.71.0/24 -j REJECT\n";
    let policy = PolicyDir::with_rules("127.77.71.1", rules);
    let mut nginx = Nginx::start(&Shim::policy(policy.path()), "listen PORT;");
    nginx.server.listens_on(&["127.77.71.1"]);
    nginx
        .server
        .answers_only_to("127.77.71.9", "127.77.72.1", "127.77.71.1", HTTP);
}

/// A running nginx, and the upstream that it proxies for.
struct Nginx {
    // Ended before its folder goes away.
    server: Server,
    observer: Observer,
    _dir: TempDir,
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
        fs::write(&file, configuration).expect("the folder is ours");
        let (program, words) = by.split_first().expect("there is nginx");
        let mut command = shim.command(program);
        command.args(words);
        command.args(["-p", path, "-c"]).arg(file);
        Self {
            server: Server::start(&mut command, port),
            observer,
            _dir: dir,
        }
    }

    /// Asserts what a request for `path` gets.
    #[track_caller]
    fn proxies(&self, address: &str, path: &str, expected: &str) {
        let request = format!("GET {path} HTTP/1.0\r\n\r\n");
        let answer = self.server.ask(address, &request).expect("it answers");
        let said = self.server.output();
        assert!(
            answer.contains(expected),
            "{path}: {answer}\nnginx said:\n{said}"
        );
    }
}
