//! `show`: the policy of a cgroup and of a process, and where it is written.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use shim_tests::{Shim, skip};

use super::command::{Ctl, SYSTEM, UNUSABLE, USAGE, VERSION};

fn tree() -> Ctl {
    let ctl = Ctl::new();
    ctl.0.write("", "ipv4", "# all of ours\n127.0.0.0/16\n");
    ctl.0
        .write("web", "ipv4", "127.0.0.2\n127.0.0.3 # the second\n");
    ctl.0.write("web", "ipv6", "none\n");
    ctl.0.write(
        "web",
        "rules",
        "-A BIND -p tcp --sport 80 -j ACCEPT\n\n-A BIND -j REJECT\n",
    );
    ctl
}

#[test]
fn each_part_and_its_line() {
    let ctl = tree();
    let path = ctl.0.path().display();
    let expected = format!(
        "cgroup /web/a
IPv4: 127.0.0.2, 127.0.0.3 (wildcards become 127.0.0.2), by {path}/web/ipaddr.ipv4:1
  {path}/ipaddr.ipv4:2: 127.0.0.0/16
  {path}/web/ipaddr.ipv4:1: 127.0.0.2
  {path}/web/ipaddr.ipv4:2: 127.0.0.3 # the second
IPv6: none (but ::1), by {path}/web/ipaddr.ipv6:1
  {path}/web/ipaddr.ipv6:1: none
Rules:
  {path}/web/ipaddr.rules:1: -A BIND -p tcp --sport 80 -j ACCEPT
  {path}/web/ipaddr.rules:3: -A BIND -j REJECT
"
    );
    assert_eq!(ctl.line("show /web/a").done(), expected);
    assert_eq!(
        ctl.line("show web//a/").done(),
        expected,
        "written otherwise"
    );
    let inherited = format!("IPv4: 127.0.0.0/16 (wildcards are refused), by {path}/ipaddr.ipv4:2");
    assert!(ctl.line("show /db").done().contains(&inherited));
}

#[test]
fn unassigned_reads_as_in_the_rfc() {
    let ctl = Ctl::new();
    let expected = "cgroup /web\nIPv4: 0.0.0.0 (unassigned)\nIPv6: :: (unassigned)\n";
    assert_eq!(ctl.line("show /web").done(), expected);
    let there_is_none = ctl.line("--policy /nonexistent/ipaddr show /web");
    assert_eq!(there_is_none.done(), expected);
    // Without an argument it is the caller's own cgroup.
    let own = ctl.line("show").fine();
    let line = own
        .lines()
        .next()
        .expect("a line")
        .replacen("cgroup ", "", 1);
    let cgroups = fs::read_to_string("/proc/self/cgroup").expect("proc");
    assert!(
        cgroups.lines().any(|it| it.ends_with(&format!(":{line}"))),
        "{line} in {cgroups}"
    );
}

#[test]
fn for_programs() {
    let ctl = tree();
    let value = |words: &str| -> serde_json::Value {
        serde_json::from_str(&ctl.line(words).out).expect("JSON")
    };
    let shown = value("show --json /web");
    assert_eq!(shown["cgroup"], "/web");
    assert_eq!(shown["ipv4"]["address"], "127.0.0.2");
    assert_eq!(shown["ipv4"]["allowed"][1], "127.0.0.3");
    let from = ctl.path("web/ipaddr.ipv4").display().to_string() + ":1";
    assert_eq!(shown["ipv4"]["from"], from);
    assert_eq!(shown["ipv6"]["state"], "none");
    assert_eq!(shown["files"][3]["lines"][1]["line"], 3);
    assert_eq!(shown["files"][3]["lines"][1]["text"], "-A BIND -j REJECT");
    let beside = value("show --json /db");
    assert_eq!(
        beside["ipv4"]["address"],
        serde_json::Value::Null,
        "there is no primary"
    );
    assert_eq!(beside["ipv6"]["address"], "::");
    ctl.0.write("db", "ipv6", "x\n");
    let mistake = value("show --json /db")["mistake"].to_string();
    assert!(mistake.contains("db/ipaddr.ipv6:1"), "{mistake}");
}

#[test]
fn loopback() {
    let ctl = Ctl::new();
    let file = ctl.0.write("web", "ipv6", "loopback\n");
    let line = format!(
        "IPv6: loopback (only ::1, wildcards become it), by {}:1\n",
        file.display()
    );
    let shown = ctl.line("show /web").fine();
    assert!(shown.contains(&line), "{shown}");
    let shown: serde_json::Value =
        serde_json::from_str(&ctl.line("show --json /web").out).expect("JSON");
    assert_eq!(shown["ipv6"]["state"], "loopback");
    assert_eq!(shown["ipv6"]["address"], "::1");
    ctl.line("check").fine();
}

/// As the library refuses them, and with its messages.
#[test]
fn what_cant_be_used() {
    let ctl = tree();
    let place = ctl.0.path().display().to_string();
    let file = ctl.0.write("web/a", "ipv4", "127.9.0.1\n");
    let outside = format!(
        "ipaddrctl: {place}/web/a/ipaddr.ipv4:1: 127.9.0.1 is outside what \
         {place}/web/ipaddr.ipv4:1 allows: expected that or a part of it\n"
    );
    ctl.line("show /web/a").fails(UNUSABLE, &outside);
    fs::set_permissions(&file, Permissions::from_mode(0o646)).expect("it is ours");
    ctl.line("show /web/a").fails(
        UNUSABLE,
        "ipaddr.ipv4: is world-writable: expected a mode like",
    );
    fs::set_permissions(&file, Permissions::from_mode(0o644)).expect("it is ours");
    let directory = ctl.path("web/a");
    fs::set_permissions(&directory, Permissions::from_mode(0o757)).expect("it is ours");
    ctl.line("show /web/a")
        .fails(UNUSABLE, "web/a: is world-writable: expected a mode like");
    fs::set_permissions(&directory, Permissions::from_mode(0o755)).expect("it is ours");
    fs::write(&file, vec![b'#'; 64 << 10]).expect("it is ours");
    ctl.line("show /web/a")
        .fails(UNUSABLE, "is too large: expected less than 65536 bytes");
    fs::write(
        &file,
        [&vec![b'#'; (64 << 10) - 11][..], b"\n127.0.0.2"].concat(),
    )
    .expect("ours");
    ctl.line("show /web/a").fine();
    fs::remove_file(&file).expect("it is there");
    fs::create_dir(&file).expect("a directory");
    ctl.line("show /web/a").fails(
        UNUSABLE,
        "ipaddr.ipv4: is something else: expected a regular file",
    );
    fs::remove_dir(&file).expect("it is there");
    let made = Command::new("mkfifo")
        .arg(&file)
        .status()
        .expect("mkfifo is there");
    assert!(made.success());
    ctl.line("show /web/a").fails(
        UNUSABLE,
        "ipaddr.ipv4: is something else: expected a regular file",
    );
}

#[test]
fn paths_that_lead_out() {
    let ctl = Ctl::new();
    for path in ["/..", "../x", "/web/../db", "/web/.", ""] {
        ctl.run(["show", path]).fails(USAGE, "expected a");
    }
    let mut relative = ctl.command(["show", "/web"]);
    relative.env("IPADDR_POLICY_DIR", "somewhere");
    super::command::Said::of(&relative.output().expect("it starts")).fails(
        UNUSABLE,
        "IPADDR_POLICY_DIR: \"somewhere\": expected an absolute path",
    );
}

/// A process that may not go without an assignment, and has none.
#[test]
fn a_process_that_requires_an_assignment() {
    let ctl = Ctl::new();
    let process = Shim::policy(ctl.0.path())
        .var("IPADDR_REQUIRE", "1")
        .on_demand();
    let pid = process.pid().to_string();
    ctl.run(["show", "--pid", &pid])
        .fails(UNUSABLE, "IPADDR_REQUIRE: nothing is assigned to cgroup /");
    ctl.run(["explain", "--pid", &pid, "bind", "0.0.0.0:80"])
        .fails(UNUSABLE, "IPADDR_REQUIRE: nothing is assigned to cgroup /");
    ctl.0.write("", "ipv4", "127.0.0.2\n");
    let shown = ctl.run(["show", "--pid", &pid]).fine();
    assert!(shown.contains("IPADDR_REQUIRE=1\n"), "{shown}");
    assert!(shown.contains("IPv4: 127.0.0.2, by "), "{shown}");
}

#[test]
fn a_process_and_its_variables() {
    let ctl = tree();
    // The directory is taken from the process, not from the caller.
    let process = Shim::policy(ctl.0.path())
        .var("IPADDR_IPV4", "127.0.0.9")
        .on_demand();
    let pid = process.pid().to_string();
    let elsewhere = Ctl::new();
    let mut command = elsewhere.command(["show", "--pid", &pid]);
    command.env_remove("IPADDR_POLICY_DIR");
    let shown = super::command::Said::of(&command.output().expect("it starts")).fine();
    for line in [
        format!("process {pid} (on_demand)"),
        format!("library: loaded ({VERSION}), latched 127.0.0.9|127.0.0.9-127.0.0.9;-"),
        format!("IPADDR_POLICY_DIR={}", ctl.0.path().display()),
        "IPADDR_IPV4=127.0.0.9".to_owned(),
        "IPv4: 127.0.0.9, by the latch".to_owned(),
        "IPv6: :: (unassigned)".to_owned(),
    ] {
        assert!(shown.lines().any(|it| it == line), "{line} in {shown}");
    }
    let json: serde_json::Value =
        serde_json::from_str(&elsewhere.run(["show", "--json", "--pid", &pid]).fine())
            .expect("JSON");
    assert_eq!(json["process"]["latch"], "127.0.0.9|127.0.0.9-127.0.0.9;-");
    assert_eq!(json["process"]["library"], true);
    assert_eq!(json["process"]["version"], VERSION);
    assert_eq!(json["process"]["variables"]["IPADDR_IPV4"], "127.0.0.9");
}

/// The latch stays, and a new process gets what the files say.
#[test]
fn what_is_latched_and_what_the_files_say() {
    let Some(group) = skip::cgroup() else { return };
    let ctl = Ctl::new();
    let file = ctl.0.write(group.name(), "ipv4", "127.0.0.2\n");
    let process = Shim::policy(ctl.0.path()).cgroup(&group).on_demand();
    let pid = process.pid().to_string();
    let cgroup = format!("cgroup /{}", group.name());
    let note = "The files say something else by now: the process keeps what is latched.";
    let shown = ctl.run(["show", "--pid", &pid]).fine();
    assert!(shown.contains("IPv4: 127.0.0.2, by the latch\n"), "{shown}");
    assert!(shown.contains(&cgroup) && !shown.contains(note), "{shown}");
    for text in ["127.0.0.3\n", "127.0.0.x\n", "0.0.0.0\n"] {
        fs::write(&file, text).expect("it is ours");
        let shown = ctl.run(["show", "--pid", &pid]).fine();
        assert!(shown.contains("IPv4: 127.0.0.2, by the latch\n"), "{shown}");
        assert!(shown.contains(note), "{shown}");
    }
    drop(process);
}

#[test]
fn a_process_without_the_library_and_none() {
    let ctl = Ctl::new();
    let mut child = Command::new("sleep")
        .arg("60")
        .stdin(Stdio::null())
        .spawn()
        .expect("sleep");
    let pid = child.id().to_string();
    let shown = ctl.run(["show", "--pid", &pid]);
    child.kill().expect("it is ours");
    child.wait().expect("it is our child");
    let shown = shown.fine();
    assert!(
        shown.contains("library: not loaded: this process is not restricted"),
        "{shown}"
    );
    ctl.run(["show", "--pid", &pid])
        .fails(SYSTEM, &format!("/proc/{pid}/cgroup"));
    ctl.run(["show", "/web", "--pid", "1"])
        .fails(USAGE, "cannot be used with");
}
