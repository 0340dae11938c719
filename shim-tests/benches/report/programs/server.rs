//! A server, and its end.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::command::Failure;
use crate::variants::{Source, Variant};

/// What every variant's clients connect to.
pub const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// Another address, on which only a server that has been assigned none answers.
const OTHER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);

const PATIENCE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(2);

/// Ended and waited for where it goes out of scope.
pub struct Server(Child);

impl Server {
    pub fn start(command: &mut Command) -> Result<Self, Failure> {
        let child = command.stdin(Stdio::null()).spawn();
        Ok(Self(
            child.map_err(|error| format!("{command:?}: {error}"))?,
        ))
    }

    /// Its process.
    pub fn child(&mut self) -> &mut Child {
        &mut self.0
    }

    /// Waits until it answers, and makes sure that it does so where the variant says.
    pub fn listens(&mut self, variant: &Variant, port: u16) -> Result<(), Failure> {
        let start = Instant::now();
        while TcpStream::connect(SocketAddr::new(IpAddr::V4(ADDRESS), port)).is_err() {
            if let Some(status) = self.0.try_wait()? {
                return Err(format!("{}: the server ended: {status}", variant.name).into());
            }
            if start.elapsed() > PATIENCE {
                return Err(format!("{}: nobody on {ADDRESS}:{port}", variant.name).into());
            }
            thread::sleep(POLL);
        }
        let elsewhere = TcpStream::connect(SocketAddr::new(IpAddr::V4(OTHER), port)).is_ok();
        if elsewhere == (variant.source == Source::Any) {
            Ok(())
        } else {
            Err(format!(
                "{}: whether it answers on {OTHER}: {elsewhere}",
                variant.name
            )
            .into())
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // SIGTERM first: a master that is killed leaves its workers behind.
        // SAFETY: a signal to our child, which hasn't been waited for.
        unsafe { libc::kill(self.0.id().cast_signed(), libc::SIGTERM) };
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if self.0.try_wait().is_ok_and(|ended| ended.is_some()) {
                return;
            }
            thread::sleep(POLL);
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
