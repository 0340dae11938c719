//! A server program, where it listens, and its end.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use std::{fs, io, thread};

use shim_tests::peer::Stranger;
use shim_tests::{peer, skip};
use tempfile::{NamedTempFile, TempDir};

use crate::listeners::{children, listeners};

/// Long enough for a Java compiler on a machine that is busy with the other tests.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(10);

/// What a client says first, and a part of the answer of a server that has understood.
#[derive(Clone, Copy)]
pub struct Protocol {
    request: &'static str,
    answer: &'static str,
}

pub const HTTP: Protocol = Protocol {
    request: "GET / HTTP/1.0\r\n\r\n",
    answer: "200 OK",
};
pub const REDIS: Protocol = Protocol {
    request: "PING\r\nQUIT\r\n",
    answer: "+PONG",
};
/// Our own servers greet whoever connects.
pub const HELLO: Protocol = Protocol {
    request: "",
    answer: "hello",
};

/// A running server, ended and waited for with its test.
pub struct Server {
    child: Child,
    port: u16,
    /// Both its outputs; a file, so that it never waits for somebody to read.
    output: NamedTempFile,
    /// Where its files are, if it has any; gone when it has ended.
    dir: Option<TempDir>,
}

impl Server {
    /// Starts a server that is to listen on `port`.
    pub fn start(command: &mut Command, port: u16) -> Self {
        let output = NamedTempFile::new().expect("a temporary file");
        let to = || output.reopen().expect("the file is there");
        let child = command
            .stdin(Stdio::null())
            .stdout(to())
            .stderr(to())
            .spawn()
            .expect("the server starts");
        Self {
            child,
            port,
            output,
            dir: None,
        }
    }

    /// Starts one whose files are in a directory of its own.
    pub fn start_in(dir: TempDir, command: &mut Command, port: u16) -> Self {
        let mut server = Self::start(command, port);
        server.dir = Some(dir);
        server
    }

    /// Asserts that soon it listens on these addresses and its port, and nowhere else.
    #[track_caller]
    pub fn listens_on(&mut self, addresses: &[&str]) {
        let expected: BTreeSet<_> = addresses.iter().map(|a| self.endpoint(a)).collect();
        let start = Instant::now();
        loop {
            let found = listeners(self.child.id());
            if found == expected {
                return;
            }
            let ended = self.child.try_wait().expect("it is our child");
            assert!(
                ended.is_none() && start.elapsed() < PATIENCE,
                "listens on {found:?}, not {expected:?}; ended: {ended:?}; it said:\n{}",
                self.output()
            );
            thread::sleep(POLL);
        }
    }

    /// Asserts that it is reached there.
    #[track_caller]
    pub fn answers_on(&self, address: &str, protocol: Protocol) {
        let answer = self.request(address, protocol.request).expect("it answers");
        assert!(
            answer.contains(protocol.answer),
            "{address} answers {answer:?}; the server said:\n{}",
            self.output()
        );
    }

    /// Asserts that it listens on these addresses, is reached there, and neither elsewhere on loopback
    /// nor on the assigned IPv4 address or its neighbour.
    #[track_caller]
    pub fn serves_only(&mut self, ipv4: &str, addresses: &[&str], protocol: Protocol) {
        self.listens_on(addresses);
        let reached: Vec<&str> = addresses.iter().map(|address| by_peers(address)).collect();
        for address in &reached {
            self.answers_on(address, protocol);
        }
        let neighbour = format!("{}2", ipv4.strip_suffix('1').expect("it ends so"));
        let others = ["127.0.0.1", "::1", ipv4, &neighbour];
        let others = others.iter().filter(|address| !reached.contains(address));
        self.refuses_on(&others.copied().collect::<Vec<_>>());
    }

    /// A connection to it from an address of one's choice.
    pub fn connect_from(&self, source: &str, address: &str) -> io::Result<TcpStream> {
        peer::connect_from(source, address, self.port)
    }

    /// Asserts that it answers to this address.
    #[track_caller]
    pub fn answers_to(&self, source: &str, address: &str, protocol: Protocol) {
        let stream = self.connect_from(source, address).expect("it listens");
        let answer = exchange(stream, protocol.request).expect("it answers");
        let said = self.output();
        assert!(
            answer.contains(protocol.answer),
            "{source}: {answer}; it said:\n{said}"
        );
    }

    /// A connection to it that rules refuse, from an address of one's choice.
    pub fn stranger(&self, source: &str, address: &str) -> Stranger {
        Stranger::from(source, address, self.port)
    }

    /// Asserts that friends are answered and strangers refused, whoever comes first.
    #[track_caller]
    pub fn answers_only_to(&self, friend: &str, stranger: &str, address: &str, protocol: Protocol) {
        for _ in 0..5 {
            let stranger = self.stranger(stranger, address);
            self.answers_to(friend, address, protocol);
            assert!(stranger.is_refused(), "it said:\n{}", self.output());
        }
    }

    /// Asserts that nobody answers on its port there: `ECONNREFUSED`.
    #[track_caller]
    pub fn refuses_on(&self, addresses: &[&str]) {
        for address in addresses {
            if *address == "::1" && !skip::ipv6() {
                continue;
            }
            assert!(!peer::answers(address, self.port), "{address} answers");
        }
    }

    /// Asserts that it gives up by itself, with a failure; what it said.
    #[track_caller]
    pub fn fails(mut self) -> String {
        let status = self.end(PATIENCE).expect("it gives up");
        let said = self.output();
        assert!(!status.success(), "it ended well, and said:\n{said}");
        said
    }

    /// What it said so far.
    pub fn output(&self) -> String {
        let said = fs::read(self.output.path()).expect("the file is there");
        String::from_utf8_lossy(&said).into_owned()
    }

    /// Sends a request; the whole answer.
    pub fn request(&self, address: &str, request: &str) -> io::Result<String> {
        let stream = TcpStream::connect_timeout(&self.endpoint(address), PATIENCE)?;
        exchange(stream, request)
    }

    /// The port that it was told to listen on.
    pub fn port(&self) -> u16 {
        self.port
    }

    fn endpoint(&self, address: &str) -> SocketAddr {
        let address: IpAddr = address.parse().expect("an address");
        SocketAddr::new(address, self.port)
    }

    fn end(&mut self, patience: Duration) -> Option<ExitStatus> {
        let start = Instant::now();
        while start.elapsed() < patience {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                return Some(status);
            }
            thread::sleep(POLL);
        }
        None
    }

    fn signal(&self, pid: i32, signal: i32) {
        // SAFETY: a signal to our child, which hasn't been waited for, or to a child of it.
        unsafe { libc::kill(pid, signal) };
    }
}

/// By which address a listening socket of one family is reached on loopback.
fn by_peers(address: &str) -> &str {
    match address {
        "::" => "::1",
        _ => address.trim_start_matches("::ffff:"),
    }
}

fn exchange(mut stream: TcpStream, request: &str) -> io::Result<String> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

impl Drop for Server {
    fn drop(&mut self) {
        let pid = self.child.id().cast_signed();
        if self.child.try_wait().is_ok_and(|ended| ended.is_some()) {
            return;
        }
        // SIGTERM first: a master that is killed leaves its workers behind.
        self.signal(pid, libc::SIGTERM);
        if self.end(Duration::from_secs(10)).is_some() {
            return;
        }
        let workers = children(self.child.id());
        self.signal(pid, libc::SIGKILL);
        for worker in workers {
            self.signal(worker.cast_signed(), libc::SIGKILL);
        }
        let _ = self.child.wait();
    }
}
