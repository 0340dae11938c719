//! curl

use std::net::SocketAddr;

use shim_tests::{PolicyDir, Shim, skip};

use crate::command::client;
use crate::observer::Observer;
use crate::ports::free_port;

#[test]
fn curl_keeps_a_port_that_it_asks_for() {
    if !skip::command("curl") {
        return;
    }
    let observer = Observer::start();
    let port = free_port();
    let arguments = ["-sS", "--local-port", &port.to_string(), &observer.url()];
    let run = client(&Shim::ipv4("127.77.2.1"), "curl", &arguments);
    run.says("from 127.77.2.1");
    let local: SocketAddr = format!("127.77.2.1:{port}").parse().expect("an endpoint");
    assert_eq!(observer.peers(), [local]);
}

/// Newer ones set `IP_BIND_ADDRESS_NO_PORT` first, after which the address could still be replaced.
#[test]
fn curl_keeps_an_interface_that_it_may_use() {
    if !skip::command("curl") {
        return;
    }
    let observer = Observer::start();
    let shim = Shim::ipv4("127.77.3.1,127.77.3.9");
    client(&shim, "curl", &["-sS", &observer.url()]).says("from 127.77.3.1");
    for interface in ["127.0.0.1", "127.77.3.9", "127.77.3.1"] {
        let arguments = ["-sS", "--interface", interface, &observer.url()];
        client(&shim, "curl", &arguments).says(&format!("from {interface}"));
    }
}

#[test]
fn curl_reaches_only_one_network() {
    if !skip::command("curl") {
        return;
    }
    let observer = Observer::start();
    let (port, url) = (observer.address().port(), observer.url());
    let run_with = |network: &str| {
        let rules = format!(
            "-A CONNECT -d {network} -p tcp -m tcp --dport {port} -j ACCEPT\n\
             -A CONNECT -j REJECT --reject-with enetunreach\n"
        );
        let policy = PolicyDir::with_rules("127.77.73.1", &rules);
        client(
            &Shim::policy(policy.path()),
            "curl",
            &["-sS", "-m", "10", &url],
        )
    };
    run_with("127.0.0.0/24").says("from 127.77.73.1");
    let run = run_with("127.1.0.0/24");
    assert!(!run.success && run.out.is_empty(), "{run:?}");
    assert!(run.err.contains("ENETUNREACH, by "), "{run:?}");
    observer.saw(&["127.77.73.1"]);
}

#[test]
fn curl_is_refused_an_interface_that_it_may_not_use() {
    if !skip::command("curl") {
        return;
    }
    let observer = Observer::start();
    let arguments = ["-sS", "--interface", "127.77.4.2", &observer.url()];
    let run = client(&Shim::ipv4("127.77.4.1"), "curl", &arguments);
    assert!(!run.success);
    assert!(run.err.contains("Operation not permitted"), "{}", run.err);
    assert_eq!(observer.peers(), []);
}
