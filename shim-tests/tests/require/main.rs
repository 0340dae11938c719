//! `IPADDR_REQUIRE=1`: nothing assigned is a policy that can't be used. And variables that are
//! misspelt, which are named.

use shim_tests::{Cgroup, PolicyDir, Shim, harness, skip};

const REFUSED: &str = "; every use of IPv4 and IPv6 is refused";

fn required(shim: Shim) -> Shim {
    shim.var("IPADDR_REQUIRE", "1")
}

/// What becomes of a bind to the wildcard, and what the library says.
fn bind(shim: &Shim) -> (String, String) {
    let run = shim.harness("bind", &["tcp4", "0.0.0.0", "0"]);
    let words = run.words();
    (words.get(..2).unwrap_or(&words).join(" "), run.err)
}

#[test]
fn nothing_assigned() {
    let mut process = required(Shim::new()).on_demand();
    process.is_refused(&[
        "tcp4 bind 0.0.0.0 0",
        "tcp4 bind 127.0.0.1 0",
        "tcp6 bind ::1 0",
        "udp4 connect 127.0.0.1 9",
        "tcp4 connect 127.0.0.1 9",
    ]);
    let err = process.end();
    let why = "IPADDR_REQUIRE: nothing is assigned: expected IPADDR_IPV4, IPADDR_IPV6 or a policy \
               directory";
    assert_eq!(err.matches(&format!("{why}{REFUSED}")).count(), 1, "{err}");
    for (name, arguments) in [
        ("listen", &["tcp4"][..]),
        ("send", &["udp4", "sendto", "127.0.0.1", "9"]),
    ] {
        let run = required(Shim::new()).harness(name, arguments);
        assert_eq!(run.words()[0], "EPERM", "{name}: {run:?}");
    }
}

#[test]
fn what_counts_as_assigned() {
    let rules = "-A CONNECT -d 192.0.2.0/24 -j REJECT\n";
    let (by_rules, by_file) = (PolicyDir::new(), PolicyDir::new());
    by_rules.write("", "rules", rules);
    by_file.write("", "ipv4", "127.0.0.2\n");
    for (shim, expected) in [
        (Shim::ipv4("127.0.0.2"), "0 127.0.0.2"),
        (Shim::ipv6("none"), "0 0.0.0.0"),
        (Shim::policy(by_file.path()), "0 127.0.0.2"),
        (Shim::policy(by_rules.path()), "0 0.0.0.0"),
        (Shim::ipv4("0.0.0.0"), "EPERM 0.0.0.0"),
    ] {
        let (out, err) = bind(&required(shim));
        assert_eq!(out, expected, "{err}");
    }
}

#[test]
fn its_values() {
    for (value, expected) in [
        ("", "0 0.0.0.0"),
        ("0", "0 0.0.0.0"),
        ("1", "EPERM 0.0.0.0"),
    ] {
        let (out, err) = bind(&Shim::new().var("IPADDR_REQUIRE", value));
        assert_eq!(out, expected, "{value}: {err}");
    }
    // A mistake is a mistake, whatever is assigned.
    for shim in [Shim::new(), Shim::ipv4("127.0.0.2")] {
        for value in ["yes", "01", "1 "] {
            let (out, err) = bind(&shim.clone().var("IPADDR_REQUIRE", value));
            assert_eq!(out, "EPERM 0.0.0.0", "{value}: {err}");
            let why = format!("IPADDR_REQUIRE: \"{value}\": expected 1 or 0{REFUSED}");
            assert!(err.contains(&why), "{err}");
        }
    }
}

/// A cgroup for which there is no file, which is where a name is misspelt.
#[test]
fn no_file_for_this_cgroup() {
    let Some(cgroup) = skip::cgroup() else { return };
    let policy = PolicyDir::new();
    policy.write("elsewhere", "ipv4", "127.0.0.2\n");
    let shim = required(Shim::policy(policy.path()).cgroup(&cgroup));
    let mut process = shim.on_demand();
    assert_eq!(process.bind_wildcard(), "EPERM");
    // As each policy that is repaired.
    policy.write(cgroup.name(), "ipv4", "127.0.0.2\n");
    assert_eq!(process.bind_wildcard(), "127.0.0.2");
    let err = process.end();
    let why = format!(
        "IPADDR_REQUIRE: nothing is assigned to cgroup /{} in {}: expected a file of it",
        cgroup.name(),
        policy.path().display()
    );
    assert!(err.contains(&why), "{err}");
}

/// What is required of a program is required of what it executes.
#[test]
fn over_exec() {
    let policy = PolicyDir::new();
    let program = harness("bind");
    let program = program.to_str().expect("UTF-8");
    let one = "\"$0\" tcp4 0.0.0.0 0";
    for before in ["", "unset IPADDR_REQUIRE;", "export IPADDR_REQUIRE=0;"] {
        for shim in [Shim::new(), Shim::policy(policy.path())] {
            let script = format!("{before} {one}; sh -c '{one}; exec {one}' \"$0\"");
            let run = required(shim).run("sh", &["-c", &script, program]);
            let count = run.out.matches("EPERM 0.0.0.0").count();
            assert_eq!(count, 3, "{before} {run:?}");
        }
    }
    // Once something is assigned, that is what counts.
    let script = format!("unset IPADDR_REQUIRE; IPADDR_IPV4=127.0.0.2 {one}; {one}");
    let run = required(Shim::new()).run("sh", &["-c", &script, program]);
    assert!(run.out.starts_with("0 127.0.0.2 "), "{run:?}");
    assert!(run.out.contains("\nEPERM 0.0.0.0"), "{run:?}");
}

/// An assignment that comes late takes the place of what was carried so far.
#[test]
fn an_assignment_that_comes_late() {
    let Some(from) = skip::cgroup() else { return };
    let to = Cgroup::v2().expect("there is one");
    let directory = PolicyDir::new();
    let later = directory.path().join("later");
    let mut process = required(Shim::policy(&later).cgroup(&from)).late_exec();
    assert_eq!(process.outcome("bind"), "EPERM 0.0.0.0");
    directory.write(&format!("later/{}", from.name()), "ipv4", "127.0.0.2\n");
    assert_eq!(process.outcome("bind"), "0 127.0.0.2");
    to.take(process.pid());
    assert_eq!(process.outcome("exec"), "0 127.0.0.2");
}

#[test]
fn misspelt_variables_are_named() {
    for name in [
        "IPADDR_IPV_4",
        "IPADDR_IP4",
        "IPADDR_",
        "IPADDR_IPV44",
        "IPADDR_ipv4",
    ] {
        let shim = Shim::new().var(name, "127.0.0.2");
        let (out, err) = bind(&shim);
        assert_eq!(out, "0 0.0.0.0", "{err}");
        let line =
            format!("{name}: is no variable of libipaddr: expected IPADDR_IPV4, IPADDR_IPV6, ");
        assert_eq!(err.matches(&line).count(), 1, "{err}");
        assert!(!err.contains("127.0.0.2"), "{err}");
        let (_, err) = bind(&shim.clone().var("IPADDR_LOG", "off"));
        assert_eq!(err, "");
        // As any mistake, it is for programs that use sockets.
        assert_eq!(shim.run("true", &[]).err, "");
        let (out, _) = bind(&required(shim));
        assert_eq!(out, "EPERM 0.0.0.0");
    }
    // For the wrapper they are no reason, unless the policy can't be used.
    let checked = Shim::new()
        .var("IPADDR_IPV_4", "127.0.0.2")
        .var("IPADDR_CHECK_COMMAND", "/bin/true");
    assert_eq!(checked.run("true", &[]).err, "");
    let err = required(checked).run("true", &[]).err;
    assert!(err.contains("IPADDR_REQUIRE: nothing is assigned"), "{err}");
    assert!(err.contains("IPADDR_IPV_4: is no variable"), "{err}");
    // Those that are right aren't named.
    let policy = PolicyDir::new();
    let right = Shim::policy(policy.path())
        .var("IPADDR_IPV4", "127.0.0.2")
        .var("IPADDR_IPV6", "none")
        .var("IPADDR_REQUIRE", "1")
        .var("IPADDR_LATCH", "")
        .var("IPADDR_LOG", "error");
    assert_eq!(bind(&right).1, "");
}
