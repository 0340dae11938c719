//! The assignment sticks across execve(2).

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};

use shim_tests::artifacts::{library, workspace};
use shim_tests::shim::program_of;
use shim_tests::{Cgroup, FrontEnd, PolicyDir, Shim, harness, skip};

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
    to.take(program_of(&child));
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
fn into_a_cgroup_with_no_list_and_a_narrower_one() {
    let Some((from, policy)) = cgroups() else {
        return;
    };
    let shim = Shim::policy(policy.path()).cgroup(&from);
    for (list, expected) in [(None, "0 127.0.0.2"), (Some("127.0.0.3\n"), "0 127.0.0.3")] {
        let to = Cgroup::v2().expect("there is one");
        if let Some(list) = list {
            policy.write(to.name(), "ipv4", list);
        }
        let (out, err) = bind_after_move(&shim, &to, "exec");
        assert_eq!(out, expected, "{list:?}: {err}");
    }
}

/// The assignment comes late, in a directory that was there, and then the process is moved. To the
/// guard it is the same process behind execve(2), which has its policy for life.
#[test]
fn an_assignment_that_came_late() {
    let Some((from, policy)) = cgroups() else {
        return;
    };
    let to = Cgroup::v2().expect("there is one");
    std::fs::remove_file(policy.path().join(from.name()).join("ipaddr.ipv4")).expect("it is there");
    let short = "127.0.0.2\n127.0.0.3\n".to_owned();
    // As many ranges as there can be.
    let holes = (0..254).map(|number| format!("127.100.{number}.100\n"));
    let long = short.clone() + &holes.collect::<String>() + "127.101.101.101\n";
    let holes =
        (0..256).map(|number| format!("fd00:1000:1000:1000:1000:1000:1{number:03x}:8000\n"));
    let ipv6 = holes.collect::<String>();
    for (late, list, expected) in [
        (&short, "127.0.0.4\n", "EPERM 0.0.0.0"),
        (&short, "127.0.0.3\n", "0 127.0.0.3"),
        (&long, "127.0.0.4\n", "EPERM 0.0.0.0"),
        (&long, "127.0.0.3\n", "0 127.0.0.3"),
        (&long, "127.0.0.0/8\n", "0 127.0.0.2"),
    ] {
        let files = ["ipv4", "ipv6"].map(|kind| {
            policy
                .path()
                .join(from.name())
                .join(format!("ipaddr.{kind}"))
        });
        let mut process = Shim::policy(policy.path()).cgroup(&from).late_exec();
        assert_eq!(process.outcome("bind"), "0 0.0.0.0");
        if *late == long {
            policy.write(from.name(), "ipv6", &ipv6);
        }
        policy.write(from.name(), "ipv4", late);
        assert_eq!(process.outcome("bind"), "0 127.0.0.2");
        policy.write(to.name(), "ipv4", list);
        to.take(process.pid());
        let expected = FrontEnd::of_tests().expects(expected, "0 127.0.0.2");
        assert_eq!(process.outcome("exec"), expected, "{list}");
        for file in files.iter().filter(|file| file.exists()) {
            std::fs::remove_file(file).expect("it is ours");
        }
    }
}

/// A variable of the process's own is part of what sticks once a file limits it. (The guard reads its
/// own environment, once, and not that of a program.)
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
    let expected = FrontEnd::of_tests().expects("EPERM 0.0.0.0", "0 127.0.0.3");
    assert_eq!(out, expected, "{err}");
}

/// What each of three programs in a chain binds to: one that the shell executes beside itself, one of
/// a shell within, and the last.
fn chain(shim: &Shim, before: &str) -> (Vec<String>, String) {
    let bind = "\"$0\" tcp4 0.0.0.0 0";
    let script = format!("{before} {bind}; sh -c '{bind}; env {bind}; exec {bind}' \"$0\"");
    let program = harness("bind");
    let program = program.to_str().expect("UTF-8");
    let run = shim.run("sh", &["-c", &script, program]);
    let words = |line: &str| {
        let words: Vec<_> = line.split_whitespace().take(2).collect();
        words.join(" ")
    };
    (run.out.lines().map(words).collect(), run.err)
}

/// A variable narrows what a file allows, for as many programs as there are.
#[test]
fn a_variable_that_narrows_a_file() {
    for (file, variable, expected) in [
        ("127.0.0.2\n127.0.0.3\n", "127.0.0.3", "0 127.0.0.3"),
        ("127.0.0.0/24\n!127.0.0.9\n", "127.0.0.3", "0 127.0.0.3"),
        (
            "127.0.0.0/24\n",
            "127.0.0.3,127.0.0.0/28,!127.0.0.4",
            "0 127.0.0.3",
        ),
        ("127.0.0.2\n127.0.0.3\n", "none", "EPERM 0.0.0.0"),
    ] {
        let policy = PolicyDir::new();
        policy.write("", "ipv4", file);
        let shim = Shim::policy(policy.path()).var("IPADDR_IPV4", variable);
        for before in ["", "unset IPADDR_IPV4;"] {
            let (out, err) = chain(&shim, before);
            assert_eq!(out, [expected; 4], "{file:?} {variable} {before}: {err}");
            assert!(!err.contains("is outside"), "{err}");
        }
    }
}

/// Nor does a level below change what a variable has narrowed; but in conflict with it is in conflict.
#[test]
fn a_variable_that_narrows_a_level_below() {
    let Some((cgroup, policy)) = cgroups() else {
        return;
    };
    policy.write("", "ipv4", "127.0.0.0/24\n");
    let shim = Shim::policy(policy.path())
        .cgroup(&cgroup)
        .var("IPADDR_IPV4", "127.0.0.3");
    let (out, err) = chain(&shim, "");
    assert_eq!(out, ["0 127.0.0.3"; 4], "{err}");
    let (out, err) = chain(&shim, "export IPADDR_IPV4=127.0.0.2;");
    let expected = FrontEnd::of_tests().expects("EPERM 0.0.0.0", "0 127.0.0.3");
    assert_eq!(out, [expected; 4], "{err}");
    let expected = "IPADDR_IPV4:1: 127.0.0.2 is outside what IPADDR_LATCH:1 allows";
    let is_said = err.contains(expected);
    assert_eq!(is_said, FrontEnd::of_tests().expects(true, false), "{err}");
}

/// Moved to a cgroup that allows more, a process has what it had.
#[test]
fn into_a_wider_one() {
    let Some((from, policy)) = cgroups() else {
        return;
    };
    let to = Cgroup::v2().expect("there is one");
    policy.write(to.name(), "ipv4", "127.0.0.4\n127.0.0.0/28\n");
    let shim = Shim::policy(policy.path()).cgroup(&from);
    let (out, err) = bind_after_move(&shim, &to, "exec");
    assert_eq!(out, "0 127.0.0.2", "{err}");
    let (out, err) = bind_after_move(&shim, &to, "exec env");
    assert_eq!(out, "0 127.0.0.2", "{err}");
}

/// A rule's source that a variable has taken away is no conflict in the next program.
#[test]
fn a_source_that_a_variable_takes_away() {
    let snat = "-A CONNECT -d 192.0.2.0/24 -j SNAT --to-source 127.0.0.3\n";
    let policy = PolicyDir::with_rules("127.0.0.2\n127.0.0.3\n", snat);
    let shim = Shim::policy(policy.path()).var("IPADDR_IPV4", "127.0.0.2");
    let (out, err) = chain(&shim, "");
    assert_eq!(out, ["0 127.0.0.2"; 4], "{err}");
}

/// What the library can't cover: an environment that is given up.
#[test]
fn without_the_environment() {
    let Some((from, policy)) = cgroups() else {
        return;
    };
    let to = Cgroup::v2().expect("there is one");
    policy.write(to.name(), "ipv4", "127.0.0.4\n");
    let shim = Shim::policy(policy.path()).cgroup(&from);
    let (out, _) = bind_after_move(&shim, &to, "unset IPADDR_LATCH; exec");
    let expected = FrontEnd::of_tests().expects("0 127.0.0.4", "EPERM 0.0.0.0");
    assert_eq!(out, expected);
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
    if !skip::for_library("it changes no environment") {
        return;
    }
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
    // Nothing is added where nothing is assigned.
    let run = Shim::new().run("env", &[]);
    assert!(!run.out.contains("IPADDR_LATCH"), "{}", run.out);
}

/// What variables assign is for life, too, without a policy directory and with one. Those that a
/// program sets narrow it under the library alone.
#[test]
fn variables_alone() {
    let policy = PolicyDir::new();
    for shim in [Shim::new(), Shim::policy(policy.path())] {
        let shim = shim.var("IPADDR_IPV4", "127.0.0.2,127.0.0.3");
        for (before, expected) in [
            ("", "0 127.0.0.2"),
            ("unset IPADDR_IPV4;", "0 127.0.0.2"),
            ("export IPADDR_IPV4=127.0.0.3;", "0 127.0.0.3"),
            ("export IPADDR_IPV4=127.0.0.0/8;", "0 127.0.0.2"),
            ("export IPADDR_IPV4=0.0.0.0;", "0 127.0.0.2"),
            ("export IPADDR_IPV4=127.0.0.4;", "EPERM 0.0.0.0"),
        ] {
            let (out, err) = chain(&shim, before);
            let expected = FrontEnd::of_tests().expects(expected, "0 127.0.0.2");
            assert_eq!(out, [expected; 4], "{before} {err}");
        }
    }
    if skip::ipv6() {
        let shim = Shim::ipv6("none");
        let bind = harness("bind");
        let script = "unset IPADDR_IPV6; \"$0\" tcp6only :: 0";
        let run = shim.run("sh", &["-c", script, bind.to_str().expect("UTF-8")]);
        assert_eq!(run.words()[0], "EPERM", "{run:?}");
    }
}

/// The same by the wrapper, whose `--ip` narrows a file.
#[test]
fn by_run_restricted() {
    if !skip::for_library("its wrapper's tests have this") {
        return;
    }
    let policy = PolicyDir::new();
    policy.write("", "ipv4", "127.0.0.2\n127.0.0.3\n");
    let wrapper = workspace().join("run-restricted.sh");
    let one = "\"$0\" tcp4 0.0.0.0 0";
    for before in ["", "unset IPADDR_IPV4 IPADDR_IPV6;"] {
        let script = format!("{before} {one}; sh -c '{one}; exec {one}' \"$0\"; true");
        let output = Command::new(&wrapper)
            .args(["--ip", "127.0.0.3", "--policy"])
            .arg(policy.path())
            .args(["--", "sh", "-c", &script])
            .arg(harness("bind"))
            .env_remove("LD_PRELOAD")
            .env("RUN_RESTRICTED_LIBRARY", library())
            .output()
            .expect("it starts");
        let out = String::from_utf8_lossy(&output.stdout);
        assert_eq!(out.matches("0 127.0.0.3 ").count(), 3, "{output:?}");
        assert_eq!(out.lines().count(), 3, "{output:?}");
    }
}

/// Where files and variables don't come to a policy that can be used, what was carried stays.
#[test]
fn a_conflict_that_goes_away() {
    let policy = PolicyDir::new();
    policy.write("", "ipv4", "127.0.0.4\n");
    let shim = Shim::policy(policy.path()).var("IPADDR_LATCH", "|127.0.0.2-127.0.0.3;-");
    let mut process = shim.late_exec();
    assert_eq!(process.outcome("bind"), "EPERM 0.0.0.0");
    policy.write("", "ipv4", "127.0.0.3\n");
    assert_eq!(process.outcome("bind"), "0 127.0.0.3");
    // What it has got meanwhile is carried, not what it came with.
    policy.write("", "ipv4", "127.0.0.2\n127.0.0.3\n");
    assert_eq!(process.outcome("exec"), "0 127.0.0.3");
}

/// A directory that was made late: no room was kept, and that is said.
#[test]
fn an_assignment_that_is_not_carried() {
    let directory = PolicyDir::new();
    let mut process = Shim::policy(&directory.path().join("later")).on_demand();
    assert_eq!(process.bind_wildcard(), "0.0.0.0");
    directory.write("later", "ipv4", "127.0.0.7\n");
    assert_eq!(process.bind_wildcard(), "127.0.0.7");
    assert_eq!(process.bind_wildcard(), "127.0.0.7");
    let err = process.end();
    let said = err.matches("IPADDR_LATCH: no room was kept for it");
    let times = FrontEnd::of_tests().expects(1, 0);
    assert_eq!(said.count(), times, "{err}");
}

/// Rules aren't carried but read again: without the directory that they are in there is no policy.
#[test]
fn rules_without_their_directory() {
    if !skip::for_library("a program's environment is of no account") {
        return;
    }
    let Some(cgroup) = skip::cgroup() else { return };
    let policy = PolicyDir::new();
    let rules = "-A CONNECT -d 192.0.2.0/24 -j REJECT\n";
    policy.write(cgroup.name(), "rules", rules);
    let shim = Shim::policy(policy.path()).cgroup(&cgroup);
    let (out, err) = chain(&shim, "");
    assert_eq!(out, ["0 0.0.0.0"; 4], "{err}");
    let (out, err) = chain(&shim, "export IPADDR_POLICY_DIR=/nonexistent/ipaddr;");
    assert_eq!(out, ["EPERM 0.0.0.0"; 4], "{err}");
    assert!(err.contains("IPADDR_LATCH:1: holds rules"), "{err}");
    let root = PolicyDir::new();
    root.write("", "rules", rules);
    let (out, err) = chain(
        &Shim::policy(root.path()),
        "export IPADDR_POLICY_DIR=/nonexistent/ipaddr;",
    );
    assert_eq!(out, ["EPERM 0.0.0.0"; 4], "{err}");
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
        run.source()
    };
    let twice = "sh -c 'exec \"$0\" tcp6only :: 0' \"$0\"; exit";
    assert_eq!(bind(&shim, twice), "0 ::1");
    let narrowed = shim.clone().var("IPADDR_IPV6", "none");
    let unset = format!("unset IPADDR_IPV6; {twice}");
    assert_eq!(bind(&narrowed, &unset), "EPERM ::");
    // It is part of a list, over several execs too.
    policy.write("", "ipv6", "fd00::5\n");
    let part = shim.clone().var("IPADDR_IPV6", "loopback");
    assert_eq!(bind(&part, twice), "0 ::1");
    // `none` is narrower than `loopback`, and stays so.
    policy.write("", "ipv6", "none\n");
    let no_conflict = shim.clone().var("IPADDR_IPV6", "loopback");
    assert_eq!(bind(&no_conflict, twice), "EPERM ::");
}
