//! Late assignments, cgroups, refusals.

use shim_tests::{PolicyDir, harness, skip};

use crate::guarded::Guarded;

const BIND: &str = "tcp4 bind 0.0.0.0 0";

#[test]
fn nothing_is_started_unrestricted_by_mistake() {
    let run = Guarded::new().options(&[]).run("true", &[]);
    assert_eq!(run.code(), Some(125), "{run:?}");
    assert!(
        run.err
            .starts_with("ipaddr-guard: IPADDR_REQUIRE: nothing is assigned"),
        "{run:?}"
    );
    let run = Guarded::new()
        .options(&["--ip", "nonsense"])
        .run("true", &[]);
    assert_eq!(run.code(), Some(125), "{run:?}");
    assert!(run.err.contains("\"nonsense\": expected"), "{run:?}");
    let run = Guarded::new().options(&["--nonsense"]).run("true", &[]);
    assert_eq!(run.code(), Some(125), "{run:?}");
    let unusable = ["--ip", "nonsense", "--allow-unusable"];
    let run = Guarded::new()
        .options(&unusable)
        .harness("bind", &["tcp4", "0.0.0.0", "0"]);
    run.says("EPERM 0.0.0.0 0");
    assert!(run.err.contains("\"nonsense\": expected"), "{run:?}");
}

#[test]
fn with_ipv4_alone_ipv6_has_loopback() {
    if !skip::ipv6() {
        return;
    }
    Guarded::new()
        .harness("bind", &["tcp6only", "::", "0"])
        .begins("0 ::1 ");
    let guarded = Guarded::new().options(&["--ip", "127.0.0.2", "--ip6", "any"]);
    guarded
        .harness("bind", &["tcp6only", "::", "0"])
        .begins("0 :: ");
}

#[test]
fn rules_for_ports_and_peers() {
    let rules = "-A BIND -p tcp --sport 8000:8999 -j ACCEPT\n-A BIND -p tcp --sport 1:65535 -j REJECT\n\
                 -A CONNECT -d 127.0.0.4 -j REJECT\n";
    let policy = PolicyDir::with_rules("127.0.0.2", rules);
    let path = policy.path().to_str().expect("UTF-8");
    let guarded = Guarded::new().options(&["--policy", path]);
    guarded
        .harness("bind", &["tcp4", "0.0.0.0", "9000"])
        .says("EPERM 0.0.0.0 0");
    guarded
        .harness("connect", &["udp4", "127.0.0.4", "9"])
        .begins("EPERM");
    guarded
        .harness("connect", &["udp4", "127.0.0.1", "9"])
        .begins("0 127.0.0.2 ");
}

#[test]
fn an_assignment_that_comes_late() {
    let policy = PolicyDir::new();
    let path = policy.path().to_str().expect("UTF-8");
    let guarded = Guarded::new().options(&["--policy", path, "--allow-unassigned"]);
    let mut started = guarded.start(guarded.copy(&harness("on_demand")), &[]);
    assert!(started.ask(BIND).starts_with("0 0.0.0.0 "));
    policy.write("", "ipv4", "127.0.0.2\n");
    assert!(started.ask(BIND).starts_with("0 127.0.0.2 "));
    // It never goes away.
    policy.write("", "ipv4", "0.0.0.0\n");
    assert!(started.ask(BIND).starts_with("0 127.0.0.2 "));
    // It is that of all processes.
    let run = started.end();
    assert!(run.status.success(), "{run:?}");
}

#[test]
fn a_policy_that_cannot_be_used_when_it_comes() {
    let policy = PolicyDir::new();
    let path = policy.path().to_str().expect("UTF-8");
    let guarded = Guarded::new().options(&["--policy", path, "--allow-unassigned"]);
    let mut started = guarded.start(guarded.copy(&harness("on_demand")), &[]);
    let file = policy.write("", "ipv4", "nonsense\n");
    assert!(started.ask(BIND).starts_with("EPERM 0.0.0.0 "));
    assert!(started.ask(BIND).starts_with("EPERM 0.0.0.0 "));
    policy.write("", "ipv4", "127.0.0.2\n");
    assert!(started.ask(BIND).starts_with("0 127.0.0.2 "));
    let run = started.end();
    // Once.
    let said = format!("{}:1: \"nonsense\": expected", file.display());
    assert_eq!(run.err.matches(&said).count(), 1, "{run:?}");
}

#[test]
fn a_process_in_another_cgroup() {
    let Some(cgroup) = skip::cgroup() else {
        return;
    };
    let policy = PolicyDir::new();
    let path = policy.path().to_str().expect("UTF-8");
    let start = |list: &str| {
        policy.write(cgroup.name(), "ipv4", list);
        let options = [
            "--policy",
            path,
            "--ip",
            "127.0.0.2,127.0.0.3",
            "--log",
            "info",
        ];
        let guarded = Guarded::new().options(&options);
        let mut started = guarded.start(guarded.copy(&harness("on_demand")), &[]);
        cgroup.take(started.command());
        (started.ask(BIND), started.end())
    };
    // A part of what the tree has.
    let (said, run) = start("127.0.0.3\n");
    assert!(said.starts_with("0 127.0.0.3 "), "{said} {run:?}");
    // Something beside it.
    let (said, run) = start("127.0.0.4\n");
    assert!(said.starts_with("EPERM"), "{said} {run:?}");
    assert!(run.err.contains("127.0.0.4"), "{run:?}");
    // All of it and more.
    let (said, run) = start("127.0.0.0/8\n");
    assert!(said.starts_with("0 127.0.0.2 "), "{said} {run:?}");
}

/// What a process has for life doesn't depend on files that come later.
#[test]
fn a_policy_directory_that_comes_late() {
    let parent = PolicyDir::new();
    let path = parent.path().join("policy");
    let options = [
        "--policy",
        path.to_str().expect("UTF-8"),
        "--ip",
        "127.0.0.2",
    ];
    let guarded = Guarded::new().options(&options);
    let bind = guarded.copy(&harness("bind"));
    let script = "echo ready; while read line; do \"$0\" tcp4 0.0.0.0 0; done";
    let mut started = guarded.start("sh", &["-c", script, bind.to_str().expect("UTF-8")]);
    assert!(started.ask("").starts_with("0 127.0.0.2 "));
    parent.write("policy", "ipv4", "127.0.0.9\n");
    assert!(started.ask("").starts_with("0 127.0.0.2 "));
    assert!(started.end().status.success());
}
