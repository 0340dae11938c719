//! Where the assignment comes from, and that it is for life: policy directories and real cgroups.

use std::fs;

use shim_tests::{Cgroup, PolicyDir, Shim, harness, skip};

/// The address that a wildcard bind ends up with, or the errno.
fn address(shim: &Shim) -> String {
    let run = shim.harness("bind", &["tcp4", "0.0.0.0", "0"]);
    match run.words().as_slice() {
        ["0", address, _] => (*address).to_owned(),
        [errno, ..] => (*errno).to_owned(),
        [] => panic!("{run:?}"),
    }
}

#[test]
fn the_root_level_holds_for_everybody() {
    let policy = PolicyDir::new();
    assert_eq!(
        address(&Shim::policy(policy.path())),
        "0.0.0.0",
        "an empty directory"
    );
    policy.write("", "ipv4", "127.0.0.7\n");
    assert_eq!(address(&Shim::policy(policy.path())), "127.0.0.7");
}

#[test]
fn the_rfcs_unassigned() {
    let policy = PolicyDir::new();
    policy.write("", "ipv4", "0.0.0.0\n");
    assert_eq!(address(&Shim::policy(policy.path())), "0.0.0.0");
}

#[test]
fn ipv6_files() {
    if !skip::ipv6() {
        return;
    }
    let policy = PolicyDir::new();
    policy.write("", "ipv6", "::1\n");
    let shim = Shim::policy(policy.path());
    assert_eq!(
        shim.harness("bind", &["tcp6", "::", "0"]).words()[..2],
        ["0", "::1"]
    );
    assert_eq!(address(&shim), "0.0.0.0");
    policy.write("", "ipv6", "none\n");
    assert_eq!(
        shim.harness("bind", &["tcp6only", "::", "0"]).words()[0],
        "EPERM"
    );
}

#[test]
fn each_cgroup_has_its_own() {
    let Some(outer) = skip::cgroup() else { return };
    let (a, b) = (outer.child("a"), outer.child("b"));
    let policy = PolicyDir::new();
    let shim = Shim::policy(policy.path());
    policy.write(a.name(), "ipv4", "127.0.0.7\n");
    policy.write(b.name(), "ipv4", "127.0.0.8\n");
    assert_eq!(address(&shim.clone().cgroup(&a)), "127.0.0.7");
    assert_eq!(address(&shim.clone().cgroup(&b)), "127.0.0.8");
    assert_eq!(address(&shim.clone().cgroup(&outer)), "0.0.0.0");
    // The outer level limits, and what it assigns is inherited.
    policy.write(outer.name(), "ipv4", "127.0.0.7\n");
    let inner = a.child("inner");
    assert_eq!(address(&shim.clone().cgroup(&outer)), "127.0.0.7");
    assert_eq!(address(&shim.clone().cgroup(&inner)), "127.0.0.7");
    assert_eq!(address(&shim.clone().cgroup(&a)), "127.0.0.7", "repeated");
    assert_eq!(address(&shim.clone().cgroup(&b)), "EPERM", "in conflict");
    drop(inner);
    drop((a, b));
}

#[test]
fn levels_only_narrow() {
    let Some(outer) = skip::cgroup() else { return };
    let inner = outer.child("inner");
    let policy = PolicyDir::new();
    let shim = Shim::policy(policy.path()).cgroup(&inner);
    let may_bind =
        |shim: &Shim, address| shim.harness("bind", &["tcp4", address, "0"]).words()[0] == "0";
    policy.write("", "ipv4", "127.7.0.0/16\n!127.7.9.0/24\n127.7.0.1\n");
    policy.write(outer.name(), "ipv4", "127.7.8.0/24\n");
    assert_eq!(
        address(&shim),
        "EPERM",
        "the primary is outside the inner level"
    );
    assert!(may_bind(&shim, "127.7.8.5"));
    assert!(
        !may_bind(&shim, "127.7.7.5"),
        "only the root level allows it"
    );
    policy.write(inner.name(), "ipv4", "127.7.8.5\n");
    assert_eq!(address(&shim), "127.7.8.5");
    policy.write(inner.name(), "ipv4", "127.7.9.5\n");
    let run = shim.harness("bind", &["tcp4", "127.7.9.5", "0"]);
    assert_eq!(run.words()[0], "EPERM");
    for place in [inner.name(), outer.name()] {
        let place = format!("{}/{place}/ipaddr.ipv4:1", policy.path().display());
        assert!(run.err.contains(&place), "{place} in {}", run.err);
    }
    drop(inner);
}

#[test]
fn variables_are_the_innermost_level() {
    let policy = PolicyDir::new();
    policy.write("", "ipv4", "127.0.0.7\n127.0.0.8\n");
    let shim = Shim::policy(policy.path());
    assert_eq!(
        address(&shim.clone().var("IPADDR_IPV4", "127.0.0.8")),
        "127.0.0.8"
    );
    assert_eq!(
        address(&shim.clone().var("IPADDR_IPV4", "127.0.0.9")),
        "EPERM"
    );
    assert_eq!(
        address(&shim.clone().var("IPADDR_IPV4", "0.0.0.0")),
        "127.0.0.7"
    );
    assert_eq!(address(&shim.var("IPADDR_IPV4", "none")), "EPERM");
}

#[test]
fn an_address_that_is_written_late() {
    let policy = PolicyDir::new();
    let mut process = Shim::policy(policy.path()).on_demand();
    assert_eq!(process.bind_wildcard(), "0.0.0.0");
    policy.write("", "ipv4", "127.0.0.7\n");
    assert_eq!(process.bind_wildcard(), "127.0.0.7");
    // The latch: whatever becomes of the file.
    policy.write("", "ipv4", "127.0.0.8\n");
    assert_eq!(process.bind_wildcard(), "127.0.0.7");
    fs::remove_file(policy.path().join("ipaddr.ipv4")).expect("it is there");
    assert_eq!(process.bind_wildcard(), "127.0.0.7");
    // The address counts for connect, too, and IPv6 stays as it was: the assignment is one.
    policy.write("", "ipv6", "::1\n");
    assert!(
        process
            .call("udp4 connect 127.0.0.1 9")
            .starts_with("0 127.0.0.7 ")
    );
    assert!(process.call("udp6only bind :: 0").starts_with("0 :: "));
}

/// Even the directory may come late.
#[test]
fn a_directory_that_is_made_late() {
    let directory = PolicyDir::new();
    let mut process = Shim::policy(&directory.path().join("later")).on_demand();
    assert_eq!(process.bind_wildcard(), "0.0.0.0");
    directory.write("later", "ipv4", "127.0.0.7\n");
    assert_eq!(process.bind_wildcard(), "127.0.0.7");
}

#[test]
fn a_move_into_a_restricted_cgroup() {
    let Some(outer) = skip::cgroup() else { return };
    let (free, a, b) = (outer.child("free"), outer.child("a"), outer.child("b"));
    let policy = PolicyDir::new();
    policy.write(a.name(), "ipv4", "127.0.0.7\n");
    policy.write(b.name(), "ipv4", "127.0.0.8\n");
    let mut process = Shim::policy(policy.path()).cgroup(&free).on_demand();
    assert_eq!(process.bind_wildcard(), "0.0.0.0");
    a.take(process.pid());
    assert_eq!(process.bind_wildcard(), "127.0.0.7");
    // It can't get rid of it again.
    b.take(process.pid());
    assert_eq!(process.bind_wildcard(), "127.0.0.7");
    free.take(process.pid());
    assert_eq!(process.bind_wildcard(), "127.0.0.7");
    drop(process);
    drop((free, a, b));
}

#[test]
fn the_assignment_is_taken_at_load() {
    let policy = PolicyDir::new();
    policy.write("", "ipv4", "127.0.0.7\n");
    let mut process = Shim::policy(policy.path()).on_demand();
    policy.write("", "ipv4", "127.0.0.8\n");
    assert_eq!(
        process.bind_wildcard(),
        "127.0.0.7",
        "no call was made before the change"
    );
}

#[test]
fn a_policy_that_is_repaired() {
    let policy = PolicyDir::new();
    policy.write("", "ipv4", "");
    let mut process = Shim::policy(policy.path()).on_demand();
    assert_eq!(process.bind_wildcard(), "EPERM");
    assert_eq!(process.bind_wildcard(), "EPERM");
    policy.write("", "ipv4", "127.0.0.7\n");
    assert_eq!(process.bind_wildcard(), "127.0.0.7");
    let err = process.end();
    assert_eq!(err.matches("holds no entry").count(), 1, "said once: {err}");
}

/// Why tests of a process that has no descriptors, or no memory, are the library's.
const OF_LIBRARY: &str = "it reads policies in a process of its own";

/// What a process calls that has no descriptor left to read anything by.
const CALLS: [&str; 4] = ["bind", "connect", "listen", "send"];

#[test]
fn no_descriptor_left_in_an_unrestricted_process() {
    if !skip::for_library(OF_LIBRARY) {
        return;
    }
    let policy = PolicyDir::new();
    let mut process = Shim::policy(policy.path()).on_demand_by("exhausted");
    process.call("descriptors");
    for call in CALLS {
        let answer = process.call(call);
        assert!(answer.starts_with("0 "), "{call}: {answer}");
    }
    // What it can't read it doesn't know of; for how long is its own affair.
    policy.write("", "ipv4", "127.0.0.7\n");
    assert!(process.call("bind").starts_with("0 0.0.0.0 "));
    process.call("restore");
    assert!(process.call("bind").starts_with("0 127.0.0.7 "));
    // Nor does it lose what it has.
    process.call("descriptors");
    for call in CALLS {
        let answer = process.call(call);
        assert!(answer.starts_with("0 127.0.0.7 "), "{call}: {answer}");
    }
    assert_eq!(process.end(), "");
}

/// A file that assigns nothing was read before; the log says that it can't be read now.
#[test]
fn no_descriptor_left_is_said() {
    if !skip::for_library(OF_LIBRARY) {
        return;
    }
    let policy = PolicyDir::new();
    policy.write("", "ipv4", "0.0.0.0\n");
    let shim = Shim::policy(policy.path()).var("IPADDR_LOG", "info");
    let mut process = shim.on_demand_by("exhausted");
    process.call("descriptors");
    for call in CALLS {
        let answer = process.call(call);
        assert!(answer.starts_with("0 "), "{call}: {answer}");
    }
    let err = process.end();
    let message = "/proc/self/cgroup: too many open files: expected a readable file, for there is \
                   a policy directory; the process stays unrestricted until it can be read";
    assert_eq!(err.matches(message).count(), 1, "said once: {err}");
}

/// At the first query nothing is known: it is refused, and recovers.
#[test]
fn no_descriptor_left_from_the_beginning() {
    if !skip::for_library(OF_LIBRARY) {
        return;
    }
    let policy = PolicyDir::new();
    // Its constructor has to run before ours: glibc begins with the last library, musl with the first.
    let exhausted = harness("exhausted_library");
    let shim = match std::env::var("IPADDR_TEST_LIBC").as_deref() {
        Ok("musl") => Shim::policy(policy.path()).preload_before(exhausted),
        _ => Shim::policy(policy.path()).preload_after(exhausted),
    };
    let refused = |assigned| {
        let mut process = shim.on_demand_by("exhausted");
        for call in CALLS {
            let answer = process.call(call);
            assert!(answer.starts_with("EPERM "), "{call}: {answer}");
        }
        process.call("restore");
        assert_eq!(process.call("bind").split(' ').nth(1), Some(assigned));
        process.call("descriptors");
        assert_eq!(process.call("bind").split(' ').nth(1), Some(assigned));
        let err = process.end();
        let message = "/proc/self/cgroup: too many open files: expected a readable file";
        assert_eq!(err.matches(message).count(), 1, "said once: {err}");
    };
    refused("0.0.0.0");
    policy.write("", "ipv4", "127.0.0.7\n");
    refused("127.0.0.7");
}

/// Where the last query found a policy that can't be used, the next one that can't be made changes
/// nothing.
#[test]
fn no_descriptor_left_in_a_process_that_is_refused() {
    if !skip::for_library(OF_LIBRARY) {
        return;
    }
    let policy = PolicyDir::new();
    let mut process = Shim::policy(policy.path()).on_demand_by("exhausted");
    assert!(process.call("bind").starts_with("0 0.0.0.0 "));
    policy.write("", "ipv4", "");
    assert!(process.call("bind").starts_with("EPERM "));
    process.call("descriptors");
    assert!(process.call("bind").starts_with("EPERM "));
    policy.write("", "ipv4", "0.0.0.0\n");
    assert!(process.call("bind").starts_with("EPERM "));
    process.call("restore");
    assert!(process.call("bind").starts_with("0 0.0.0.0 "));
    process.call("descriptors");
    assert!(process.call("bind").starts_with("0 0.0.0.0 "));
}

/// Without memory every call is refused, whatever was before: only descriptors are an exception.
#[test]
fn no_memory_left() {
    if !skip::for_library(OF_LIBRARY) {
        return;
    }
    let directory = PolicyDir::new();
    let shim = Shim::policy(&directory.path().join("later"));
    let mut process = shim.on_demand_by("exhausted");
    assert!(process.call("bind").starts_with("0 0.0.0.0 "));
    process.call("memory");
    assert!(process.call("bind").starts_with("0 0.0.0.0 "));
    directory.write("later", "ipv4", "127.0.0.7\n");
    assert!(process.call("bind").starts_with("EPERM "));
    process.call("restore");
    assert!(process.call("bind").starts_with("0 127.0.0.7 "));
    let err = process.end();
    assert!(err.contains("there is no memory to read it in"), "{err}");
}

/// The same where its cgroup can't be told.
#[test]
fn no_proc_is_mounted() {
    if !skip::for_library("it needs /proc, and doesn't start without") {
        return;
    }
    if !skip::root_for("mounts") || !skip::command("unshare") {
        return;
    }
    let policy = PolicyDir::new();
    let script = "mount -t tmpfs none /proc && exec \"$@\"";
    let shim = Shim::policy(policy.path()).by(&["unshare", "--mount", "sh", "-c", script, "sh"]);
    let mut process = shim.on_demand();
    assert_eq!(process.bind_wildcard(), "EPERM");
    let err = process.end();
    let message = "/proc/self/cgroup: no such file: expected a readable file";
    assert!(err.contains(message), "{err}");
}

#[test]
fn a_v1_hierarchy() {
    if !skip::root_for("cgroups") {
        return;
    }
    let Some(cgroup) = Cgroup::v1("pids").or_else(|| Cgroup::v1("freezer")) else {
        return skip::skip("no cgroup v1 hierarchy is mounted");
    };
    let controller = if cgroup.path().to_string_lossy().contains("pids") {
        "pids"
    } else {
        "freezer"
    };
    let policy = PolicyDir::new();
    policy.write(cgroup.name(), "ipv4", "127.0.0.7\n");
    let shim = Shim::policy(policy.path()).cgroup(&cgroup);
    assert_eq!(
        address(&shim),
        "0.0.0.0",
        "the v2 path, or systemd's, is another one"
    );
    assert_eq!(
        address(&shim.var("IPADDR_CGROUP_CONTROLLER", controller)),
        "127.0.0.7"
    );
}

#[test]
fn a_cgroup_namespace() {
    let Some(outer) = skip::cgroup() else { return };
    if !skip::command("unshare") {
        return;
    }
    let inner = outer.child("inner");
    let policy = PolicyDir::new();
    policy.write(outer.name(), "ipv4", "127.0.0.7\n");
    policy.write("inner", "ipv4", "127.0.0.8\n");
    // The namespace's root is where unshare ran: there the path is `/`.
    let shim = Shim::policy(policy.path())
        .cgroup(&outer)
        .by(&["unshare", "--cgroup"]);
    assert_eq!(address(&shim), "0.0.0.0");
    policy.write("", "ipv4", "127.0.0.9\n");
    assert_eq!(address(&shim), "127.0.0.9");

    // Moved out of the namespace's root, its path leads outside: `/../..`
    fs::remove_file(policy.path().join("ipaddr.ipv4")).expect("it is there");
    let shim = Shim::policy(policy.path())
        .cgroup(&inner)
        .by(&["unshare", "--cgroup"]);
    let mut process = shim.on_demand();
    assert_eq!(process.bind_wildcard(), "0.0.0.0");
    outer.take(process.pid());
    assert_eq!(process.bind_wildcard(), "EPERM");
    let err = process.end();
    assert!(err.contains("leads out of the cgroup namespace"), "{err}");
    drop(inner);
}
