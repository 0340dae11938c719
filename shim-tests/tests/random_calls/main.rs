//! Random programs of socket calls: no socket is ever bound to an address that isn't assigned, and
//! nothing comes to a peer from one.
//!
//! `$IPADDR_RANDOM_PROGRAMS` is how many to run, `$IPADDR_RANDOM_SEED` the first one's seed.

use std::collections::BTreeSet;
use std::env;
use std::net::{IpAddr, TcpListener, UdpSocket};

use shim_tests::{Shim, skip};

const REMOTE: &str = "127.0.0.9";
const ASSIGNED: [&str; 2] = ["127.0.0.2", "127.0.0.3"];

/// Where datagrams and connections have come from since the last time.
fn sources(datagrams: &UdpSocket, connections: &TcpListener) -> BTreeSet<IpAddr> {
    let mut sources = BTreeSet::new();
    while let Ok((_, from)) = datagrams.recv_from(&mut [0; 8]) {
        sources.insert(from.ip());
    }
    while let Ok((_, from)) = connections.accept() {
        sources.insert(from.ip());
    }
    sources
}

fn number(name: &str, default: u32) -> u32 {
    env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

#[test]
fn stay_inside_the_assignment() {
    if !skip::ipv6() {
        return;
    }
    let datagrams = UdpSocket::bind((REMOTE, 0)).expect("the address is on loopback");
    let connections = TcpListener::bind((REMOTE, 0)).expect("the address is on loopback");
    datagrams.set_nonblocking(true).expect("it is ours");
    connections.set_nonblocking(true).expect("it is ours");
    let udp = datagrams.local_addr().expect("bound").port().to_string();
    let tcp = connections.local_addr().expect("bound").port().to_string();
    let allowed: BTreeSet<IpAddr> = ["127.0.0.1", ASSIGNED[0], ASSIGNED[1]]
        .iter()
        .map(|address| address.parse().expect("an address"))
        .collect();
    let first = number("IPADDR_RANDOM_SEED", 1);
    let mut seen = BTreeSet::new();
    for seed in first..first + number("IPADDR_RANDOM_PROGRAMS", 200) {
        let ipv6 = [None, Some("none"), Some("::1"), Some("loopback")][seed as usize % 4];
        let mut shim = Shim::ipv4(&ASSIGNED.join(",")).var("IPADDR_LOG", "off");
        let seed = seed.to_string();
        let mut arguments = vec![&*seed, "300", &udp, &tcp, ASSIGNED[0], ASSIGNED[1]];
        if let Some(list) = ipv6 {
            shim = shim.var("IPADDR_IPV6", list);
            // By name, or as the loopback address of a family that is forbidden.
            arguments.push("::1");
        }
        let run = shim.harness("random_calls", &arguments);
        assert!(run.success, "seed {seed}: {run:?}");
        let from = sources(&datagrams, &connections);
        assert!(from.is_subset(&allowed), "seed {seed}: from {from:?}");
        seen.extend(from);
    }
    // The programs did reach the peers, by each address.
    assert_eq!(seen, allowed);
}
