//! Every row of the design's tables about connect, on real sockets.

use shim_tests::peer::{Listener, refused_port, udp_port};
use shim_tests::{Shim, skip};

const ADDRESS: &str = "127.0.0.2";

/// Runs `connect KIND ADDRESS PORT`, and returns the outcome and the local address.
fn connect(shim: &Shim, kind: &str, address: &str, port: &str) -> String {
    shim.harness("connect", &[kind, address, port]).source()
}

#[test]
fn tcp_leaves_from_the_address() {
    for (kind, to, local) in [
        ("tcp4", "127.0.0.1", "127.0.0.2"),
        ("tcp4", "127.0.0.9", "127.0.0.2"),
        ("tcp4", "127.0.0.2", "127.0.0.2"),
        ("mptcp4", "127.0.0.9", "127.0.0.2"),
        ("tcp6", "::ffff:127.0.0.9", "::ffff:127.0.0.2"),
        ("mptcp6", "::ffff:127.0.0.9", "::ffff:127.0.0.2"),
    ] {
        if !skip::kind(kind) {
            continue;
        }
        let listener = Listener::on(to.trim_start_matches("::ffff:"));
        let outcome = connect(&Shim::ipv4(ADDRESS), kind, to, &listener.port());
        assert_eq!(outcome, format!("0 {local}"), "{kind} {to}");
        assert_eq!(listener.peer().ip().to_string(), ADDRESS, "{kind} {to}");
    }
}

#[test]
fn without_an_assignment_nothing_changes() {
    let listener = Listener::on("127.0.0.1");
    assert_eq!(
        connect(&Shim::new(), "tcp4", "127.0.0.1", &listener.port()),
        "0 127.0.0.1"
    );
    assert_eq!(listener.peer().ip().to_string(), "127.0.0.1");
}

#[test]
fn udp_raw_and_v4_mapped() {
    let (_socket, port) = udp_port("127.0.0.1");
    let shim = Shim::ipv4(ADDRESS);
    assert_eq!(connect(&shim, "udp4", "127.0.0.1", &port), "0 127.0.0.2");
    assert_eq!(
        connect(&shim, "udp6", "::ffff:127.0.0.1", &port),
        "0 ::ffff:127.0.0.2"
    );
    if skip::root_for("raw sockets") {
        assert_eq!(connect(&shim, "raw4", "127.0.0.1", "0"), "0 127.0.0.2");
    }
}

/// It follows from the rule: the kernel takes a wildcard destination for the source address.
#[test]
fn the_wildcard_as_destination() {
    let listener = Listener::on(ADDRESS);
    assert_eq!(
        connect(&Shim::ipv4(ADDRESS), "tcp4", "0.0.0.0", &listener.port()),
        "0 127.0.0.2"
    );
    assert_eq!(listener.peer().ip().to_string(), ADDRESS);
}

#[test]
fn ping_sockets() {
    let Some(netns) = skip::netns_for_ping() else {
        return;
    };
    let shim = |shim: Shim| shim.netns(&netns);
    assert_eq!(
        connect(&shim(Shim::ipv4(ADDRESS)), "ping4", "127.0.0.1", "0"),
        "0 127.0.0.2"
    );
    assert_eq!(
        connect(&shim(Shim::ipv4(ADDRESS)), "ping6", "::1", "0"),
        "0 ::1"
    );
    assert_eq!(
        connect(&shim(Shim::ipv6("none")), "ping6", "::1", "0"),
        "0 ::1"
    );
    // A bind to the wildcard would give it an ident, with which it can't be bound again.
    for (kind, address, source) in [("ping4", "127.0.0.1", ADDRESS), ("ping6", "::1", "::1")] {
        let shim = shim(Shim::ipv4(ADDRESS)).var("IPADDR_IPV6", "::1");
        let run = shim.harness("dissolve", &[kind, address, "0", address]);
        let words = run.words();
        assert_eq!(
            (words[3], words[4], words[5]),
            ("0", source, "0"),
            "{run:?}"
        );
        assert_eq!((words[6], words[7]), ("0", source), "{run:?}");
    }
}

/// One whose connect has failed stays bound, and connects again.
#[test]
fn raw_sockets_after_a_connect_that_failed() {
    let Some(netns) = skip::netns("raw sockets without a route") else {
        return;
    };
    for (kind, unreachable, address, source) in [
        ("raw4", "192.0.2.1", "127.0.0.1", ADDRESS),
        ("raw6", "2001:db8::1", "::1", "::1"),
    ] {
        let shim = Shim::ipv4(ADDRESS).var("IPADDR_IPV6", "::1").netns(&netns);
        let run = shim.harness("connect_again", &[kind, address, "0", "0", unreachable]);
        let words = run.words();
        assert_eq!(words[..3], ["ENETUNREACH", "0", source], "{run:?}");
    }
}

/// The kernel takes the address away.
#[test]
fn raw_sockets_are_dissolved() {
    if !skip::root_for("raw sockets") || !skip::ipv6() {
        return;
    }
    for (kind, address, left, source) in [
        ("raw4", "127.0.0.1", "0.0.0.0", ADDRESS),
        ("raw6", "::1", "::", "::1"),
    ] {
        let shim = Shim::ipv4(ADDRESS).var("IPADDR_IPV6", "::1");
        let run = shim.harness("dissolve", &[kind, address, "0", address]);
        let words = run.words();
        assert_eq!((words[3], words[4]), ("0", left), "{run:?}");
        assert_eq!((words[6], words[7]), ("0", source), "{run:?}");
    }
}

#[test]
fn ipv6() {
    let Some(netns) = skip::netns_with(&["fd00::5/128", "fd00::6/128"]) else {
        return;
    };
    let shim = |shim: Shim| shim.netns(&netns);
    for (kind, port) in [("udp6", "9"), ("udp6only", "9"), ("raw6", "0")] {
        let assigned = shim(Shim::ipv6("fd00::5"));
        assert_eq!(
            connect(&assigned, kind, "fd00::6", port),
            "0 fd00::5",
            "{kind}"
        );
        assert_eq!(connect(&assigned, kind, "::1", port), "0 fd00::5", "{kind}");
        // Without an IPv6 assignment pure IPv6 is untouched.
        let ipv4_only = shim(Shim::ipv4(ADDRESS));
        assert_eq!(
            connect(&ipv4_only, kind, "fd00::6", port),
            "0 fd00::6",
            "{kind}"
        );
        assert_eq!(connect(&ipv4_only, kind, "::1", port), "0 ::1", "{kind}");
    }
    let none = shim(Shim::ipv6("none"));
    assert_eq!(connect(&none, "udp6", "fd00::6", "9"), "EPERM ::");
    assert_eq!(connect(&none, "udp6", "::1", "9"), "0 ::1");
    assert_eq!(
        connect(&none, "udp6", "::ffff:127.0.0.1", "9"),
        "0 ::ffff:127.0.0.1"
    );
    let both = shim(Shim::ipv4(ADDRESS).var("IPADDR_IPV6", "fd00::5"));
    assert_eq!(connect(&both, "udp6", "fd00::6", "9"), "0 fd00::5");
    assert_eq!(
        connect(&both, "udp6", "::ffff:127.0.0.1", "9"),
        "0 ::ffff:127.0.0.2"
    );
}

#[test]
fn none() {
    let listener = Listener::on("127.0.0.1");
    let none = Shim::ipv4("none");
    assert_eq!(
        connect(&none, "tcp4", "127.0.0.1", &listener.port()),
        "0 127.0.0.1"
    );
    assert_eq!(connect(&none, "udp4", "127.0.0.2", "9"), "EPERM 0.0.0.0");
    assert_eq!(connect(&none, "udp6", "::ffff:127.0.0.2", "9"), "EPERM ::");
    // Without a plain address there is none to leave from.
    let networks = Shim::ipv4("127.7.0.0/24");
    assert_eq!(
        connect(&networks, "udp4", "127.0.0.1", "9"),
        "EPERM 0.0.0.0"
    );
    let run = networks.harness("connect", &["udp4", "127.0.0.1", "9", "127.7.0.3", "0"]);
    assert_eq!(run.source(), "0 127.7.0.3");
}

#[test]
fn loopback() {
    let listener = Listener::on("127.0.0.1");
    let ipv4 = Shim::ipv4("loopback");
    for kind in skip::kinds(&["tcp4", "mptcp4"]) {
        let outcome = connect(&ipv4, kind, "127.0.0.1", &listener.port());
        assert_eq!(outcome, "0 127.0.0.1");
        let outcome = connect(&ipv4, kind, "0.0.0.0", &listener.port());
        assert_eq!(outcome, "0 127.0.0.1");
    }
    assert_eq!(connect(&ipv4, "udp4", "127.0.0.2", "9"), "EPERM 0.0.0.0");
    let run = ipv4.harness("connect", &["udp4", "127.0.0.2", "9", "0.0.0.0", "0"]);
    assert_eq!(run.source(), "EPERM 127.0.0.1", "bound already");
    if !skip::ipv6() {
        return;
    }
    let ipv6 = Shim::ipv4(ADDRESS).var("IPADDR_IPV6", "loopback");
    for kind in ["udp6", "udp6only"] {
        assert_eq!(connect(&ipv6, kind, "::1", "9"), "0 ::1");
        assert_eq!(connect(&ipv6, kind, "2001:db8::1", "9"), "EPERM ::");
        let run = ipv6.harness("connect", &[kind, "2001:db8::1", "9", "::1", "0"]);
        assert_eq!(run.source(), "EPERM ::1");
    }
    let outcome = connect(&ipv6, "udp6", "::ffff:127.0.0.1", "9");
    assert_eq!(outcome, "0 ::ffff:127.0.0.2");
}

/// "a socket bound to an allowed address keeps its address and port"
#[test]
fn a_bound_socket_keeps_its_address_and_port() {
    let listener = Listener::on("127.0.0.1");
    let to = listener.port();
    let shim = Shim::ipv4("127.0.0.2,127.0.0.5");
    for (local, ends) in [
        ("127.0.0.2", "127.0.0.2"),
        ("127.0.0.5", "127.0.0.5"),
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.2"),
    ] {
        // A port that is free on that address: a listener's that is gone.
        let port = refused_port(ends);
        let run = shim.harness("connect", &["tcp4", "127.0.0.1", &to, local, &port]);
        run.says(&format!("0 {ends} {port}"));
        assert_eq!(listener.peer().to_string(), format!("{ends}:{port}"));
        let run = shim.harness("connect", &["tcp4", "127.0.0.1", &to, local, "0"]);
        assert_eq!(run.source(), format!("0 {ends}"));
        assert_eq!(listener.peer().ip().to_string(), ends);
    }
}

#[test]
fn a_source_without_a_port_is_kept_too() {
    let listener = Listener::on("127.0.0.1");
    let shim = Shim::ipv4("127.0.0.2,127.0.0.5");
    for local in ["127.0.0.1", "127.0.0.2", "127.0.0.5"] {
        let arguments = ["tcp4", "127.0.0.1", &listener.port(), local];
        assert_eq!(
            shim.harness("connect_no_port", &arguments).source(),
            format!("0 {local}")
        );
        assert_eq!(listener.peer().ip().to_string(), local);
    }
    let run = shim.harness(
        "connect_no_port",
        &["udp6", "::ffff:127.0.0.1", "9", "::ffff:127.0.0.5"],
    );
    assert_eq!(run.source(), "0 ::ffff:127.0.0.5");
    if skip::root_for("raw sockets") {
        let run = shim.harness("connect", &["raw4", "127.0.0.1", "0", "127.0.0.5", "0"]);
        assert_eq!(run.source(), "0 127.0.0.5");
        let run = shim.harness("connect", &["raw4", "127.0.0.1", "0", "0.0.0.0", "0"]);
        assert_eq!(run.source(), "0 127.0.0.2");
    }
}

/// Bound by somebody else: to a wildcard with a port it can't be moved, so it can't connect.
#[test]
fn bound_behind_the_library() {
    if !skip::for_library("it sees raw system calls too") {
        return;
    }
    let listener = Listener::on("127.0.0.1");
    let raw_bound = |kind: &str, to: &str, local: &str| {
        let arguments = [kind, to, &listener.port(), local];
        Shim::ipv4(ADDRESS)
            .harness("connect_raw_bound", &arguments)
            .source()
    };
    assert_eq!(raw_bound("tcp4", "127.0.0.1", "0.0.0.0"), "EPERM 0.0.0.0");
    assert_eq!(
        raw_bound("tcp4", "127.0.0.1", "127.0.0.9"),
        "EPERM 127.0.0.9"
    );
    assert_eq!(raw_bound("tcp4", "127.0.0.1", "127.0.0.1"), "0 127.0.0.1");
    assert_eq!(raw_bound("tcp4", "127.0.0.1", ADDRESS), "0 127.0.0.2");
    assert_eq!(raw_bound("tcp6", "::ffff:127.0.0.1", "::"), "EPERM ::");
    assert_eq!(raw_bound("udp6", "::ffff:127.0.0.1", "::1"), "EPERM ::1");
    // The kernel takes it to 127.0.0.1, by IPv4.
    let elsewhere = raw_bound("udp6", "::", "::ffff:127.0.0.9");
    assert_eq!(elsewhere, "EPERM ::ffff:127.0.0.9");
    let own = raw_bound("udp6", "::", "::ffff:127.0.0.2");
    assert_eq!(own, "0 ::ffff:127.0.0.2");
}

#[test]
fn a_second_connect_on_a_nonblocking_socket() {
    let listener = Listener::on("127.0.0.1");
    for (kind, to) in [("tcp4", "127.0.0.1"), ("tcp6", "::ffff:127.0.0.1")] {
        let arguments = [kind, to, &listener.port()];
        let bare = Shim::without().harness("connect_nonblocking", &arguments);
        let run = Shim::ipv4(ADDRESS).harness("connect_nonblocking", &arguments);
        assert_eq!(run.words()[..3], bare.words()[..3], "{kind}");
        assert!(run.words()[3].ends_with("127.0.0.2"), "{run:?}");
    }
    let pending = |shim: Shim| shim.harness("connect_pending", &["tcp4", "127.0.0.1"]).out;
    assert!(pending(Shim::without()).starts_with("EALREADY 127.0.0.1 "));
    let under = pending(Shim::ipv4(ADDRESS));
    assert!(under.starts_with("EALREADY 127.0.0.2 "), "{under}");
}

#[test]
fn after_a_refused_connect() {
    let (listener, refused) = (Listener::on("127.0.0.1"), refused_port("127.0.0.1"));
    let shim = Shim::ipv4(ADDRESS);
    let run = shim.harness(
        "connect_again",
        &["tcp4", "127.0.0.1", &listener.port(), &refused],
    );
    assert_eq!(run.words()[..3], ["ECONNREFUSED", "0", "127.0.0.2"]);
    assert_eq!(listener.peer().ip().to_string(), ADDRESS);
    // The socket is as free as without the library: a bind to port 0 gets a port at once.
    for local in ["0.0.0.0", "127.0.0.1"] {
        let arguments = ["tcp4", "127.0.0.1", &refused, local];
        let run = shim.harness("connect_refused_then_bind", &arguments);
        assert_eq!(run.words()[..2], ["ECONNREFUSED", "0"]);
        assert_ne!(run.words()[3], "0", "{run:?}");
        assert_eq!(
            run.words()[2],
            if local == "0.0.0.0" { ADDRESS } else { local }
        );
    }
}

#[test]
fn udp_reconnect_keeps_the_port() {
    let ((_a, first), (_b, second)) = (udp_port("127.0.0.1"), udp_port("127.0.0.1"));
    for (kind, to) in [("udp4", "127.0.0.1"), ("udp6", "::ffff:127.0.0.1")] {
        let run = Shim::ipv4(ADDRESS).harness("udp_reconnect", &[kind, to, &first, &second]);
        let words = run.words();
        assert_eq!((words[0], words[3]), ("0", "0"));
        assert!(
            words[1].ends_with(ADDRESS) && words[1] == words[4],
            "{run:?}"
        );
        assert_eq!(words[2], words[5], "the port stays");
    }
}

#[test]
fn an_association_can_be_dissolved() {
    let ((_socket, datagrams), listener) = (udp_port("127.0.0.1"), Listener::on("127.0.0.1"));
    let dissolve = |kind: &str, to: &str, then: &str| {
        let port = if kind.starts_with("udp") {
            &datagrams
        } else {
            &listener.port()
        };
        let run = Shim::ipv4(ADDRESS).harness("dissolve", &[kind, to, port, then]);
        let words = run
            .words()
            .iter()
            .map(|&word| word.to_owned())
            .collect::<Vec<_>>();
        assert_eq!(words.len(), 9, "{run:?}");
        words
    };
    for kind in ["udp4", "tcp4"] {
        let words = dissolve(kind, "127.0.0.1", "127.0.0.1");
        assert_eq!(words[1], ADDRESS);
        assert_eq!(words[3..5], ["0", ADDRESS], "{kind}: at no moment unbound");
        assert_eq!(words[6..8], ["0", ADDRESS]);
    }
    if skip::ipv6() {
        // The kernel would refuse to reach IPv6 from the v4-mapped source that is still there.
        let words = dissolve("udp6", "::ffff:127.0.0.1", "::1");
        assert_eq!(words[1], "::ffff:127.0.0.2");
        assert_eq!(words[3..8], ["0", "::ffff:127.0.0.2", "0", "0", "::1"]);
    }
}

/// Two threads on one socket: what a failed connect or a dissolve leaves is bound at every moment,
/// and what is bound to `::` while `IPV6_V6ONLY` changes takes no IPv4.
#[test]
fn another_thread_finds_no_socket_unbound() {
    let refused = refused_port("127.0.0.1");
    let of_ipv6: &[_] = if skip::ipv6() {
        &["bind6", "listen6", "reach-tcp", "reach-udp"]
    } else {
        &[]
    };
    for case in [&["listen", "dissolve", "in-use"], of_ipv6].concat() {
        let run = Shim::ipv4(ADDRESS)
            .var("IPADDR_LOG", "off")
            .harness("races", &[case, "2", ADDRESS, &refused]);
        let words = run.words();
        let numbers: Vec<u32> = words.iter().filter_map(|word| word.parse().ok()).collect();
        let [tried, wrong] = numbers[..] else {
            panic!("{case}: {run:?}");
        };
        // A failed bind takes the address away inside the kernel: a send that has been judged by
        // then, and not made, can't be helped. Without care they are one of 500.
        let helpless = if case == "in-use" {
            1 + tried / 10_000
        } else {
            0
        };
        assert!(tried > 9 && wrong <= helpless, "{case}: {run:?}");
    }
}

/// The address that a failed connect or a dissolve leaves is no obstacle to a destination of the
/// other family, assigned or not.
#[test]
fn the_other_family_after_a_connect_that_failed() {
    let Some(netns) = skip::netns_with(&["fd00::5/128"]) else {
        return;
    };
    let ipv4 = Shim::ipv4(ADDRESS);
    let ipv6 = Shim::ipv6("fd00::5");
    let both = Shim::ipv4(ADDRESS).var("IPADDR_IPV6", "fd00::5");
    let mapped = "::ffff:127.0.0.1";
    for (shim, first, left, then, connected, unconnected) in [
        (&ipv4, mapped, "::ffff:127.0.0.2", "::1", "::1", "::"),
        (
            &both,
            mapped,
            "::ffff:127.0.0.2",
            "::1",
            "fd00::5",
            "fd00::5",
        ),
        (
            &both,
            "::1",
            "fd00::5",
            mapped,
            "::ffff:127.0.0.2",
            "::ffff:127.0.0.2",
        ),
        (
            &ipv6,
            "::1",
            "fd00::5",
            mapped,
            "::ffff:127.0.0.1",
            "::ffff:0.0.0.0",
        ),
    ] {
        let shim = shim.clone().netns(&netns);
        let run = shim.harness("dissolve", &["udp6", first, "9", then]);
        let words = run.words();
        assert_eq!((words[3], words[4]), ("0", left), "{run:?}");
        assert_eq!((words[6], words[7]), ("0", connected), "{run:?}");
        let run = shim.harness("dissolve_send", &["udp6", first, "9", then]);
        assert_eq!(run.source(), format!("0 {unconnected}"), "{run:?}");
        if first == mapped {
            // A stream that has been one of IPv4 reaches no IPv6 any more, without the library too.
            continue;
        }
        let run = shim.harness("dissolve", &["tcp6", first, "9", then]);
        let words = run.words();
        assert_eq!((words[0], words[1]), ("ECONNREFUSED", left), "{run:?}");
        assert_eq!((words[6], words[7]), ("ECONNREFUSED", connected), "{run:?}");
    }
}

/// Linux takes an AF_INET destination on an AF_INET6 datagram socket.
#[test]
fn an_inet_destination_on_an_inet6_socket() {
    let (_socket, port) = udp_port("127.0.0.1");
    let outcome = |shim: Shim, kind| connect(&shim, kind, "127.0.0.1", &port);
    assert_eq!(outcome(Shim::without(), "udp6"), "0 ::ffff:127.0.0.1");
    assert_eq!(outcome(Shim::ipv4(ADDRESS), "udp6"), "0 ::ffff:127.0.0.2");
    for kind in ["tcp6", "udp6only"] {
        let bare = outcome(Shim::without(), kind);
        assert_ne!(bare.split(' ').next(), Some("0"));
        assert_eq!(
            outcome(Shim::ipv4(ADDRESS), kind),
            bare,
            "{kind}: the kernel's own answer"
        );
    }
    let elsewhere = connect(&Shim::ipv4("none"), "udp6", "127.0.0.2", &port);
    assert_eq!(elsewhere, "EPERM ::");
}

/// What the kernel refuses for reasons of its own, it refuses with its own errno.
#[test]
fn the_kernels_own_answers() {
    for arguments in [
        ["tcp6only", "::ffff:127.0.0.1", "9"],
        ["tcp4", "::1", "9"],
        ["udp4", "::1", "9"],
        ["tcp4", "255.255.255.255", "9"],
    ] {
        let bare = Shim::without().harness("connect", &arguments).words()[0].to_owned();
        assert_ne!(bare, "0");
        let shim = Shim::ipv4(ADDRESS).var("IPADDR_IPV6", "::1");
        assert_eq!(
            shim.harness("connect", &arguments).words()[0],
            bare,
            "{arguments:?}"
        );
    }
    // The address isn't on the machine: what bind says.
    assert_eq!(
        connect(&Shim::ipv4("192.0.2.1"), "tcp4", "127.0.0.1", "9"),
        "EADDRNOTAVAIL 0.0.0.0"
    );
}

/// The kernel opens further connections of an MPTCP socket by itself, from the other addresses that
/// it was told of. Of an MPTCP socket the library makes a TCP one.
#[test]
fn no_connection_of_the_kernel_s_own() {
    if !skip::for_library("it refuses MPTCP sockets, and programs go on with TCP") {
        return;
    }
    if !skip::command("ip") {
        return;
    }
    let Some(netns) = skip::netns("MPTCP endpoints") else {
        return;
    };
    netns.run("ip", &["mptcp", "limits", "set", "subflow", "2"]);
    let endpoint = ["endpoint", "add", "127.0.0.3", "dev", "lo", "subflow"];
    netns.run("ip", &[&["mptcp"], &endpoint[..]].concat());
    let run = |shim: Shim, seconds| {
        let shim = shim.netns(&netns);
        let run = shim.harness("mptcp_subflows", &["127.0.0.9", seconds]);
        let mut words: Vec<_> = run.words().iter().map(|&word| word.to_owned()).collect();
        words.sort();
        words.join(" ")
    };
    let bare = run(Shim::without(), "30");
    assert_eq!(bare, "127.0.0.1 127.0.0.3 MPTCP", "the kernel's own way");
    assert_eq!(run(Shim::new(), "30"), bare, "nothing is assigned");
    assert_eq!(run(Shim::ipv4(ADDRESS), "1"), "127.0.0.2 TCP");
}
