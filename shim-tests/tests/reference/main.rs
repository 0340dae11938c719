//! The kernel reference by itself: its programs load, restrict a process to its address, and let it go.

use std::net::{Ipv4Addr, Ipv6Addr};

use shim_tests::peer::{Listener, udp_port};
use shim_tests::{Cgroup, Reference, Shim, skip};

const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// What a program of the harness prints in a cgroup with the reference, without the port.
fn says(cgroup: &Cgroup, name: &str, arguments: &[&str]) -> String {
    let run = Shim::without().cgroup(cgroup).harness(name, arguments);
    assert!(run.success, "{name} {arguments:?}: {run:?}");
    run.source()
}

fn attached(ipv4: Option<Ipv4Addr>, ipv6: Option<Ipv6Addr>) -> Option<(Reference, Cgroup)> {
    let cgroup = skip::cgroup()?;
    Some((Reference::attach(&cgroup, ipv4, ipv6)?, cgroup))
}

#[test]
fn binds() {
    let Some((_reference, cgroup)) = attached(Some(ADDRESS), None) else {
        return;
    };
    for (kind, requested, expected) in [
        ("tcp4", "0.0.0.0", "0 127.0.0.2"),
        ("udp4", "127.0.0.1", "0 127.0.0.1"),
        ("udp4", "127.0.0.3", "EPERM 0.0.0.0"),
        ("tcp6", "::", "0 ::ffff:127.0.0.2"),
        ("udp6", "::", "0 ::ffff:127.0.0.2"),
        ("tcp6only", "::", "0 ::"),
        ("udp6only", "::", "0 ::"),
        ("mptcp6", "::", "0 ::ffff:127.0.0.2"),
        ("tcp6", "::ffff:0.0.0.0", "0 ::ffff:127.0.0.2"),
        ("tcp6", "::ffff:127.0.0.3", "EPERM ::"),
        ("tcp6", "::1", "0 ::1"),
    ] {
        let arguments = [kind, requested, "0"];
        assert_eq!(says(&cgroup, "bind", &arguments), expected, "{arguments:?}");
    }
}

#[test]
fn binds_with_ipv6() {
    let Some((_reference, cgroup)) = attached(Some(ADDRESS), Some(Ipv6Addr::LOCALHOST)) else {
        return;
    };
    for (kind, requested, expected) in [
        ("tcp6", "::", "0 ::1"),
        ("udp6only", "::", "0 ::1"),
        ("tcp6", "fd00::1", "EPERM ::"),
        ("tcp6", "::ffff:0.0.0.0", "0 ::ffff:127.0.0.2"),
    ] {
        let arguments = [kind, requested, "0"];
        assert_eq!(says(&cgroup, "bind", &arguments), expected, "{arguments:?}");
    }
}

#[test]
fn connects() {
    let Some((reference, cgroup)) = attached(Some(ADDRESS), None) else {
        return;
    };
    let listener = Listener::on("127.0.0.1");
    let port = listener.port();
    for (kind, to, expected) in [
        ("tcp4", "127.0.0.1", "0 127.0.0.2"),
        ("tcp6", "::ffff:127.0.0.1", "0 ::ffff:127.0.0.2"),
        ("mptcp4", "127.0.0.1", "0 127.0.0.2"),
    ] {
        let arguments = [kind, to, &*port];
        assert_eq!(
            says(&cgroup, "connect", &arguments),
            expected,
            "{arguments:?}"
        );
        assert_eq!(listener.peer().ip(), ADDRESS, "{arguments:?}");
    }
    assert_eq!(
        says(&cgroup, "connect", &["udp6", "127.0.0.1", "9"]),
        "0 ::ffff:127.0.0.2"
    );
    drop(reference);
    assert_eq!(
        says(&cgroup, "connect", &["tcp4", "127.0.0.1", &port]),
        "0 127.0.0.1"
    );
}

/// A datagram gets its source, and the socket keeps the wildcard address that the kernel gave it.
#[test]
fn sends() {
    let Some((_reference, cgroup)) = attached(Some(ADDRESS), None) else {
        return;
    };
    let (socket, port) = udp_port("127.0.0.1");
    for (kind, to, local) in [
        ("udp4", "127.0.0.1", "0 0.0.0.0"),
        ("udp6", "::ffff:127.0.0.1", "0 ::"),
        ("udp6", "127.0.0.1", "0 ::"),
    ] {
        for source in ["-", "0.0.0.0"] {
            let arguments = [kind, "sendmsg", to, &*port, source];
            assert_eq!(says(&cgroup, "send", &arguments), local, "{arguments:?}");
            let (_, peer) = socket.recv_from(&mut [0; 8]).expect("it was sent");
            assert_eq!(peer.ip(), ADDRESS, "{arguments:?}");
        }
        let arguments = [kind, "sendmsg", to, &*port, "127.0.0.3"];
        assert!(
            says(&cgroup, "send", &arguments).starts_with("EPERM"),
            "{arguments:?}"
        );
    }
}

/// As with libipaddr: what bind says.
#[test]
fn an_address_that_is_not_here() {
    let Some((_reference, cgroup)) = attached(Some(Ipv4Addr::new(192, 0, 2, 1)), None) else {
        return;
    };
    assert_eq!(
        says(&cgroup, "connect", &["tcp4", "127.0.0.1", "9"]),
        "EADDRNOTAVAIL 0.0.0.0"
    );
}
