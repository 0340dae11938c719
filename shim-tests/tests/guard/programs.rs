//! Static programs, set-uid ones, and others that the library doesn't reach.

use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;

use shim_tests::artifacts::workspace;
use shim_tests::{Shim, go, harness, skip};

use crate::guarded::{ADDRESS, Guarded};

/// A program of the C harness, linked statically; skips where that can't be done.
fn static_harness(compiler: &str, name: &str) -> Option<PathBuf> {
    if !skip::command(compiler) {
        return None;
    }
    let to = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{compiler}-static"));
    let status = Command::new(compiler)
        .args(["-std=gnu11", "-static", "-pthread", "-o"])
        .arg(&to)
        .arg(workspace().join("c-harness").join(name).with_extension("c"))
        .status();
    assert!(status.expect("it runs").success(), "{compiler} {name}");
    Some(to)
}

#[test]
fn a_static_server_and_client_of_go() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guard/server_and_client.go");
    let Some(program) = go::build(&source, Path::new(env!("CARGO_TARGET_TMPDIR"))) else {
        return;
    };
    let bare = Shim::without().run(&program, &[]);
    assert_eq!(bare.out, "[::] 127.0.0.1 127.0.0.1 <nil>", "{}", bare.err);
    for guarded in Guarded::by_all() {
        let run = guarded.run(guarded.copy(&program), &[]);
        run.says(
            "127.0.0.2 127.0.0.2 127.0.0.2 listen tcp 127.0.0.3:0: bind: operation not permitted",
        );
    }
}

#[test]
fn static_programs_of_c() {
    for compiler in ["musl-gcc", "cc"] {
        let (Some(bind), Some(connect)) = (
            static_harness(compiler, "bind"),
            static_harness(compiler, "connect"),
        ) else {
            continue;
        };
        let (_peer, port) = shim_tests::peer::udp_port("127.0.0.1");
        for guarded in Guarded::by_all() {
            let (bind, connect) = (guarded.copy(&bind), guarded.copy(&connect));
            guarded
                .run(&bind, &["tcp4", "0.0.0.0", "0"])
                .begins("0 127.0.0.2 ");
            guarded
                .run(&bind, &["tcp6", "::", "0"])
                .begins("0 ::ffff:127.0.0.2 ");
            guarded
                .run(&bind, &["tcp4", "127.0.0.3", "0"])
                .says("EPERM 0.0.0.0 0");
            let run = guarded.run(&connect, &["udp4", "127.0.0.1", &port]);
            run.begins("0 127.0.0.2 ");
        }
    }
}

#[test]
fn static_busybox() {
    if !skip::command("busybox") {
        return;
    }
    let listener = shim_tests::peer::Listener::on("127.0.0.1");
    let guarded = Guarded::new();
    let mut command = guarded.command("busybox");
    command.args(["nc", "127.0.0.1", &listener.port()]);
    let mut client = command.spawn().expect("the guard starts");
    // What is accepted is closed at once, which ends the client.
    assert_eq!(listener.peer().ip().to_string(), ADDRESS);
    assert!(client.wait().expect("it is our child").success());
}

#[test]
fn programs_without_an_environment() {
    for guarded in Guarded::by_all() {
        let bind = guarded.copy(&harness("bind"));
        let bind = bind.to_str().expect("UTF-8");
        let run = guarded.run("env", &["-i", bind, "tcp4", "0.0.0.0", "0"]);
        run.begins("0 127.0.0.2 ");
    }
}

#[test]
fn set_uid_programs_have_no_more_rights() {
    let Some(guarded) = Guarded::by_nobody() else {
        return;
    };
    let set_uid = |program: &Path| {
        let copy = guarded.copy(program);
        chown(&copy, Some(0), Some(0)).expect("this is root");
        guarded.set_mode(&copy, 0o4755);
        copy
    };
    let bind = set_uid(&harness("bind"));
    guarded
        .run(&bind, &["tcp4", "0.0.0.0", "0"])
        .begins("0 127.0.0.2 ");
    let id = set_uid(Path::new("/usr/bin/id"));
    guarded.run(&id, &["-u"]).says("65534");
}

#[test]
fn libc_s_own_resolver() {
    let (Some(netns), true, true) = (
        skip::netns("a name server of its own"),
        skip::command("unshare"),
        skip::command("getent"),
    ) else {
        return;
    };
    let directory = shim_tests::PolicyDir::new();
    let resolv = directory.path().join("resolv.conf");
    fs::write(
        &resolv,
        "nameserver 127.0.0.9\noptions timeout:5 attempts:1\n",
    )
    .expect("ours");
    let server = std::thread::scope(|scope| {
        let inside = scope.spawn(|| {
            netns.enter();
            std::net::UdpSocket::bind("127.0.0.9:53").expect("the namespace is ours")
        });
        inside.join().expect("no panic")
    });
    let script = "mount --bind \"$0\" /etc/resolv.conf && exec \"$@\"";
    let asks_from = |command: Command| {
        let mut child = { command }.spawn().expect("it starts");
        let timeout = Some(std::time::Duration::from_secs(60));
        server.set_read_timeout(timeout).expect("a timeout");
        let mut question = [0; 512];
        let (count, from) = server.recv_from(&mut question).expect("a question");
        // "There is no such name", so that nobody waits.
        question[2..4].copy_from_slice(&[0x81, 0x83]);
        let _ = server.send_to(&question[..count], from);
        child.wait().expect("it is our child");
        // The other question, for the other kind of address.
        let short = Some(std::time::Duration::from_millis(100));
        server.set_read_timeout(short).expect("a timeout");
        while server.recv_from(&mut question).is_ok() {}
        from.ip().to_string()
    };
    let resolv = resolv.to_str().expect("UTF-8");
    let prefix = [
        "ip",
        "netns",
        "exec",
        netns.name(),
        "unshare",
        "--mount",
        "sh",
        "-c",
        script,
        resolv,
    ];
    let mut bare = Command::new(prefix[0]);
    bare.args(&prefix[1..])
        .args(["getent", "hosts", "name.invalid"]);
    assert_eq!(asks_from(bare), "127.0.0.1");
    let guarded = Guarded::new().by(&prefix);
    let mut command = guarded.command("getent");
    command.args(["hosts", "name.invalid"]);
    assert_eq!(asks_from(command), ADDRESS);
}
