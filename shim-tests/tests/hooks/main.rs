//! Every other call through which a socket gets its local address.

use std::collections::BTreeSet;
use std::process::Command;

use shim_tests::peer::{Listener, sender, udp_port};
use shim_tests::uncovered::{UNCOVERED, Uncovered};
use shim_tests::{FrontEnd, PolicyDir, Shim, covered, skip};

const ADDRESS: &str = "127.0.0.2";
const SENDS: [&str; 6] = [
    "sendto",
    "sendmsg",
    "sendmmsg",
    "number:sendto",
    "number:sendmsg",
    "number:sendmmsg",
];

#[test]
fn sends_leave_from_the_address() {
    let (socket, port) = udp_port("127.0.0.1");
    for how in SENDS {
        let bare = Shim::without().harness("send", &["udp4", how, "127.0.0.1", &port]);
        assert_eq!(bare.outcome(), ("0", "0.0.0.0"), "{how}: {bare:?}");
        assert_eq!(sender(&socket), "127.0.0.1");
        for (kind, remote, local) in [
            ("udp4", "127.0.0.1", ADDRESS),
            ("udp6", "::ffff:127.0.0.1", "::ffff:127.0.0.2"),
            // Linux takes it there too.
            ("udp6", "127.0.0.1", "::ffff:127.0.0.2"),
        ] {
            let run = Shim::ipv4(ADDRESS).harness("send", &[kind, how, remote, &port]);
            assert_eq!(run.outcome(), ("0", local), "{how} {kind}: {run:?}");
            assert_eq!(sender(&socket), ADDRESS, "{how} {kind}");
        }
    }
}

#[test]
fn sends_without_an_assignment() {
    let (socket, port) = udp_port("127.0.0.1");
    for how in SENDS {
        let run = Shim::new().harness("send", &["udp4", how, "127.0.0.1", &port]);
        assert_eq!(run.outcome(), ("0", "0.0.0.0"), "{how}: {run:?}");
        assert_eq!(sender(&socket), "127.0.0.1");
    }
}

#[test]
fn sends_of_ipv6() {
    let Some(netns) = skip::netns_with(&["fd00::2/128"]) else {
        return;
    };
    for how in SENDS {
        let send = |shim: Shim| {
            let run = shim
                .netns(&netns)
                .harness("send", &["udp6", how, "::1", "9"]);
            run.out
        };
        let free = send(Shim::ipv4(ADDRESS));
        assert!(free.contains(" :: "), "{how}: {free}");
        let assigned = send(Shim::ipv6("fd00::2"));
        assert!(assigned.contains(" fd00::2 "), "{how}: {assigned}");
        // From loopback, as a connect would.
        let none = send(Shim::ipv6("none"));
        assert!(none.contains(" ::1 "), "{how}: {none}");
        let loopback = send(Shim::ipv6("loopback"));
        assert!(loopback.contains(" ::1 "), "{how}: {loopback}");
    }
}

/// What a destination of family `AF_UNSPEC` is, the socket decides.
#[test]
fn destinations_without_a_family() {
    let Some(netns) = skip::netns_with(&["fd00::2/128", "fd00::3/128"]) else {
        return;
    };
    let policy = PolicyDir::new();
    policy.write("", "rules", "-A CONNECT -d fd00::3 -j REJECT\n");
    for how in ["sendto", "sendmsg", "sendmmsg", "number:sendto"] {
        let send = |shim: Shim, kind: &str, remote: &str| {
            let how = format!("unspec:{how}");
            let run = shim
                .netns(&netns)
                .harness("send", &[kind, &how, remote, "0"]);
            let (errno, local) = run.outcome();
            format!("{errno} {local}")
        };
        let bare = |kind, remote| send(Shim::without(), kind, remote);
        assert_eq!(bare("raw6", "fd00::3"), "0 ::", "{how}");
        assert_eq!(
            send(Shim::ipv6("fd00::2"), "raw6", "fd00::3"),
            "0 fd00::2",
            "{how}"
        );
        assert_eq!(send(Shim::ipv6("none"), "raw6", "fd00::3"), "EPERM ::");
        assert_eq!(send(Shim::ipv6("none"), "raw6", "::1"), "0 ::1");
        assert_eq!(send(Shim::ipv4("none"), "raw6", "fd00::3"), "0 ::");
        let rules = Shim::policy(policy.path());
        assert_eq!(send(rules.clone(), "raw6", "fd00::3"), "EPERM ::");
        assert_eq!(send(rules, "raw6", "fd00::2"), "0 ::");
        assert_eq!(bare("raw4", "127.0.0.1"), "0 0.0.0.0");
        assert_eq!(
            send(Shim::ipv4(ADDRESS), "raw4", "127.0.0.1"),
            "0 127.0.0.2"
        );
        assert_eq!(
            send(Shim::ipv4("none"), "raw4", "127.0.0.3"),
            "EPERM 0.0.0.0"
        );
        // To a dual-stack UDP socket it is no destination at all.
        assert_eq!(bare("udp6", "fd00::3"), "EDESTADDRREQ ::");
        assert_eq!(
            send(Shim::ipv4(ADDRESS), "udp6", "127.0.0.1"),
            "EDESTADDRREQ ::ffff:127.0.0.2"
        );
        assert_eq!(
            send(Shim::ipv6("fd00::2"), "udp6", "fd00::3"),
            "EDESTADDRREQ fd00::2"
        );
        for kind in ["tcp4", "tcp6"] {
            let refused = bare(kind, "127.0.0.1");
            assert_eq!(send(Shim::ipv4(ADDRESS), kind, "127.0.0.1"), refused);
        }
    }
    for how in ["fastopen:unspec:sendto", "fastopen:unspec:sendmsg"] {
        for kind in skip::kinds(&["tcp4", "tcp6", "mptcp4"]) {
            let run = |shim: Shim| shim.harness("send", &[kind, how, "127.0.0.1", "9"]).out;
            assert_eq!(
                run(Shim::ipv4(ADDRESS)),
                run(Shim::without()),
                "{how} {kind}"
            );
        }
    }
}

#[test]
fn sends_of_a_forbidden_family() {
    refuses_sends("none", "IPv4 is forbidden");
    refuses_sends("loopback", "IPv4 is confined to 127.0.0.1");
}

#[test]
fn sends_under_a_policy_that_cannot_be_used() {
    refuses_sends("nonsense", "every use of IPv4 and IPv6 is refused");
}

/// Asserts that with this list nothing is sent, and that it is said why.
fn refuses_sends(list: &str, why: &str) {
    let (_socket, port) = udp_port("127.0.0.3");
    for how in SENDS {
        let run = Shim::ipv4(list).harness("send", &["udp4", how, "127.0.0.3", &port]);
        assert_eq!(run.outcome(), ("EPERM", "0.0.0.0"), "{how}: {run:?}");
        assert!(run.err.contains(why), "{how}: {}", run.err);
    }
}

#[test]
fn fast_open_leaves_from_the_address() {
    let listener = Listener::on("127.0.0.1");
    for how in ["sendto", "sendmsg", "number:sendto", "number:sendmsg"] {
        for (kind, remote, local) in [
            ("tcp4", "127.0.0.1", ADDRESS),
            ("tcp6", "::ffff:127.0.0.1", "::ffff:127.0.0.2"),
        ] {
            let arguments = [kind, &format!("fastopen:{how}"), remote, &listener.port()];
            let run = Shim::ipv4(ADDRESS).harness("send", &arguments);
            assert_eq!(run.outcome(), ("0", local), "{how} {kind}: {run:?}");
            assert_eq!(listener.peer().ip().to_canonical().to_string(), ADDRESS);
        }
    }
}

/// The kernel binds a datagram socket before it reads the destination.
#[test]
fn destinations_that_the_kernel_refuses() {
    for how in SENDS {
        let arguments = ["udp4", how, "::ffff:127.0.0.1", "9"];
        let bare = Shim::without().harness("send", &arguments);
        assert_eq!(bare.outcome(), ("EAFNOSUPPORT", "0.0.0.0"));
        let run = Shim::ipv4(ADDRESS).harness("send", &arguments);
        assert_eq!(run.outcome(), ("EAFNOSUPPORT", ADDRESS), "{how}");
    }
    let arguments = ["udp4", "::ffff:127.0.0.1", "9"];
    let run = Shim::ipv4(ADDRESS).harness("connect", &arguments);
    assert_eq!(run.words()[..2], ["EAFNOSUPPORT", ADDRESS], "{run:?}");
}

/// A stream socket that isn't connected has no use for a destination.
#[test]
fn a_stream_that_is_not_connected() {
    for how in SENDS {
        let arguments = ["tcp4", how, "127.0.0.1", "9"];
        let bare = Shim::without().harness("send", &arguments);
        assert!(bare.out.ends_with(" 0.0.0.0 0"), "{bare:?}");
        let run = Shim::ipv4(ADDRESS).harness("send", &arguments);
        assert_eq!(run.out, bare.out, "{how}");
    }
}

#[test]
fn chosen_sources_are_judged() {
    let (socket, port) = udp_port("127.0.0.1");
    let shim = Shim::ipv4("127.0.0.2,127.0.0.3");
    for how in ["sendmsg", "sendmmsg", "number:sendmsg", "number:sendmmsg"] {
        for (kind, remote, source, seen) in [
            ("udp4", "127.0.0.1", "127.0.0.3", "127.0.0.3"),
            ("udp4", "127.0.0.1", "127.0.0.1", "127.0.0.1"),
            ("udp4", "127.0.0.1", "0.0.0.0", "127.0.0.2"),
            ("udp6", "::ffff:127.0.0.1", "::ffff:127.0.0.3", "127.0.0.3"),
        ] {
            let run = shim.harness("send", &[kind, how, remote, &port, source]);
            assert_eq!(run.words()[0], "0", "{how} {kind} {source}: {run:?}");
            assert_eq!(sender(&socket), seen, "{how} {kind} {source}");
        }
        for (kind, remote, source) in [
            ("udp4", "127.0.0.1", "127.0.0.4"),
            ("udp6", "::ffff:127.0.0.1", "::ffff:127.0.0.4"),
        ] {
            let run = shim.harness("send", &[kind, how, remote, &port, source]);
            assert_eq!(run.words()[0], "EPERM", "{how} {kind} {source}: {run:?}");
            assert!(run.err.contains("127.0.0.4"), "{}", run.err);
        }
    }
    socket.set_nonblocking(true).expect("it is ours");
    assert!(socket.recv_from(&mut [0]).is_err(), "nothing else came");
}

/// The messages before the one that is refused are sent, as if the kernel had refused it.
#[test]
fn a_vector_of_messages_stops_at_the_refused_one() {
    let (socket, port) = udp_port("127.0.0.1");
    let arguments = [
        "udp4",
        "sendmmsg",
        "127.0.0.1",
        &port,
        "-",
        "127.0.0.2",
        "127.0.0.4",
        "-",
    ];
    let run = Shim::ipv4(ADDRESS).harness("send", &arguments);
    assert_eq!(run.words()[..2], ["0", "2"], "{run:?}");
    assert_eq!([sender(&socket), sender(&socket)], [ADDRESS, ADDRESS]);
    socket.set_nonblocking(true).expect("it is ours");
    assert!(socket.recv_from(&mut [0]).is_err(), "nothing else was sent");
}

#[test]
fn the_sticky_source() {
    let Some(netns) = skip::netns_with(&["fd00::2/128", "fd00::3/128"]) else {
        return;
    };
    let set = |shim: Shim, source| {
        let run = shim.netns(&netns).harness("sticky_source", &[source]);
        run.out
    };
    assert_eq!(set(Shim::without(), "fd00::3"), "0");
    assert_eq!(set(Shim::ipv4(ADDRESS), "fd00::3"), "0");
    assert_eq!(set(Shim::ipv6("fd00::2"), "fd00::2"), "0");
    assert_eq!(set(Shim::ipv6("fd00::2"), "::"), "0");
    assert_eq!(set(Shim::ipv6("fd00::2"), "::1"), "0");
    assert_eq!(set(Shim::ipv6("fd00::2"), "fd00::3"), "EPERM");
    assert_eq!(set(Shim::ipv6("none"), "fd00::3"), "EPERM");
    assert_eq!(set(Shim::ipv6("loopback"), "fd00::3"), "EPERM");
    assert_eq!(set(Shim::ipv6("loopback"), "::1"), "0");
    assert_eq!(set(Shim::ipv6("nonsense"), "fd00::3"), "EPERM");
}

#[test]
fn listen_on_an_unbound_socket() {
    let listen = |shim: &Shim, arguments: &[&str]| {
        let run = shim.harness("listen", arguments);
        let (port, rest) = run
            .out
            .rsplit_once(' ')
            .map(|(a, b)| (b, a))
            .expect("words");
        assert!(rest.starts_with("EPERM") || port != "0", "{run:?}");
        rest.to_owned()
    };
    let bare = Shim::without();
    assert_eq!(listen(&bare, &["tcp4"]), "0 0.0.0.0");
    assert_eq!(listen(&Shim::new(), &["tcp4"]), "0 0.0.0.0");
    let shim = Shim::ipv4(ADDRESS);
    for kind in skip::kinds(&["tcp4", "mptcp4"]) {
        assert_eq!(listen(&shim, &[kind]), "0 127.0.0.2");
        assert_eq!(listen(&shim, &[kind, "number"]), "0 127.0.0.2");
    }
    assert_eq!(listen(&shim, &["tcp4", "twice"]), "0 0 127.0.0.2");
    // The guard has seen the bind by a raw system call, and made it one to the address.
    let raw_bound = FrontEnd::of_tests().expects("EPERM 0.0.0.0", "0 127.0.0.2");
    assert_eq!(listen(&shim, &["tcp4", "wildcard"]), raw_bound);
    assert_eq!(listen(&Shim::ipv4("none"), &["tcp4"]), "EPERM 0.0.0.0");
    assert_eq!(listen(&Shim::ipv4("nonsense"), &["tcp4"]), "EPERM 0.0.0.0");
    assert_eq!(listen(&Shim::ipv4("loopback"), &["tcp4"]), "0 127.0.0.1");
    if skip::ipv6() {
        assert_eq!(listen(&shim, &["tcp6"]), "0 ::ffff:127.0.0.2");
        assert_eq!(listen(&shim, &["tcp6only"]), "0 ::");
        assert_eq!(listen(&Shim::ipv6("::1"), &["tcp6"]), "0 ::1");
        assert_eq!(listen(&Shim::ipv6("none"), &["tcp6only"]), "EPERM ::");
        assert_eq!(listen(&Shim::ipv6("loopback"), &["tcp6only"]), "0 ::1");
        let confined = shim.clone().var("IPADDR_IPV6", "loopback");
        assert_eq!(listen(&confined, &["tcp6"]), "0 ::ffff:127.0.0.2");
    }
    // No socket to listen on, and not bound by the attempt.
    for shim in [&bare, &shim] {
        assert_eq!(
            shim.harness("listen", &["udp4"]).out,
            "EOPNOTSUPP 0.0.0.0 0"
        );
    }
}

/// What docs/coverage.md lists as not covered: the kernel binds by itself, and what is bound so receives
/// for every address; nothing is sent from it.
#[test]
fn what_the_kernel_binds_by_itself() {
    let autobind = |kind| {
        let run = Shim::ipv4(ADDRESS).harness("autobind", &[kind]);
        let words = run.words();
        assert_eq!(words.len(), 5, "{run:?}");
        [words[0], words[1], words[3], words[4]].join(" ")
    };
    assert_eq!(autobind("udp4"), "EDESTADDRREQ 0.0.0.0 received EPERM");
    if skip::ipv6() {
        assert_eq!(autobind("udp6"), "0 :: received EPERM");
    }
    if skip::root_for("raw sockets") {
        // The first send binds it.
        assert_eq!(autobind("raw4"), "0 0.0.0.0 received 0");
    }
}

#[test]
fn bind_and_connect_by_number() {
    let listener = Listener::on("127.0.0.1");
    let port = listener.port();
    let shim = Shim::ipv4(ADDRESS);
    for high in [&[][..], &["high"]] {
        let call = |arguments: &[&str]| {
            let run = shim.harness("number_bind", &[arguments, high].concat());
            let words = run.words();
            format!("{} {}", words[0], words[1])
        };
        assert_eq!(call(&["tcp4", "bind", "0.0.0.0", "0"]), "0 127.0.0.2");
        assert_eq!(call(&["tcp4", "bind", "127.0.0.3", "0"]), "EPERM 0.0.0.0");
        assert_eq!(
            call(&["tcp4", "connect", "127.0.0.1", &port]),
            "0 127.0.0.2"
        );
        assert_eq!(listener.peer().ip().to_string(), ADDRESS);
    }
}

#[test]
fn other_numbers_go_through() {
    let expected = "1 ENOTSOCK sixth EBADF -1 ENOSYS";
    for shim in [Shim::without(), Shim::new(), Shim::ipv4(ADDRESS)] {
        shim.harness("numbers", &[]).says(expected);
    }
}

#[test]
fn privileged_ports() {
    if !skip::root_for("privileged ports") || !glibc() {
        return;
    }
    let call = |shim: &Shim, arguments: &[&str]| {
        let run = shim.harness("resvport", arguments);
        assert_ne!(run.out, "no glibc");
        let words = run.words();
        let port: u16 = words.get(2).map_or(0, |port| port.parse().expect("a port"));
        assert!(
            port < 1024 && (words[0] == "EPERM" || port >= 512),
            "{run:?}"
        );
        if words.len() > 3 && words[0] == "0" {
            assert_eq!(words[2], words[3], "the port that is told: {run:?}");
        }
        words[..words.len().min(2)].join(" ")
    };
    let shim = Shim::ipv4(ADDRESS);
    for (bare, expected) in [
        (Shim::without(), "0 0.0.0.0"),
        (Shim::new(), "0 0.0.0.0"),
        (shim.clone(), "0 127.0.0.2"),
    ] {
        assert_eq!(call(&bare, &["bind"]), expected);
        assert_eq!(call(&bare, &["bind-null"]), expected);
        assert_eq!(call(&bare, &["rresvport"]), expected);
    }
    assert_eq!(call(&shim, &["bind", "127.0.0.1"]), "0 127.0.0.1");
    assert_eq!(call(&shim, &["bind", "127.0.0.3"]), "EPERM 0.0.0.0");
    if skip::ipv6() {
        assert_eq!(call(&Shim::without(), &["rresvport6"]), "0 ::");
        assert_eq!(call(&shim, &["rresvport6"]), "0 ::ffff:127.0.0.2");
    }
    assert_eq!(call(&Shim::ipv4("none"), &["rresvport"]), "EPERM 1000");
}

/// Whether the harness is built for glibc; skips if it isn't.
fn glibc() -> bool {
    if is_musl() {
        skip::skip("musl has no such function");
    }
    !is_musl()
}

/// Whether the harness is built for musl.
fn is_musl() -> bool {
    std::env::var("IPADDR_TEST_LIBC").is_ok_and(|libc| libc == "musl")
}

#[test]
fn glibcs_other_name_for_connect() {
    if !glibc() {
        return;
    }
    let listener = Listener::on("127.0.0.1");
    let arguments = ["connect", "127.0.0.1", &listener.port()];
    let run = Shim::ipv4(ADDRESS).harness("resvport", &arguments);
    assert_eq!(run.words()[..2], ["0", ADDRESS]);
    assert_eq!(listener.peer().ip().to_string(), ADDRESS);
}

/// What the table says of Sun RPC: a socket that libc makes is bound by libc, one that it is given is
/// not touched.
#[test]
fn sun_rpc_binds_inside_libc() {
    let bare = Shim::without().harness("sunrpc", &[]);
    if bare.out == "none" {
        return skip::skip("this libc has no Sun RPC");
    }
    let restricted = Shim::ipv4(ADDRESS).harness("sunrpc", &[]);
    // The guard sees what libc does inside.
    let inside = FrontEnd::of_tests().expects("0.0.0.0", ADDRESS);
    for (run, made, given) in [(bare, "0.0.0.0", "0.0.0.0"), (restricted, inside, ADDRESS)] {
        let words = run.words();
        let addresses: Vec<_> = words.chunks(3).map(|line| (line[0], line[1])).collect();
        let expected = [("tcp", made), ("udp", made), ("given", given)];
        assert_eq!(addresses, expected, "{run:?}");
    }
}

/// A symbol of the libc found here whose name sounds like such a call is in one of the tables.
#[test]
fn the_tables_know_every_symbol() {
    if !skip::command("readelf") {
        return;
    }
    let maps = std::fs::read_to_string("/proc/self/maps").expect("a process has maps");
    let libc = maps
        .lines()
        .filter_map(|line| line.split_whitespace().nth(5))
        .find(|path| {
            path.contains("/libc.so") || path.contains("/libc-2") || path.contains("ld-musl")
        })
        .expect("this process has a libc");
    let output = Command::new("readelf")
        .args(["-W", "--dyn-syms", libc])
        .output()
        .expect("readelf runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let symbols: BTreeSet<&str> = text
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|fields| fields.len() > 7 && fields[3] == "FUNC" && fields[6] != "UND")
        // What is private to glibc is for itself.
        .filter(|fields| !fields[7].ends_with("@GLIBC_PRIVATE"))
        .map(|fields| fields[7].split('@').next().unwrap_or_default())
        .filter(|name| sounds_like_one(name))
        .collect();
    assert!(
        symbols.contains("connect"),
        "{libc} has connect: {symbols:?}"
    );
    let mut known: BTreeSet<&str> = UNCOVERED.iter().map(|(name, _)| *name).collect();
    known.extend(covered::exported());
    let unknown: Vec<_> = symbols.difference(&known).collect();
    assert!(
        unknown.is_empty(),
        "neither in src/abi/symbols.rs nor in shim-tests/src/uncovered.rs: {unknown:?}"
    );
}

/// By its name; what only sounds like one is left out.
fn sounds_like_one(name: &str) -> bool {
    const PARTS: [&str; 25] = [
        "bind",
        "connect",
        "listen",
        "send",
        "sock",
        "resvport",
        "rcmd",
        "syscall",
        "accept",
        // Other ways to a function, or out of the process.
        "dlopen",
        "dlmopen",
        "dlsym",
        "dlvsym",
        "exec",
        "posix_spawn",
        // Sun RPC, of which the symbols are old versions, and the time protocol that it uses.
        "svc",
        "clnt",
        "pmap",
        "callrpc",
        "getrpcport",
        "registerrpc",
        "get_myaddress",
        "xprt",
        "authdes",
        "rtime",
    ];
    const OTHERS: [&str; 9] = [
        "textdomain",
        "mq_",
        "tcsendbreak",
        "xdr_",
        "posix_spawn_file",
        "posix_spawnattr",
        "__rpc_thread_svc",
        "re_exec",
        "regexec",
    ];
    const WHOLE: [&str; 5] = ["clone", "close_range", "pidfd_getfd", "prctl", "unshare"];
    let received = name.starts_with("recv") || name.starts_with("__recv");
    (received || WHOLE.contains(&name) || PARTS.iter().any(|part| name.contains(part)))
        && !name.contains("pidfd_send_signal")
        && !OTHERS.iter().any(|other| name.contains(other))
}

#[test]
fn each_symbol_is_in_one_table() {
    assert!(UNCOVERED.is_sorted_by(|(a, _), (b, _)| a < b));
    let exported = covered::exported();
    assert!(exported.is_sorted_by(|a, b| a < b));
    for (name, Uncovered::Harmless(why) | Uncovered::InsideLibc(why)) in UNCOVERED {
        assert!(!exported.contains(name), "{name} is hooked");
        assert!(!why.is_empty(), "{name}");
    }
}
