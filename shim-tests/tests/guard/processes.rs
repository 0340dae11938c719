//! Threads, signals, daemons, exit statuses.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use shim_tests::peer::udp_port;
use shim_tests::{Shim, harness, skip};

use crate::guarded::{Guarded, is_ended_by, send};

/// Waits for something that comes about on its own.
#[track_caller]
pub fn wait_for(what: &str, mut is_there: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_there() {
        assert!(begin.elapsed() < Duration::from_secs(60), "{what}");
        sleep(Duration::from_millis(20));
    }
}

fn is_gone(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.map_or(true, |stat| stat.contains(") Z "))
}

#[test]
fn threads_with_descriptors_of_their_own() {
    for guarded in Guarded::by_all() {
        guarded
            .harness("own_descriptors", &[])
            .begins("0 127.0.0.2 ");
    }
}

#[test]
fn a_thread_that_outlives_the_first() {
    for guarded in Guarded::by_all() {
        guarded.harness("exited_leader", &[]).begins("0 127.0.0.2 ");
    }
}

#[test]
fn children_by_vfork_and_posix_spawn() {
    let (_peer, port) = udp_port("127.0.0.1");
    let guarded = Guarded::new();
    guarded
        .harness("vfork_connect", &[&port])
        .begins("0 127.0.0.2 ");
    let bind = guarded.copy(&harness("bind"));
    let program = "import os, sys
child = os.posix_spawn(sys.argv[1], [*sys.argv[1:]], {})
os.waitpid(child, 0)";
    let bind = bind.to_str().expect("UTF-8");
    let run = guarded.run("python3", &["-c", program, bind, "tcp4", "0.0.0.0", "0"]);
    run.begins("0 127.0.0.2 ");
}

/// A call that a signal interrupts before the supervisor has it is restarted, or is EINTR where the
/// handler is without SA_RESTART. Later none interrupts it: a bind that is made twice is EINVAL.
#[test]
fn signals_while_a_call_is_judged() {
    for flag in ["restart", "interrupt"] {
        Guarded::new()
            .harness("timer_binds", &["20000", flag])
            .says("0 some");
    }
}

#[test]
fn a_connect_that_waits_is_interrupted() {
    Guarded::new()
        .harness("interrupted_connect", &[])
        .says("EINTR then");
}

#[test]
fn the_exit_status_is_the_command_s() {
    for guarded in Guarded::by_all() {
        assert_eq!(guarded.run("sh", &["-c", "exit 7"]).code(), Some(7));
        assert_eq!(guarded.run("true", &[]).code(), Some(0));
        let run = guarded.run("/nonexistent", &[]);
        assert_eq!(run.code(), Some(127), "{run:?}");
        assert!(run.err.contains("/nonexistent: "), "{run:?}");
        assert_eq!(guarded.run("/etc/passwd", &[]).code(), Some(126));
    }
}

#[test]
fn a_signal_that_ends_the_command_ends_the_guard() {
    for signal in ["KILL", "TERM", "SEGV"] {
        let guarded = Guarded::new();
        let mut started = guarded.start(
            "sh",
            &["-c", "echo ready; read line; kill -$1 $$", "", signal],
        );
        let number = match signal {
            "KILL" => libc::SIGKILL,
            "TERM" => libc::SIGTERM,
            _ => libc::SIGSEGV,
        };
        started.ask_nothing();
        let run = started.end();
        assert!(is_ended_by(run.status, number), "{signal}: {run:?}");
    }
}

#[test]
fn signals_reach_the_command() {
    let script = "trap 'echo got; exit 3' $1; echo ready; while :; do sleep 0.05; done";
    for (name, signal) in [
        ("TERM", libc::SIGTERM),
        ("USR1", libc::SIGUSR1),
        ("HUP", libc::SIGHUP),
    ] {
        let mut started = Guarded::new().start("sh", &["-c", script, "", name]);
        send(started.pid(), signal);
        let run = started.end();
        assert_eq!((run.out.as_str(), run.code()), ("got", Some(3)), "{run:?}");
    }
}

/// As kill -9 would the command itself.
#[test]
fn the_command_ends_with_a_parent_that_is_killed() {
    let mut started = Guarded::new().start("sh", &["-c", "echo ready; exec sleep 100"]);
    let (command, supervisor) = (started.command(), started.supervisor());
    send(started.pid(), libc::SIGKILL);
    let _ = started.end_of_parent();
    wait_for("the command ends", || is_gone(command));
    wait_for("the supervisor ends", || is_gone(supervisor));
}

#[test]
fn the_first_process_of_a_namespace() {
    if !(skip::root_for("PID namespaces") && skip::command("unshare")) {
        return;
    }
    let guarded = Guarded::new().by(&["unshare", "--pid", "--fork", "--mount-proc"]);
    guarded
        .harness("bind", &["tcp4", "0.0.0.0", "0"])
        .begins("0 127.0.0.2 ");
    assert_eq!(guarded.run("sh", &["-c", "exit 7"]).code(), Some(7));
    let run = guarded.run("sh", &["-c", "kill -9 $$"]);
    assert_eq!(run.code(), Some(128 + 9), "{run:?}");
    // Without a /proc of its own nothing could be told of the processes.
    let guarded = Guarded::new().by(&["unshare", "--pid", "--fork"]);
    let run = guarded.run("true", &[]);
    assert_eq!(run.code(), Some(125), "{run:?}");
    assert!(run.err.contains("/proc: "), "{run:?}");
}

#[test]
fn daemons_outlive_the_command_and_stay_guarded() {
    for guarded in Guarded::by_all() {
        let (go, out) = (guarded.file("go"), guarded.file("out"));
        let bind = guarded.copy(&harness("bind"));
        let script = format!(
            "setsid sh -c 'until [ -s {go} ]; do sleep 0.05; done; {bind} tcp4 0.0.0.0 0 >{out}' \
             </dev/null >/dev/null 2>&1 &",
            go = go.display(),
            bind = bind.display(),
            out = out.display(),
        );
        // It doesn't wait for the daemon.
        guarded.run("sh", &["-c", &script]).says("");
        fs::write(&go, "go\n").expect("it is ours");
        let said = || fs::read_to_string(&out).expect("it is there");
        wait_for("the daemon binds", || said().ends_with('\n'));
        assert!(said().starts_with("0 127.0.0.2 "), "{}", said());
    }
}

#[test]
fn without_the_supervisor_nothing_is_let_through() {
    for guarded in Guarded::by_all() {
        let mut started = guarded.start(guarded.copy(&harness("on_demand")), &[]);
        assert!(
            started
                .ask("tcp4 bind 0.0.0.0 0")
                .starts_with("0 127.0.0.2 ")
        );
        let supervisor = started.supervisor();
        send(supervisor, libc::SIGKILL);
        wait_for("the supervisor ends", || is_gone(supervisor));
        assert!(
            started
                .ask("tcp4 bind 0.0.0.0 0")
                .starts_with("ENOSYS 0.0.0.0 ")
        );
        let run = started.end();
        assert!(
            run.status.success(),
            "the status is still the command's: {run:?}"
        );
        assert!(run.err.contains("has been killed"), "{run:?}");
    }
}

/// Sessions are scheduled apart, so a supervisor in one of its own would let calls wait longer; and a
/// terminal neither interrupts nor stops it.
#[test]
fn the_supervisor_is_of_the_caller_s_session() {
    let guarded = Guarded::new();
    let mut started = guarded.start("sh", &["-c", "echo ready; read line; read line"]);
    let supervisor = started.supervisor();
    wait_for("a process group of its own", || {
        group_and_session(supervisor).0 == supervisor
    });
    let (_, own_session) = group_and_session(std::process::id());
    assert_eq!(group_and_session(supervisor).1, own_session);
    let stops = [libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU];
    wait_for("job control is blocked", || {
        let blocked = blocked_signals(supervisor);
        stops
            .iter()
            .all(|signal| blocked & (1 << (signal - 1)) != 0)
    });
    started.ask_nothing();
    started.ask_nothing();
    started.end();
}

fn group_and_session(pid: u32) -> (u32, u32) {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    let (_, behind_name) = stat.rsplit_once(')').expect("a name");
    let words: Vec<_> = behind_name.split_whitespace().collect();
    let number = |index: usize| words[index].parse().expect("a number");
    (number(2), number(3))
}

fn blocked_signals(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let mut lines = status.lines();
    let mask = lines.find_map(|line| line.strip_prefix("SigBlk:"));
    u64::from_str_radix(mask.expect("SigBlk").trim(), 16).expect("a mask")
}

/// Programs of the same user can't get at the supervisor.
#[test]
fn the_supervisor_cannot_be_traced() {
    let Some(guarded) = Guarded::by_nobody() else {
        return;
    };
    let mut started = guarded.start(
        "sh",
        &[
            "-c",
            "echo ready; read line; cat /proc/$PPID/mem; echo $?; read line",
        ],
    );
    assert_ne!(started.ask(""), "0");
    let run = started.end();
    assert!(run.err.contains("Permission denied"), "{run:?}");
}

#[test]
fn a_guard_within_a_guard() {
    let guarded = Guarded::new();
    let guard = guarded.path();
    let inner = guard.to_str().expect("UTF-8");
    let run = guarded.run(inner, &["--ip", "127.0.0.2", "--", "true"]);
    assert_eq!(run.code(), Some(125), "{run:?}");
    assert!(
        run.err.contains("there is a guard around this one"),
        "{run:?}"
    );
}

/// Signals and files are as the guard has found them.
#[test]
fn the_command_inherits_what_the_guard_has() {
    let arguments = ["-E", "^Sig(Ign|Blk):", "/proc/self/status"];
    let bare = Shim::without().run("grep", &arguments);
    Guarded::new().run("grep", &arguments).says(&bare.out);
    let arguments = ["/proc/self/fd"];
    let bare = Shim::without().run("ls", &arguments);
    Guarded::new().run("ls", &arguments).says(&bare.out);
}

/// Who waits until the command closes a pipe doesn't wait for the guard.
#[test]
fn only_the_command_keeps_the_caller_s_files() {
    let guarded = Guarded::new();
    let file = guarded.file("file");
    let script =
        "echo ready; exec >&-; for i in $(seq 600); do [ ! -s \"$0\" ] || exit 5; sleep 0.1; done";
    let mut started = guarded.start("sh", &["-c", script, file.to_str().expect("UTF-8")]);
    assert_eq!(started.line(), "", "the end of the output");
    fs::write(&file, "go\n").expect("it is ours");
    let run = started.end();
    assert_eq!(run.code(), Some(5), "the command was still there: {run:?}");
}

/// Each of them gets its turn.
#[test]
fn many_threads_at_once() {
    let (_peer, port) = udp_port("127.0.0.1");
    let program = "import socket, sys, threading
sent = []
def send():
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for _ in range(500):
        client.sendto(b'x', ('127.0.0.1', int(sys.argv[1])))
    sent.append(client.getsockname()[0])
threads = [threading.Thread(target=send) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(len(sent), *set(sent))";
    Guarded::new()
        .run("python3", &["-c", program, &port])
        .says("8 127.0.0.2");
}

#[test]
fn a_tracer_inside() {
    if !skip::command("strace") {
        return;
    }
    let guarded = Guarded::new();
    let bind = guarded.copy(&harness("bind"));
    let bind = bind.to_str().expect("UTF-8");
    let arguments = ["-f", "-o", "/dev/null", bind, "tcp4", "0.0.0.0", "0"];
    guarded.run("strace", &arguments).begins("0 127.0.0.2 ");
}
