//! Every server program, one row a program and assignment: where it listens and is reached, whom it
//! resets, and that it gives up where it may not listen.

use std::net::Ipv4Addr;

use shim_tests::{PolicyDir, Shim};

use crate::java::{DUAL_STACK, IPV4_ONLY};
use crate::program::Program::{self, Asyncio, Java, Nginx, Node, Perl, PythonHttp, Redis};
use crate::rows::rows;

/// What a process has no IPv6 assignment by.
const UNASSIGNED: Option<&str> = None;
const BOTH: &str = "listen PORT; listen [::]:PORT;";
const IPV6_ONLY: &str = "listen [::]:PORT;";
const ONE_FOR_BOTH: &str = "listen [::]:PORT ipv6only=off;";

rows! { serves:
    python_http_server: PythonHttp, "127.77.10.1", UNASSIGNED, &["127.77.10.1"];

    asyncio_server_without_ipv6_assignment:
        Asyncio, "127.77.13.1", UNASSIGNED, &["127.77.13.1", "::"];
    asyncio_server_with_ipv6_assignment:
        Asyncio, "127.77.14.1", Some("::1"), &["127.77.14.1", "::1"];

    node_server_without_ipv6_assignment:
        Node, "127.77.20.1", UNASSIGNED, &["::ffff:127.77.20.1"];
    node_server_with_ipv6_assignment: Node, "127.77.21.1", Some("::1"), &["::1"];
    node_server_with_ipv6_forbidden:
        Node, "127.77.22.1", Some("none"), &["::ffff:127.77.22.1"];

    java_server_without_ipv6_assignment:
        Java(DUAL_STACK), "127.77.30.1", UNASSIGNED, &["::ffff:127.77.30.1"];
    java_server_with_ipv6_assignment: Java(DUAL_STACK), "127.77.31.1", Some("::1"), &["::1"];
    java_server_with_ipv4_sockets:
        Java(IPV4_ONLY), "127.77.32.1", Some("none"), &["127.77.32.1"];

    perl_server: Perl, "127.77.40.1", UNASSIGNED, &["127.77.40.1"];

    nginx_ipv4: Nginx("listen PORT;"), "127.77.50.1", UNASSIGNED, &["127.77.50.1"];
    /// nginx sets `IPV6_V6ONLY`, so this is pure IPv6: as in the RFC, untouched.
    nginx_ipv6_without_ipv6_assignment: Nginx(IPV6_ONLY), "127.77.51.1", UNASSIGNED, &["::"];
    nginx_ipv6_with_ipv6_assignment: Nginx(IPV6_ONLY), "127.77.52.1", Some("::1"), &["::1"];
    nginx_dual_stack_without_ipv6_assignment:
        Nginx(ONE_FOR_BOTH), "127.77.54.1", UNASSIGNED, &["::ffff:127.77.54.1"];
    nginx_dual_stack_with_ipv6_forbidden:
        Nginx(ONE_FOR_BOTH), "127.77.55.1", Some("none"), &["::ffff:127.77.55.1"];
    nginx_dual_stack_with_ipv6_on_loopback:
        Nginx(ONE_FOR_BOTH), "127.77.74.1", Some("loopback"), &["::ffff:127.77.74.1"];
    nginx_dual_stack_with_ipv6_assignment:
        Nginx(ONE_FOR_BOTH), "127.77.56.1", Some("::1"), &["::1"];
    /// As Debian's default site has it.
    nginx_on_both: Nginx(BOTH), "127.77.57.1", Some("::1"), &["127.77.57.1", "::1"];
    /// The usual configuration on a host whose IPv6 is nobody's.
    nginx_on_both_with_ipv6_on_loopback:
        Nginx(BOTH), "127.77.73.1", Some("loopback"), &["127.77.73.1", "::1"];
    /// For a health check at localhost. Without `bind` nginx takes the wildcard's socket for both.
    nginx_on_loopback_too:
        Nginx("listen PORT; listen 127.0.0.1:PORT bind;"),
        "127.77.76.1", UNASSIGNED, &["127.77.76.1", "127.0.0.1"];

    /// Its default: `bind * -::*`, two sockets.
    redis_without_ipv6_assignment: Redis(&[]), "127.77.60.1", UNASSIGNED, &["127.77.60.1", "::"];
    redis_with_ipv6_assignment: Redis(&[]), "127.77.61.1", Some("::1"), &["127.77.61.1", "::1"];
    redis_on_ipv4: Redis(&["--bind", "*"]), "127.77.63.1", Some("none"), &["127.77.63.1"];
}

rows! { resets_strangers:
    /// It waits for events on a blocking socket, and then in accept.
    python_http_server_resets_strangers: PythonHttp, "127.77.17.1", &["127.77.17.1"];
    asyncio_server_resets_strangers: Asyncio, "127.77.19.1", &["127.77.19.1", "::"];
    /// On a dual-stack socket, whose peers are v4-mapped.
    node_server_resets_strangers: Node, "127.77.24.1", &["::ffff:127.77.24.1"];
    /// A thread in accept.
    java_server_resets_strangers: Java(DUAL_STACK), "127.77.34.1", &["::ffff:127.77.34.1"];
    /// Its workers wait for events, all of them at one socket.
    nginx_resets_strangers: Nginx("listen PORT;"), "127.77.71.1", &["127.77.71.1"];
}

rows! { gives_up_without_ipv6:
    asyncio_server_with_ipv6_forbidden: Asyncio, "127.77.15.1", "peration not permitted";
    nginx_ipv6_forbidden: Nginx(IPV6_ONLY), "127.77.53.1", "Operation not permitted";
    /// redis-server takes a missing IPv6 for granted, but not one that it may not use.
    redis_with_ipv6_forbidden: Redis(&[]), "127.77.62.1", "bind: Operation not permitted";
}

/// Asserts that a program listens on these addresses, is reached there and nowhere else.
fn serves(program: Program, ipv4: &str, ipv6: Option<&str>, addresses: &[&str]) {
    if !program.is_there() {
        return;
    }
    let mut shim = Shim::ipv4(ipv4);
    if let Some(ipv6) = ipv6 {
        shim = shim.var("IPADDR_IPV6", ipv6);
    }
    let mut server = program.start(&shim.var("IPADDR_LOG", "debug"));
    server.serves_only(ipv4, addresses, program.protocol());
    if addresses.contains(&"::") {
        let passed = format!("[::]:{}\n", server.port());
        let said = server.output();
        assert!(said.contains(&passed), "the library has seen it: {said}");
    }
}

/// Asserts that a program with a rule for its own network's clients answers them only.
fn resets_strangers(program: Program, ipv4: &str, addresses: &[&str]) {
    if !program.is_there() {
        return;
    }
    let [a, b, c, _] = ipv4.parse::<Ipv4Addr>().expect("IPv4").octets();
    let rules = format!("-A ACCEPT ! -s {a}.{b}.{c}.0/24 -j REJECT\n");
    let policy = PolicyDir::with_rules(ipv4, &rules);
    let mut server = program.start(&Shim::policy(policy.path()));
    server.listens_on(addresses);
    let [friend, stranger] = [c, c + 1].map(|network| format!("{a}.{b}.{network}.9"));
    server.answers_only_to(&friend, &stranger, ipv4, program.protocol());
    if addresses.contains(&"::") {
        server.answers_on("::1", program.protocol());
    }
}

/// Asserts that a program that may not have IPv6 fails, and says so.
fn gives_up_without_ipv6(program: Program, ipv4: &str, words: &str) {
    if !program.is_there() {
        return;
    }
    let shim = Shim::ipv4(ipv4).var("IPADDR_IPV6", "none");
    let said = program.start(&shim).fails();
    assert!(said.contains(words), "{said}");
    assert!(said.contains("IPv6 is forbidden"), "{said}");
}
