//! Where programs run: the addresses and ports that they may name there.

use std::net::{Ipv6Addr, TcpListener, UdpSocket};

use shim_tests::Netns;

/// What a program may name, and what is known of the machine.
#[derive(Clone)]
pub struct Place {
    /// The address that is assigned of IPv6.
    pub assigned_ipv6: Ipv6Addr,
    /// Another one that the machine has, if it does.
    pub other_ipv6: Option<Ipv6Addr>,
    /// The port of the peers, on every address.
    pub peer: u16,
    /// A port where nobody receives the datagrams.
    pub sink: u16,
    /// A port where nobody listens.
    pub refused: u16,
    /// Ports that programs bind to.
    pub free: [u16; 2],
    /// Whether nothing leaves by any route.
    pub is_closed: bool,
    /// Whether a cgroup-BPF connect program is attached anywhere on this machine: from then on the
    /// kernel checks the length of a datagram socket's destination before it binds the socket.
    pub hooks: bool,
}

impl Place {
    /// A network namespace, where all is there and nobody else's.
    pub fn of_its_own() -> Self {
        Self {
            assigned_ipv6: Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2),
            other_ipv6: Some(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 3)),
            peer: 7001,
            sink: 7002,
            refused: 7003,
            free: [7004, 7005],
            is_closed: true,
            hooks: true,
        }
    }

    /// The machine as it is. Its ports are none that the kernel chooses.
    pub fn here() -> Self {
        let mut free = (20_000..30_000).filter(|&port| is_free(port));
        let mut next = || free.next().expect("a free port");
        Self {
            assigned_ipv6: Ipv6Addr::LOCALHOST,
            other_ipv6: None,
            peer: next(),
            sink: next(),
            refused: next(),
            free: [next(), next()],
            is_closed: false,
            hooks: hooks_are_called(),
        }
    }

    /// The namespace, with its addresses.
    pub fn netns(&self) -> Option<Netns> {
        let netns = Netns::new()?;
        for address in [Some(self.assigned_ipv6), self.other_ipv6] {
            netns.add_address(&format!("{}/128", address?));
        }
        Some(netns)
    }
}

fn is_free(port: u16) -> bool {
    let address = (Ipv6Addr::UNSPECIFIED, port);
    TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok()
}

/// See [`Place::hooks`]: whether a socket whose destination is too short has got a port.
pub fn hooks_are_called() -> bool {
    // SAFETY: a socket of our own, closed at the end; the sockaddr is as long as is said.
    unsafe {
        let fd = libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0);
        let family = libc::AF_INET as libc::sa_family_t;
        libc::connect(
            fd,
            (&raw const family).cast(),
            size_of_val(&family) as libc::socklen_t,
        );
        let mut local: libc::sockaddr_in = std::mem::zeroed();
        let mut len = size_of_val(&local) as libc::socklen_t;
        libc::getsockname(fd, (&raw mut local).cast(), &raw mut len);
        libc::close(fd);
        local.sin_port == 0
    }
}
