//! Rules of ACCEPT: a packet filter of the kernel's on each socket that listens.
//!
//! The server is in Python, which says the kernel's own errnos; its peers are the test's own sockets.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::Stdio;

use shim_tests::peer::{connect_from, received};
use shim_tests::{PolicyDir, skip};
use socket2::{Domain, Socket, Type};

use crate::guarded::{ADDRESS, Guarded, Run, Started, send};
use crate::processes::wait_for;

const FRIEND: &str = "127.0.0.9";
const STRANGER: &str = "127.0.0.33";
const PEERS: &str = "-A ACCEPT ! -s 127.0.0.8/29 -j REJECT\n";

/// Listens, says "ready" and its port; then accepts as many connections as its first argument says,
/// and says where they come from.
const SERVER: &str = "import socket, sys
family = socket.AF_INET6 if ':' in sys.argv[2] else socket.AF_INET
server = socket.socket(family)
server.bind((sys.argv[2], 0))
server.listen(64)
print('ready', flush=True)
print(server.getsockname()[1], flush=True)
for i in range(int(sys.argv[1])):
    connection, peer = server.accept()
    connection.send(b'x')
    print(peer[0], connection.recv(9).decode(), flush=True)
";

/// By these rules, with the address of the tests.
struct Ruled {
    policy: PolicyDir,
    guarded: Guarded,
}

impl Ruled {
    fn new(rules: &str) -> Self {
        let policy = PolicyDir::with_rules(ADDRESS, rules);
        let path = policy.path().to_str().expect("UTF-8").to_owned();
        Self {
            policy,
            guarded: Guarded::new().options(&["--policy", &path, "--log", "error"]),
        }
    }

    /// A server on an address, which accepts so many connections, and its port.
    fn server(&self, address: &str, count: &str) -> (Started, u16) {
        let arguments = ["-c", SERVER, count, address];
        let mut server = self.guarded.start("python3", &arguments);
        let port = server.line().parse().expect("a port");
        (server, port)
    }

    fn python(&self, program: &str) -> Run {
        self.guarded.run("python3", &["-c", program])
    }
}

/// A peer that has sent the first packet of a connection, and what came of it.
struct Attempt(Socket);

impl Attempt {
    fn new(socket: Socket, remote: &str, port: u16) -> Self {
        let remote = SocketAddr::new(remote.parse().expect("an address"), port);
        socket.set_nonblocking(true).expect("it can be");
        let _ = socket.connect(&remote.into());
        Self(socket)
    }

    fn from(source: &str, port: u16) -> Self {
        Self::new(bound(source), ADDRESS, port)
    }

    /// Whether nobody has answered yet, neither by a connection nor by a refusal.
    fn waits(&self) -> bool {
        matches!(self.0.take_error(), Ok(None)) && self.0.peer_addr().is_err()
    }
}

fn bound(source: &str) -> Socket {
    let source: IpAddr = source.parse().expect("an address");
    let address = SocketAddr::new(source, 0);
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).expect("a socket");
    socket.bind(&address.into()).expect("it is on loopback");
    socket
}

fn port_of(socket: &Socket) -> u16 {
    let address = socket.local_addr().expect("it is bound").as_socket();
    address.expect("of an internet family").port()
}

/// A friend's connection: data goes both ways, and the server says whose it was.
fn is_served(server: &mut Started, source: &str, expected: &str, port: u16) {
    let mut friend = connect_from(source, ADDRESS, port).expect("it listens");
    assert_eq!(received(&friend).expect("an answer"), b"x");
    friend.write_all(b"data").expect("it is connected");
    assert_eq!(server.line(), format!("{expected} data"));
}

#[test]
fn a_refused_peer_gets_no_answer() {
    let ruled = Ruled::new(PEERS);
    let (mut server, port) = ruled.server("0.0.0.0", "2");
    for _ in 0..2 {
        let stranger = Attempt::from(STRANGER, port);
        is_served(&mut server, FRIEND, FRIEND, port);
        assert!(stranger.waits());
    }
    assert!(server.end().status.success());
}

/// Packets of IPv4 that come to a socket of IPv6.
#[test]
fn a_socket_that_takes_both_families() {
    if !skip::ipv6() {
        return;
    }
    let ruled = Ruled::new(PEERS);
    let (mut server, port) = ruled.server("::", "1");
    let stranger = Attempt::from(STRANGER, port);
    is_served(&mut server, FRIEND, &format!("::ffff:{FRIEND}"), port);
    assert!(stranger.waits());
}

/// There is but one address of IPv6 on loopback: the peers differ by their ports.
#[test]
fn peers_of_ipv6() {
    if !skip::ipv6() {
        return;
    }
    let [friend, stranger] = [bound("::1"), bound("::1")];
    let rules = format!(
        "-A ACCEPT -s ::1 -d ::1 -p tcp --sport {} -j ACCEPT\n-A ACCEPT -s ::/0 -j REJECT\n",
        port_of(&friend)
    );
    let ruled = Ruled::new(&rules);
    let (mut server, port) = ruled.server("::1", "1");
    let stranger = Attempt::new(stranger, "::1", port);
    let friend = Attempt::new(friend, "::1", port);
    friend.0.set_nonblocking(false).expect("it can be");
    let friend: TcpStream = friend.0.into();
    assert_eq!(received(&friend).expect("an answer"), b"x");
    friend.shutdown(Shutdown::Write).expect("it is connected");
    assert_eq!(server.line(), "::1");
    assert!(stranger.waits());
}

/// Every level has to accept.
#[test]
fn rules_of_a_cgroup_and_of_all() {
    let Some(cgroup) = skip::cgroup() else {
        return;
    };
    let ruled = Ruled::new(PEERS);
    let rules = "-A ACCEPT -s 127.0.0.9 -j ACCEPT\n-A ACCEPT -s 127.0.0.0/8 -j REJECT\n";
    ruled.policy.write(cgroup.name(), "rules", rules);
    // The server is moved before it listens: what counts is whose listen it is.
    let script = format!(
        "echo $$ > {}; exec python3 -c \"$0\" 1 0.0.0.0",
        cgroup.path().join("cgroup.procs").display()
    );
    let mut server = ruled.guarded.start("sh", &["-c", &script, SERVER]);
    let port = server.line().parse().expect("a port");
    // The rules of all would have it.
    let strangers = [STRANGER, "127.0.0.10"].map(|source| Attempt::from(source, port));
    is_served(&mut server, FRIEND, FRIEND, port);
    assert!(strangers.iter().all(Attempt::waits));
}

#[test]
fn threads_accept_and_a_non_blocking_socket_says_eagain() {
    let ruled = Ruled::new(PEERS);
    let program = "import errno, socket, sys, threading
server = socket.socket()
server.bind(('0.0.0.0', 0))
server.listen(64)
print('ready', flush=True)
print(server.getsockname()[1], flush=True)
sys.stdin.readline()
server.setblocking(False)
try:
    server.accept()
    print('accepted', flush=True)
except OSError as error:
    print(errno.errorcode[error.errno], flush=True)
server.setblocking(True)
peers = []
def serve():
    peers.append(server.accept()[1][0])
threads = [threading.Thread(target=serve) for i in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(*peers, flush=True)";
    let mut server = ruled.guarded.start("python3", &["-c", program]);
    let port = server.line().parse().expect("a port");
    let mut strangers = vec![Attempt::from(STRANGER, port)];
    assert_eq!(server.ask(""), "EAGAIN");
    let mut friends = Vec::new();
    for _ in 0..4 {
        strangers.push(Attempt::from(STRANGER, port));
        friends.push(connect_from(FRIEND, ADDRESS, port).expect("it listens"));
    }
    assert_eq!(server.line(), [FRIEND; 4].join(" "));
    assert!(strangers.iter().all(Attempt::waits));
}

#[test]
fn an_accept_that_waits_is_interrupted() {
    let ruled = Ruled::new(PEERS);
    let program = "import os, signal, socket
def end(*_):
    os.write(1, b'interrupted')
    raise SystemExit(7)
signal.signal(signal.SIGTERM, end)
server = socket.socket()
server.bind(('0.0.0.0', 0))
server.listen()
print('ready', flush=True)
server.accept()";
    let mut server = ruled.guarded.start("python3", &["-c", program]);
    let stat = format!("/proc/{}/stat", server.command());
    wait_for("it sleeps", || {
        fs::read_to_string(&stat).is_ok_and(|stat| stat.contains(") S "))
    });
    send(server.command(), libc::SIGTERM);
    assert_eq!(server.line(), "interrupted");
    assert_eq!(server.end().code(), Some(7));
}

/// Nobody takes the filter off again, nor keeps it away; a second listen changes nothing.
#[test]
fn a_filter_of_the_program_s_own() {
    let ruled = Ruled::new(PEERS);
    let program = "import ctypes, errno, socket, struct
SO_ATTACH_FILTER, SO_DETACH_FILTER, SO_LOCK_FILTER = 26, 27, 44
take_all = ctypes.create_string_buffer(struct.pack('HBBI', 6, 0, 0, 0xffffffff))
program = struct.pack('HL', 1, ctypes.addressof(take_all))
def say(call, *arguments):
    try:
        call(*arguments)
        print(0)
    except OSError as error:
        print(errno.errorcode[error.errno])
def new():
    server = socket.socket()
    server.bind(('127.0.0.2', 0))
    return server
server = new()
say(server.setsockopt, socket.SOL_SOCKET, SO_ATTACH_FILTER, program)
say(server.listen)
say(server.listen)
say(server.setsockopt, socket.SOL_SOCKET, SO_ATTACH_FILTER, program)
say(server.setsockopt, socket.SOL_SOCKET, SO_DETACH_FILTER, 0)
server = new()
say(server.setsockopt, socket.SOL_SOCKET, SO_ATTACH_FILTER, program)
say(server.setsockopt, socket.SOL_SOCKET, SO_LOCK_FILTER, 1)
say(server.listen)";
    let run = ruled.python(program);
    run.says("0\n0\n0\nEPERM\nEPERM\n0\n0\nEPERM");
    let said = "EPERM, the socket has a locked packet filter of its own";
    assert!(run.err.contains(said), "{run:?}");
}

/// As service managers hand it over: it listens before the guard is started. Services that want another
/// backlog listen on it once more. It isn't locked, for the next guard may have other rules.
#[test]
fn a_socket_that_is_inherited() {
    for listen in ["", "server.listen(64)"] {
        let ruled = Ruled::new(PEERS);
        let listener = TcpListener::bind((ADDRESS, 0)).expect("it is on loopback");
        let port = listener.local_addr().expect("it is bound").port();
        let program = format!(
            "import socket
SO_DETACH_FILTER = 27
server = socket.socket(fileno=0)
{listen}
print('ready', flush=True)
print(server.accept()[1][0], flush=True)
server.setsockopt(socket.SOL_SOCKET, SO_DETACH_FILTER, 0)"
        );
        let mut command = ruled.guarded.command("python3");
        command
            .args(["-c", &program])
            .stdin(Stdio::from(OwnedFd::from(listener)))
            .stdout(Stdio::piped());
        let mut child = command.spawn().expect("the guard starts");
        drop(command);
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut line = || lines.next().expect("a line").expect("UTF-8");
        assert_eq!(line(), "ready");
        let stranger = Attempt::from(STRANGER, port);
        let _friend = connect_from(FRIEND, ADDRESS, port).expect("it listens");
        assert_eq!(line(), FRIEND);
        assert!(stranger.waits());
        assert!(child.wait().expect("it is our child").success());
    }
}

#[test]
fn rules_that_no_filter_has_room_for() {
    let line = |number| {
        format!(
            "-A ACCEPT -s 10.0.{}.{} -j REJECT\n",
            number / 256,
            number % 256
        )
    };
    let ruled = Ruled::new(&(0..2000).map(line).collect::<String>());
    let run = ruled.guarded.run("true", &[]);
    assert_eq!(run.code(), Some(125), "{run:?}");
    assert!(run.err.contains("expected at most 4096"), "{run:?}");
}
