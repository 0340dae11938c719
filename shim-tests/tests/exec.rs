//! The assignment sticks across execve(2).

use std::io::{BufRead, BufReader, Read, Write};
use std::process::Stdio;

use shim_tests::{Cgroup, PolicyDir, Shim, harness, skip};

/// Starts a shell in a cgroup, moves it to another, and then has it execute a program that binds
/// to the wildcard: what the program and the library say.
fn bind_after_move(shim: &Shim, to: &Cgroup, exec: &str) -> (String, String) {
    let mut child = shim
        .command("sh")
        .args([
            "-c",
            &format!("echo ready; read line; {exec} \"$0\" tcp4 0.0.0.0 0"),
        ])
        .arg(harness("bind"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("sh starts");
    let mut output = BufReader::new(child.stdout.take().expect("piped"));
    let mut line = String::new();
    output.read_line(&mut line).expect("sh is ready");
    to.take(child.id());
    let mut input = child.stdin.take().expect("piped");
    input.write_all(b"go\n").expect("sh reads");
    let (mut out, mut err) = (String::new(), String::new());
    output.read_to_string(&mut out).expect("UTF-8");
    let mut stderr = child.stderr.take().expect("piped");
    stderr.read_to_string(&mut err).expect("UTF-8");
    child.wait().expect("it is our child");
    let words: Vec<_> = out.split_whitespace().take(2).collect();
    (words.join(" "), err)
}

/// A cgroup with a list, and the place for others beside it and in it.
fn cgroups() -> Option<(Cgroup, PolicyDir)> {
    let cgroup = skip::cgroup()?;
    let policy = PolicyDir::new();
    policy.write(cgroup.name(), "ipv4", "127.0.0.2\n127.0.0.3\n");
    Some((cgroup, policy))
}

#[test]
fn into_a_cgroup_with_another_address() {
    let Some((from, policy)) = cgroups() else {
        return;
    };
    let to = Cgroup::v2().expect("there is one");
    let file = policy.write(to.name(), "ipv4", "127.0.0.4\n");
    let shim = Shim::policy(policy.path()).cgroup(&from);
    for exec in ["exec", "", "exec env -u FOO"] {
        let (out, err) = bind_after_move(&shim, &to, exec);
        assert_eq!(out, "EPERM 0.0.0.0", "{exec}: {err}");
        let expected = format!(
            "{}:1: 127.0.0.4 is outside what IPADDR_LATCH:1 allows",
            file.display()
        );
        assert!(err.contains(&expected), "{exec}: {err}");
    }
}

#[test]
fn into_a_cgroup_with_none() {
    let Some((from, policy)) = cgroups() else {
        return;
    };
    let to = Cgroup::v2().expect("there is one");
    let shim = Shim::policy(policy.path()).cgroup(&from);
    let (out, err) = bind_after_move(&shim, &to, "exec");
    assert_eq!(out, "0 127.0.0.2", "{err}");
}

#[test]
fn into_a_narrower_one() {
    let Some((from, policy)) = cgroups() else {
        return;
    };
    let to = Cgroup::v2().expect("there is one");
    policy.write(to.name(), "ipv4", "127.0.0.3\n");
    let shim = Shim::policy(policy.path()).cgroup(&from);
    let (out, err) = bind_after_move(&shim, &to, "exec");
    assert_eq!(out, "0 127.0.0.3", "{err}");
}

/// The assignment comes late, in a directory that was there, and then the process is moved.
#[test]
fn an_assignment_that_came_late() {
    let Some((from, policy)) = cgroups() else {
        return;
    };
    let to = Cgroup::v2().expect("there is one");
    std::fs::remove_file(policy.path().join(from.name()).join("ipaddr.ipv4")).expect("it is there");
    for (list, expected) in [
        ("127.0.0.4\n", "EPERM 0.0.0.0"),
        ("127.0.0.3\n", "0 127.0.0.3"),
    ] {
        let mut child = Shim::policy(policy.path())
            .cgroup(&from)
            .command(harness("late_exec"))
            .arg(harness("bind"))
            .args(["tcp4", "0.0.0.0", "0"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut input = child.stdin.take().expect("piped");
        let mut output = BufReader::new(child.stdout.take().expect("piped"));
        let mut line = || {
            let mut line = String::new();
            output.read_line(&mut line).expect("it answers");
            line.split_whitespace()
                .take(2)
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(line(), "ready");
        input.write_all(b"bind\n").expect("it reads");
        assert_eq!(line(), "0 0.0.0.0");
        let file = policy.write(from.name(), "ipv4", "127.0.0.2\n127.0.0.3\n");
        input.write_all(b"bind\n").expect("it reads");
        assert_eq!(line(), "0 127.0.0.2");
        policy.write(to.name(), "ipv4", list);
        to.take(child.id());
        input.write_all(b"exec\n").expect("it reads");
        assert_eq!(line(), expected, "{list}");
        child.wait().expect("it is our child");
        std::fs::remove_file(file).expect("it is there");
    }
}

/// A variable of the process's own is part of what sticks once a file limits it.
#[test]
fn with_a_variable() {
    let Some((from, policy)) = cgroups() else {
        return;
    };
    let to = Cgroup::v2().expect("there is one");
    let shim = Shim::policy(policy.path())
        .cgroup(&from)
        .var("IPADDR_IPV4", "127.0.0.3");
    let (out, err) = bind_after_move(&shim, &to, "exec");
    assert_eq!(out, "0 127.0.0.3", "{err}");
    let (out, err) = bind_after_move(&shim, &to, "IPADDR_IPV4=127.0.0.2 exec");
    assert_eq!(out, "EPERM 0.0.0.0", "{err}");
}

/// What can't be covered: an environment that is given up.
#[test]
fn without_the_environment() {
    let Some((from, policy)) = cgroups() else {
        return;
    };
    let to = Cgroup::v2().expect("there is one");
    policy.write(to.name(), "ipv4", "127.0.0.4\n");
    let shim = Shim::policy(policy.path()).cgroup(&from);
    let (out, _) = bind_after_move(&shim, &to, "unset IPADDR_LATCH; exec");
    assert_eq!(out, "0 127.0.0.4");
}

#[test]
fn a_malformed_variable() {
    let shim = Shim::new().var("IPADDR_LATCH", "10.0.0.5");
    let run = shim.harness("bind", &["tcp4", "0.0.0.0", "0"]);
    assert_eq!(run.words()[0], "EPERM");
    assert!(
        run.err
            .contains("IPADDR_LATCH:1: \"10.0.0.5\": expected what this library"),
        "{}",
        run.err
    );
}

/// The rest of the environment is as it was, its order too, however large it is.
#[test]
fn the_rest_of_the_environment() {
    let policy = PolicyDir::new();
    policy.write("", "ipv4", "127.0.0.2\n");
    for count in [0, 10, 20_000] {
        // Command passes them on sorted by name.
        let names = (0..count).map(|number| format!("N{number:05}"));
        let shim = Shim::policy(policy.path())
            .var("IPADDR_LATCH", "127.0.0.2|127.0.0.0-127.0.0.9;-")
            .vars(names.clone().map(|name| (name, "value".to_owned())));
        let run = shim.run("env", &[]);
        let found = run.out.lines().filter(|line| line.starts_with('N'));
        let expected = names.map(|name| format!("{name}=value"));
        assert!(found.eq(expected), "{count}");
        let latches: Vec<_> = run
            .out
            .lines()
            .filter(|line| line.starts_with("IPADDR_LATCH"))
            .collect();
        assert_eq!(
            latches,
            ["IPADDR_LATCH=127.0.0.2|127.0.0.2-127.0.0.2;-"],
            "{count}"
        );
    }
    // Room is kept where an assignment may come.
    let run = Shim::policy(PolicyDir::new().path()).run("env", &[]);
    assert!(run.out.ends_with("IPADDR_LATCH="), "{}", run.out);
    // Nothing is added where nothing is assigned, or by a variable only.
    for shim in [Shim::new(), Shim::ipv4("127.0.0.2")] {
        let run = shim.run("env", &[]);
        assert!(!run.out.contains("IPADDR_LATCH"), "{}", run.out);
    }
}

/// Over two execs, with the variable and without.
#[test]
fn loopback_is_carried() {
    if !skip::ipv6() {
        return;
    }
    let policy = PolicyDir::new();
    policy.write("", "ipv6", "loopback\n");
    let shim = Shim::policy(policy.path());
    let bind = |shim: &Shim, script: &str| {
        let bind = harness("bind");
        let arguments = ["-c", script, bind.to_str().expect("UTF-8")];
        let run = shim.run("sh", &arguments);
        run.words()[..2].join(" ")
    };
    let twice = "sh -c 'exec \"$0\" tcp6only :: 0' \"$0\"; exit";
    assert_eq!(bind(&shim, twice), "0 ::1");
    // `none` allows the same address.
    policy.write("", "ipv6", "none\n");
    let narrowed = shim.clone().var("IPADDR_IPV6", "loopback");
    assert_eq!(bind(&narrowed, twice), "0 ::1");
}
