//! `ipaddr.rules` on real sockets: each chain, through every call that it is for.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::thread;
use std::time::Duration;

use shim_tests::peer::{Listener, Stranger, connect_from, received, sender, udp_port};
use shim_tests::{Cgroup, PolicyDir, Shim, harness, skip};

const ADDRESS: &str = "127.0.0.2";
const BOTH: &str = "127.0.0.2\n127.0.0.3\n";

/// Under the library, with a list and rules for all cgroups.
fn under(list: &str, rules: &str) -> (PolicyDir, Shim) {
    let dir = PolicyDir::with_rules(list, rules);
    let shim = Shim::policy(dir.path());
    (dir, shim)
}

/// A free port of the wildcard address.
fn free_port() -> String {
    Listener::on("0.0.0.0").port()
}

#[test]
fn bind_to_a_port_that_a_rule_accepts() {
    let port = free_port();
    let rules = format!("-A BIND -p tcp --sport {port} -j ACCEPT\n-A BIND -j REJECT\n");
    let (dir, shim) = under(ADDRESS, &rules);
    for address in ["0.0.0.0", ADDRESS, "127.0.0.1"] {
        let run = shim.harness("bind", &["tcp4", address, &port]);
        let expected = if address == "0.0.0.0" {
            ADDRESS
        } else {
            address
        };
        assert_eq!(run.outcome(), ("0", expected), "{run:?}");
    }
    for address in ["::", "::ffff:0.0.0.0"] {
        let run = shim.harness("bind", &["tcp6", address, &port]);
        assert_eq!(run.outcome(), ("0", "::ffff:127.0.0.2"), "{run:?}");
    }
    let other = free_port();
    for (kind, address, port) in [
        ("tcp4", "0.0.0.0", &other),
        ("tcp4", "0.0.0.0", &"0".to_owned()),
        ("udp4", "0.0.0.0", &port),
        ("tcp4", "127.0.0.1", &other),
        ("tcp6", "::1", &other),
    ] {
        let run = shim.harness("bind", &[kind, address, port]);
        assert_eq!(run.words()[0], "EPERM", "{kind} {address} {port}: {run:?}");
        let by = format!(": EPERM, by {}/ipaddr.rules:2\n", dir.path().display());
        assert!(run.err.ends_with(&by), "{}", run.err);
        let number = shim.harness("number_bind", &[kind, "bind", address, port]);
        assert_eq!(number.words()[0], "EPERM", "{kind} {address}: {number:?}");
    }
    // MPTCP is TCP on the wire.
    if skip::kind("mptcp4") {
        let run = shim.harness("bind", &["mptcp4", "0.0.0.0", &port]);
        assert_eq!(run.outcome(), ("0", ADDRESS), "{run:?}");
    }
}

/// The address that is not assigned is refused as ever, whatever a rule accepts.
#[test]
fn rules_only_filter() {
    let (_dir, shim) = under(ADDRESS, "-A BIND -j ACCEPT\n-A CONNECT -j ACCEPT\n");
    let run = shim.harness("bind", &["tcp4", "127.0.0.9", "0"]);
    assert_eq!(run.words()[0], "EPERM", "{run:?}");
    assert!(
        run.err.contains("the assigned address is 127.0.0.2"),
        "{}",
        run.err
    );
}

#[test]
fn the_errno_is_the_rule_s() {
    let listener = Listener::on("127.0.0.1");
    let port = listener.port();
    for (name, errno) in [
        ("eperm", "EPERM"),
        ("eacces", "EACCES"),
        ("econnrefused", "ECONNREFUSED"),
        ("enetunreach", "ENETUNREACH"),
    ] {
        let rules = format!(
            "-A BIND -j REJECT --reject-with {name}\n-A CONNECT -j REJECT --reject-with {name}\n"
        );
        let (_dir, shim) = under(ADDRESS, &rules);
        let bind = shim.harness("bind", &["tcp4", "0.0.0.0", "0"]);
        assert_eq!(bind.outcome(), (errno, "0.0.0.0"), "{bind:?}");
        assert!(
            bind.err.contains(&format!(": {errno}, by ")),
            "{}",
            bind.err
        );
        let connect = shim.harness("connect", &["tcp4", "127.0.0.1", &port]);
        assert_eq!(connect.outcome(), (errno, "0.0.0.0"), "{connect:?}");
    }
}

/// listen on a socket that isn't bound is a bind to port 0; a port that the kernel has chosen was
/// judged as that.
#[test]
fn listen_is_a_bind() {
    let (_dir, shim) = under(ADDRESS, "-A BIND -p tcp --sport 1:65535 -j REJECT\n");
    for how in [&["tcp4"][..], &["tcp4", "number"], &["tcp4", "twice"]] {
        let run = shim.harness("listen", how);
        assert_eq!(run.outcome(), ("0", ADDRESS), "{how:?}: {run:?}");
    }
    let (_dir, shim) = under(ADDRESS, "-A BIND -p tcp --sport 0 -j REJECT\n");
    for how in [&["tcp4"][..], &["tcp4", "number"]] {
        let run = shim.harness("listen", how);
        assert_eq!(run.outcome(), ("EPERM", "0.0.0.0"), "{how:?}: {run:?}");
    }
    let run = shim.harness("listen", &["tcp6"]);
    assert_eq!(run.outcome(), ("EPERM", "::"), "{run:?}");
}

#[test]
fn connect_to_a_network_that_a_rule_accepts() {
    let listener = Listener::on("127.0.0.1");
    let port = listener.port();
    let rules = format!(
        "-A CONNECT -d 127.0.0.0/30 -p tcp --dport {port} -j ACCEPT\n\
         -A CONNECT -j REJECT --reject-with enetunreach\n"
    );
    let (_dir, shim) = under(ADDRESS, &rules);
    for (kind, remote, local) in [
        ("tcp4", "127.0.0.1", ADDRESS),
        ("tcp6", "::ffff:127.0.0.1", "::ffff:127.0.0.2"),
    ] {
        let run = shim.harness("connect", &[kind, remote, &port]);
        assert_eq!(run.outcome(), ("0", local), "{kind}: {run:?}");
        assert_eq!(listener.peer().ip().to_string(), ADDRESS);
    }
    for (kind, remote) in [
        ("tcp4", "127.0.0.4"),
        ("udp4", "127.0.0.1"),
        ("tcp6", "::ffff:127.0.0.4"),
        ("tcp6", "::1"),
    ] {
        let wildcard = if kind.ends_with('6') { "::" } else { "0.0.0.0" };
        let run = shim.harness("connect", &[kind, remote, &port]);
        assert_eq!(
            run.outcome(),
            ("ENETUNREACH", wildcard),
            "{kind} {remote}: {run:?}"
        );
        let number = shim.harness("number_bind", &[kind, "connect", remote, &port]);
        assert_eq!(
            number.words()[0],
            "ENETUNREACH",
            "{kind} {remote}: {number:?}"
        );
        // Bound or not makes no difference.
        let bound = if kind.ends_with('6') {
            "::ffff:127.0.0.2"
        } else {
            ADDRESS
        };
        let run = shim.harness("connect", &[kind, remote, &port, bound, "0"]);
        assert_eq!(run.words()[0], "ENETUNREACH", "{kind} {remote}: {run:?}");
    }
}

/// Rules without an assignment: the call goes through as it is, or not at all.
#[test]
fn connect_with_rules_only() {
    let listener = Listener::on("127.0.0.1");
    let port = listener.port();
    let dir = PolicyDir::new();
    dir.write("", "rules", "-A CONNECT -d 127.0.0.4 -j REJECT\n");
    let shim = Shim::policy(dir.path());
    let run = shim.harness("connect", &["tcp4", "127.0.0.1", &port]);
    assert_eq!(run.outcome(), ("0", "127.0.0.1"), "{run:?}");
    let run = shim.harness("connect", &["tcp4", "127.0.0.4", &port]);
    assert_eq!(run.outcome(), ("EPERM", "0.0.0.0"), "{run:?}");
    let (_socket, port) = udp_port("127.0.0.1");
    let run = shim.harness("send", &["udp4", "sendto", "127.0.0.1", &port]);
    assert_eq!(run.outcome(), ("0", "0.0.0.0"), "{run:?}");
    let run = shim.harness("send", &["udp4", "sendto", "127.0.0.4", &port]);
    assert_eq!(run.outcome(), ("EPERM", "0.0.0.0"), "{run:?}");
}

/// The source by the destination.
#[test]
fn snat_chooses_the_source() {
    let near = Listener::on("127.0.0.1");
    let far = Listener::on("127.0.0.9");
    let rules = "-A CONNECT -d 127.0.0.9 -j SNAT --to-source 127.0.0.3\n";
    let (_dir, shim) = under(BOTH, rules);
    for (remote, listener, source) in [
        ("127.0.0.1", &near, ADDRESS),
        ("127.0.0.9", &far, "127.0.0.3"),
    ] {
        let run = shim.harness("connect", &["tcp4", remote, &listener.port()]);
        assert_eq!(run.outcome(), ("0", source), "{run:?}");
        assert_eq!(listener.peer().ip().to_string(), source);
        let (socket, port) = udp_port(remote);
        for how in ["sendto", "sendmsg", "sendmmsg", "number:sendto"] {
            let run = shim.harness("send", &["udp4", how, remote, &port]);
            assert_eq!(run.outcome(), ("0", source), "{how}: {run:?}");
            assert_eq!(sender(&socket), source, "{how}");
        }
        let run = shim.harness(
            "send",
            &["tcp4", "fastopen:sendto", remote, &listener.port()],
        );
        assert_eq!(run.outcome(), ("0", source), "{run:?}");
        // One's own choice stays.
        let run = shim.harness("connect", &["tcp4", remote, &listener.port(), ADDRESS, "0"]);
        assert_eq!(run.outcome(), ("0", ADDRESS), "{run:?}");
    }
    // Dissolved, a socket is as unbound as before.
    let (_socket, port) = udp_port("127.0.0.9");
    let run = shim.harness("dissolve", &["udp4", "127.0.0.9", &port, "127.0.0.1"]);
    let words = run.words();
    assert_eq!((words[1], words[7]), ("127.0.0.3", ADDRESS), "{run:?}");
}

/// The rules judge where the packets go, not what is written.
#[test]
fn a_wildcard_as_destination() {
    let (_receiver, port) = udp_port("0.0.0.0");
    let own = "-A CONNECT -d 127.0.0.2 -j REJECT --reject-with eacces\n";
    let (_dir, shim) = under(BOTH, own);
    let connect = |shim: &Shim, arguments: &[&str]| {
        let run = shim.harness("connect", arguments);
        run.words()[0].to_owned()
    };
    assert_eq!(connect(&Shim::new(), &["udp4", "0.0.0.0", &port]), "0");
    for (kind, remote) in [("udp4", "0.0.0.0"), ("udp6", "::ffff:0.0.0.0")] {
        assert_eq!(connect(&shim, &[kind, remote, &port]), "EACCES", "{kind}");
        for how in ["sendto", "sendmsg", "sendmmsg", "number:sendto"] {
            let run = shim.harness("send", &[kind, how, remote, &port]);
            assert_eq!(run.words()[0], "EACCES", "{how} {kind}: {run:?}");
        }
    }
    // The socket's own address, or the one that is chosen for the packet.
    let bound = |local| connect(&shim, &["udp4", "0.0.0.0", &port, local, "0"]);
    assert_eq!([bound(ADDRESS), bound("127.0.0.3")], ["EACCES", "0"]);
    for how in ["sendmsg", "sendmmsg"] {
        let send = |source| {
            let run = shim.harness("send", &["udp4", how, "0.0.0.0", &port, source]);
            run.words()[0].to_owned()
        };
        assert_eq!([send(ADDRESS), send("127.0.0.3")], ["EACCES", "0"], "{how}");
    }
    let (_dir, written) = under(BOTH, "-A CONNECT -d 0.0.0.0 -j REJECT\n");
    assert_eq!(connect(&written, &["udp4", "0.0.0.0", &port]), "0");

    // The fast path of a process that sends many.
    let (_other, other) = udp_port("0.0.0.0");
    let rules = format!("-A CONNECT -d 127.0.0.2 -p udp --dport {other} -j REJECT\n");
    let (_dir, shim) = under(ADDRESS, &rules);
    let run = shim.harness("send_to_both", &["0.0.0.0", &port, &other, "300"]);
    run.says("0 300 EPERM 300");

    // The source that SNAT gives is the destination too.
    let snat = "-A CONNECT -d 127.0.0.2 -j SNAT --to-source 127.0.0.3\n";
    let (_dir, shim) = under(BOTH, snat);
    let run = shim.harness("connect", &["udp4", "0.0.0.0", &port]);
    assert_eq!(run.outcome(), ("0", "127.0.0.3"));
    let (_dir, shim) = under(BOTH, &format!("{snat}-A CONNECT -d 127.0.0.3 -j REJECT\n"));
    assert_eq!(connect(&shim, &["udp4", "0.0.0.0", &port]), "EPERM");
}

/// Where nothing is assigned, a wildcard leads to the loopback address, or the socket's own.
#[test]
fn a_wildcard_as_destination_with_rules_only() {
    let dir = PolicyDir::new();
    let rules = "-A CONNECT -d 127.0.0.1 -j REJECT\n-A CONNECT -d ::1 -j REJECT\n";
    dir.write("", "rules", rules);
    let shim = Shim::policy(dir.path());
    let connect = |arguments: &[&str]| {
        let run = shim.harness("connect", arguments);
        run.words()[0].to_owned()
    };
    assert_eq!(connect(&["udp4", "0.0.0.0", "9"]), "EPERM");
    assert_eq!(connect(&["udp4", "0.0.0.0", "9", "127.0.0.3", "0"]), "0");
    let mapped = ["udp6", "::ffff:0.0.0.0", "9"];
    assert_eq!(connect(&mapped), "EPERM");
    if !skip::ipv6() {
        return;
    }
    assert_eq!(connect(&["udp6", "::", "9"]), "EPERM");
    for how in ["sendto", "sendmsg", "sendmmsg"] {
        let run = shim.harness("send", &["udp6", how, "::", "9"]);
        assert_eq!(run.words()[0], "EPERM", "{how}: {run:?}");
    }
    // On a socket that is bound v4-mapped `::` is 127.0.0.1.
    dir.write("", "rules", "-A CONNECT -d 127.0.0.1 -j REJECT\n");
    assert_eq!(connect(&["udp6", "::", "9"]), "0");
    assert_eq!(
        connect(&["udp6", "::", "9", "::ffff:127.0.0.3", "0"]),
        "EPERM"
    );
}

#[test]
fn every_send_with_a_destination_is_a_connect() {
    let (socket, port) = udp_port("127.0.0.1");
    let (_other, other) = udp_port("127.0.0.1");
    let rules = format!("-A CONNECT -p udp --dport {port} -j ACCEPT\n-A CONNECT -j REJECT\n");
    let (_dir, shim) = under(ADDRESS, &rules);
    for how in ["sendto", "sendmsg", "sendmmsg"] {
        for how in [how.to_owned(), format!("number:{how}")] {
            for (kind, remote) in [("udp4", "127.0.0.1"), ("udp6", "::ffff:127.0.0.1")] {
                let run = shim.harness("send", &[kind, &how, remote, &port]);
                assert_eq!(run.words()[0], "0", "{how} {kind}: {run:?}");
                assert_eq!(sender(&socket), ADDRESS, "{how}");
                let run = shim.harness("send", &[kind, &how, remote, &other]);
                assert_eq!(run.words()[0], "EPERM", "{how} {kind}: {run:?}");
            }
        }
    }
    let listener = Listener::on("127.0.0.1");
    let run = shim.harness(
        "send",
        &["tcp4", "fastopen:sendto", "127.0.0.1", &listener.port()],
    );
    assert_eq!(run.words()[0], "EPERM", "{run:?}");
}

/// A process that sends many takes no fast path past the rules.
#[test]
fn many_datagrams_are_judged_each() {
    let (socket, port) = udp_port("127.0.0.1");
    let (refused, other) = udp_port("127.0.0.1");
    let rules = format!("-A CONNECT -p udp --dport {other} -j REJECT\n");
    let (_dir, shim) = under(ADDRESS, &rules);
    let run = shim.harness("send_to_both", &["127.0.0.1", &port, &other, "300"]);
    run.says("0 300 EPERM 300");
    assert_eq!(sender(&socket), ADDRESS);
    refused.set_nonblocking(true).expect("it is ours");
    assert!(refused.recv_from(&mut [0]).is_err());
}

/// The kernel binds a datagram socket before it refuses a destination of another family: that port
/// is nobody's choice.
#[test]
fn a_port_of_the_kernel_s_choice_is_no_bind() {
    if !skip::ipv6() {
        return;
    }
    let (dir, shim) = under(ADDRESS, "-A BIND -j REJECT\n");
    dir.write("", "ipv6", "::1\n");
    let run = shim.harness("connect", &["udp4", "::1", "9"]);
    assert_eq!(run.outcome(), ("EAFNOSUPPORT", ADDRESS), "{run:?}");
    let run = shim.harness("send", &["udp4", "sendto", "::1", "9"]);
    assert_eq!(run.outcome(), ("EAFNOSUPPORT", ADDRESS), "{run:?}");
}

/// A source that a control message chooses is a bind.
#[test]
fn a_chosen_source_is_a_bind() {
    let (_socket, port) = udp_port("127.0.0.1");
    let (_dir, shim) = under(BOTH, "-A BIND -s 127.0.0.3 -j REJECT\n");
    let run = shim.harness(
        "send",
        &["udp4", "sendmsg", "127.0.0.1", &port, "127.0.0.2"],
    );
    assert_eq!(run.words()[0], "0", "{run:?}");
    let run = shim.harness(
        "send",
        &["udp4", "sendmsg", "127.0.0.1", &port, "127.0.0.3"],
    );
    assert_eq!(run.words()[0], "EPERM", "{run:?}");
}

#[test]
fn a_level_with_a_mistake_refuses_everything() {
    let (dir, shim) = under(
        ADDRESS,
        "-A BIND -p tcp --sport 80 -j ACCEPT\n-A BIND -j DROP\n",
    );
    let run = shim.harness("bind", &["tcp4", ADDRESS, "0"]);
    assert_eq!(run.words()[0], "EPERM", "{run:?}");
    let expected = format!(
        "{}/ipaddr.rules:2: \"DROP\": expected a target: ACCEPT, REJECT or, for CONNECT, SNAT; \
         every use of IPv4 and IPv6 is refused\n",
        dir.path().display()
    );
    assert!(run.err.contains(&expected), "{}", run.err);
}

/// A server of the harness, and what it has said.
struct Server {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    port: u16,
}

impl Server {
    fn start(shim: &Shim, program: &str, arguments: &[&str]) -> Self {
        let mut child = shim
            .clone()
            .var("IPADDR_LOG", "off")
            .command(harness(program))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut output = BufReader::new(child.stdout.take().expect("piped"));
        let mut line = String::new();
        output.read_line(&mut line).expect("it says its port");
        Self {
            input: child.stdin.take(),
            child,
            output,
            port: line.trim().parse().expect("a port"),
        }
    }

    fn connect(&self, source: &str) -> io::Result<TcpStream> {
        connect_from(source, ADDRESS, self.port)
    }

    fn stranger(&self, source: &str) -> Stranger {
        Stranger::from(source, ADDRESS, self.port)
    }

    fn friend(&self) -> TcpStream {
        self.connect(FRIEND).expect("it listens")
    }

    /// Lets it go on.
    fn go(&mut self) {
        let input = self.input.as_mut().expect("still open");
        input.write_all(b"go\n").expect("it reads");
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("it answers");
        line.trim().to_owned()
    }

    /// Ends its input; the rest of what it says.
    fn end(&mut self) -> String {
        drop(self.input.take());
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).expect("UTF-8");
        rest.trim().to_owned()
    }

    /// Whether it sleeps, see proc_pid_stat(5).
    fn sleeps(&self) -> bool {
        let path = format!("/proc/{}/stat", self.child.id());
        let stat = std::fs::read_to_string(path).expect("it runs");
        stat.rsplit(") ")
            .next()
            .is_some_and(|rest| rest.starts_with('S'))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const PEERS: &str = "-A ACCEPT ! -s 127.0.0.8/29 -j REJECT\n";
const FRIEND: &str = "127.0.0.9";
const STRANGER: &str = "127.0.0.33";

const ACCEPTS: [&str; 4] = ["accept", "accept4", "number:accept", "number:accept4"];

#[test]
fn a_refused_peer_is_reset_and_the_call_goes_on() {
    let (_dir, shim) = under(ADDRESS, PEERS);
    for how in ACCEPTS {
        let mut server = Server::start(&shim, "accept", &[how, "2"]);
        let strangers = [STRANGER, "127.0.0.34"].map(|source| server.stranger(source));
        let first = server.friend();
        server.go();
        // The first call passes over two strangers.
        let from = |stream: &TcpStream| stream.local_addr().expect("bound").port();
        assert_eq!(
            server.line(),
            format!("0 {FRIEND} {} 16", from(&first)),
            "{how}"
        );
        assert!(strangers.iter().all(Stranger::is_refused), "{how}");
        // The second waits, and goes on waiting.
        let stranger = server.stranger(STRANGER);
        assert!(stranger.is_refused(), "{how}");
        while !server.sleeps() {
            thread::sleep(Duration::from_millis(5));
        }
        let second = server.friend();
        assert_eq!(
            server.line(),
            format!("0 {FRIEND} {} 16", from(&second)),
            "{how}"
        );
    }
}

/// Without the library, and with rules that say nothing of it, everybody comes.
#[test]
fn others_are_not_refused() {
    let (_dir, filtered) = under(ADDRESS, "-A BIND -j ACCEPT\n");
    for shim in [Shim::ipv4(ADDRESS), filtered] {
        let mut server = Server::start(&shim, "accept", &["accept", "1"]);
        let stranger = server.connect(STRANGER).expect("it listens");
        server.go();
        let port = stranger.local_addr().expect("bound").port();
        assert_eq!(server.line(), format!("0 {STRANGER} {port} 16"));
    }
}

/// Once nobody else waits it is `EAGAIN`, and not before: else a server that is woken by edges
/// would leave those behind the refused one waiting.
#[test]
fn a_non_blocking_socket_says_eagain() {
    let (_dir, shim) = under(ADDRESS, PEERS);
    for how in ACCEPTS {
        let how = format!("{how}:nonblock");
        let mut server = Server::start(&shim, "accept", &[&how, "3"]);
        let first = server.stranger(STRANGER);
        let _friend = server.friend();
        let second = server.stranger(STRANGER);
        let _other_friend = server.friend();
        let third = server.stranger(STRANGER);
        server.go();
        let lines = [server.line(), server.line(), server.line()];
        assert_eq!(lines, ["0", "0", "EAGAIN"], "{how}");
        let strangers = [first, second, third];
        assert!(strangers.iter().all(Stranger::is_refused), "{how}");
    }
}

/// As the kernel tells the peer's address, and refuses to.
#[test]
fn what_the_program_is_told_of_the_peer() {
    let (_dir, shim) = under(ADDRESS, PEERS);
    for (how, expected) in [
        ("accept:null", "0"),
        ("accept:short", "0 inet 16"),
        ("accept:bad", "EFAULT"),
        ("accept:negative", "EINVAL"),
        ("number:accept4:short", "0 inet 16"),
    ] {
        for (shim, queue) in [
            (&Shim::without(), &[FRIEND][..]),
            (&shim, &[STRANGER, FRIEND]),
        ] {
            let mut server = Server::start(shim, "accept", &[how, "1"]);
            let queue = if how.contains("bad") || how.contains("negative") {
                &[FRIEND]
            } else {
                queue
            };
            let _stranger = queue.contains(&STRANGER).then(|| server.stranger(STRANGER));
            let _friend = server.friend();
            server.go();
            assert_eq!(server.line(), expected, "{how}");
        }
    }
}

/// Every friend is served, no stranger is, and nobody is woken for nothing.
#[test]
fn a_busy_server_neither_stalls_nor_spins() {
    let (_dir, shim) = under(ADDRESS, PEERS);
    for how in ["level", "edge", "threads"] {
        let mut server = Server::start(&shim, "accept_events", &[how]);
        let mut strangers = Vec::new();
        for _ in 0..40 {
            strangers.push(server.stranger(STRANGER));
            let friends = [server.friend(), server.friend()];
            strangers.push(server.stranger(STRANGER));
            for friend in &friends {
                let answer = received(friend).unwrap_or_else(|error| panic!("{how}: {error}"));
                assert_eq!(answer, b"x", "{how}");
            }
        }
        assert!(strangers.iter().all(Stranger::is_refused), "{how}");
        let said = server.end();
        let (taken, woken) = said.split_once(' ').expect("two numbers");
        assert_eq!(taken, "80", "{how}");
        let woken: usize = woken.parse().expect("a number");
        assert!(
            woken <= 160,
            "{how}: woken {woken} times for 160 connections"
        );
    }
}

/// The kernel is queried for the local end where a rule says something of it.
#[test]
fn accept_knows_its_own_end() {
    for (rule, expected) in [
        ("-d 127.0.0.3", "0"),
        ("-d 127.0.0.2", "EAGAIN"),
        ("-p tcp --dport 0", "0"),
        ("-p tcp ! --dport 0", "EAGAIN"),
        ("-p tcp --sport 1:1023", "0"),
        ("-p tcp --sport 1024:", "EAGAIN"),
        ("-p udp", "0"),
    ] {
        let (_dir, shim) = under(BOTH, &format!("-A ACCEPT {rule} -j REJECT\n"));
        let mut server = Server::start(&shim, "accept", &["accept:nonblock", "1"]);
        let _peer = match expected {
            "0" => Ok(server.friend()),
            _ => Err(server.stranger(FRIEND)),
        };
        server.go();
        assert_eq!(server.line(), expected, "{rule}");
    }
}

/// pthread_cancel unwinds a thread whose accept has gone on behind a refused connection.
#[test]
fn a_cancelled_accept_unwinds() {
    if !skip::for_library("accept never sees a refused peer there") {
        return;
    }
    let (_dir, shim) = under(ADDRESS, "-A ACCEPT -j REJECT\n");
    shim.harness("cancel", &["accept"])
        .says("cancelled cleaned");
}

/// Peers that aren't of IPv4 or IPv6 are none of the rules'.
#[test]
fn unix_sockets_are_left_alone() {
    let (_dir, shim) = under(ADDRESS, ":ACCEPT DROP\n:BIND DROP\n:CONNECT DROP\n");
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("socket");
    let run = shim.harness("unix_socket", &[path.to_str().expect("UTF-8")]);
    run.says("0 0");
}

/// The rules of a cgroup stick across exec, as its address does.
#[test]
fn a_move_and_an_exec_keep_the_rules() {
    let (Some(from), Some(to)) = (skip::cgroup(), Cgroup::v2()) else {
        return;
    };
    let dir = PolicyDir::new();
    dir.write(
        from.name(),
        "rules",
        "-A BIND -p tcp --sport 7001 -j REJECT\n",
    );
    dir.write(
        to.name(),
        "rules",
        "-A BIND -p tcp --sport 7002 -j REJECT\n",
    );
    let script =
        "echo $$ > \"$1\"; for port in 7001 7002 7003; do \"$0\" tcp4 127.0.0.1 $port; done";
    let run = Shim::policy(dir.path()).cgroup(&from).run(
        "sh",
        &[
            "-c",
            script,
            harness("bind").to_str().expect("UTF-8"),
            to.path().join("cgroup.procs").to_str().expect("UTF-8"),
        ],
    );
    let outcomes: Vec<_> = run.out.lines().map(|line| line.split(' ').next()).collect();
    assert_eq!(
        outcomes,
        [Some("EPERM"), Some("EPERM"), Some("0")],
        "{run:?}"
    );
}
