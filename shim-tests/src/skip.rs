//! What can't be tested here is said, and counted: a test that skips says so on standard error and
//! in the file that `$IPADDR_TEST_SKIPS` names, from which run.sh makes its last lines.

use std::env;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use crate::{Cgroup, FrontEnd, Netns, Shim};

/// Says that the running test, or the part of it that `reason` names, is skipped.
pub fn skip(reason: &str) {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    let line = format!("SKIP {test}: {reason}\n");
    eprint!("{line}");
    if let Some(path) = env::var_os("IPADDR_TEST_SKIPS") {
        let file = OpenOptions::new().append(true).create(true).open(path);
        file.and_then(|mut file| file.write_all(line.as_bytes()))
            .expect("the skip list is writable");
    }
}

/// Whether this is root; skips if it isn't.
#[must_use]
pub fn root_for(what: &str) -> bool {
    // SAFETY: geteuid has no preconditions.
    let root = unsafe { libc::geteuid() } == 0;
    if !root {
        skip(&format!("needs root for {what}"));
    }
    root
}

/// A new v2 cgroup; skips where there can't be one.
#[must_use]
pub fn cgroup() -> Option<Cgroup> {
    if !root_for("cgroups") {
        return None;
    }
    let cgroup = Cgroup::v2();
    if cgroup.is_none() {
        skip("no cgroup v2 hierarchy that may be written to");
    }
    cgroup
}

/// A new network namespace; skips where there can't be one.
#[must_use]
pub fn netns(what: &str) -> Option<Netns> {
    if !root_for(what) {
        return None;
    }
    let netns = Netns::new();
    if netns.is_none() {
        skip(&format!("no network namespace can be made for {what}"));
    }
    netns
}

/// One whose loopback interface has these addresses too, `fd00::5/128` say; skips likewise.
#[must_use]
pub fn netns_with(addresses: &[&str]) -> Option<Netns> {
    let netns = netns("addresses of its own")?;
    for address in addresses {
        netns.add_address(address);
    }
    Some(netns)
}

/// One in which root may open ping sockets; skips likewise.
#[must_use]
pub fn netns_for_ping() -> Option<Netns> {
    let netns = netns("ping sockets")?;
    netns.set("ipv4/ping_group_range", "0 0");
    Some(netns)
}

/// Where a command is; skips if it is nowhere.
#[must_use]
pub fn command(name: &str) -> bool {
    let found = Command::new("sh")
        .args(["-c", "command -v \"$0\" >/dev/null", name])
        .status()
        .is_ok_and(|status| status.success());
    if !found {
        skip(&format!("{name} is not installed"));
    }
    found
}

/// Whether the machine has an IPv6 loopback address; skips if it hasn't.
#[must_use]
pub fn ipv6() -> bool {
    let found = std::net::TcpListener::bind("[::1]:0").is_ok();
    if !found {
        skip("the machine has no ::1");
    }
    found
}

/// Whether the library is under test; skips what is not for the guard, whose reason is given.
#[must_use]
pub fn for_library(why: &str) -> bool {
    let library = FrontEnd::of_tests() == FrontEnd::Library;
    if !library {
        skip(&format!("not under the guard: {why}"));
    }
    library
}

/// Whether a program under test may open such a socket, `raw4` say; skips if it may not. Raw ones are
/// root's, and the guard refuses MPTCP's.
#[must_use]
pub fn kind(kind: &str) -> bool {
    let run = Shim::new().harness("bind", &[kind, "::1", "0"]);
    let may = run.words()[0] != "socket:";
    if !may {
        skip(&format!("no {kind} sockets here: {}", run.out));
    }
    may
}

/// Those of some kinds of socket that a program under test may open; skips the others.
#[must_use]
pub fn kinds(of: &[&'static str]) -> Vec<&'static str> {
    of.iter().filter(|name| kind(name)).copied().collect()
}

/// Whether a file or directory exists; skips if it doesn't.
#[must_use]
pub fn path(path: &Path) -> bool {
    let found = path.exists();
    if !found {
        skip(&format!("there is no {}", path.display()));
    }
    found
}
