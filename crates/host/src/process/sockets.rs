//! Which sockets of a process receive for every address of the machine.

use std::collections::HashSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::Process;
use crate::error::Unreadable;

/// The tables of proc_pid_net(5), with the state of a socket that waits for peers: `TCP_LISTEN`, and of
/// UDP `TCP_CLOSE`, which is not connected.
const TABLES: [(&str, IpAddr, &str); 4] = [
    ("net/tcp", IpAddr::V4(Ipv4Addr::UNSPECIFIED), "0A"),
    ("net/tcp6", IpAddr::V6(Ipv6Addr::UNSPECIFIED), "0A"),
    ("net/udp", IpAddr::V4(Ipv4Addr::UNSPECIFIED), "07"),
    ("net/udp6", IpAddr::V6(Ipv6Addr::UNSPECIFIED), "07"),
];

impl Process {
    /// Its TCP and UDP sockets that are bound to a wildcard and wait for any peer, in order. `[::]` may
    /// be IPv6 only: /proc doesn't say.
    ///
    /// # Errors
    /// `EACCES` for another user's process, `ENOENT` for one that is gone.
    pub fn wildcard_sockets(self) -> Result<Vec<SocketAddr>, Unreadable> {
        let own = self.socket_inodes()?;
        let mut found = Vec::new();
        if own.is_empty() {
            return Ok(found);
        }
        for (name, wildcard, state) in TABLES {
            // Without IPv6 there is no table of it.
            let table = self.read(name).unwrap_or_default();
            let table = String::from_utf8_lossy(&table);
            let sockets = table.lines().filter_map(|line| parse(line, state));
            let sockets = sockets.filter(|(_, inode)| own.contains(*inode));
            found.extend(sockets.map(|(port, _)| SocketAddr::new(wildcard, port)));
        }
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    fn socket_inodes(self) -> Result<HashSet<String>, Unreadable> {
        let path = self.path("fd");
        let entries = fs::read_dir(&path).map_err(Unreadable::at(path))?;
        let inodes = entries.flatten().filter_map(|entry| {
            let target = fs::read_link(entry.path()).ok()?;
            let inode = target.to_str()?.strip_prefix("socket:[")?;
            Some(inode.strip_suffix(']')?.to_owned())
        });
        Ok(inodes.collect())
    }
}

/// The port and the inode of a socket in this state that is bound to the wildcard.
fn parse<'t>(line: &'t str, state: &str) -> Option<(u16, &'t str)> {
    let mut fields = line.split_ascii_whitespace();
    let (address, port) = fields.nth(1)?.split_once(':')?;
    let is_wildcard = address.bytes().all(|digit| digit == b'0');
    let is_waiting = fields.nth(1)? == state;
    let inode = fields.nth(5)?;
    let port = u16::from_str_radix(port, 16).ok()?;
    (is_wildcard && is_waiting).then_some((port, inode))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn lines() {
        let wildcard = "   0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0000000000000000 100 0 0 10 0";
        assert_eq!(parse(wildcard, "0A"), Some((8080, "4711")));
        assert_eq!(parse(wildcard, "07"), None);
        assert_eq!(
            parse(&wildcard.replace("00000000:1F90", "0200007F:1F90"), "0A"),
            None
        );
        assert_eq!(parse("  sl  local_address rem_address   st", "0A"), None);
    }

    #[test]
    fn the_callers_own() {
        let listener = TcpListener::bind("0.0.0.0:0").expect("a port is free");
        let local = listener.local_addr().expect("it is bound");
        let beside = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let beside = beside.local_addr().expect("it is bound").port();
        let found = Process::current().wildcard_sockets().expect("it is ours");
        assert!(found.contains(&local), "{found:?}");
        assert!(
            found.iter().all(|socket| socket.port() != beside),
            "{found:?}"
        );
    }
}
