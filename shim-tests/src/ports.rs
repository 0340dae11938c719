//! Ports for servers that can't be told to take any.

use std::net::{IpAddr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{io, process};

/// Below the ephemeral ports: no other test gets one of these from the kernel, on whatever address,
/// before the server is there or while it is.
const FIRST: u16 = 10_000;
const COUNT: u16 = 20_000;

/// A port that is free on every address.
#[must_use]
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Another process that runs these tests at the same time begins elsewhere.
    let offset = process::id().wrapping_mul(97);
    (0..COUNT)
        .map(|_| offset.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % u32::from(COUNT))
        .map(|number| FIRST + u16::try_from(number).expect("less than COUNT"))
        .find(|&port| is_free(port))
        .expect("one of them is free")
}

/// One of these ports that is free on every address.
#[must_use]
pub fn free_port_of(mut ports: impl Iterator<Item = u16>) -> u16 {
    ports
        .find(|&port| is_free(port))
        .expect("one of them is free")
}

fn is_free(port: u16) -> bool {
    ["0.0.0.0", "::"].iter().all(|wildcard| {
        let address: IpAddr = wildcard.parse().expect("an address");
        match TcpListener::bind((address, port)) {
            Ok(_) => true,
            // An address family that the machine hasn't got isn't in use either.
            Err(error) => error.kind() != io::ErrorKind::AddrInUse,
        }
    })
}
