//! A thousand cgroups, each with its own address, their servers all on one port at once: every
//! connection is between the right addresses, at both of its ends.
//!
//! `$IPADDR_SCALE_CGROUPS` is another number of cgroups.

use std::env;

use shim_tests::services::{Family, PEERS, Services};
use shim_tests::skip;

#[test]
fn cgroups_ipv4() {
    connections_have_their_addresses(Family::Ipv4);
}

#[test]
fn cgroups_ipv6() {
    if skip::ipv6() {
        connections_have_their_addresses(Family::Ipv6);
    }
}

fn connections_have_their_addresses(family: Family) {
    if !skip::root_for("cgroups and a network namespace") || !skip::command("ip") {
        return;
    }
    let Some(services) = Services::new(count(), family, true) else {
        return skip::skip(
            "no cgroup v2 hierarchy that may be written to, or no network namespace",
        );
    };
    let servers = services.start();
    let (connections, _) = servers.connect();
    assert_eq!(connections.len(), services.count() * PEERS);
    for connection in &connections {
        assert!(services.is_right(connection), "{connection:?}");
    }
    for number in 0..services.count() {
        let to_it = connections.iter().filter(|made| made.server == number);
        assert_eq!(to_it.count(), PEERS, "connections to server {number}");
    }
}

fn count() -> usize {
    match env::var("IPADDR_SCALE_CGROUPS") {
        Ok(count) => count.parse().expect("IPADDR_SCALE_CGROUPS is a number"),
        Err(_) => 1000,
    }
}
