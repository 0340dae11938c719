//! Runs programs in a way, and reads what came of them.

use std::collections::{BTreeSet, HashMap};
use std::io::Read;
use std::net::{IpAddr, Ipv6Addr, TcpListener, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::Duration;
use std::{fs, thread};

use shim_tests::{Cgroup, Netns, Reference, Shim, skip};

use crate::differences::Way;
use crate::kernel::SENT;
use crate::place::Place;
use crate::program::{Program, Setting};

/// What one call has come to: the result as it is printed, getsockname(2), and the source that the
/// peer has seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    pub result: String,
    pub local: Option<(IpAddr, u16)>,
    pub seen: Option<IpAddr>,
}

/// Where programs run in one way, with the peers that they reach.
pub struct World {
    pub way: Way,
    place: Place,
    netns: Option<Netns>,
    datagrams: UdpSocket,
    connections: TcpListener,
    /// What is sent here is dropped once it is full.
    _sink: UdpSocket,
    /// For each setting, what restricts it. (The reference goes before its cgroup does.)
    attached: Vec<(Setting, Reference, Cgroup)>,
}

impl World {
    /// In the network namespace, if there is one.
    pub fn new(way: Way, netns: Option<Netns>, place: &Place) -> Self {
        let peer = |port| {
            if let Some(netns) = &netns {
                netns.enter();
            }
            let datagrams = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, port)).expect("a free port");
            datagrams.set_nonblocking(true).expect("it is ours");
            let connections = TcpListener::bind((Ipv6Addr::UNSPECIFIED, port));
            let connections = connections.expect("a free port");
            connections.set_nonblocking(true).expect("it is ours");
            (datagrams, connections)
        };
        // A thread of its own: it stays in that namespace.
        let ((datagrams, connections), (sink, _)) = thread::scope(|scope| {
            let peers = scope.spawn(|| (peer(place.peer), peer(place.sink)));
            peers.join().expect("its ports are free")
        });
        make_room(&datagrams, &connections);
        Self {
            way,
            place: place.clone(),
            netns,
            datagrams,
            connections,
            _sink: sink,
            attached: Vec::new(),
        }
    }

    /// Attaches the reference, to a cgroup for each setting. False where that can't be done.
    pub fn attach(&mut self, settings: &BTreeSet<Setting>) -> bool {
        for &setting in settings {
            let Some(cgroup) = skip::cgroup() else {
                return false;
            };
            let Some(reference) = Reference::attach(&cgroup, setting.ipv4, setting.ipv6) else {
                return false;
            };
            self.attached.push((setting, reference, cgroup));
        }
        true
    }

    fn shim(&self, setting: Setting) -> Shim {
        match self.way {
            Way::Library | Way::Guard => {
                let mut shim = Shim::new().var("IPADDR_LOG", "off");
                if let Some(ipv4) = setting.ipv4 {
                    shim = shim.var("IPADDR_IPV4", &ipv4.to_string());
                }
                if let Some(ipv6) = setting.ipv6 {
                    shim = shim.var("IPADDR_IPV6", &ipv6.to_string());
                }
                shim
            }
            Way::Kernel => {
                let mut attached = self.attached.iter();
                let found = attached.find(|(other, ..)| *other == setting);
                let (_, _, cgroup) = found.expect("each setting has one");
                Shim::without().cgroup(cgroup)
            }
        }
    }

    /// Runs programs of one setting, one after another. On a thread of its own, see
    /// [`Netns::enter`].
    pub fn run(&self, programs: &[&Program]) -> Vec<Vec<Found>> {
        if let Some(netns) = &self.netns {
            netns.enter();
        }
        let setting = programs[0].setting;
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let text: String = programs
            .iter()
            .map(|program| format!("{program}\n"))
            .collect();
        fs::write(file.path(), text).expect("it is ours");
        let (age, sink) = (
            if setting.old { "old" } else { "young" },
            self.place.sink.to_string(),
        );
        let arguments = [file.path().to_str().expect("UTF-8"), age, &sink];
        let run = self.shim(setting).harness("differential", &arguments);
        assert!(run.success, "{:?}: {run:?}", self.way);
        let seen = self.seen();
        let mut out = run.out.split("\n\n");
        let programs = programs.iter().enumerate();
        let calls = programs.map(|(index, program)| {
            let mut lines = out.next().unwrap_or_default().lines();
            let calls = (0..program.steps.len()).map(|call| Found {
                seen: seen.get(&(index, call)).copied(),
                ..read(lines.next().unwrap_or("nothing"))
            });
            calls.collect()
        });
        calls.collect()
    }

    /// Where each call's datagram or connection came from.
    fn seen(&self) -> HashMap<(usize, usize), IpAddr> {
        let mut seen = HashMap::new();
        let mut tag = [0; SENT as usize];
        while let Ok((_, from)) = self.datagrams.recv_from(&mut tag) {
            seen.insert(calls(tag), from.ip().to_canonical());
        }
        while let Ok((mut connection, from)) = self.connections.accept() {
            connection.set_nonblocking(false).expect("it is ours");
            let timeout = Some(Duration::from_secs(10));
            connection.set_read_timeout(timeout).expect("it is ours");
            if connection.read_exact(&mut tag).is_ok() {
                seen.insert(calls(tag), from.ip().to_canonical());
            }
        }
        seen
    }
}

/// The numbers of program and call in what was sent.
fn calls(tag: [u8; SENT as usize]) -> (usize, usize) {
    let number = |bytes: [u8; 4]| u32::from_ne_bytes(bytes) as usize;
    let [a, b, c, d, e, f, g, h] = tag;
    (number([a, b, c, d]), number([e, f, g, h]))
}

/// "RESULT ADDRESS PORT", or "RESULT -"; nothing where the program did not get that far.
fn read(line: &str) -> Found {
    let words: Vec<_> = line.split(' ').collect();
    let local = match words[..] {
        [_, address, port] => Some((
            address.parse().expect("an address"),
            port.parse().expect("a port"),
        )),
        _ => None,
    };
    Found {
        result: words[0].to_owned(),
        local,
        seen: None,
    }
}

/// For all that one run sends; a socket's own limits are lower.
fn make_room(datagrams: &UdpSocket, connections: &TcpListener) {
    let bytes: libc::c_int = 32 << 20;
    for option in [libc::SO_RCVBUF, libc::SO_RCVBUFFORCE] {
        // SAFETY: `bytes` is an int, as the option wants it. It may fail: one of them is root's.
        unsafe {
            libc::setsockopt(
                datagrams.as_raw_fd(),
                libc::SOL_SOCKET,
                option,
                (&raw const bytes).cast(),
                size_of_val(&bytes) as libc::socklen_t,
            )
        };
    }
    // SAFETY: a listener of our own; a second listen changes its backlog.
    unsafe { libc::listen(connections.as_raw_fd(), 4096) };
}
