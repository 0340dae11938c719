//! Many services at once: each in a cgroup of its own with an address of its own from a policy
//! directory, each a server that listens on the wildcard and on the one port. In a network
//! namespace of their own. As root only.

mod connection;
mod family;
mod process;

use std::io::{self, PipeReader, PipeWriter};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::memory::Memory;
use crate::{Cgroup, Netns, PolicyDir, artifacts};
use process::Process;

pub use connection::Connection;
pub use family::Family;

/// Where each of them listens.
pub const PORT: u16 = 8080;

/// To how many others each one's client connects.
pub const PEERS: usize = 10;

/// A move into a cgroup waits for all processors, so many at once take less time.
const THREADS: usize = 8;

/// Cgroups, each with a policy, in which servers and clients are to run.
pub struct Services {
    // In the order in which they end.
    cgroups: Vec<Cgroup>,
    _parent: Cgroup,
    policy: PolicyDir,
    netns: Netns,
    family: Family,
    library: Option<PathBuf>,
}

/// The servers, all running.
pub struct Servers<'a> {
    services: &'a Services,
    // Closed first: it ends them all.
    _stdin: PipeWriter,
    processes: Vec<Process>,
    /// From before the first start until the last one listens.
    pub time: Duration,
}

impl Services {
    /// So many, with a policy for each; `None` where no cgroup or no network namespace can be
    /// made. Without the library each server is told its address instead, and its client none.
    ///
    /// # Panics
    ///
    /// Where there are no more than [`PEERS`].
    #[must_use]
    pub fn new(count: usize, family: Family, with_library: bool) -> Option<Self> {
        assert!(
            count > PEERS,
            "{count} services have not {PEERS} others each"
        );
        let parent = Cgroup::v2()?;
        let netns = Netns::new()?;
        let policy = PolicyDir::new();
        if family == Family::Ipv6 {
            // 127.0.0.0/8 is there already.
            netns.add_addresses((0..count).map(|number| family.address(number)));
        }
        let cgroups = (0..count).map(|number| {
            let cgroup = parent.child(&format!("service{number}"));
            let address = family.address(number).to_string();
            policy.write(cgroup.name(), family.name(), &address);
            cgroup
        });
        Some(Self {
            cgroups: cgroups.collect(),
            _parent: parent,
            policy,
            netns,
            family,
            library: with_library.then(|| artifacts::library().to_owned()),
        })
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.cgroups.len()
    }

    /// The address of one.
    #[must_use]
    pub fn address(&self, number: usize) -> IpAddr {
        self.family.address(number)
    }

    /// Whether both ends of a connection have the right addresses; without the library, any of the
    /// client's.
    #[must_use]
    pub fn is_right(&self, connection: &Connection) -> bool {
        let server = SocketAddr::new(self.address(connection.server), PORT);
        let client = connection.local.ip();
        (client == self.address(connection.client) || self.library.is_none())
            && connection.seen_peer == connection.local
            && connection.peer == server
            && connection.seen_local == server
    }

    /// Starts the server of each.
    ///
    /// # Panics
    ///
    /// Where one of them doesn't listen where it should.
    #[must_use]
    pub fn start(&self) -> Servers<'_> {
        process::allow_descriptors();
        let (reader, writer) = io::pipe().expect("a pipe");
        let start = Instant::now();
        let mut processes = self.each(|number| self.start_server(number, &reader));
        for (number, process) in processes.iter_mut().enumerate() {
            let line = process.first_line();
            let expected = format!("{} {PORT}", self.address(number));
            assert_eq!(line, expected, "where server {number} listens");
        }
        Servers {
            services: self,
            _stdin: writer,
            processes,
            time: start.elapsed(),
        }
    }

    fn start_server(&self, number: usize, stdin: &PipeReader) -> Process {
        let mut command = self.command("peer_server", number);
        match self.library {
            Some(_) => command.arg(self.family.wildcard()),
            None => command.arg(self.address(number).to_string()),
        };
        let stdin = stdin.try_clone().expect("room for a descriptor");
        command.arg(PORT.to_string()).stdin(stdin);
        Process::spawn(&mut command)
    }

    fn start_client(&self, number: usize) -> Process {
        let mut command = self.command("peer_client", number);
        command.arg(PORT.to_string()).stdin(Stdio::null());
        for peer in self.peers(number) {
            command.arg(self.address(peer).to_string());
        }
        Process::spawn(&mut command)
    }

    fn command(&self, program: &str, number: usize) -> Command {
        let mut command = Command::new(artifacts::harness(program));
        command
            .env_clear()
            .env("IPADDR_POLICY_DIR", self.policy.path())
            .envs(self.library.iter().map(|path| ("LD_PRELOAD", path)))
            .stdout(Stdio::piped());
        self.cgroups[number].start_in(&mut command);
        command
    }

    /// The others that one connects to; over all, each is connected to by as many.
    fn peers(&self, number: usize) -> impl Iterator<Item = usize> {
        let others = self.count() - 1;
        (0..PEERS).map(move |step| (number + 1 + step * others / PEERS) % (others + 1))
    }

    /// What `start` makes of each number, in their order, made by some threads in the namespace.
    fn each(&self, start: impl Fn(usize) -> Process + Sync) -> Vec<Process> {
        let numbers: Vec<usize> = (0..self.count()).collect();
        thread::scope(|scope| {
            let threads: Vec<_> = numbers
                .chunks(self.count().div_ceil(THREADS))
                .map(|part| {
                    scope.spawn(|| {
                        self.netns.enter();
                        part.iter().map(|&number| start(number)).collect::<Vec<_>>()
                    })
                })
                .collect();
            let parts = threads
                .into_iter()
                .map(|thread| thread.join().expect("all start"));
            parts.flatten().collect()
        })
    }
}

impl Servers<'_> {
    /// Runs the client of each, all at once: every connection, and the time from before the first
    /// start until the last one has ended.
    ///
    /// # Panics
    ///
    /// Where a client fails.
    #[must_use]
    pub fn connect(&self) -> (Vec<Connection>, Duration) {
        let start = Instant::now();
        let clients = self
            .services
            .each(|number| self.services.start_client(number));
        let mut connections = Vec::new();
        for (number, client) in clients.into_iter().enumerate() {
            let (said, success) = client.end();
            assert!(success, "client {number} said: {said}");
            let made = said.lines().zip(self.services.peers(number));
            connections.extend(made.map(|(line, server)| Connection::parse(line, number, server)));
        }
        (connections, start.elapsed())
    }

    /// The memory of each server: of the whole process, and of the library's file in it.
    #[must_use]
    pub fn memory(&self) -> Vec<(Memory, Memory)> {
        let library = artifacts::library().to_str().expect("UTF-8");
        let pids = self.processes.iter().map(Process::id);
        pids.map(|pid| (Memory::of_process(pid), Memory::of_mappings(pid, library)))
            .collect()
    }
}
