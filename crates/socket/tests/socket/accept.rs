//! accept(2)

use ipaddr_socket::{After, accept};

use crate::support::mock::Mock;
use crate::support::process::Process;
use crate::support::real::Real;
use crate::support::sockaddr;

const RULES: &str = "-A ACCEPT ! -s 127.0.0.0/24 -j REJECT\n";

#[test]
fn no_peer_is_judged_without_rules() {
    assert_eq!(accept::before(&Process::ipv4("10.0.0.5")), After::Nothing);
    assert_eq!(accept::before(&Process::unassigned()), After::Nothing);
    let process = Process::with("10.0.0.5", "", RULES);
    assert_eq!(accept::before(&process), After::JudgePeer);
}

#[test]
fn a_connection_that_is_refused_is_reset() {
    let process = Process::with("10.0.0.5", "", RULES);
    let connection = Mock::default();
    let call = process.call("accept", &connection);
    assert!(!accept::after(&call, &sockaddr("10.0.0.9:4000")));
    assert_eq!(connection.calls(), ["setsockopt SO_LINGER 1 0"]);
    assert_eq!(
        process.lines(),
        ["accept fd 7 10.0.0.9:4000: reset, by rules:1"]
    );

    assert!(accept::after(&call, &sockaddr("127.0.0.9:4000")));
    assert!(connection.calls().is_empty());
}

/// The peer of a real connection, and what it sees when it is refused.
#[test]
fn the_refused_peer_sees_a_reset() {
    let process = Process::with("10.0.0.5", "", RULES);
    let server = Real::tcp().bound(&sockaddr("127.0.0.1:0")).listening();
    let client = Real::tcp().bound(&sockaddr("127.0.1.1:0"));
    let remote = sockaddr(&server.local().to_string());
    client.connect(&remote).expect("a server");
    let (connection, peer) = server.accept();
    assert!(!accept::after(&process.call("accept", &connection), &peer));
    drop(connection);
    assert_eq!(
        client.option(libc::SOL_SOCKET, libc::SO_ERROR),
        libc::ECONNRESET
    );
}

#[test]
fn a_rule_for_the_local_end_has_it_queried() {
    let rules = "-A ACCEPT -d 10.0.0.6 -j REJECT\n";
    let process = Process::with("10.0.0.5,10.0.0.6", "", rules);
    for (local, may_come) in [("10.0.0.5:80", true), ("10.0.0.6:80", false)] {
        let connection = Mock {
            local: Ok(local),
            ..Mock::default()
        };
        let call = process.call("accept", &connection);
        assert_eq!(accept::after(&call, &sockaddr("10.0.0.9:4000")), may_come);
        assert_eq!(connection.calls()[0], "getsockname");
    }
}
