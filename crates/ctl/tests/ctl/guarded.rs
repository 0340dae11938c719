//! Processes under ipaddr-guard, in `ps`, `show` and `explain`.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use shim_tests::{Cgroup, Shim, guard, skip};

use super::command::{Ctl, FOUND, Nobody, SYSTEM, VERSION};
use super::ps::{alone, assert_columns, row, static_program};

/// A command under the guard. It ends with its test: with its parent goes the command.
struct Guarded {
    parent: Child,
    /// The process that has said its id.
    pid: u32,
}

impl Guarded {
    fn start<S: AsRef<OsStr>>(
        shim: &Shim,
        options: &[&str],
        command: impl IntoIterator<Item = S>,
    ) -> Self {
        let mut guarded = shim.command(guard());
        guarded.args(options).arg("--").args(command);
        guarded.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut parent = guarded.spawn().expect("it starts");
        let mut line = String::new();
        let mut out = BufReader::new(parent.stdout.take().expect("piped"));
        out.read_line(&mut line).expect("it is readable");
        let pid = line.trim().parse().expect("the command says its id");
        Self { parent, pid }
    }

    /// `sh`, which becomes sleep.
    fn sleep(shim: &Shim, options: &[&str]) -> Self {
        Self::start(shim, options, ["sh", "-c", "echo $$; exec sleep 600"])
    }

    fn supervisor(&self) -> u32 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid));
        let status = status.expect("it is there");
        let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"));
        parent.expect("a parent").trim().parse().expect("an id")
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let _ = self.parent.kill();
        let _ = self.parent.wait();
        end(self.pid);
    }
}

/// Kills a process that is no child of the test's.
fn end(pid: u32) {
    let kill = format!("kill -9 {pid} 2> /dev/null");
    let _ = Command::new("sh").args(["-c", &kill]).status();
}

fn path(group: &Cgroup) -> String {
    format!("/{}", group.name())
}

fn shim(ctl: &Ctl, group: &Cgroup) -> Shim {
    let directory = ctl.0.path().to_str().expect("UTF-8");
    Shim::without()
        .var("IPADDR_POLICY_DIR", directory)
        .cgroup(group)
}

/// Neither the command nor the guard's own processes are holes.
#[test]
fn a_static_program() {
    let Some(group) = skip::cgroup() else { return };
    let directory = tempfile::tempdir().expect("a temporary directory");
    let Some(program) = static_program(directory.path()) else {
        return;
    };
    let ctl = Ctl::new();
    ctl.0.write(group.name(), "ipv4", "127.0.0.2\n127.0.0.3\n");
    let guarded = Guarded::start(&shim(&ctl, &group), &["--ip", "127.0.0.3"], [&program]);
    let columns = [&path(&group), "no", "yes", VERSION, "waits"];
    let [cgroup, library, guard, version, command] = columns.map(AsRef::as_ref);
    let latched = "127.0.0.3; IPv6 on loopback";
    assert_columns(
        &ctl,
        guarded.pid,
        [cgroup, library, guard, version, command, latched],
    );
    let said = alone(&ctl, &group, &[]);
    for own in [guarded.parent.id(), guarded.supervisor()] {
        assert_eq!(row(&said, own), None, "{own}: {}", said.out);
    }
    assert_eq!(said.status, 0, "no hole: {}", said.out);
    drop(guarded);
    drop(group);
}

/// Where nothing is assigned to the cgroup; and the daemon that a command has left behind.
#[test]
fn a_daemon() {
    let Some(group) = skip::cgroup() else { return };
    let ctl = Ctl::new();
    let script = "setsid sh -c 'echo $$; exec sleep 600' & exit 0";
    let mut guarded = Guarded::start(
        &shim(&ctl, &group),
        &["--ip", "127.0.0.2"],
        ["sh", "-c", script],
    );
    let status = guarded.parent.wait().expect("it ends");
    assert!(status.success(), "{status}");
    assert_columns(
        &ctl,
        guarded.pid,
        [
            &path(&group),
            "no",
            "yes",
            VERSION,
            "sleep",
            "127.0.0.2; IPv6 on loopback",
        ],
    );
    drop(guarded);
    drop(group);
}

/// What both have, and a process that has moved into another cgroup.
#[test]
fn with_the_library_and_elsewhere() {
    let Some(group) = skip::cgroup() else { return };
    let (one, other) = (group.child("one"), group.child("other"));
    let ctl = Ctl::new();
    ctl.0.write(one.name(), "ipv4", "127.0.0.2\n");
    ctl.0.write(other.name(), "ipv4", "127.0.0.0/24\n");
    let preload = format!("LD_PRELOAD={}", shim_tests::library().display());
    let command = ["env", &preload, "sh", "-c", "echo $$; exec sleep 600"];
    let both = Guarded::start(&shim(&ctl, &one), &[], command);
    let columns = |cgroup, latched| [cgroup, "yes", "yes", VERSION, "sleep", latched];
    assert_columns(&ctl, both.pid, columns(&path(&one), "127.0.0.2"));
    drop(both);

    let moves = format!(
        "echo $$ > {}/cgroup.procs; echo $$; exec sleep 600",
        other.path().display()
    );
    let moved = Guarded::start(&shim(&ctl, &one), &[], ["sh", "-c", &moves]);
    let latched = format!("127.0.0.2; and what {} is assigned", path(&other));
    let columns = [&path(&other), "no", "yes", VERSION, "sleep", &latched];
    assert_columns(&ctl, moved.pid, columns);
    drop(moved);
    drop((one, other));
}

/// Closed, not open: so it is no hole.
#[test]
fn a_supervisor_that_was_killed() {
    let Some(group) = skip::cgroup() else { return };
    let ctl = Ctl::new();
    ctl.0.write(group.name(), "ipv4", "127.0.0.2\n");
    let guarded = Guarded::sleep(&shim(&ctl, &group), &[]);
    end(guarded.supervisor());
    let why = "everything is refused (its guard has been killed: bind, connect and sends with a destination fail with ENOSYS)";
    let columns = [&path(&group), "no", "killed", "-", "sleep", why];
    assert_columns(&ctl, guarded.pid, columns);
    let pid = guarded.pid.to_string();
    let shown = ctl.run(["show", "--pid", &pid]).fine();
    let expected = "\nguard: killed: bind, connect and sends with a destination fail with ENOSYS\n";
    assert!(shown.contains(expected), "{shown}");
    let said = ctl.run(["explain", "--pid", &pid, "bind", "127.0.0.2:80"]);
    assert_eq!(said.status, FOUND, "{said:?}");
    let expected = "\n  but the guard of the process has been killed: the call fails with ENOSYS\n";
    assert!(said.out.contains(expected), "{said:?}");
    drop(guarded);
    drop(group);
}

/// What the tree has latched, not what the files say by now.
#[test]
fn show_and_explain() {
    let Some(group) = skip::cgroup() else { return };
    let ctl = Ctl::new();
    ctl.0.write(group.name(), "ipv4", "127.0.0.2\n");
    let guarded = Guarded::sleep(&shim(&ctl, &group), &[]);
    ctl.0.write(group.name(), "ipv4", "127.0.0.9\n");
    let pid = guarded.pid.to_string();
    let shown = ctl.run(["show", "--pid", &pid]).fine();
    let expected = format!(
        "\nlibrary: not loaded\nguard: process {} ({VERSION}), latched 127.0.0.2|127.0.0.2-127.0.0.2;-\n",
        guarded.supervisor()
    );
    assert!(shown.contains(&expected), "{shown}");
    assert!(
        shown.contains("\nIPv4: 127.0.0.2, by the latch\n"),
        "{shown}"
    );
    let json = ctl.run(["show", "--json", "--pid", &pid]).fine();
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let latch = &json["process"]["guard"]["latch"];
    assert_eq!(latch, "127.0.0.2|127.0.0.2-127.0.0.2;-", "{json}");
    let said = ctl
        .run(["explain", "--pid", &pid, "bind", "0.0.0.0:80"])
        .fine();
    assert_eq!(
        said,
        "bind 0.0.0.0:80/tcp: allowed, becomes 127.0.0.2:80\n  IPv4: 127.0.0.2, by the latch\n"
    );
    drop(guarded);
    drop(group);
}

/// That there is a guard is seen, but nothing of what it has latched.
#[test]
fn as_another_user() {
    let Some(group) = skip::cgroup() else { return };
    if !skip::command("setpriv") {
        return;
    }
    let ctl = Ctl::new();
    ctl.0.write(group.name(), "ipv4", "127.0.0.2\n");
    let guarded = Guarded::sleep(&shim(&ctl, &group), &[]);
    let why = "? (the guard above it: its descriptors: Permission denied (os error 13))";
    let columns = [&path(&group), "?", "?", "-", "sleep", why].map(str::to_owned);
    let said = Nobody::new().line(&ctl, "ps");
    assert_eq!(row(&said, guarded.pid), Some(columns), "{said:?}");
    assert_eq!(said.status, SYSTEM, "{said:?}");
    drop(guarded);
    drop(group);
}
