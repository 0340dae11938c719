//! A policy that can't be used: the message names the place and what was expected, once, and
//! nothing is let through.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use shim_tests::{PolicyDir, Shim, skip};

/// Runs one process that makes four calls, and asserts that all are refused and why is said once.
#[track_caller]
fn refuses_all(shim: &Shim, place: &str, expected: &[&str]) {
    let mut process = shim.on_demand();
    for call in [
        "tcp4 bind 0.0.0.0 0",
        "tcp4 bind 127.0.0.1 0",
        "udp4 connect 127.0.0.1 9",
        "tcp6 bind :: 0",
        "tcp6only bind ::1 0",
        "udp6 connect ::1 9",
        "udp6 connect ::ffff:127.0.0.1 9",
    ] {
        let answer = process.ask(call);
        assert!(answer.starts_with("EPERM "), "{call}: {answer}");
    }
    let err = process.end();
    let said: Vec<_> = err.lines().filter(|line| line.contains("]: ")).collect();
    let why: Vec<_> = said
        .iter()
        .filter(|line| line.contains("is refused"))
        .collect();
    assert_eq!(why.len(), 1, "said once: {err}");
    let (_, message) = why[0].split_once("]: ").expect("a prefix");
    assert!(message.starts_with(place), "{place} in {message}");
    for words in expected {
        assert!(message.contains(words), "{words} in {message}");
    }
    assert!(message.contains("expected"), "{message}");
}

#[test]
fn malformed_lists() {
    for (family, list, line, words) in [
        (
            "ipv4",
            "127.0.0.300\n",
            ":1:",
            "\"127.0.0.300\": expected an IPv4 address",
        ),
        (
            "ipv4",
            "# web\n127.0.0.7\nlocalhost\n",
            ":3:",
            "\"localhost\": expected an IPv4",
        ),
        (
            "ipv4",
            "127.0.0.7 127.0.0.8\n",
            ":1:",
            "\"127.0.0.7 127.0.0.8\": expected",
        ),
        (
            "ipv4",
            "127.0.0.7,127.0.0.8\n",
            ":1:",
            "expected an IPv4 address",
        ),
        (
            "ipv4",
            "127.0.0.7/24\n",
            ":1:",
            "expected 127.0.0.0/24 or 127.0.0.7",
        ),
        ("ipv4", "127.0.0.0/33\n", ":1:", "expected an IPv4 address"),
        ("ipv4", "127.0.0.07\n", ":1:", "expected an IPv4 address"),
        (
            "ipv4",
            "::1\n",
            ":1:",
            "another address family: expected an IPv4",
        ),
        (
            "ipv4",
            "::ffff:127.0.0.7\n",
            ":1:",
            "another address family",
        ),
        (
            "ipv4",
            "none\n127.0.0.7\n",
            ":2:",
            "expected no other entry",
        ),
        (
            "ipv4",
            "127.0.0.7\n0.0.0.0\n",
            ":2:",
            "expected no other entry",
        ),
        (
            "ipv4",
            "!127.0.0.7\n",
            ":1:",
            "expected an address or a network to exclude it from",
        ),
        (
            "ipv4",
            "127.0.0.7\n!127.0.0.0/24\n",
            ":1:",
            "expected one or the other",
        ),
        (
            "ipv4",
            "127.0.0.0/24\n!127.0.0.0/8\n",
            ": ",
            "leave nothing: expected an address",
        ),
        ("ipv4", "", ": ", "holds no entry: expected an IPv4 address"),
        ("ipv4", "# nothing\n\n", ": ", "holds no entry"),
        ("ipv4", "\u{fffd}\n", ":1:", "\"???\": expected"),
        (
            "ipv6",
            "127.0.0.7\n",
            ":1:",
            "another address family: expected an IPv6 address",
        ),
        ("ipv6", "fe80::1%eth0\n", ":1:", "expected an IPv6 address"),
        ("ipv6", "fd00::/129\n", ":1:", "expected an IPv6 address"),
    ] {
        let policy = PolicyDir::new();
        let file = policy.write("", family, list);
        let place = format!("{}{line}", file.display());
        refuses_all(&Shim::policy(policy.path()), &place, &[words]);
    }
}

#[test]
fn too_many_entries() {
    let policy = PolicyDir::new();
    let list: String = (0..257)
        .map(|n| format!("127.7.{}.{}\n", n / 100, n % 100 * 2))
        .collect();
    let file = policy.write("", "ipv4", &list);
    let place = format!("{}:257:", file.display());
    refuses_all(
        &Shim::policy(policy.path()),
        &place,
        &["at most 256 separate ranges"],
    );
    let file = policy.write("", "ipv4", &"# a long comment\n".repeat(5000));
    let place = format!("{}:", file.display());
    refuses_all(
        &Shim::policy(policy.path()),
        &place,
        &["expected less than 65536 bytes"],
    );
}

#[test]
fn files_that_cannot_be_trusted() {
    let policy = PolicyDir::new();
    let file = policy.write("", "ipv4", "127.0.0.7\n");
    let shim = Shim::policy(policy.path());
    let place = format!("{}: ", file.display());
    fs::set_permissions(&file, fs::Permissions::from_mode(0o646)).expect("it is ours");
    refuses_all(&shim, &place, &["world-writable", "0644"]);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("it is ours");
    fs::set_permissions(policy.path(), fs::Permissions::from_mode(0o777)).expect("it is ours");
    refuses_all(&shim, &place, &["world-writable folder", "0755"]);
    fs::set_permissions(policy.path(), fs::Permissions::from_mode(0o755)).expect("it is ours");

    // And then it is used again.
    assert_eq!(shim.on_demand().bind_wildcard(), "127.0.0.7");
}

#[test]
fn something_else_than_a_file() {
    let policy = PolicyDir::new();
    let path = policy.path().join("ipaddr.ipv4");
    let place = format!("{}: ", path.display());
    let shim = Shim::policy(policy.path());

    fs::create_dir(&path).expect("the directory is ours");
    refuses_all(&shim, &place, &["expected a regular file"]);
    fs::remove_dir(&path).expect("it is empty");

    // Nobody writes to it: opening it must not block.
    let made = Command::new("mkfifo")
        .args(["-m", "644"])
        .arg(&path)
        .status();
    assert!(made.expect("mkfifo runs").success());
    refuses_all(&shim, &place, &["expected a regular file"]);
    fs::remove_file(&path).expect("it is ours");

    symlink("ipaddr.ipv4", &path).expect("the directory is ours");
    refuses_all(&shim, &place, &["too many symbolic links"]);
}

#[test]
fn a_file_that_may_not_be_read() {
    if !skip::root_for("becoming another user") || !skip::command("setpriv") {
        return;
    }
    // Where another user gets to the library and the harness, and root's folders are not in the way.
    let folder = PolicyDir::new();
    let copy = |from: &std::path::Path| {
        let to = folder.path().join(from.file_name().expect("a file"));
        fs::copy(from, &to).expect("it can be read");
        to
    };
    let library = copy(shim_tests::library());
    let program = copy(&shim_tests::harness("bind"));
    let policy = PolicyDir::new();
    let file = policy.write("", "ipv4", "127.0.0.7\n");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("it is ours");

    let nobody = [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
    ];
    let preload = format!("LD_PRELOAD={}", library.display());
    let by: Vec<&str> = nobody.iter().copied().chain(["env", &preload]).collect();
    let shim = Shim::without()
        .by(&by)
        .var("IPADDR_POLICY_DIR", policy.path().to_str().expect("UTF-8"));
    let run = shim.run(&program, &["tcp4", "0.0.0.0", "0"]);
    assert_eq!(run.words()[0], "EPERM", "{run:?}");
    let message = format!(
        "{}: permission denied: expected a readable file",
        file.display()
    );
    assert!(run.err.contains(&message), "{run:?}");

    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("it is ours");
    let run = shim.run(&program, &["tcp4", "0.0.0.0", "0"]);
    assert_eq!(run.words()[..2], ["0", "127.0.0.7"], "{run:?}");
}

#[test]
fn variables() {
    for (name, value, words) in [
        (
            "IPADDR_IPV4",
            "banana",
            "IPADDR_IPV4:1: \"banana\": expected an IPv4 address",
        ),
        ("IPADDR_IPV4", "", "IPADDR_IPV4:1: holds no entry: expected"),
        ("IPADDR_IPV4", "127.0.0.7,", "IPADDR_IPV4:2: holds no entry"),
        (
            "IPADDR_IPV4",
            "127.0.0.7 127.0.0.8",
            "IPADDR_IPV4:1: \"127.0.0.7 127.0.0.8\": expected",
        ),
        (
            "IPADDR_IPV4",
            "127.0.0.7,127.0.0.256",
            "IPADDR_IPV4:2: \"127.0.0.256\": expected",
        ),
        (
            "IPADDR_IPV4",
            "127.0.0.7/8",
            "expected 127.0.0.0/8 or 127.0.0.7",
        ),
        (
            "IPADDR_IPV6",
            "127.0.0.7",
            "IPADDR_IPV6:1: \"127.0.0.7\": is of another address family",
        ),
        (
            "IPADDR_POLICY_DIR",
            "etc/ipaddr",
            "\"etc/ipaddr\": expected an absolute path",
        ),
        (
            "IPADDR_POLICY_DIR",
            "",
            "IPADDR_POLICY_DIR: \"\": expected an absolute path",
        ),
    ] {
        refuses_all(&Shim::new().var(name, value), name, &[words]);
    }
}

#[test]
fn a_cgroup_that_cannot_be_told() {
    let policy = PolicyDir::new();
    let shim = Shim::policy(policy.path()).var("IPADDR_CGROUP_CONTROLLER", "banana");
    refuses_all(
        &shim,
        "/proc/self/cgroup: IPADDR_CGROUP_CONTROLLER: \"banana\"",
        &["v1 hierarchy"],
    );
}

#[test]
fn a_variable_in_conflict() {
    let policy = PolicyDir::new();
    let file = policy.write("", "ipv4", "# the limit\n127.0.0.7\n");
    let shim = Shim::policy(policy.path()).var("IPADDR_IPV4", "127.0.0.7,127.0.0.8");
    let words = format!("127.0.0.8 is outside what {}:2 allows", file.display());
    refuses_all(&shim, "IPADDR_IPV4:2: ", &[&words]);
}

/// Not a matter of the policy: the rules hold, and the level is the usual one.
#[test]
fn a_bad_log_level() {
    let run = Shim::ipv4("127.0.0.2")
        .var("IPADDR_LOG", "loud")
        .harness("bind", &["tcp4", "127.0.0.9", "0"]);
    assert_eq!(run.words()[0], "EPERM");
    assert!(
        run.err
            .contains("IPADDR_LOG: \"loud\": expected off, error, info or debug"),
        "{run:?}"
    );
    assert!(
        run.err.contains("EPERM, the assigned address is 127.0.0.2"),
        "{run:?}"
    );
}
