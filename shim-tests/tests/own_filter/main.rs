//! Programs with a seccomp filter that kills them for any system call but their own.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use shim_tests::peer::{refused_port, udp_port};
use shim_tests::{FrontEnd, PolicyDir, Shim, ports, skip};
use tempfile::TempDir;

const ADDRESS: &str = "127.0.0.2";

/// Steps of c-harness/own_filter.c, a `PORT` of UDP in them.
#[track_caller]
fn steps(shim: &Shim, port: &str, steps: &str, expected: &str) {
    let steps = steps.replace("PORT", port);
    let arguments: Vec<_> = steps.split(' ').collect();
    let run = shim.harness("own_filter", &arguments);
    assert!(run.success, "killed? {steps}: {run:?}");
    assert_eq!(run.out, expected, "{steps}");
    assert_eq!(run.err, "", "{steps}");
}

#[test]
fn a_restricted_program() {
    let (_receiver, port) = udp_port("127.0.0.1");
    let refused = refused_port("127.0.0.1");
    let policy = PolicyDir::new();
    policy.write("", "ipv4", ADDRESS);
    for shim in [Shim::ipv4(ADDRESS), Shim::policy(policy.path())] {
        // What would be said is not.
        let shim = shim.var("IPADDR_LOG", "debug");
        let shim = shim.var("IPADDR_LOG_FILE", "/dev/null");
        let does = |what: &str, expected: &str| steps(&shim, &port, what, expected);
        for how in ["prctl", "seccomp", "number"] {
            let filter = |rest: &str| format!("filter={how} {rest}");
            let client = filter("socket=udp4 connect=127.0.0.1:PORT local also=bind");
            does(&client, "0 0 127.0.0.2");
            does(
                &filter("socket=tcp4 bind=0.0.0.0 listen local"),
                "0 0 0 127.0.0.2",
            );
        }
        let client = format!(
            "filter=prctl socket=tcp4 connect=127.0.0.1:{refused} local \
             connect=127.0.0.1:{refused} also=bind"
        );
        does(&client, "0 ECONNREFUSED 127.0.0.2 ECONNREFUSED");
        does(
            "filter=prctl socket=udp4 sendto*3=127.0.0.1:PORT local sendmsg=127.0.0.1:PORT \
             connect=127.0.0.1:PORT dissolve sendto=127.0.0.1:PORT local option also=bind",
            "0 0 127.0.0.2 0 0 0 0 127.0.0.2 0",
        );
        does(
            "filter=prctl socket=udp4 bind=127.0.0.9 bind=127.0.0.1",
            "0 EPERM 0",
        );
        does(
            "filter=prctl socket=udp4 bind=127.0.0.1 connect=127.0.0.1:PORT local",
            "0 0 0 127.0.0.1",
        );
        does(
            "filter=prctl socket=tcp4 listen local also=bind",
            "0 0 127.0.0.2",
        );
        // Many datagrams before, and then one from a new socket.
        does(
            "socket=udp4 sendto*100=127.0.0.1:PORT filter=prctl sendto=127.0.0.1:PORT \
             socket=udp4 sendto=127.0.0.1:PORT local also=bind",
            "0 0 0 0 127.0.0.2",
        );
        // Where all sockets are bound before, even a bind may kill.
        does(
            "socket=udp4 bind=0.0.0.0 filter=prctl sendto=127.0.0.1:PORT local \
             connect=127.0.0.1:PORT sendmsg=127.0.0.1:PORT",
            "0 0 0 127.0.0.2 0 0",
        );
        does(
            "socket=tcp4 bind=0.0.0.0 filter=prctl listen local",
            "0 0 0 127.0.0.2",
        );
        // Bound by somebody else: what can't be told is refused. To the guard nobody else is there.
        does(
            "socket=udp4 foreign=0.0.0.0 filter=prctl sendto=127.0.0.1:PORT \
             connect=127.0.0.1:PORT local also=bind",
            FrontEnd::of_tests().expects("0 0 EPERM EPERM 0.0.0.0", "0 0 0 0 127.0.0.2"),
        );
        // A filter that the kernel doesn't take changes nothing.
        does(
            "filter=fails socket=udp4 connect=127.0.0.1:PORT local",
            "EINVAL 0 127.0.0.2",
        );
    }
}

/// Nobody in the process can give a source there to what is sent from a group.
#[test]
fn a_socket_that_is_bound_to_a_group() {
    let (_receiver, port) = udp_port("127.0.0.1");
    let shim = Shim::ipv4("127.0.0.2,224.0.0.9");
    for what in [
        "filter=prctl socket=udp4 bind=224.0.0.9 sendto=127.0.0.1:PORT",
        "socket=udp4 bind=224.0.0.9 filter=prctl sendto=127.0.0.1:PORT also=bind",
    ] {
        let expected = FrontEnd::of_tests().expects("0 0 EPERM", "0 0 0");
        steps(&shim, &port, what, expected);
    }
}

#[test]
fn a_restricted_program_on_ipv6_sockets() {
    if !skip::ipv6() {
        return;
    }
    let (_receiver, port) = udp_port("127.0.0.1");
    let shim = Shim::ipv4(ADDRESS);
    let does = |what: &str, expected: &str| steps(&shim, &port, what, expected);
    does(
        "filter=prctl socket=tcp6 bind=:: listen local",
        "0 0 0 ::ffff:127.0.0.2",
    );
    does(
        "filter=prctl socket=tcp6 listen local also=bind",
        "0 0 ::ffff:127.0.0.2",
    );
    let sends = "filter=prctl socket=udp6 sendto=127.0.0.1:PORT local \
                 sendto=::ffff:127.0.0.1:PORT also=bind";
    does(sends, "0 0 ::ffff:127.0.0.2 0");
    // IPv6 isn't assigned, and nothing is done for it.
    does(
        "filter=prctl socket=udp6 connect=::1:PORT sendto=::1:PORT",
        "0 0 0",
    );
}

/// Only what is bound by name may be used.
#[test]
fn a_program_without_a_primary_address() {
    let (_receiver, port) = udp_port("127.0.0.1");
    let shim = Shim::ipv4("127.0.0.0/29").var("IPADDR_LOG", "off");
    let does = |what: &str, expected: &str| steps(&shim, &port, what, expected);
    let bound = "socket=udp4 bind=127.0.0.3";
    let used = "connect=127.0.0.1:PORT sendto=127.0.0.1:PORT local also=bind";
    does(&format!("filter=prctl {bound} {used}"), "0 0 0 0 127.0.0.3");
    does(&format!("{bound} filter=prctl {used}"), "0 0 0 0 127.0.0.3");
    does(
        "filter=prctl socket=tcp4 bind=127.0.0.3 listen local",
        "0 0 0 127.0.0.3",
    );
    let unbound = "filter=prctl socket=udp4 connect=127.0.0.1:PORT local also=bind";
    // The library has to bind the socket, to learn whether it is bound.
    let expected = FrontEnd::of_tests().expects("0 EPERM 127.0.0.1", "0 EPERM 0.0.0.0");
    does(unbound, expected);
    does(
        "filter=prctl socket=udp4 sendto=127.0.0.1:PORT also=bind",
        "0 EPERM",
    );
    does("filter=prctl socket=tcp4 listen also=bind", "0 EPERM");
}

/// Nothing is checked any more either.
#[test]
fn an_unrestricted_program() {
    let (_receiver, port) = udp_port("127.0.0.1");
    let policy = PolicyDir::new();
    for shim in [Shim::new(), Shim::policy(policy.path())] {
        let does = |what: &str, expected: &str| steps(&shim, &port, what, expected);
        for how in ["prctl", "seccomp", "number"] {
            let filter = |rest: &str| format!("filter={how} {rest}");
            let client = filter("socket=udp4 connect=127.0.0.1:PORT local dissolve");
            does(&client, "0 0 127.0.0.1 0");
            does(
                &filter("socket=tcp4 bind=0.0.0.0 listen local"),
                "0 0 0 0.0.0.0",
            );
            does(&filter("socket=tcp4 listen local"), "0 0 0.0.0.0");
            // Each 1,024th send would check.
            let sends = filter("socket=udp4 sendto*2100=127.0.0.1:PORT sendmsg=127.0.0.1:PORT");
            does(&sends, "0 0 0");
        }
    }
}

/// A policy that can't be used goes on refusing.
#[test]
fn a_program_whose_policy_cannot_be_used() {
    let (_receiver, port) = udp_port("127.0.0.1");
    let shim = Shim::ipv4("banana").var("IPADDR_LOG", "off");
    let does = |what: &str, expected: &str| steps(&shim, &port, what, expected);
    does(
        "filter=prctl socket=udp4 bind=0.0.0.0 connect=127.0.0.1:PORT sendto=127.0.0.1:PORT \
         socket=tcp4 listen",
        "0 EPERM EPERM EPERM EPERM",
    );
}

/// A filter from before the program began, which allows what loading it takes, how a socket is queried,
/// and what the program itself does: no setsockopt before its own, no kcmp, no getdents64.
#[test]
fn a_filter_that_is_inherited() {
    let (_receiver, port) = udp_port("127.0.0.1");
    let bare = "filter=exec socket=udp4 connect=127.0.0.1:PORT local";
    steps(&Shim::without(), &port, bare, "0 127.0.0.1");
    for (shim, source) in [(Shim::new(), "127.0.0.1"), (Shim::ipv4(ADDRESS), ADDRESS)] {
        let does = |what: &str, expected: &str| steps(&shim, &port, what, expected);
        does(
            "filter=exec socket=udp4 connect=127.0.0.1:PORT local also=bind",
            &format!("0 {source}"),
        );
        does(
            "filter=exec socket=udp4 sendto*200=127.0.0.1:PORT connect=127.0.0.1:PORT local \
             also=bind",
            &format!("0 0 {source}"),
        );
    }
    let shim = Shim::ipv4(ADDRESS);
    let does = |what: &str, expected: &str| steps(&shim, &port, what, expected);
    does(
        "filter=exec socket=tcp4 bind=0.0.0.0 listen local",
        "0 0 127.0.0.2",
    );
    does(
        "filter=exec socket=tcp4 listen local also=bind",
        "0 127.0.0.2",
    );
}

/// What shares ports among connections is not lost to a filter that allows it, as a container's does.
#[test]
fn who_chooses_the_port() {
    let (_receiver, port) = udp_port("127.0.0.1");
    let shim = Shim::ipv4(ADDRESS);
    let does = |what: &str, expected: &str| steps(&shim, &port, what, expected);
    let connects = "socket=udp4 connect=127.0.0.1:PORT no-port also=bind";
    does(connects, "0 port-by-connect");
    // A filter of a child that has no memory of its own is the child's only.
    does(&format!("vfork {connects}"), "0 0 port-by-connect");
    let chosen = FrontEnd::of_tests().expects("0 port-by-bind", "0 port-by-connect");
    does(&format!("filter=exec {connects}"), chosen);
    let connects = format!("socket=udp4 option {connects}");
    does(&format!("filter=exec {connects}"), "0 0 port-by-connect");
}

/// A process that is ended with its test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn chronyd(shim: &Shim, directory: &TempDir, name: &str, filter: &str, config: &str) -> Ended {
    let path = |end: &str| directory.path().join(format!("{name}.{end}"));
    let config = format!(
        "{config}\ncmdport 0\nbindcmdaddress /\npidfile {}\n",
        path("pid").display()
    );
    fs::write(path("conf"), config).expect("the directory is ours");
    let mut command = shim.command("chronyd");
    // `-x`: the clock is left alone.
    command.args(["-4", "-d", "-x", "-u", "root", "-F", filter, "-f"]);
    command
        .arg(path("conf"))
        .stderr(Stdio::piped())
        .stdout(Stdio::piped());
    Ended(command.spawn().expect("chronyd runs"))
}

/// Whether a client's log says that it has found its server, within a minute; fails if it ends.
fn finds_its_server(client: &mut Ended) -> bool {
    let (sender, lines) = mpsc::channel();
    let (out, err) = (client.0.stdout.take(), client.0.stderr.take());
    let other = sender.clone();
    let read = |stream: Box<dyn std::io::Read + Send>, to: mpsc::Sender<String>| {
        thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                let _ = to.send(line);
            }
        });
    };
    read(Box::new(out.expect("piped")), sender);
    read(Box::new(err.expect("piped")), other);
    let until = Instant::now() + Duration::from_secs(60);
    let mut said = String::new();
    while let Ok(line) = lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
        if line.contains("Selected source") {
            return true;
        }
        said += &line;
        said.push('\n');
    }
    let status = client.0.try_wait().expect("it is our child");
    let signal = status.and_then(|status| status.signal());
    println!("signal {signal:?}: {said}");
    false
}

/// Its filter allows setsockopt for the options that it sets itself.
#[test]
fn a_time_daemon_with_its_own_filter() {
    if !skip::root_for("chronyd") || !skip::command("chronyd") {
        return;
    }
    let directory = tempfile::tempdir().expect("a temporary directory");
    let port = ports::free_port();
    // It answers the assigned address only.
    let server = format!("port {port}\nbindaddress 127.0.0.5\nlocal stratum 5\nallow {ADDRESS}");
    let _server = chronyd(&Shim::without(), &directory, "server", "0", &server);
    let client = format!("port 0\nserver 127.0.0.5 port {port} iburst minpoll -2");
    let mut daemon = chronyd(&Shim::ipv4(ADDRESS), &directory, "client", "1", &client);
    assert!(finds_its_server(&mut daemon));

    // From 127.0.0.1 it isn't answered, but lives.
    let mut free = chronyd(&Shim::new(), &directory, "free", "1", &client);
    thread::sleep(Duration::from_secs(3));
    assert_eq!(free.0.try_wait().expect("it is our child"), None);
}
