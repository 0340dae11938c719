//! A good guest in somebody else's process: what a program must not notice.

use std::path::PathBuf;
use std::process::Command;
use std::{fs, str};

use shim_tests::peer::{Listener, udp_port};
use shim_tests::{PolicyDir, Shim, covered, glibc, harness, library, skip};

const ADDRESS: &str = "127.0.0.2";

#[test]
fn a_thread_that_is_cancelled_unwinds() {
    let calls = [
        "connect", "sendto", "sendmsg", "sendmmsg", "recvmsg", "recvmmsg",
    ];
    for call in calls {
        for shim in [Shim::without(), Shim::ipv4(ADDRESS), Shim::new()] {
            shim.harness("cancel", &[call]).says("cancelled cleaned");
        }
    }
}

/// What others have left on the stack is taken for no state of the hook's own: the call is made once.
#[test]
fn a_call_on_a_used_stack() {
    for way in ["number", "name"] {
        match Shim::without().harness("used_stack", &[way]).out.as_str() {
            "1" => {}
            "" => return skip::skip("pidfd_getfd by name: this libc has none"),
            _ => return skip::skip("pidfd_getfd: the kernel or a filter refuses it"),
        }
        for shim in [Shim::new(), Shim::ipv4(ADDRESS)] {
            shim.harness("used_stack", &[way]).says("1");
        }
    }
}

/// The library's own descriptors get in nobody's way: whenever another thread puts a file on the number
/// that one has at the moment, it stays there, but for between the check and close(2).
#[test]
fn descriptors_of_other_threads() {
    let policy = PolicyDir::new();
    let shim = Shim::policy(policy.path()).var("IPADDR_LOG", "off");
    let window = " fcntl> >close";
    // With a file that is read, and assigns nothing, there are two.
    for files in [1, 2] {
        for number in ["lowest", "1000"] {
            let run = shim.harness("fd_interleaved", &[number]);
            if run.out == "can't trace" {
                return skip::skip("a process can't be traced here");
            }
            let lost = run.out.lines().next().expect("a line");
            assert_eq!(lost, format!("lost:{}", window.repeat(files)), "{run:?}");
            assert!(run.out.ends_with(" failed: 0 open: 0"), "{run:?}");
        }
        policy.write("", "ipv4", "0.0.0.0\n");
    }
}

/// Where there are no high numbers, lower ones do.
#[test]
fn few_descriptors() {
    let policy = PolicyDir::new();
    policy.write("", "ipv4", ADDRESS);
    for most in [5, 16, 64, 1000, 1001] {
        let limit = format!("ulimit -n {most} && exec \"$@\"");
        let shim = Shim::policy(policy.path()).by(&["sh", "-c", &limit, "sh"]);
        let run = shim.harness("bind", &["tcp4", "0.0.0.0", "0"]);
        assert_eq!(run.words()[..2], ["0", ADDRESS], "{most}: {run:?}");
    }
}

#[test]
fn messages_that_the_kernel_refuses() {
    let (_socket, port) = udp_port("127.0.0.1");
    let bare = Shim::without().harness("bad_message", &[&port]);
    if !bare.success {
        return skip::skip("this libc reads a message before the kernel does");
    }
    assert!(bare.out.contains("EFAULT"), "{bare:?}");
    for shim in [Shim::new(), Shim::ipv4(ADDRESS), Shim::ipv6("::1")] {
        let run = shim.harness("bad_message", &[&port]);
        assert_eq!(run.out, bare.out);
    }
}

/// Pages that are closed, absent, or end too early; each outcome is the kernel's own.
#[test]
fn memory_that_cannot_be_read() {
    let (_socket, port) = udp_port("127.0.0.1");
    let bare = Shim::without().harness("bad_memory", &[&port]);
    assert!(bare.success && bare.out.contains("EFAULT"), "{bare:?}");
    let policy = PolicyDir::with_rules(ADDRESS, "-A CONNECT -d 127.0.0.0/8 -j ACCEPT\n");
    for shim in [
        Shim::new(),
        Shim::ipv4(ADDRESS),
        Shim::ipv6("::1"),
        Shim::policy(policy.path()),
        // Every call is refused, but what can't be read is not judged.
        Shim::ipv4("banana").var("IPADDR_LOG", "off"),
    ] {
        let run = shim.harness("bad_memory", &[&port]);
        assert!(run.success, "{run:?}");
        let unusable = run.out.contains("fits connect:EPERM");
        let pairs = run.out.lines().zip(bare.out.lines());
        for (line, expected) in pairs.filter(|(line, _)| !(unusable && line.contains("EPERM"))) {
            assert_eq!(line, expected);
        }
    }
}

#[test]
fn memory_that_cannot_be_written() {
    let bare = Shim::without().harness("bad_memory", &["9", "accept"]);
    assert!(bare.success && bare.out.contains("EFAULT"), "{bare:?}");
    let rules = "-A ACCEPT -s 127.0.0.0/8 -j ACCEPT\n";
    let policy = PolicyDir::with_rules("127.0.0.1", rules);
    for shim in [Shim::new(), Shim::policy(policy.path())] {
        let run = shim.harness("bad_memory", &["9", "accept"]);
        assert!(run.success, "{run:?}");
        assert_eq!(run.out, bare.out);
    }
}

#[test]
fn fork_from_a_multi_threaded_parent() {
    let (_socket, port) = udp_port("127.0.0.1");
    let says = "children 200 odd 0 busy";
    Shim::ipv4(ADDRESS)
        .harness("fork_threads", &[&port, "200"])
        .says(says);
    // A process that is still unrestricted reads the policy in every one of these calls.
    let policy = PolicyDir::new();
    Shim::policy(policy.path())
        .harness("fork_threads", &[&port, "200"])
        .says(says);
}

#[test]
fn a_signal_handler_on_a_small_stack() {
    let (_socket, port) = udp_port("127.0.0.1");
    let run = Shim::ipv4(ADDRESS).harness("signal_connect", &[&port, ADDRESS]);
    run.says("handled odd 0");
    let policy = PolicyDir::new();
    let run = Shim::policy(policy.path()).harness("signal_connect", &[&port, "127.0.0.1"]);
    run.says("handled odd 0");
}

#[test]
fn no_descriptor_is_kept() {
    let (_socket, port) = udp_port("127.0.0.1");
    let policy = PolicyDir::new();
    for (shim, source) in [
        (Shim::ipv4(ADDRESS), ADDRESS),
        (Shim::policy(policy.path()), "127.0.0.1"),
        (Shim::ipv4(ADDRESS).var("IPADDR_LOG", "debug"), ADDRESS),
    ] {
        let run = shim.harness("closefrom_connect", &[&port]);
        assert_eq!(run.words()[..2], ["0", source]);
        assert_eq!(run.words()[3..], ["leaked", "0"]);
    }
}

#[test]
fn a_vfork_child() {
    let (_socket, port) = udp_port("127.0.0.1");
    let run = Shim::ipv4(ADDRESS).harness("vfork_connect", &[&port]);
    assert_eq!(run.words()[..2], ["0", ADDRESS]);
}

#[test]
fn errno_and_the_callers_sockaddr_are_untouched() {
    let listener = Listener::on("127.0.0.1");
    for shim in [
        Shim::ipv4(ADDRESS),
        Shim::new(),
        Shim::ipv4(ADDRESS).var("IPADDR_LOG", "debug"),
    ] {
        shim.harness("untouched", &[&listener.port()])
            .says("kept kept same");
    }
    let policy = PolicyDir::new();
    Shim::policy(policy.path())
        .harness("untouched", &[&listener.port()])
        .says("kept kept same");
}

#[test]
fn pointers_and_lengths_that_the_kernel_refuses() {
    for call in ["bind", "connect"] {
        for (kind, address) in [("tcp4", ADDRESS), ("tcp6", "::1"), ("udp4", ADDRESS)] {
            let bare = Shim::without().harness("bad_sockaddr", &[call, kind, address]);
            assert!(
                bare.out.contains("EFAULT") && bare.out.contains("129:EINVAL"),
                "{bare:?}"
            );
            let run = Shim::ipv4(ADDRESS).harness("bad_sockaddr", &[call, kind, address]);
            assert_eq!(run.out, bare.out, "{call} {kind}");
        }
    }
}

#[test]
fn descriptors_that_are_no_internet_sockets() {
    for address in ["0.0.0.0", "127.0.0.2"] {
        let bare = Shim::without().harness("bad_descriptor", &[address]);
        assert!(
            bare.out.starts_with("EBADF EBADF ENOTSOCK ENOTSOCK "),
            "{bare:?}"
        );
        assert_eq!(
            Shim::ipv4(ADDRESS)
                .harness("bad_descriptor", &[address])
                .out,
            bare.out
        );
    }
    // A refusal, too, says first that the descriptor is bad.
    let run = Shim::ipv4(ADDRESS).harness("bad_descriptor", &["127.0.0.9"]);
    assert_eq!(run.words()[..4], ["EBADF", "EBADF", "ENOTSOCK", "ENOTSOCK"]);
}

#[test]
fn other_families_are_untouched() {
    let directory = PolicyDir::new();
    let path = directory.path().join("socket");
    let path = path.to_str().expect("UTF-8");
    Shim::ipv4(ADDRESS)
        .harness("unix_socket", &[path])
        .says("0 0");
    // Even where there is a policy that can't be used.
    Shim::ipv4("banana")
        .harness("unix_socket", &[path])
        .says("0 0");
}

#[test]
fn other_preloaded_libraries_still_work() {
    let listener = Listener::on("127.0.0.1");
    let arguments = ["tcp4", "127.0.0.1", &listener.port(), "0.0.0.0", "0"];
    let other = || harness("other_library");

    // Before ours it sees what the program passes.
    let run = Shim::ipv4(ADDRESS)
        .preload_before(other())
        .harness("connect", &arguments);
    assert_eq!(run.words()[..2], ["0", ADDRESS], "{run:?}");
    assert_eq!(run.err, "other bind 0.0.0.0\nother connect 127.0.0.1\n");

    // After ours, what the kernel gets; the quiet bind too.
    let run = Shim::ipv4(ADDRESS)
        .preload_after(other())
        .harness("connect", &arguments);
    assert_eq!(run.words()[..2], ["0", ADDRESS], "{run:?}");
    assert!(run.err.starts_with("other bind 127.0.0.2\n"), "{}", run.err);
    assert!(
        run.err.ends_with("other connect 127.0.0.1\n"),
        "{}",
        run.err
    );
}

/// Constructors run from the last preloaded library to the first.
#[test]
fn a_call_before_our_constructor() {
    let early = || harness("early_library");
    let run = Shim::ipv4(ADDRESS)
        .preload_after(early())
        .harness("bind", &["tcp4", "0.0.0.0", "0"]);
    let words = run.words();
    assert_eq!(
        (words[0], words[1], words[2]),
        ("early", "0", ADDRESS),
        "{run:?}"
    );
    assert_eq!((words[4], words[5]), ("0", ADDRESS), "{run:?}");
    let policy = PolicyDir::new();
    policy.write("", "ipv4", "127.0.0.7\n");
    if skip::path(std::path::Path::new("/proc/self/cgroup")) {
        let shim = Shim::policy(policy.path()).preload_after(early());
        let run = shim.harness("bind", &["tcp4", "0.0.0.0", "0"]);
        assert_eq!(run.words()[2], "127.0.0.7", "{run:?}");
    }
}

/// A program that the library finds no memory in is refused, and not unrestricted: whether the policy
/// has no room, or the variables that would say what it is.
#[test]
fn without_memory() {
    // musl's constructors run from the first library to the last.
    let is_musl = std::env::var("IPADDR_TEST_LIBC").is_ok_and(|libc| libc == "musl");
    let bind = |shim: Shim| {
        let library = harness("no_memory_library");
        let shim = if is_musl {
            shim.preload_before(library)
        } else {
            shim.preload_after(library)
        };
        let run = shim.harness("bind", &["tcp4", "0.0.0.0", "0"]);
        run.words().first().copied().map(str::to_owned)
    };
    let refused = Some("EPERM".to_owned());
    assert_eq!(bind(Shim::ipv4(ADDRESS)), refused);
    // More than there is room for in the library.
    let long = (2..99).map(|number| format!("127.0.0.{number}"));
    let long = long.collect::<Vec<_>>().join(",");
    assert_eq!(bind(Shim::ipv4(&long)), refused);
    // And without the limit it is a policy.
    let run = Shim::ipv4(&long).harness("bind", &["tcp4", "0.0.0.0", "0"]);
    assert_eq!(run.words()[0], "0", "{run:?}");
    // Where nothing is assigned, nothing is needed.
    assert_eq!(bind(Shim::new()), Some("0".to_owned()));
}

/// What readelf says of the library; `None` if it isn't installed.
fn readelf(option: &str) -> Option<String> {
    if !skip::command("readelf") {
        return None;
    }
    let output = Command::new("readelf")
        .args([option, "--wide"])
        .arg(library())
        .output();
    Some(String::from_utf8(output.expect("readelf runs").stdout).expect("UTF-8"))
}

#[test]
fn only_the_interposed_names_are_exported() {
    let Some(symbols) = readelf("--dyn-syms") else {
        return;
    };
    let mut exported: Vec<_> = symbols
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|words| words.len() == 8 && ["GLOBAL", "WEAK"].contains(&words[4]))
        .filter(|words| words[6] != "UND")
        .map(|words| words[7])
        .collect();
    exported.sort_unstable();
    assert_eq!(exported, covered::exported());
}

/// libc and nothing else, of a version that is old by now.
#[test]
fn what_the_library_needs() {
    let Some(dynamic) = readelf("--dynamic") else {
        return;
    };
    let needed: Vec<_> = dynamic
        .lines()
        .filter(|line| line.contains("(NEEDED)"))
        .collect();
    assert_eq!(needed.len(), 1, "{needed:?}");
    assert!(needed[0].contains("[libc.so.6]"), "{needed:?}");

    let newest = glibc::needed_by(library()).expect("readelf was there before");
    assert!(newest <= (2, 17), "{newest:?}");
}

/// The panic handler would write these words: no path leads to it, so it isn't linked.
#[test]
fn there_is_no_way_to_panic() {
    let words = b"ipaddr: panicked";
    let bytes = fs::read(library()).expect("the library was built");
    assert!(!bytes.windows(words.len()).any(|window| window == words));
    // And the search finds what is there.
    assert!(bytes.windows(7).any(|window| window == b"ipaddr["));
}

#[test]
fn a_musl_process() {
    if !skip::command("musl-gcc") {
        return;
    }
    let directory = PolicyDir::new();
    let compile = |name: &str| -> PathBuf {
        let to = directory.path().join(name);
        let source = shim_tests::artifacts::workspace()
            .join("c-harness")
            .join(name);
        let status = Command::new("musl-gcc")
            .args(["-O1", "-pthread"])
            .arg(source.with_extension("c"))
            .arg("-o")
            .arg(&to)
            .status();
        assert!(status.expect("musl-gcc runs").success(), "{name}");
        to
    };
    let (_socket, port) = udp_port("127.0.0.1");
    let shim = Shim::ipv4(ADDRESS);
    let run = shim.run(compile("bind"), &["tcp4", "0.0.0.0", "0"]);
    assert_eq!(run.words()[..2], ["0", ADDRESS], "{run:?}");
    assert_eq!(
        shim.run(compile("bind"), &["tcp4", "127.0.0.9", "0"])
            .words()[0],
        "EPERM"
    );
    let run = shim.run(compile("connect"), &["udp6", "::ffff:127.0.0.1", &port]);
    assert_eq!(run.words()[..2], ["0", "::ffff:127.0.0.2"], "{run:?}");
    shim.run(compile("cancel"), &["connect"])
        .says("cancelled cleaned");
}

/// The environment is read once: what a program does to it later lifts nothing.
#[test]
fn the_environment_is_read_once() {
    if !skip::command("perl") {
        return;
    }
    let script = "use Socket; %ENV = (); $0 = 'x' x 4000;
        socket(my $s, PF_INET, SOCK_STREAM, 0);
        print bind($s, sockaddr_in(0, INADDR_ANY)) ? inet_ntoa((sockaddr_in(getsockname $s))[1]) : $!;";
    Shim::ipv4(ADDRESS)
        .run("perl", &["-e", script])
        .says(ADDRESS);
}
