//! `ps`: processes with the library and what they have latched, and those that should have it.

use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use ipaddr_policy::mark::MARK;
use shim_tests::{Cgroup, Shim, library, skip};

use super::command::{Ctl, FOUND, Nobody, SYSTEM, Said, VERSION};

/// A child that is ended with its test.
pub struct Ended(pub Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Ended {
    fn start(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        Self(command.spawn().expect("it starts"))
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }
}

/// The columns of a process but for its id: cgroup, library, guard, version, command and latched.
pub fn row(said: &Said, pid: u32) -> Option<[String; 6]> {
    let row = said.out.lines().find_map(|line| {
        let (id, rest) = line.trim().split_once("  ")?;
        (id == pid.to_string()).then_some(rest)
    })?;
    let (cgroup, rest) = row.split_once("  ").expect("a column");
    let (library, rest) = rest.trim().split_once("  ").expect("a column");
    let (guard, rest) = rest.trim().split_once("  ").expect("a column");
    let (version, rest) = rest.trim().split_once("  ").expect("a column");
    let (command, latched) = rest.trim().split_once("  ").expect("a column");
    Some([cgroup, library, guard, version, command, latched].map(|cell| cell.trim().to_owned()))
}

/// A process is still another program for a moment, or at its load.
#[track_caller]
fn assert_row(ctl: &Ctl, pid: u32, program: &str, group: &Cgroup, library: &str, latched: &str) {
    let version = if library == "yes" { VERSION } else { "-" };
    assert_version(ctl, pid, program, group, [library, version, latched]);
}

#[track_caller]
fn assert_version(
    ctl: &Ctl,
    pid: u32,
    program: &str,
    group: &Cgroup,
    [library, version, latched]: [&str; 3],
) {
    let cgroup = format!("/{}", group.name());
    assert_columns(
        ctl,
        pid,
        [&cgroup, library, "no", version, program, latched],
    );
}

/// What `ps` says of the processes in a cgroup alone: those of other tests may be holes.
#[track_caller]
pub fn alone(ctl: &Ctl, group: &Cgroup, options: &[&str]) -> Said {
    let (own, inside) = (format!("/{}", group.name()), format!("/{}/", group.name()));
    let mut words = vec!["ps".to_owned()];
    words.extend(options.iter().map(|&option| option.to_owned()));
    for _ in 0..50 {
        let said = ctl.run(&words);
        let others = said.out.lines().skip(1).filter_map(|line| {
            let cells: Vec<_> = line.split_whitespace().collect();
            match cells[..] {
                [_, cgroup, ..] if cgroup == own || cgroup.starts_with(&inside) => None,
                [_, "/", _, _, _, command, ..] => Some(command.to_owned()),
                [_, cgroup, ..] => Some(cgroup.to_owned()),
                _ => panic!("{line}"),
            }
        });
        let others: Vec<_> = others.collect();
        if others.is_empty() {
            return said;
        }
        words.extend(
            others
                .into_iter()
                .flat_map(|other| ["--ignore".to_owned(), other]),
        );
    }
    panic!("always others: {words:?}");
}

/// A process is still another program for a moment, or at its load.
#[track_caller]
pub fn assert_columns(ctl: &Ctl, pid: u32, columns: [&str; 6]) {
    let expected = Some(columns.map(str::to_owned));
    for _ in 0..200 {
        if row(&ctl.line("ps"), pid) == expected {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(row(&ctl.line("ps"), pid), expected);
}

#[test]
fn with_and_without_the_library() {
    let Some(group) = skip::cgroup() else { return };
    let (restricted, free) = (group.child("restricted"), group.child("free"));
    let ctl = Ctl::new();
    ctl.0
        .write(restricted.name(), "ipv4", "127.0.0.2\n127.0.0.3\n");
    let shim = Shim::policy(ctl.0.path());

    let held = shim.clone().cgroup(&restricted).on_demand();
    let two = "127.0.0.2, 127.0.0.3 (wildcards become 127.0.0.2)";
    assert_row(&ctl, held.pid(), "on_demand", &restricted, "yes", two);
    let own = shim
        .clone()
        .var("IPADDR_IPV4", "127.0.0.9")
        .cgroup(&free)
        .on_demand();
    assert_row(&ctl, own.pid(), "on_demand", &free, "yes", "127.0.0.9");
    assert!(!ctl.line("ps").out.contains("- ("), "no hole so far");

    // The mark is filled in where the assignment comes late, too.
    let mut late = shim.clone().cgroup(&free).on_demand();
    assert_row(&ctl, late.pid(), "on_demand", &free, "yes", "-");
    ctl.0.write(free.name(), "ipv6", "none\n");
    assert_row(&ctl, late.pid(), "on_demand", &free, "yes", "-");
    assert_eq!(late.bind_wildcard(), "0.0.0.0");
    assert_row(&ctl, late.pid(), "on_demand", &free, "yes", "no IPv6");
    let confined = shim
        .clone()
        .var("IPADDR_IPV6", "loopback")
        .cgroup(&restricted)
        .on_demand();
    let both = format!("{two}; IPv6 on loopback");
    assert_row(&ctl, confined.pid(), "on_demand", &restricted, "yes", &both);
    // So it is where there are rules only.
    ctl.0.write(free.name(), "ipv6", "::\n");
    ctl.0.write(free.name(), "rules", "-A BIND -j ACCEPT\n");
    let ruled = shim.cgroup(&free).on_demand();
    let rules = format!("the rules of /{}", free.name());
    assert_row(&ctl, ruled.pid(), "on_demand", &free, "yes", &rules);

    let without = Shim::without().cgroup(&restricted).on_demand();
    assert_row(
        &ctl,
        without.pid(),
        "on_demand",
        &restricted,
        "no",
        "- (started without LD_PRELOAD)",
    );
    assert_eq!(ctl.line("ps").status, FOUND);
    drop(without);
    let outside = Shim::without().on_demand();
    assert_eq!(
        row(&ctl.line("ps"), outside.pid()),
        None,
        "its cgroup has no policy"
    );
    drop((held, own, late, confined, ruled, outside));
    drop((restricted, free));
}

/// A Go program with cgo is dynamically linked, and has the library in vain.
#[test]
fn a_go_program() {
    let Some(group) = skip::cgroup() else { return };
    if !skip::command("go") {
        return;
    }
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (source, program) = (
        directory.path().join("main.go"),
        directory.path().join("cgo"),
    );
    let text =
        "package main\nimport \"C\"\nimport \"time\"\nfunc main() { time.Sleep(time.Minute) }\n";
    fs::write(&source, text).expect("the directory is ours");
    let status = Command::new("go")
        .args(["build", "-o"])
        .args([&program, &source])
        .env("CGO_ENABLED", "1")
        .env("GOCACHE", directory.path().join("cache"))
        .env("GO111MODULE", "off")
        .status();
    assert!(status.expect("go runs").success());

    let (restricted, free) = (group.child("restricted"), group.child("free"));
    let ctl = Ctl::new();
    ctl.0.write(restricted.name(), "ipv4", "127.0.0.2\n");
    let shim = Shim::policy(ctl.0.path());
    let start = |shim: Shim| Ended::start(shim.command(&program));
    let unassigned = start(shim.clone().cgroup(&free));
    assert_row(&ctl, unassigned.pid(), "cgo", &free, "yes", "-");
    assert!(!ctl.line("ps").out.contains("- ("), "no hole so far");
    let why = "- (Go program: its runtime makes system calls without libc)";
    let held = start(shim.clone().cgroup(&restricted));
    assert_row(&ctl, held.pid(), "cgo", &restricted, "yes", why);
    assert_eq!(ctl.line("ps").status, FOUND);
    let own = start(shim.var("IPADDR_IPV4", "127.0.0.9").cgroup(&free));
    assert_row(&ctl, own.pid(), "cgo", &free, "yes", why);
    drop((unassigned, held, own));
    drop((restricted, free));
}

/// After execve(2), too; and in a process that isn't latched at load.
#[test]
fn after_exec() {
    let Some(group) = skip::cgroup() else { return };
    let ctl = Ctl::new();
    ctl.0.write(group.name(), "ipv4", "127.0.0.2\n");
    let mut command = Shim::policy(ctl.0.path()).cgroup(&group).command("sh");
    command.args(["-c", "exec sleep 60"]);
    let sleep = Ended::start(command);
    assert_row(&ctl, sleep.pid(), "sleep", &group, "yes", "127.0.0.2");
    drop(sleep);
}

/// A static program, compiled into a directory: it says its id, and waits.
pub fn static_program(directory: &Path) -> Option<PathBuf> {
    if !skip::command("cc") {
        return None;
    }
    let source = directory.join("waits.c");
    let code = "#include <stdio.h>\n#include <unistd.h>\n\
                int main(void) { printf(\"%d\\n\", (int)getpid()); fflush(stdout); return pause(); }\n";
    fs::write(&source, code).expect("a file");
    let program = directory.join("waits");
    let mut cc = Command::new("cc");
    cc.arg("-static").arg(&source).arg("-o").arg(&program);
    if cc.output().expect("cc starts").status.success() {
        return Some(program);
    }
    skip::skip("cc can't link statically");
    None
}

#[test]
fn programs_that_cant_have_it() {
    let Some(group) = skip::cgroup() else { return };
    let directory = tempfile::tempdir().expect("a temporary directory");
    let Some(program) = static_program(directory.path()) else {
        return;
    };
    let ctl = Ctl::new();
    ctl.0.write(group.name(), "ipv4", "127.0.0.2\n");
    let waits = Ended::start(Shim::policy(ctl.0.path()).cgroup(&group).command(&program));
    assert_row(
        &ctl,
        waits.pid(),
        "waits",
        &group,
        "no",
        "- (static program)",
    );
    drop(waits);
}

/// A library that was replaced while it is in use, as by an upgrade.
#[test]
fn a_library_that_was_removed() {
    let Some(group) = skip::cgroup() else { return };
    let ctl = Ctl::new();
    ctl.0.write(group.name(), "ipv4", "127.0.0.2\n");
    let directory = tempfile::tempdir().expect("a temporary directory");
    let copy = directory.path().join("libipaddr.so");
    fs::copy(library(), &copy).expect("a file");
    let shim = Shim::without()
        .preload_after(copy.clone())
        .var("IPADDR_POLICY_DIR", ctl.0.path().to_str().expect("UTF-8"));
    let process = shim.cgroup(&group).on_demand();
    fs::remove_file(copy).expect("it is there");
    assert_row(&ctl, process.pid(), "on_demand", &group, "yes", "127.0.0.2");
    drop(process);
}

/// One that says no version.
#[test]
fn an_older_library() {
    let Some(group) = skip::cgroup() else { return };
    let ctl = Ctl::new();
    ctl.0.write(group.name(), "ipv4", "127.0.0.2\n");
    let mut bytes = fs::read(library()).expect("it was built");
    let version = format!("{}\0\0\0\0\0\0\0\0libipaddr {VERSION}", text(&MARK));
    let places = bytes.windows(version.len());
    let found: Vec<_> = places
        .enumerate()
        .filter(|(_, place)| *place == version.as_bytes())
        .map(|(at, _)| at)
        .collect();
    let [at] = found[..] else {
        panic!("one mark, its pointer null, and the version: {found:?}");
    };
    bytes[at + MARK.len() + 8..at + version.len()].fill(0);
    let directory = tempfile::tempdir().expect("a temporary directory");
    let older = directory.path().join("libipaddr.so");
    fs::write(&older, bytes).expect("the directory is ours");
    let process = Shim::without()
        .preload_after(older)
        .var("IPADDR_POLICY_DIR", ctl.0.path().to_str().expect("UTF-8"))
        .cgroup(&group)
        .on_demand();
    let columns = ["yes", "-", "127.0.0.2"];
    assert_version(&ctl, process.pid(), "on_demand", &group, columns);
    drop(process);
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("ASCII")
}

/// What may not be read is said to be so.
#[test]
fn as_another_user() {
    let Some(group) = skip::cgroup() else { return };
    if !skip::command("setpriv") {
        return;
    }
    let ctl = Ctl::new();
    ctl.0.write(group.name(), "ipv4", "127.0.0.2\n");
    let process = Shim::policy(ctl.0.path()).cgroup(&group).on_demand();
    let said = Nobody::new().line(&ctl, "ps");
    let pid = format!("{}  ", process.pid());
    let line = said
        .out
        .lines()
        .find(|line| line.trim().starts_with(&pid))
        .expect("it is listed");
    assert!(line.contains("  ?  "), "{line}");
    assert!(
        line.ends_with("? (its maps: Permission denied (os error 13))"),
        "{line}"
    );
    assert_eq!(said.status, SYSTEM, "{said:?}");
    let remedy = "ipaddrctl: 1 process can't be inspected: expected to be run by root\n";
    assert_eq!(said.err, remedy);
    drop(process);
}

/// What a process has latched may differ from the files, for example after `assign --replace`.
#[test]
fn a_latch_that_the_files_contradict() {
    let Some(group) = skip::cgroup() else { return };
    let ctl = Ctl::new();
    ctl.0.write(group.name(), "ipv4", "127.0.0.2\n");
    let process = Shim::policy(ctl.0.path()).cgroup(&group).on_demand();
    assert_row(&ctl, process.pid(), "on_demand", &group, "yes", "127.0.0.2");
    ctl.0.write(group.name(), "ipv4", "127.0.0.3\n");
    let stale = "127.0.0.2 (stale: the files say otherwise)";
    assert_row(&ctl, process.pid(), "on_demand", &group, "yes", stale);
    assert_eq!(alone(&ctl, &group, &[]).status, 0, "it is restricted");
    drop(process);
}

/// A process that has to be restricted and can't be.
#[test]
fn a_process_that_is_refused_everything() {
    let Some(group) = skip::cgroup() else { return };
    let ctl = Ctl::new();
    let file = ctl.0.write(group.name(), "ipv4", "127.0.0.x\n");
    let process = Shim::policy(ctl.0.path()).cgroup(&group).on_demand();
    let cgroup = format!("/{}", group.name());
    let begin = format!(
        "everything is refused ({}:1: \"127.0.0.x\": expected ",
        file.display()
    );
    let said = alone(&ctl, &group, &[]);
    let found = row(&said, process.pid()).expect("it is listed");
    let [columns @ .., latched] = &found;
    assert_eq!(columns, &[&*cgroup, "yes", "no", VERSION, "on_demand"]);
    assert!(latched.starts_with(&begin), "{latched}");
    assert_eq!(said.status, 0, "{said:?}");
    drop(process);
}

/// By the command's name, or by the cgroup.
#[test]
fn holes_that_are_known() {
    let Some(group) = skip::cgroup() else { return };
    let ctl = Ctl::new();
    ctl.0.write(group.name(), "ipv4", "127.0.0.2\n");
    let inner = group.child("inner");
    let hole = Shim::without().cgroup(&inner).on_demand();
    let cgroup = format!("/{}", group.name());
    let other = format!("ps --ignore other --ignore {cgroup}x");
    assert_eq!(ctl.line(&other).status, FOUND);
    for known in ["on_demand", &cgroup] {
        let said = alone(&ctl, &group, &["--ignore", known]);
        assert_eq!(said.status, 0, "{said:?}");
        assert_eq!(row(&said, hole.pid()), None, "{said:?}");
    }
    drop(hole);
    drop(inner);
}

/// As a service manager passes it in.
#[test]
fn a_socket_on_a_wildcard_that_was_passed_in() {
    let Some(group) = skip::cgroup() else { return };
    let ctl = Ctl::new();
    ctl.0.write(group.name(), "ipv4", "127.0.0.2\n");
    let start = |socket: OwnedFd| {
        let mut command = Shim::policy(ctl.0.path()).cgroup(&group).command("sleep");
        command.arg("600").stdin(socket).stdout(Stdio::null());
        Ended(command.spawn().expect("it starts"))
    };
    let bound = |address: &str| {
        let socket = TcpListener::bind(address).expect("a port is free");
        let local = socket.local_addr().expect("it is bound");
        (OwnedFd::from(socket), local)
    };
    let (socket, _) = bound("127.0.0.2:0");
    let fine = start(socket);
    assert_row(&ctl, fine.pid(), "sleep", &group, "yes", "127.0.0.2");
    if skip::ipv6() {
        let (socket, local) = bound("[::]:0");
        let undecided = start(socket);
        let latched = format!("127.0.0.2; {local} is IPv6 only or receives IPv4 too");
        assert_row(&ctl, undecided.pid(), "sleep", &group, "yes", &latched);
    }
    assert_eq!(alone(&ctl, &group, &[]).status, 0, "no hole so far");
    let (socket, local) = bound("0.0.0.0:0");
    let hole = start(socket);
    let latched = format!("127.0.0.2; but receives on {local}, bound by another or before");
    assert_row(&ctl, hole.pid(), "sleep", &group, "yes", &latched);
    let udp = UdpSocket::bind("0.0.0.0:0").expect("a port is free");
    let local = udp.local_addr().expect("it is bound");
    let datagrams = start(udp.into());
    let latched = format!("127.0.0.2; but receives on {local}, bound by another or before");
    assert_row(&ctl, datagrams.pid(), "sleep", &group, "yes", &latched);
    assert_eq!(alone(&ctl, &group, &[]).status, FOUND);
    drop((fine, hole, datagrams));
}
