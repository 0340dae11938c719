//! In a process that sends many datagrams the kernel isn't queried each time whether a socket is bound: it must
//! be right all the same, whatever socket comes in by whatever way.

use shim_tests::{FrontEnd, Shim, skip};

const SETTLED: &str = "new: 127.0.0.2 0 from 127.0.0.2";
const NOT_SETTLED: &str = "new: 0.0.0.0 0 from 127.0.0.2";

#[track_caller]
fn case(name: &str) -> String {
    let run = Shim::ipv4("127.0.0.2").harness("many_datagrams", &[name]);
    assert!(run.success, "{name}: {run:?}");
    run.out
}

/// What a new socket is bound to tells that the fast path is taken. The guard has none: for it the
/// kernel is queried each time, and all the same is right.
#[track_caller]
fn settled(name: &str, then: &str) {
    match FrontEnd::of_tests() {
        FrontEnd::Library => assert_eq!(case(name), format!("{SETTLED} {then}").trim(), "{name}"),
        FrontEnd::Guard => not_settled(name, then),
    }
}

/// The library can't be sure of somebody else's socket, so each send queries the kernel.
#[track_caller]
fn not_settled(name: &str, then: &str) {
    assert_eq!(case(name), format!("{NOT_SETTLED} {then}").trim(), "{name}");
}

#[test]
fn without_an_assignment() {
    Shim::new()
        .harness("many_datagrams", &["fork"])
        .says("new: 0.0.0.0 0 from 127.0.0.1 127.0.0.1 127.0.0.1");
}

#[test]
fn sockets_from_elsewhere() {
    settled("nothing else", "");
    settled("inherited", "127.0.0.2");
    settled("duplicated", "127.0.0.2");
    settled("closed", "EBADF 127.0.0.2");
    settled("passed recvmsg", "127.0.0.2");
    settled("passed recvmmsg", "127.0.0.2");
    settled("passed number", "127.0.0.2");
    settled("passed unwritable", "127.0.0.2");
    settled("fork", "127.0.0.2 127.0.0.2");
    // By a system call that passes no library; the guard sees it.
    let answer = FrontEnd::of_tests().expects("EPERM", "127.0.0.2");
    not_settled("bound elsewhere", answer);
}

#[test]
fn a_descriptor_of_another_process() {
    if skip::root_for("pidfd_getfd of a child where ptrace is restricted") {
        settled("getfd", "127.0.0.2");
    }
}

#[test]
fn sockets_of_both_families() {
    if skip::ipv6() {
        settled("inet6", "127.0.0.2 127.0.0.2");
        settled("inet6 only", "");
        settled("inet6 only, then not", "127.0.0.2");
        not_settled("inet6 only, not bound", "");
        let run = Shim::ipv4("127.0.0.2").var("IPADDR_IPV6", "::1");
        let run = run.harness("many_datagrams", &["inet6 only"]);
        run.says(FrontEnd::of_tests().expects(SETTLED, NOT_SETTLED));
    }
}

#[test]
fn sockets_that_are_connected_and_bound() {
    settled("refused", "EACCES 127.0.0.2");
    settled("dissolved", "127.0.0.2");
    settled("bound", "0 port 127.0.0.2 0 port 127.0.0.1");
    settled("in use", "EADDRINUSE 127.0.0.2");
}

#[test]
fn memory_that_is_shared_without_the_descriptors() {
    assert_eq!(case("vfork"), "127.0.0.2");
    assert_eq!(case("unshare"), "127.0.0.2");
}

/// A child by clone(2), which either end of may open a socket, or send.
#[test]
fn one_is_shared_without_the_other() {
    assert_eq!(case("memory"), "127.0.0.2");
    for when in ["early", "late"] {
        for how in ["name", "clone", "clone3"] {
            let arguments = ["descriptors", when, how];
            let run = Shim::ipv4("127.0.0.2").harness("many_datagrams", &arguments);
            assert_eq!(run.out, "127.0.0.2", "{when} {how}: {run:?}");
        }
    }
}

/// In a process with many descriptors no send has to wait until the library has iterated over all.
#[test]
fn many_descriptors() {
    not_settled("many descriptors", "");
}

/// The log of what passes has a line for every datagram.
#[test]
fn a_log_of_everything() {
    let shim = Shim::ipv4("127.0.0.2").var("IPADDR_LOG", "debug");
    let run = shim.harness("many_datagrams", &["nothing else"]);
    let lines = run.err.matches(": sendto fd ").count();
    assert_eq!(lines, 201, "{}", run.err);
}
