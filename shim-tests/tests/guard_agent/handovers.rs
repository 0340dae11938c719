//! Who may hand over what, and where.

use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use shim_tests::skip;

use crate::agent::{ADDRESS, Agent, state};

/// Sends bytes, and waits until the agent closes the connection.
fn send(agent: &Agent, text: &[u8]) {
    let mut stream = UnixStream::connect(agent.socket()).expect("the agent listens");
    let timeout = Some(Duration::from_secs(60));
    stream.set_read_timeout(timeout).expect("a timeout");
    // It may close it before it has read all.
    let _ = stream.write_all(text);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let ended = stream.read(&mut [0]);
    assert!(!matches!(ended, Ok(1..)), "{ended:?}");
}

#[test]
fn messages_that_are_none() {
    let agent = Agent::start(&[]);
    agent.policy.write("", "ipv4", ADDRESS);
    let whole = state("one", "1").replace('%', "1");
    let expected = |agent: &Agent, text: &[u8], why: &str| {
        send(agent, text);
        agent.wait_for_log(&format!(
            "ipaddr-guard: what a runtime has sent is of no use: {why}"
        ));
    };
    send(&agent, b"");
    assert_eq!(agent.log(), "", "nothing is said of who sends nothing");
    let half = &whole.as_bytes()[..whole.len() / 2];
    let why = "it ends too early: expected a container's state";
    expected(&agent, half, why);
    expected(&agent, b"garbage", "the container's state: expected value");
    expected(&agent, b"{}", "the container's state: missing field");
    expected(
        &agent,
        b"\0\xff\xfe",
        "the container's state: expected value",
    );
    let without = whole.replace("seccompFd", "other");
    expected(
        &agent,
        without.as_bytes(),
        "the container's state: fds: expected",
    );
    let why = "descriptors that came with it: 0: expected 1";
    expected(&agent, whole.as_bytes(), why);
    let mut long = b"{\"a\": \"".to_vec();
    long.resize(5 << 20, b'a');
    expected(&agent, &long, "it is too much");
    agent.container("one", None).binds("0 127.0.0.2 ");
}

/// As crun 1.8 does for `crun exec`.
#[test]
fn a_state_without_a_process() {
    let agent = Agent::start(&[]);
    agent.policy.write("", "ipv4", ADDRESS);
    let without = state("one", "0");
    let answer = agent.process(&without, None).ask(crate::agent::BIND);
    assert!(answer.starts_with("ENOSYS "), "{answer}");
    agent.wait_for_log(
        "container \"one\": it isn't known, and the runtime doesn't say its first process: expected \
         the pid of its state; its calls fail with ENOSYS",
    );
    let _first = agent.container("one", None);
    agent.process(&without, None).binds("0 127.0.0.2 ");
    assert_eq!(agent.supervisors().len(), 1);
}

/// A state may be longer than one message of the kernel's, and come slowly.
#[test]
fn a_state_that_comes_in_pieces() {
    let agent = Agent::start(&[]);
    let whole = state("one", "1").replace('%', "1");
    let annotations = "x".repeat(300_000);
    let long = whole.replace(
        "\"bundle\"",
        &format!("\"annotations\": {{\"a\": \"{annotations}\"}}, \"bundle\""),
    );
    send(&agent, long.as_bytes());
    let why = "descriptors that came with it: 0: expected 1";
    agent.wait_for_log(why);
    let mut stream = UnixStream::connect(agent.socket()).expect("the agent listens");
    for byte in whole.as_bytes() {
        stream.write_all(&[*byte]).expect("the agent reads");
    }
    let timeout = Some(Duration::from_secs(60));
    stream.set_read_timeout(timeout).expect("a timeout");
    assert_eq!(stream.read(&mut [0]).expect("the agent closes it"), 0);
    assert_eq!(agent.log().matches(why).count(), 2, "{}", agent.log());
}

/// Nobody waits for a runtime that sends nothing.
#[test]
fn a_runtime_that_sends_nothing() {
    let agent = Agent::start(&[]);
    agent.policy.write("", "ipv4", ADDRESS);
    let connect = || UnixStream::connect(agent.socket()).expect("the agent listens");
    let _silent: Vec<_> = (0..10).map(|_| connect()).collect();
    agent.container("one", None).binds("0 127.0.0.2 ");
}

#[test]
fn a_descriptor_that_is_no_listener() {
    if !skip::command("python3") {
        return;
    }
    let agent = Agent::start(&[]);
    let send = "import os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
for _ in range(int(sys.argv[3]) - 1):
    socket.send_fds(s, [b' '], [0])
socket.send_fds(s, [sys.argv[2].encode()], [0])
s.recv(1)";
    let status = |count: &str| {
        let mut command = Command::new("python3");
        command.args(["-c", send]).arg(agent.socket());
        command.arg(state("one", "1").replace('%', "1")).arg(count);
        let status = command.stdin(Stdio::null()).stderr(Stdio::null()).status();
        status.expect("python3 starts")
    };
    assert!(status("1").success());
    agent.wait_for_log("its descriptor is something else: expected a seccomp listener");
    let _ = status("100");
    agent.wait_for_log("it is too much: expected a state of at most");
    let descriptors = fs::read_dir(format!("/proc/{}/fd", agent.pid()));
    assert!(descriptors.expect("it runs").count() < 10);
}

#[test]
fn other_users_may_not() {
    if !(skip::root_for("becoming another user") && skip::command("setpriv")) {
        return;
    }
    let agent = Agent::start(&[]);
    let mode = |path| {
        fs::metadata(path)
            .expect("it is there")
            .permissions()
            .mode()
    };
    assert_eq!(mode(agent.socket()) & 0o777, 0o600);
    let hand_over = || {
        let container = agent.in_container(&state("one", "%"), "bind");
        let user = ["--reuid", "65534", "--regid", "65534", "--clear-groups"];
        let mut command = Command::new("setpriv");
        command.args(user).arg(container.get_program());
        command.args(container.get_args());
        let output = command.args(["tcp4", "0.0.0.0", "0"]).output();
        let output = output.expect("it starts");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert_eq!(hand_over(), "connect: EACCES\n");
    // Not even where somebody has changed the mode.
    fs::set_permissions(agent.socket(), Permissions::from_mode(0o666)).expect("it is ours");
    let said = hand_over();
    let is_closed = said.starts_with("ENOSYS ") || said == "sendmsg: EPIPE\n";
    assert!(is_closed, "{said}");
    agent.wait_for_log("a connection is refused: user 65534 may not hand over listeners");
}

#[test]
fn a_place_that_is_taken() {
    let mut agent = Agent::start(&[]);
    let second = agent.command(&[]).status().expect("it starts");
    assert_eq!(second.code(), Some(125));
    let said = "agent.sock: another agent listens there: expected one agent for a socket";
    agent.wait_for_log(said);
    agent.terminate();
    fs::write(agent.socket(), "").expect("the directory is ours");
    let second = agent.command(&[]).status().expect("it starts");
    assert_eq!(second.code(), Some(125));
    agent.wait_for_log("agent.sock: is there and no socket");
    assert!(agent.socket().is_file(), "it isn't removed");
    fs::remove_file(agent.socket()).expect("it is ours");
    // A stale one is replaced.
    drop(UnixListener::bind(agent.socket()).expect("the directory is ours"));
    agent.restart(&[]);
    agent.container("one", None).binds("0 0.0.0.0 ");
}

/// Else each of two that start at once would remove what the other has made.
#[test]
fn one_agent_at_a_time_makes_its_socket() {
    let mut agent = Agent::start(&[]);
    agent.kill();
    let directory = fs::File::open(agent.run_directory()).expect("it is ours");
    directory.lock().expect("nobody has it");
    let mut waiting = agent.command(&[]).spawn().expect("it starts");
    std::thread::sleep(Duration::from_secs(1));
    let early = UnixStream::connect(agent.socket()).is_ok();
    directory.unlock().expect("it is ours");
    crate::agent::wait_for("the socket", || UnixStream::connect(agent.socket()).is_ok());
    let _ = waiting.kill();
    let _ = waiting.wait();
    assert!(!early, "it hasn't waited");
}

/// Of agents that start at once one has the socket.
#[test]
fn agents_that_start_at_once() {
    let mut agent = Agent::start(&[]);
    agent.kill();
    for _ in 0..5 {
        let start = || agent.command(&[]).spawn().expect("it starts");
        let mut all: Vec<_> = (0..8).map(|_| start()).collect();
        let mut ended = 0;
        crate::agent::wait_for("all but one end", || {
            ended = all
                .iter_mut()
                .filter_map(|one| one.try_wait().expect("ours"))
                .count();
            ended >= all.len() - 1
        });
        assert_eq!(ended, all.len() - 1);
        assert!(UnixStream::connect(agent.socket()).is_ok());
        for mut one in all {
            let _ = one.kill();
            let _ = one.wait();
        }
    }
}
