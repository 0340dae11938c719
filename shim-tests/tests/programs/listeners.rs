//! The listening sockets of a process, from /proc (see proc(5)).

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, SocketAddr};

/// The state of a listening socket, as /proc/net/tcp has it: `TCP_LISTEN`.
const LISTEN: &str = "0A";

/// Where a process and its descendants listen: what is started may be a guard, or a wrapper.
pub fn listeners(pid: u32) -> BTreeSet<SocketAddr> {
    let of_children = children(pid).into_iter().flat_map(listeners);
    own_listeners(pid).into_iter().chain(of_children).collect()
}

/// Those that the first thread has started, see proc_pid_children(5); none if it has ended.
pub fn children(pid: u32) -> Vec<u32> {
    let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let list = list.unwrap_or_default();
    list.split_whitespace()
        .filter_map(|child| child.parse().ok())
        .collect()
}

fn own_listeners(pid: u32) -> BTreeSet<SocketAddr> {
    let sockets = sockets(pid);
    ["tcp", "tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(format!("/proc/{pid}/net/{table}")).ok())
        .flat_map(|table| table.lines().skip(1).map(str::to_owned).collect::<Vec<_>>())
        .filter_map(|line| {
            let fields: Vec<_> = line.split_whitespace().collect();
            let [_, local, _, LISTEN, _, _, _, _, _, inode, ..] = *fields else {
                return None;
            };
            sockets.contains(inode).then(|| endpoint(local))
        })
        .collect()
}

/// The inodes of a process's sockets; none if it has ended.
fn sockets(pid: u32) -> BTreeSet<String> {
    let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fd")) else {
        return BTreeSet::new();
    };
    descriptors
        .flatten()
        .filter_map(|descriptor| {
            let link = fs::read_link(descriptor.path()).ok()?;
            let inode = link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?;
            Some(inode.to_owned())
        })
        .collect()
}

/// `0100007F:1F90`: the address in words of the machine's byte order, the port in none.
fn endpoint(field: &str) -> SocketAddr {
    let (address, port) = field.split_once(':').expect("ADDRESS:PORT");
    let mut bytes = [0; 16];
    for (word, digits) in bytes
        .chunks_exact_mut(4)
        .zip(address.as_bytes().chunks_exact(8))
    {
        let digits = str::from_utf8(digits).expect("ASCII");
        let number = u32::from_str_radix(digits, 16).expect("hexadecimal");
        word.copy_from_slice(&number.to_ne_bytes());
    }
    let address = if address.len() == 8 {
        IpAddr::from([bytes[0], bytes[1], bytes[2], bytes[3]])
    } else {
        IpAddr::from(bytes)
    };
    SocketAddr::new(address, u16::from_str_radix(port, 16).expect("a port"))
}
