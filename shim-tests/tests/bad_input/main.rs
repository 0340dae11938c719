//! A policy that can't be used: the message names the place and what was expected, once, and
//! nothing is let through.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, lchown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use shim_tests::{PolicyDir, Run, Shim, skip};

/// Runs one process that makes four calls, and asserts that all are refused and why is said once.
#[track_caller]
fn refuses_all(shim: &Shim, place: &str, expected: &[&str]) {
    let mut process = shim.on_demand();
    process.is_refused(&[
        "tcp4 bind 0.0.0.0 0",
        "tcp4 bind 127.0.0.1 0",
        "udp4 connect 127.0.0.1 9",
        "tcp6 bind :: 0",
        "tcp6only bind ::1 0",
        "udp6 connect ::1 9",
        "udp6 connect ::ffff:127.0.0.1 9",
    ]);
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

/// What is said of the guard: its own tests have the rest.
const NOT_STARTED: &str = "it doesn't start with such variables";

/// Lists that can't be used: the line that is at fault (0: the whole), and what is said of it.
const MALFORMED_IPV4: &[(&str, u32, &str)] = &[
    (
        "127.0.0.300\n",
        1,
        "\"127.0.0.300\": expected an IPv4 address",
    ),
    (
        "# web\n127.0.0.7\nlocalhost\n",
        3,
        "\"localhost\": expected an IPv4",
    ),
    (
        "127.0.0.7 127.0.0.8\n",
        1,
        "\"127.0.0.7 127.0.0.8\": expected",
    ),
    ("127.0.0.7,127.0.0.8\n", 1, "expected an IPv4 address"),
    ("127.0.0.7/24\n", 1, "expected 127.0.0.0/24 or 127.0.0.7"),
    ("127.0.0.0/33\n", 1, "expected an IPv4 address"),
    ("127.0.0.07\n", 1, "expected an IPv4 address"),
    ("::1\n", 1, "another address family: expected an IPv4"),
    ("::ffff:127.0.0.7\n", 1, "another address family"),
    ("none\n127.0.0.7\n", 2, "expected no other entry"),
    ("127.0.0.7\n0.0.0.0\n", 2, "expected no other entry"),
    (
        "!127.0.0.7\n",
        1,
        "expected an address or a network to exclude it from",
    ),
    ("127.0.0.7\n!127.0.0.0/24\n", 1, "expected one or the other"),
    (
        "127.0.0.0/24\n!127.0.0.0/8\n",
        0,
        "leave nothing: expected an address",
    ),
    ("", 0, "holds no entry: expected an IPv4 address"),
    ("# nothing\n\n", 0, "holds no entry"),
    ("\u{fffd}\n", 1, "\"???\": expected"),
];
const MALFORMED_IPV6: &[(&str, u32, &str)] = &[
    (
        "127.0.0.7\n",
        1,
        "another address family: expected an IPv6 address",
    ),
    ("fe80::1%eth0\n", 1, "expected an IPv6 address"),
    ("fd00::/129\n", 1, "expected an IPv6 address"),
];

#[test]
fn malformed_lists() {
    for (family, lists) in [("ipv4", MALFORMED_IPV4), ("ipv6", MALFORMED_IPV6)] {
        for (list, line, words) in lists {
            let policy = PolicyDir::new();
            let file = policy.write("", family, list);
            let place = match line {
                0 => format!("{}: ", file.display()),
                _ => format!("{}:{line}:", file.display()),
            };
            refuses_all(&Shim::policy(policy.path()), &place, &[words]);
        }
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

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
}

#[test]
fn files_that_cannot_be_trusted() {
    let policy = PolicyDir::new();
    let file = policy.write("", "ipv4", "127.0.0.7\n");
    let shim = Shim::policy(policy.path());
    set_mode(&file, 0o646);
    let place = format!("{}: ", file.display());
    refuses_all(&shim, &place, &["world-writable", "0644"]);
    set_mode(&file, 0o644);
    set_mode(policy.path(), 0o777);
    let place = format!("{}: ", policy.path().display());
    refuses_all(&shim, &place, &["world-writable", "0755"]);
    set_mode(policy.path(), 0o755);

    // And then it is used again.
    assert_eq!(shim.on_demand().bind_wildcard(), "127.0.0.7");
}

/// Where anybody may rename a level, that there is none says nothing.
#[test]
fn directories_that_anybody_may_write_to() {
    let policy = PolicyDir::new();
    let shim = Shim::policy(policy.path());
    let place = format!("{}: ", policy.path().display());
    let expected = ["is world-writable: expected a mode like 0755"];
    set_mode(policy.path(), 0o757);
    refuses_all(&shim, &place, &expected);
    // In a sticky one nobody may, but for root and its owner.
    set_mode(policy.path(), 0o1777);
    assert_eq!(shim.on_demand().bind_wildcard(), "0.0.0.0");
    set_mode(policy.path(), 0o755);

    let Some(outer) = skip::cgroup() else { return };
    let middle = outer.child("middle");
    let inner = middle.child("inner");
    policy.write(inner.name(), "ipv4", "127.0.0.7\n");
    let shim = shim.cgroup(&inner);
    assert_eq!(shim.on_demand().bind_wildcard(), "127.0.0.7");
    for level in [outer.name(), middle.name(), inner.name()] {
        let path = policy.path().join(level);
        set_mode(&path, 0o777);
        let place = format!("{}: ", path.display());
        refuses_all(&shim, &place, &expected);
        set_mode(&path, 0o1777);
        assert_eq!(shim.on_demand().bind_wildcard(), "127.0.0.7");
    }
    // Whether the innermost level is there or not.
    fs::remove_dir_all(policy.path().join(inner.name())).expect("it is ours");
    let level_dir = policy.path().join(middle.name());
    set_mode(&level_dir, 0o777);
    let place = format!("{}: ", level_dir.display());
    refuses_all(&shim, &place, &expected);
    drop(inner);
    drop(middle);
}

/// Nobody can write there, whatever the modes say. The links are those of a Kubernetes `ConfigMap`.
#[test]
fn a_read_only_mount() {
    if !skip::root_for("mounts") || !skip::command("unshare") {
        return;
    }
    let policy = PolicyDir::new();
    let data = policy.path().join("..2026_08_01");
    fs::create_dir(&data).expect("the directory is ours");
    fs::write(data.join("ipaddr.ipv4"), "127.0.0.7\n").expect("the directory is ours");
    symlink("..2026_08_01", policy.path().join("..data")).expect("the directory is ours");
    let file = policy.path().join("ipaddr.ipv4");
    symlink("..data/ipaddr.ipv4", &file).expect("the directory is ours");
    let shim = Shim::policy(policy.path());
    assert_eq!(shim.on_demand().bind_wildcard(), "127.0.0.7", "the links");

    for path in [&data.join("ipaddr.ipv4"), &data, policy.path()] {
        set_mode(path, 0o777);
    }
    let place = format!("{}: ", policy.path().display());
    refuses_all(&shim, &place, &["is world-writable"]);
    let mount = |options| {
        let script = format!(
            "mount --bind \"$0\" \"$0\" && mount -o remount,bind,{options} \"$0\" && exec \"$@\""
        );
        let directory = policy.path().to_str().expect("UTF-8");
        let words = ["unshare", "--mount", "sh", "-c", &script, directory];
        shim.clone().by(&words)
    };
    assert_eq!(mount("ro").on_demand().bind_wildcard(), "127.0.0.7");
    refuses_all(&mount("rw"), &place, &["is world-writable"]);
}

#[test]
fn files_of_another_user() {
    if !skip::root_for("files of another user") {
        return;
    }
    const OTHER: Option<u32> = Some(4711);
    let expected = ["is owned by user 4711: expected root or the owner of the policy directory"];
    let policy = PolicyDir::new();
    let file = policy.write("", "ipv4", "127.0.0.7\n");
    let shim = Shim::policy(policy.path());
    let place = format!("{}: ", file.display());
    chown(&file, OTHER, None).expect("we are root");
    refuses_all(&shim, &place, &expected);
    // Who owns the policy directory may own what is in it.
    chown(policy.path(), OTHER, None).expect("we are root");
    assert_eq!(shim.on_demand().bind_wildcard(), "127.0.0.7");
    chown(&file, Some(0), None).expect("we are root");
    assert_eq!(shim.on_demand().bind_wildcard(), "127.0.0.7");

    // In a sticky directory anybody may make a link to another file of root's.
    chown(policy.path(), Some(0), None).expect("we are root");
    set_mode(policy.path(), 0o1777);
    let other = policy.write("other", "ipv4", "127.0.0.8\n");
    fs::remove_file(&file).expect("it is there");
    symlink(&other, &file).expect("the directory is ours");
    assert_eq!(shim.on_demand().bind_wildcard(), "127.0.0.8");
    lchown(&file, OTHER, None).expect("we are root");
    refuses_all(&shim, &place, &expected);
    fs::remove_file(&file).expect("it is there");

    let Some(cgroup) = skip::cgroup() else { return };
    let level_dir = policy.path().join(cgroup.name());
    policy.write(cgroup.name(), "ipv4", "127.0.0.7\n");
    let shim = shim.cgroup(&cgroup);
    let place = format!("{}: ", level_dir.display());
    chown(&level_dir, OTHER, None).expect("we are root");
    refuses_all(&shim, &place, &expected);
}

/// There users that aren't mapped, root among them, are all user 65534.
#[test]
fn a_user_namespace() {
    if !skip::command("unshare") {
        return;
    }
    let made = Command::new("unshare").args(["--user", "true"]).output();
    if !made.is_ok_and(|output| output.status.success()) {
        return skip::skip("no user namespace can be made");
    }
    let policy = PolicyDir::new();
    policy.write("", "ipv4", "127.0.0.7\n");
    for words in [
        &["unshare", "--user"][..],
        &["unshare", "--user", "--map-root-user"],
    ] {
        let shim = Shim::policy(policy.path()).by(words);
        assert_eq!(shim.on_demand().bind_wildcard(), "127.0.0.7", "{words:?}");
    }
}

/// A name that is there is no name that isn't, wherever it leads.
#[test]
fn links_that_lead_nowhere() {
    let policy = PolicyDir::new();
    let path = policy.path().join("ipaddr.ipv4");
    let shim = Shim::policy(policy.path());
    let leads_nowhere = "is a symbolic link that leads nowhere: expected a ";
    let file = [leads_nowhere, "regular file"].concat();
    let place = format!("{}: ", path.display());
    for target in ["nowhere", "/dev/null/below-a-file"] {
        symlink(target, &path).expect("the directory is ours");
        refuses_all(&shim, &place, &[&file]);
        fs::remove_file(&path).expect("it is ours");
    }
    let rules = policy.path().join("ipaddr.rules");
    symlink("nowhere", &rules).expect("the directory is ours");
    refuses_all(&shim, &format!("{}: ", rules.display()), &[&file]);
    fs::remove_file(&rules).expect("it is ours");

    // The policy directory itself.
    let directory = [leads_nowhere, "directory"].concat();
    let link = policy.path().join("link");
    let place = format!("{}: ", link.display());
    symlink("nowhere", &link).expect("the directory is ours");
    refuses_all(&Shim::policy(&link), &place, &[&directory]);
    let slash = format!("{}//./", link.display());
    refuses_all(&Shim::policy(Path::new(&slash)), &place, &[&directory]);
    fs::remove_file(&link).expect("it is ours");
    symlink("link", &link).expect("the directory is ours");
    refuses_all(&Shim::policy(&link), &place, &["too many symbolic links"]);
    fs::remove_file(&link).expect("it is ours");
    policy.write("real", "ipv4", "127.0.0.7\n");
    symlink("real", &link).expect("the directory is ours");
    assert_eq!(Shim::policy(&link).on_demand().bind_wildcard(), "127.0.0.7");
    let shim_with_slash = Shim::policy(Path::new(&slash));
    assert_eq!(shim_with_slash.on_demand().bind_wildcard(), "127.0.0.7");

    // A level, the innermost and one above it.
    let Some(outer) = skip::cgroup() else { return };
    let inner = outer.child("inner");
    let level_dir = policy.path().join(outer.name());
    fs::create_dir_all(level_dir.parent().expect("the directory")).expect("the directory is ours");
    symlink("nowhere", &level_dir).expect("the directory is ours");
    let place = format!("{}: ", level_dir.display());
    for cgroup in [&outer, &inner] {
        refuses_all(&shim.clone().cgroup(cgroup), &place, &[&directory]);
    }
    fs::remove_file(&level_dir).expect("it is ours");
    symlink(policy.path().join("real"), &level_dir).expect("the directory is ours");
    let mut process = shim.clone().cgroup(&inner).on_demand();
    assert_eq!(process.bind_wildcard(), "127.0.0.7");
    drop(process);
    drop(inner);
}

#[test]
fn files_in_the_place_of_directories() {
    let policy = PolicyDir::new();
    let path = policy.path().join("file");
    fs::write(&path, "127.0.0.7\n").expect("the directory is ours");
    let expected = ["is something else: expected a directory"];
    let place = format!("{}: ", path.display());
    refuses_all(&Shim::policy(&path), &place, &expected);
    let below = path.join("below");
    let place = format!("{}: ", below.display());
    refuses_all(&Shim::policy(&below), &place, &["not a directory"]);

    let Some(outer) = skip::cgroup() else { return };
    let inner = outer.child("inner");
    let level_dir = policy.path().join(outer.name());
    fs::create_dir_all(level_dir.parent().expect("the directory")).expect("the directory is ours");
    fs::write(&level_dir, "127.0.0.7\n").expect("the directory is ours");
    let place = format!("{}: ", level_dir.display());
    for cgroup in [&outer, &inner] {
        let shim = Shim::policy(policy.path()).cgroup(cgroup);
        refuses_all(&shim, &place, &expected);
    }
    drop(inner);
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

/// The library, and a program of the harness, where any user gets to them: root's own directories may be
/// in the way.
struct ForAnybody {
    _directory: PolicyDir,
    library: PathBuf,
    program: PathBuf,
}

impl ForAnybody {
    fn new() -> Self {
        let directory = PolicyDir::new();
        let copy = |from: &Path| {
            let to = directory.path().join(from.file_name().expect("a file"));
            fs::copy(from, &to).expect("it can be read");
            to
        };
        Self {
            library: copy(shim_tests::library()),
            program: copy(&shim_tests::harness("bind")),
            _directory: directory,
        }
    }

    /// Has user 65534 bind to the wildcard.
    fn bind(&self, directory: &Path) -> Run {
        let nobody = ["--reuid=65534", "--regid=65534", "--clear-groups"];
        let preload = format!("LD_PRELOAD={}", self.library.display());
        let by = [&["setpriv"], &nobody[..], &["env", &preload]].concat();
        let shim = Shim::without()
            .by(&by)
            .var("IPADDR_POLICY_DIR", directory.to_str().expect("UTF-8"));
        shim.run(&self.program, &["tcp4", "0.0.0.0", "0"])
    }
}

#[test]
fn a_file_that_may_not_be_read() {
    if !skip::root_for("becoming another user") || !skip::command("setpriv") {
        return;
    }
    let anybody = ForAnybody::new();
    let policy = PolicyDir::new();
    let file = policy.write("", "ipv4", "127.0.0.7\n");
    set_mode(&file, 0o600);
    let run = anybody.bind(policy.path());
    assert_eq!(run.words()[0], "EPERM", "{run:?}");
    let message = format!(
        "{}: permission denied: expected a readable file",
        file.display()
    );
    assert!(run.err.contains(&message), "{run:?}");

    set_mode(&file, 0o644);
    let run = anybody.bind(policy.path());
    assert_eq!(run.words()[..2], ["0", "127.0.0.7"], "{run:?}");
}

/// What is above the policy directory is not checked: it may be anywhere.
#[test]
fn an_ordinary_users_own_policy_directory() {
    if !skip::root_for("becoming another user") || !skip::command("setpriv") {
        return;
    }
    let anybody = ForAnybody::new();
    let above = PolicyDir::new();
    let file = above.write("own", "ipv4", "127.0.0.7\n");
    let own = above.path().join("own");
    for path in [&own, &file] {
        chown(path, Some(65534), None).expect("we are root");
    }
    for mode in [0o755, 0o1777, 0o777] {
        set_mode(above.path(), mode);
        let run = anybody.bind(&own);
        assert_eq!(run.words()[..2], ["0", "127.0.0.7"], "{mode:o}: {run:?}");
    }
}

#[test]
fn variables() {
    if !skip::for_library(NOT_STARTED) {
        return;
    }
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
    if !skip::for_library(NOT_STARTED) {
        return;
    }
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
