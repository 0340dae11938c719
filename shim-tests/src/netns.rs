//! Network namespaces of a test's own, by ip(8). As root only.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::process::{self, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::Mutex;

/// ip(8) makes the directory of the namespaces a mount of its own at the first one, and two that do
/// so at once trip over each other.
static MAKING: Mutex<()> = Mutex::new(());

/// A network namespace with its loopback up, removed with its test.
pub struct Netns {
    name: String,
}

impl Netns {
    /// A new namespace; `None` where none can be made.
    #[must_use]
    pub fn new() -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("ipaddr-test-{}-{number}", process::id());
        let _alone = MAKING.lock();
        let made = Command::new("ip").args(["netns", "add", &name]).status();
        if !made.is_ok_and(|status| status.success()) {
            return None;
        }
        let netns = Self { name };
        netns.run("ip", &["link", "set", "lo", "up"]);
        Some(netns)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Gives the loopback interface another address, written as ip(8) takes it.
    pub fn add_address(&self, address: &str) {
        let mut arguments = vec!["address", "add", address, "dev", "lo"];
        // An address that the kernel first checks for duplicates can't be bound at once.
        arguments.extend(address.contains(':').then_some("nodad"));
        self.run("ip", &arguments);
    }

    /// Gives it many, in one go.
    pub fn add_addresses<T: std::fmt::Display>(&self, addresses: impl Iterator<Item = T>) {
        let mut ip = Command::new("ip")
            .args(["-netns", &self.name, "-batch", "-"])
            .stdin(Stdio::piped())
            .spawn()
            .expect("ip is installed");
        let mut input = ip.stdin.take().expect("piped");
        for address in addresses {
            writeln!(input, "address add {address} dev lo").expect("ip reads");
        }
        drop(input);
        assert!(ip.wait().expect("it is our child").success());
    }

    /// Moves the calling thread, and with it what it starts from now on, into the namespace.
    pub fn enter(&self) {
        let file = File::open(format!("/run/netns/{}", self.name)).expect("ip made it");
        // SAFETY: the descriptor is open; the call moves this thread only, see setns(2).
        let moved = unsafe { libc::setns(file.as_raw_fd(), libc::CLONE_NEWNET) };
        assert_eq!(moved, 0, "setns: {}", io::Error::last_os_error());
    }

    /// Sets one of the namespace's settings below /proc/sys/net.
    pub fn set(&self, setting: &str, value: &str) {
        let path = format!("/proc/sys/net/{setting}");
        self.run("sh", &["-c", "echo \"$1\" > \"$0\"", &path, value]);
    }

    /// Runs a command in it, without the library.
    pub fn run(&self, program: &str, arguments: &[&str]) {
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", &self.name, program])
            .args(arguments);
        let status = command.status().expect("ip is installed");
        assert!(status.success(), "{program} {arguments:?} in {}", self.name);
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        let _ = Command::new("ip")
            .args(["netns", "delete", &self.name])
            .status();
    }
}
