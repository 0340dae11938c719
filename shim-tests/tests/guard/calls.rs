//! Calls that the library doesn't see, and those that need more than the rules.

use shim_tests::peer::{Listener, udp_port};
use shim_tests::{Shim, harness, skip};

use crate::guarded::{ADDRESS, Guarded};

#[test]
fn system_calls_of_32_bit_programs() {
    let bare = Shim::without().harness("int80", &[]);
    if !bare.out.starts_with("0 0.0.0.0 ") {
        return skip::skip("the kernel takes no system calls of 32-bit programs");
    }
    Guarded::new()
        .harness("int80", &[])
        .says("ENOSYS 0.0.0.0 0");
}

#[test]
fn rings_are_refused() {
    let bare = Shim::without().harness("rings", &[]);
    if bare.words()[1..] == ["ENOSYS", "ENOSYS"] {
        return skip::skip("the kernel has no io_uring");
    }
    Guarded::new()
        .harness("rings", &[])
        .says("ENOSYS ENOSYS ENOSYS");
}

/// node takes io_uring where there is one, and does without where there is none.
#[test]
fn node_with_rings() {
    if !skip::command("node") {
        return;
    }
    let program = "const server = require('net').createServer().listen(0, () => {
        require('fs').readFile('/etc/hostname', () => {
            console.log(server.address().address);
            server.close();
        });
    });";
    let guarded = Guarded::new();
    let mut command = guarded.command("node");
    command.env("UV_USE_IO_URING", "1").args(["-e", program]);
    let output = command.output().expect("the guard starts");
    let out = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    assert_eq!(out, "::ffff:127.0.0.2", "{output:?}");
}

#[test]
fn sockets_that_choose_addresses_by_themselves() {
    let run = Guarded::new().run(
        "python3",
        &[
            "-c",
            "import errno, socket
for family, kind, protocol in (2, 1, 262), (10, 1, 262), (2, 1, 132), (2, 5, 0), (43, 1, 0):
    try:
        socket.socket(family, kind, protocol)
        print('made')
    except OSError as error:
        print(errno.errorcode[error.errno])",
        ],
    );
    let unsupported = "EPROTONOSUPPORT";
    let expected = [
        unsupported,
        unsupported,
        unsupported,
        "ESOCKTNOSUPPORT",
        "EAFNOSUPPORT",
    ];
    run.says(&expected.join("\n"));
}

#[test]
fn other_families_are_untouched() {
    for guarded in Guarded::by_all() {
        let path = guarded
            .path()
            .with_file_name(format!("socket-{}", std::process::id()));
        // The directory is this process's user's.
        let path = match guarded.run("id", &["-u"]).out.as_str() {
            "65534" => format!("/tmp/ipaddr-guard-{}", std::process::id()),
            _ => path.to_str().expect("UTF-8").to_owned(),
        };
        guarded.harness("unix_socket", &[&path]).says("0 0");
    }
}

#[test]
fn other_network_namespaces_are_untouched() {
    if !skip::root_for("a network namespace") {
        return;
    }
    let guarded = Guarded::new();
    let bind = guarded.copy(&harness("bind"));
    let bind = bind.to_str().expect("UTF-8");
    let run = guarded.run("unshare", &["--net", bind, "tcp4", "0.0.0.0", "0"]);
    run.begins("0 0.0.0.0 ");
}

/// The port that anybody may bind begins at 1024.
#[test]
fn privileged_ports_are_the_program_s_own_affair() {
    let Some(netns) = skip::netns("ports of its own") else {
        return;
    };
    let by = ["ip", "netns", "exec", netns.name()];
    let guarded = Guarded::new().by(&by);
    let bind = guarded.copy(&harness("bind"));
    let bind = bind.to_str().expect("UTF-8");
    let as_nobody = |port: &str, more: &[&str]| {
        let user = ["--reuid", "65534", "--regid", "65534", "--clear-groups"];
        let words = [&user[..], more, &[bind, "tcp4", "0.0.0.0", port]].concat();
        guarded.run("setpriv", &words)
    };
    guarded
        .run(bind, &["tcp4", "0.0.0.0", "80"])
        .says("0 127.0.0.2 80");
    as_nobody("80", &[]).says("EACCES 0.0.0.0 0");
    as_nobody("8080", &[]).says("0 127.0.0.2 8080");
    let kept = [
        "--inh-caps",
        "+net_bind_service",
        "--ambient-caps",
        "+net_bind_service",
    ];
    as_nobody("80", &kept).says("0 127.0.0.2 80");
    // A capability in a user namespace of its own is none here.
    let mapped = ["--map-root-user", bind, "tcp4", "0.0.0.0", "80"];
    let run = guarded.run("unshare", &[&["--user"], &mapped[..]].concat());
    run.says("EACCES 0.0.0.0 0");
    netns.set("ipv4/ip_unprivileged_port_start", "79");
    as_nobody("80", &[]).says("0 127.0.0.2 80");
}

#[test]
fn a_program_s_own_landlock_is_not_widened() {
    let bare = Shim::without().harness("landlock", &[ADDRESS, "network"]);
    if !bare.out.starts_with("EACCES") {
        return skip::skip("the kernel has no Landlock for the network");
    }
    let guarded = Guarded::new();
    // The wildcard would have to be changed, which nobody does for such a program.
    let run = guarded.harness("landlock", &[ADDRESS, "network"]);
    run.says("EACCES 0.0.0.0 0 EPERM 0.0.0.0 0");
    // Rules for files are no reason to.
    let run = guarded.harness("landlock", &[ADDRESS, "files"]);
    let words: Vec<_> = run.out.split(' ').collect();
    assert_eq!(
        [&words[..2], &words[3..5]].concat(),
        ["0", ADDRESS, "0", ADDRESS],
        "{run:?}"
    );
}

/// What such a program has inherits whoever it starts.
#[test]
fn children_of_a_landlocked_program_neither() {
    if !Shim::without()
        .harness("landlock", &[ADDRESS, "network"])
        .out
        .starts_with("EACCES")
    {
        return skip::skip("the kernel has no Landlock for the network");
    }
    let guarded = Guarded::new();
    let [landlock, bind] = ["landlock", "bind"].map(|name| guarded.copy(&harness(name)));
    let script = format!(
        "{bind} tcp4 0.0.0.0 0; {landlock} {ADDRESS} network; {bind} tcp4 0.0.0.0 0",
        bind = bind.display(),
        landlock = landlock.display(),
    );
    let run = guarded.run("sh", &["-c", &script]);
    let lines: Vec<_> = run.out.lines().collect();
    assert!(lines[0].starts_with("0 127.0.0.2 "), "{run:?}");
    // Nobody can tell that it isn't one.
    assert_eq!(lines[2], "EPERM 0.0.0.0 0", "{run:?}");
}

#[test]
fn a_program_that_nobody_may_trace() {
    if let Some(guarded) = Guarded::by_nobody() {
        let run = guarded.harness("undumpable", &[]);
        run.says("EPERM 0.0.0.0 0");
        assert!(run.err.contains("it is not dumpable"), "{run:?}");
    }
    if skip::root_for("CAP_SYS_PTRACE") {
        Guarded::new()
            .harness("undumpable", &[])
            .begins("0 127.0.0.2 ");
    }
}

#[test]
fn many_destinations_in_one_call() {
    let (socket, port) = udp_port("127.0.0.1");
    let guarded = Guarded::new();
    let arguments = [
        "udp4",
        "sendmmsg",
        "127.0.0.1",
        &port,
        "-",
        "-",
        "-",
        "-",
        "-",
    ];
    guarded.harness("send", &arguments).begins("0 5 127.0.0.2 ");
    for _ in 0..5 {
        let (_, from) = socket.recv_from(&mut [0]).expect("a datagram");
        assert_eq!(from.ip().to_string(), ADDRESS);
    }
    // Those before one that is refused are sent.
    let arguments = [
        "udp4",
        "sendmmsg",
        "127.0.0.1",
        &port,
        "-",
        "-",
        "127.0.0.3",
        "-",
    ];
    guarded.harness("send", &arguments).begins("0 2 127.0.0.2 ");
    for _ in 0..2 {
        let (_, from) = socket.recv_from(&mut [0]).expect("a datagram");
        assert_eq!(from.ip().to_string(), ADDRESS);
    }
    socket.set_nonblocking(true).expect("it can be");
    assert!(socket.recv_from(&mut [0]).is_err());
}

#[test]
fn a_source_that_a_message_chooses() {
    let (socket, port) = udp_port("127.0.0.1");
    for how in ["sendmsg", "sendmmsg"] {
        let send =
            |source| Guarded::new().harness("send", &["udp4", how, "127.0.0.1", &port, source]);
        send("127.0.0.3").begins("EPERM");
        send(ADDRESS).begins("0");
        let (_, from) = socket.recv_from(&mut [0]).expect("a datagram");
        assert_eq!(from.ip().to_string(), ADDRESS, "{how}");
        // The kernel would choose another.
        send("0.0.0.0").begins("0");
        let (_, from) = socket.recv_from(&mut [0]).expect("a datagram");
        assert_eq!(from.ip().to_string(), ADDRESS, "{how}");
    }
}

#[test]
fn a_send_that_opens_a_connection() {
    for how in ["fastopen:sendto", "fastopen:sendmsg"] {
        let listener = Listener::on("127.0.0.1");
        let run = Guarded::new().harness("send", &["tcp4", how, "127.0.0.1", &listener.port()]);
        run.begins("0 127.0.0.2 ");
        assert_eq!(listener.peer().ip().to_string(), ADDRESS, "{how}");
    }
}

/// A family that asks the kernel itself; its sends have a destination too.
#[test]
fn netlink_is_untouched() {
    if !skip::command("ip") {
        return;
    }
    let arguments = ["-o", "address", "show", "dev", "lo"];
    let bare = Shim::without().run("ip", &arguments);
    assert!(bare.out.contains("127.0.0.1/8"), "{bare:?}");
    Guarded::new().run("ip", &arguments).says(&bare.out);
}

#[test]
fn a_connect_that_does_not_wait() {
    let listener = Listener::on("127.0.0.1");
    let program = "import errno, select, socket, sys
client = socket.socket()
client.setblocking(False)
result = client.connect_ex(('127.0.0.1', int(sys.argv[1])))
select.select([], [client], [], 60)
error = client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
print(errno.errorcode.get(result, result), error, client.getsockname()[0])";
    let run = Guarded::new().run("python3", &["-c", program, &listener.port()]);
    run.says("EINPROGRESS 0 127.0.0.2");
    assert_eq!(listener.peer().ip().to_string(), ADDRESS);
}
