//! The log: no line harms its host, and what is said is said once, of a program that it matters to.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use shim_tests::peer::{self, Listener};
use shim_tests::{PolicyDir, Shim, harness, skip};

const ADDRESS: &str = "127.0.0.2";

/// What is logged of the bind that the tests have refused.
const REFUSED: &str = "bind fd 3 127.0.0.99:0: EPERM, the assigned address is 127.0.0.2\n";

/// With an address assigned, and a program that hangs ended after a minute.
fn shim() -> Shim {
    bounded(Shim::ipv4(ADDRESS))
}

fn bounded(shim: Shim) -> Shim {
    shim.by(&["timeout", "-s", "KILL", "60"])
}

/// What a program prints that has this for its standard error.
fn out(shim: &Shim, program: &str, arguments: &[&str], stderr: impl Into<Stdio>) -> String {
    let mut command = shim.command(harness(program));
    command.args(arguments).stdin(Stdio::null()).stderr(stderr);
    let output = command.output().expect("the program starts");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// The errno of a bind that is refused, from a program that has this for its standard error.
fn refused_bind(shim: &Shim, stderr: impl Into<Stdio>) -> String {
    let said = out(shim, "bind", &["tcp4", "127.0.0.99", "0"], stderr);
    said.split(' ').next().unwrap_or_default().to_owned()
}

/// Lines without the name of the process.
fn lines(text: &str) -> Vec<&str> {
    let of_line = |line| str::split_once(line, "]: ").map_or(line, |(_, rest)| rest);
    text.lines().map(of_line).collect()
}

/// A pipe that nobody reads from.
fn broken_pipe() -> Stdio {
    let (_, writer) = std::io::pipe().expect("a pipe");
    writer.into()
}

/// Sets `O_NONBLOCK`, or clears it.
fn set_flags(file: &impl AsRawFd, flags: libc::c_int) {
    // SAFETY: the call is about a descriptor that is open, and no memory.
    let set = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETFL, flags) };
    assert_eq!(set, 0);
}

/// Fills a pipe, and leaves it one whose writers wait.
fn fill(writer: &mut (impl Write + AsRawFd)) {
    set_flags(writer, libc::O_NONBLOCK);
    while writer.write(&[b'.'; 4096]).is_ok() {}
    while writer.write(b".").is_ok() {}
    set_flags(writer, 0);
}

/// `on_demand` with a standard error of the test's choice.
struct OnDemand {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
}

impl OnDemand {
    fn start(shim: &Shim, stderr: impl Into<Stdio>) -> Self {
        let mut command = shim.command(harness("on_demand"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.stderr(stderr).spawn().expect("on_demand starts");
        let input = child.stdin.take().expect("piped");
        let output = child.stdout.take().expect("piped");
        let mut process = Self {
            child,
            input,
            output,
        };
        assert_eq!(process.line(), "ready");
        process
    }

    /// A bind that is refused, or to loopback, which passes.
    fn bind(&mut self, address: &str) -> String {
        writeln!(self.input, "tcp4 bind {address} 0").expect("on_demand reads");
        self.line()
    }

    /// Until a newline, or until it has ended.
    fn line(&mut self) -> String {
        let mut line = Vec::new();
        let mut byte = [0];
        while self.output.read(&mut byte).expect("it can be read") == 1 && byte != *b"\n" {
            line.extend(byte);
        }
        String::from_utf8(line).expect("ASCII")
    }

    fn end(self) {
        let Self {
            mut child, input, ..
        } = self;
        drop(input);
        assert!(child.wait().expect("it is ours").success());
    }
}

#[test]
fn a_pipe_without_a_reader() {
    assert_eq!(refused_bind(&shim(), broken_pipe()), "EPERM");
    // A real program, in which nothing is done about the signal.
    if skip::command("perl") {
        let script = "use Socket; socket(my $s, PF_INET, SOCK_STREAM, 0);
            print bind($s, sockaddr_in(0, inet_aton('127.0.0.99'))) ? 'bound' : 'refused';";
        let mut command = shim().command("perl");
        command.args(["-e", script]).stderr(broken_pipe());
        let output = command.output().expect("perl starts");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "refused");
    }
}

#[test]
fn no_handler_runs_and_no_mask_changes() {
    let untouched = "EPERM handled 0 mask same pending 0";
    let log_signals = |arguments: &[&str], stderr| out(&shim(), "log_signals", arguments, stderr);
    assert_eq!(log_signals(&[], broken_pipe()), untouched);
    assert_eq!(log_signals(&[], Stdio::null()), untouched);
    // One that was pending before is not taken away.
    let pending = "EPERM handled 0 mask same pending 1";
    assert_eq!(log_signals(&["pending"], broken_pipe()), pending);
    assert_eq!(log_signals(&["pending"], Stdio::null()), pending);
}

/// `SIGXFSZ`.
#[test]
fn a_file_that_must_not_grow() {
    let directory = PolicyDir::new();
    let path = directory.path().join("log");
    let limited = Shim::ipv4(ADDRESS).by(&["prlimit", "--fsize=0:0", "--"]);
    let file = File::create(&path).expect("it is ours");
    assert_eq!(refused_bind(&limited, file), "EPERM");
    let by_name = limited.var("IPADDR_LOG_FILE", path.to_str().expect("UTF-8"));
    assert_eq!(refused_bind(&by_name, Stdio::null()), "EPERM");
    assert_eq!(fs::read(&path).expect("it is there"), b"");
}

#[test]
fn a_full_pipe() {
    let (mut reader, mut writer) = std::io::pipe().expect("a pipe");
    fill(&mut writer);
    let mut process = OnDemand::start(&shim(), writer);
    for _ in 0..3 {
        assert_eq!(process.bind("127.0.0.99"), "EPERM 0.0.0.0 0");
    }
    // What is lost is said once there is room again.
    let mut room = vec![0; 32 << 10];
    reader.read_exact(&mut room).expect("it was full");
    process.bind("127.0.0.99");
    process.bind("127.0.0.99");
    process.end();
    let mut said = String::new();
    reader.read_to_string(&mut said).expect("UTF-8");
    let said = said.trim_start_matches('.');
    let refused = |fd| REFUSED.trim_end().replace("fd 3", fd);
    let expected = [
        "3 lines were lost before this one".to_owned(),
        refused("fd 3"),
        refused("fd 3"),
    ];
    assert_eq!(lines(said), expected, "{said}");
}

/// On which the kernel doesn't know `RWF_NOWAIT`.
#[test]
fn a_full_fifo() {
    let directory = PolicyDir::new();
    let path = directory.path().join("fifo");
    assert!(
        Command::new("mkfifo")
            .arg(&path)
            .status()
            .expect("it starts")
            .success()
    );
    // As a log file, without a reader.
    let by_name = shim().var("IPADDR_LOG_FILE", path.to_str().expect("UTF-8"));
    assert_eq!(refused_bind(&by_name, Stdio::null()), "EPERM");

    let both = OpenOptions::new().read(true).write(true).open(&path);
    let mut both = both.expect("a FIFO that is open for both never waits");
    let writer = || {
        OpenOptions::new()
            .write(true)
            .open(&path)
            .expect("a reader")
    };
    assert_eq!(refused_bind(&shim(), writer()), "EPERM");
    assert_eq!(refused_bind(&by_name, Stdio::null()), "EPERM");
    let mut buffer = vec![0; 4096];
    let length = both.read(&mut buffer).expect("two lines");
    let said = String::from_utf8_lossy(&buffer[..length]).into_owned();
    assert_eq!(lines(&said), [REFUSED.trim_end(); 2]);

    fill(&mut writer());
    assert_eq!(refused_bind(&shim(), writer()), "EPERM");
    assert_eq!(refused_bind(&by_name, Stdio::null()), "EPERM");
    // Where /proc can't be read for a description of our own.
    if skip::root_for("a mount namespace") && skip::command("unshare") {
        let without_proc = "umount -l /proc && exec timeout -s KILL 60 \"$0\" \"$@\"";
        let shim = shim().by(&["unshare", "--mount", "sh", "-c", without_proc]);
        assert_eq!(refused_bind(&shim, writer()), "EPERM");
        let mut room = vec![0; 32 << 10];
        both.read_exact(&mut room).expect("it was full");
        assert_eq!(refused_bind(&shim, writer()), "EPERM");
        assert!(rest(both).ends_with(REFUSED));
    }
}

/// What is left in a FIFO that has an end.
fn rest(mut fifo: File) -> String {
    set_flags(&fifo, libc::O_NONBLOCK);
    let mut all = Vec::new();
    let _ = fifo.read_to_end(&mut all);
    String::from_utf8(all).expect("ASCII")
}

/// A terminal whose other end nobody reads.
#[test]
fn a_terminal_that_is_not_read() {
    let main = OpenOptions::new().read(true).write(true).open("/dev/ptmx");
    let main = main.expect("there are pseudoterminals");
    let (mut number, unlock) = (0_i32, 0_i32);
    // SAFETY: the kernel reads the one int, and writes the other.
    let made = unsafe {
        libc::ioctl(main.as_raw_fd(), libc::TIOCSPTLCK, &raw const unlock)
            | libc::ioctl(main.as_raw_fd(), libc::TIOCGPTN, &raw mut number)
    };
    assert_eq!(made, 0);
    let terminal = OpenOptions::new()
        .read(true)
        .write(true)
        .open(format!("/dev/pts/{number}"))
        .expect("it is there");
    let mut process = OnDemand::start(&shim(), terminal);
    for _ in 0..3000 {
        assert_eq!(process.bind("127.0.0.99"), "EPERM 0.0.0.0 0");
    }
    process.end();
    drop(main);
}

/// `SIGTTOU`: a job in the background of a shell on a terminal with `stty tostop`.
#[test]
fn a_background_job_under_tostop() {
    if !skip::command("script") || !skip::command("bash") {
        return;
    }
    let directory = PolicyDir::new();
    let path = directory.path().join("out");
    let job = "stty tostop; \"$JOB\" tcp4 127.0.0.99 0 >\"$OUT\" & wait $!; echo status $?";
    let status = Shim::without()
        .var("SHELL", "/bin/bash")
        .var("IPADDR_IPV4", ADDRESS)
        .var("IPADDR_POLICY_DIR", "/nonexistent")
        .var("JOB", directory.path().join("job").to_str().expect("UTF-8"))
        .var("PROGRAM", harness("bind").to_str().expect("UTF-8"))
        .var("LIBRARY", shim_tests::library().to_str().expect("UTF-8"))
        .var("OUT", path.to_str().expect("UTF-8"))
        .var("COMMANDS", job);
    let script = "#!/bin/sh\nLD_PRELOAD=$LIBRARY exec \"$PROGRAM\" \"$@\"\n";
    let job = directory.path().join("job");
    fs::write(&job, script).expect("it is ours");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&job, mode).expect("it is ours");
    let arguments = ["-qec", "bash -m -c \"$COMMANDS\"", "/dev/null"];
    let run = bounded(status).run("script", &arguments);
    assert!(run.out.contains("status 0"), "{run:?}");
    assert_eq!(
        fs::read_to_string(path).expect("written"),
        "EPERM 0.0.0.0 0\n"
    );
    // The terminal shows the line.
    assert!(run.out.contains(REFUSED.trim_end()), "{run:?}");
}

/// As inetd(8) starts a service: what it says on standard error goes to the client.
#[test]
fn a_client_sees_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let client = TcpStream::connect(listener.local_addr().expect("bound"));
    let mut client = client.expect("it listens");
    let (served, _) = listener.accept().expect("it connects");
    let journal = identity(served.as_raw_fd());
    let served = OwnedFd::from(served);
    let log = |shim: &Shim| refused_bind(shim, served.try_clone().expect("a copy"));
    assert_eq!(log(&shim()), "EPERM");
    // What this says is not of a socket of the network.
    assert_eq!(log(&shim().var("JOURNAL_STREAM", &journal)), "EPERM");
    drop(served);
    let mut seen = String::new();
    client.read_to_string(&mut seen).expect("UTF-8");
    assert_eq!(seen, "");
}

/// A socket of this machine may be a client's too, unless systemd says that it is the journal's.
#[test]
fn the_journal_and_other_sockets_of_this_machine() {
    let directory = PolicyDir::new();
    let path = directory.path().join("socket");
    let listener = UnixListener::bind(&path).expect("it is ours");
    let log = |variable: &dyn Fn(String) -> Option<String>| {
        let client = UnixStream::connect(&path).expect("it listens");
        let (mut served, _) = listener.accept().expect("it connects");
        let mut shim = shim();
        if let Some(value) = variable(identity(client.as_raw_fd())) {
            shim = shim.var("JOURNAL_STREAM", &value);
        }
        assert_eq!(refused_bind(&shim, OwnedFd::from(client)), "EPERM");
        let mut seen = String::new();
        served.read_to_string(&mut seen).expect("UTF-8");
        seen
    };
    assert!(log(&Some).ends_with(REFUSED));
    assert_eq!(log(&|_| None), "");
    assert_eq!(log(&|own| Some(format!("{own}1"))), "");
    assert_eq!(log(&|_| Some(String::new())), "");
}

/// Device and inode of a descriptor, as systemd writes them.
fn identity(fd: i32) -> String {
    let metadata = fs::metadata(format!("/proc/self/fd/{fd}")).expect("it is open");
    format!("{}:{}", metadata.dev(), metadata.ino())
}

/// The journal's socket, whose reader is gone or doesn't read.
#[test]
fn a_journal_that_is_gone_or_stuck() {
    let (client, served) = UnixStream::pair().expect("two sockets");
    let shim = shim().var("JOURNAL_STREAM", &identity(client.as_raw_fd()));
    let copy = || OwnedFd::from(client.try_clone().expect("a copy"));
    let mut filler = client.try_clone().expect("a copy");
    filler.set_nonblocking(true).expect("it is ours");
    while filler.write(&[b'.'; 4096]).is_ok() {}
    while filler.write(b".").is_ok() {}
    filler.set_nonblocking(false).expect("it is ours");
    assert_eq!(refused_bind(&shim, copy()), "EPERM");
    drop(served);
    let untouched = "EPERM handled 0 mask same pending 0";
    assert_eq!(out(&shim, "log_signals", &[], copy()), untouched);
}

/// A script of programs that never use a socket, under a policy that can't be used.
#[test]
fn programs_without_a_socket_say_nothing() {
    let script = "true; env true; sh -c true; ls /dev/null; env printf ''";
    let run = Shim::ipv4("banana").run("sh", &["-c", script]);
    assert_eq!(run.err, "");
    let run = Shim::ipv4(ADDRESS)
        .var("IPADDR_LOG", "loud")
        .run("sh", &["-c", script]);
    assert_eq!(run.err, "");
}

/// One that uses a socket says what is wrong once, and each refusal.
#[test]
fn a_program_with_a_socket_says_what_is_wrong() {
    let why = "IPADDR_IPV4:1: \"banana\": expected an IPv4 address";
    let mut process = Shim::ipv4("banana").on_demand();
    for _ in 0..3 {
        assert_eq!(process.call("tcp4 bind 127.0.0.1 0"), "EPERM 0.0.0.0 0");
    }
    let said = process.end();
    let refused = "bind fd 3 127.0.0.1:0: EPERM, the policy can't be used";
    let said = lines(&said);
    assert!(said[0].starts_with(why), "{said:?}");
    assert_eq!(said[1..], [refused; 3]);

    // A variable that changes nothing is named too, also where all calls pass.
    for shim in [Shim::ipv4(ADDRESS), Shim::new()] {
        let mut process = shim.var("IPADDR_LOG", "loud").on_demand();
        for _ in 0..2 {
            assert!(
                process
                    .call("tcp4 bind 127.0.0.1 0")
                    .starts_with("0 127.0.0.1 ")
            );
        }
        let why = "IPADDR_LOG: \"loud\": expected off, error, info or debug; taken for error";
        assert_eq!(lines(&process.end()), [why]);
    }
}

/// What run-restricted.sh queries the library with.
#[test]
fn a_check_says_what_is_wrong_at_load() {
    let check = |shim: Shim| {
        let run = shim
            .var("IPADDR_CHECK_COMMAND", "/bin/true")
            .run("true", &[]);
        run.err
    };
    assert_eq!(check(Shim::ipv4(ADDRESS)), "");
    let said = check(Shim::ipv4("banana").var("IPADDR_LOG", "loud"));
    let said = lines(&said);
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].starts_with("IPADDR_LOG: \"loud\""), "{said:?}");
    assert!(said[1].starts_with("IPADDR_IPV4:1: \"banana\""), "{said:?}");
}

#[test]
fn one_line_a_decision() {
    let listener = Listener::on("127.0.0.1");
    let port = listener.port();
    let log = |level: &str, shim: Shim| {
        let shim = shim.var("IPADDR_LOG", level);
        let mut lines = shim
            .harness("connect", &["tcp4", "127.0.0.1", &port, "0.0.0.0", "0"])
            .err;
        lines += &shim.harness("connect", &["tcp4", "127.0.0.1", &port]).err;
        lines += &shim.harness("bind", &["tcp4", "127.0.0.1", "0"]).err;
        lines += &shim
            .harness("bind", &["tcp6", "::ffff:127.0.0.9", "80"])
            .err;
        lines
            .lines()
            .map(|line| {
                let (process, rest) = line.split_once(": ").expect("a prefix");
                let pid = process
                    .strip_prefix("ipaddr[")
                    .and_then(|pid| pid.strip_suffix(']'));
                assert!(pid.is_some_and(|pid| pid.parse::<u32>().is_ok()), "{line}");
                rest.to_owned()
            })
            .filter(|line| !line.starts_with("libipaddr "))
            .collect::<Vec<_>>()
    };
    let rewritten = "bind fd 3 0.0.0.0:0 -> 127.0.0.2:0".to_owned();
    let kept = format!("connect fd 3 127.0.0.1:{port}");
    let quiet = format!("connect fd 3 127.0.0.1:{port} from 127.0.0.2");
    let passed = "bind fd 3 127.0.0.1:0".to_owned();
    let refused = "bind fd 3 127.0.0.9:80: EPERM, the assigned address is 127.0.0.2".to_owned();

    let shim = Shim::ipv4(ADDRESS);
    assert!(log("off", shim.clone()).is_empty());
    assert_eq!(log("error", shim.clone()), std::slice::from_ref(&refused));
    assert_eq!(
        log("info", shim.clone()),
        [rewritten.clone(), quiet.clone(), refused.clone()]
    );
    assert_eq!(
        log("debug", shim),
        [rewritten, kept, quiet, passed, refused]
    );
}

#[test]
fn the_log_file() {
    let directory = PolicyDir::new();
    let path = directory.path().join("log");
    let shim = Shim::ipv4(ADDRESS).var("IPADDR_LOG_FILE", path.to_str().expect("UTF-8"));
    for _ in 0..2 {
        let run = shim.harness("bind", &["tcp4", "127.0.0.9", "80"]);
        assert_eq!((run.words()[0], run.err.as_str()), ("EPERM", ""));
    }
    let lines = fs::read_to_string(&path).expect("the log was written");
    assert_eq!(lines.lines().count(), 2, "appended: {lines}");
    assert!(
        lines.ends_with("127.0.0.9:80: EPERM, the assigned address is 127.0.0.2\n"),
        "{lines}"
    );
}

/// It changes nothing, and is said once.
#[test]
fn a_log_file_that_cannot_be_written_to() {
    let directory = PolicyDir::new();
    let directory = directory.path().to_str().expect("UTF-8");
    let missing = format!("{directory}/missing/log");
    for (path, why) in [
        (
            missing.as_str(),
            "no such file: expected a file that can be written to",
        ),
        (
            directory,
            "is a directory: expected a file that can be written to",
        ),
        ("log", "expected an absolute path"),
        ("", "expected an absolute path"),
    ] {
        let shim = Shim::ipv4(ADDRESS).var("IPADDR_LOG_FILE", path);
        let mut process = shim.on_demand();
        for _ in 0..3 {
            assert_eq!(process.call("tcp4 bind 127.0.0.99 0"), "EPERM 0.0.0.0 0");
        }
        let why = format!("IPADDR_LOG_FILE: \"{path}\": {why}");
        assert_eq!(lines(&process.end()), [why]);
    }
    // What was lost meanwhile is said when the file is there.
    let log = Path::new(&missing);
    let mut process = Shim::ipv4(ADDRESS)
        .var("IPADDR_LOG_FILE", &missing)
        .on_demand();
    process.call("tcp4 bind 127.0.0.99 0");
    fs::create_dir(log.parent().expect("a directory")).expect("it is ours");
    process.call("tcp4 bind 127.0.0.99 0");
    assert_eq!(lines(&process.end()).len(), 1);
    let said = fs::read_to_string(log).expect("it was made");
    let lost = "1 line was lost before this one";
    assert_eq!(lines(&said), [lost, REFUSED.trim_end()]);
}

/// A daemon may have used descriptor 2 for a client's socket by then.
#[test]
fn nothing_is_written_to_a_reused_stderr() {
    let directory = PolicyDir::new();
    let path = directory.path().join("reused");
    let path = path.to_str().expect("UTF-8");
    let run = Shim::ipv4(ADDRESS).harness("stderr_reused", &[path]);
    assert_eq!((run.out.as_str(), run.err.as_str()), ("EPERM", ""));
    assert_eq!(fs::read(path).expect("it was made"), b"");
}

/// Of nobody (RFC 5737).
const ABSENT: &str = "203.0.113.9";

/// The address is assigned and the machine hasn't got it.
#[test]
fn an_address_that_the_machine_has_not() {
    let why = format!("EADDRNOTAVAIL, {ABSENT} is not an address of this machine");
    let said = |level: &str, program: &str, arguments: &[&str]| {
        let shim = Shim::ipv4(&format!("{ABSENT},127.0.0.2")).var("IPADDR_LOG", level);
        let run = shim.harness(program, arguments);
        assert_eq!(run.words()[0], "EADDRNOTAVAIL", "{run:?}");
        let said = lines(&run.err).into_iter().map(str::to_owned);
        said.filter(|line| !line.starts_with("libipaddr "))
            .collect::<Vec<_>>()
    };
    for level in ["error", "debug"] {
        for kind in ["tcp4", "udp4"] {
            assert_eq!(
                said(level, "bind", &[kind, "0.0.0.0", "80"]),
                [format!("bind fd 3 0.0.0.0:80 -> {ABSENT}:80: {why}")]
            );
            assert_eq!(
                said(level, "bind", &[kind, ABSENT, "80"]),
                [format!("bind fd 3 {ABSENT}:80: {why}")]
            );
            assert_eq!(
                said(level, "connect", &[kind, "127.0.0.1", "9"]),
                [format!("connect fd 3 127.0.0.1:9 from {ABSENT}: {why}")]
            );
        }
        assert_eq!(
            said(level, "listen", &["tcp4"]),
            [format!("listen fd 3 0.0.0.0:0 -> {ABSENT}:0: {why}")]
        );
        for call in ["sendto", "sendmsg", "sendmmsg", "number:sendto"] {
            let said = said(level, "send", &["udp4", call, "127.0.0.1", "9"]);
            let call = call.trim_start_matches("number:");
            assert_eq!(
                said,
                [format!("{call} fd 3 127.0.0.1:9 from {ABSENT}: {why}")]
            );
        }
    }
    // The destination is of IPv4, and the socket of IPv6.
    if skip::ipv6() {
        assert_eq!(
            said("error", "connect", &["udp6", "127.0.0.1", "9"]),
            [format!("connect fd 3 127.0.0.1:9 from {ABSENT}: {why}")]
        );
        let absent = "2001:db8::9";
        let run = Shim::ipv6(absent).harness("bind", &["tcp6", "::", "80"]);
        let why = format!("EADDRNOTAVAIL, {absent} is not an address of this machine, or not yet");
        let expected = format!("bind fd 3 [::]:80 -> [{absent}]:80: {why}");
        assert_eq!(lines(&run.err), [expected]);
    }
}

/// What else the kernel refuses: nothing says that a bind was made which wasn't.
#[test]
fn what_the_kernel_refuses() {
    let taken = Listener::on(ADDRESS);
    let port = taken.port();
    let refused = |level: &str, shim: Shim, program: &str, arguments: &[&str]| {
        let run = shim.var("IPADDR_LOG", level).harness(program, arguments);
        let said = lines(&run.err).into_iter().map(str::to_owned);
        said.filter(|line| !line.starts_with("libipaddr "))
            .collect::<Vec<_>>()
    };
    let bind = |level, address: &str| {
        let shim = Shim::ipv4(ADDRESS);
        refused(level, shim, "bind", &["tcp4", address, &port])
    };
    let line = format!("bind fd 3 0.0.0.0:{port} -> {ADDRESS}:{port}: EADDRINUSE");
    assert_eq!(bind("info", "0.0.0.0"), [line]);
    assert_eq!(bind("error", "0.0.0.0"), [""; 0]);
    let line = format!("bind fd 3 {ADDRESS}:{port}: EADDRINUSE");
    assert_eq!(bind("info", ADDRESS), [line]);
    assert_eq!(bind("error", ADDRESS), [""; 0]);

    // An address that is nobody's affair here.
    if skip::ipv6() {
        let bind = |level| {
            let shim = Shim::ipv4(ADDRESS);
            refused(level, shim, "bind", &["tcp6", "2001:db8::9", "80"])
        };
        let line = "bind fd 3 [2001:db8::9]:80: EADDRNOTAVAIL";
        assert_eq!(bind("debug"), [line]);
        assert_eq!(bind("info"), [""; 0]);
    }

    let closed = peer::refused_port("127.0.0.1");
    let connect = |level| {
        let shim = Shim::ipv4(ADDRESS);
        refused(level, shim, "connect", &["tcp4", "127.0.0.1", &closed])
    };
    let from = format!("connect fd 3 127.0.0.1:{closed} from {ADDRESS}");
    assert_eq!(connect("info"), [from.clone(), from + ": ECONNREFUSED"]);
    assert_eq!(connect("error"), [""; 0]);

    // From loopback to elsewhere.
    if let Some(netns) = skip::netns("a source that reaches this machine only") {
        let link = "ip link add here type veth peer name there && ip link set here up &&
            ip link set there up && ip address add 192.0.2.1/24 dev here";
        netns.run("sh", &["-c", link]);
        let shim = Shim::ipv4(ADDRESS).netns(&netns);
        let said = refused("error", shim, "connect", &["tcp4", "192.0.2.7", "80"]);
        let why = "EINVAL, a loopback address reaches this machine only";
        let line = format!("connect fd 3 192.0.2.7:80 from {ADDRESS}: {why}");
        assert_eq!(said, [line]);
    }
}

/// Whether it is loaded, which version, and what is assigned by what: a line for each program.
#[test]
fn one_line_at_load() {
    const NAME: &str = concat!("libipaddr ", env!("CARGO_PKG_VERSION"));
    let bytes = fs::read(shim_tests::library()).expect("it was built");
    let in_library = |text: &str| {
        bytes
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    };
    assert!(in_library(NAME), "strings(1) finds the version");

    let said = |shim: &Shim| {
        let run = shim.clone().var("IPADDR_LOG", "info").run("true", &[]);
        let silent = shim.clone().var("IPADDR_LOG", "error").run("true", &[]);
        assert_eq!(silent.err, "");
        lines(&run.err).join("|")
    };
    assert_eq!(said(&Shim::new()), format!("{NAME}: nothing is assigned"));
    let by_variable = "IPv4 127.0.0.2 by IPADDR_IPV4:1, IPv6 unassigned";
    assert_eq!(said(&Shim::ipv4(ADDRESS)), format!("{NAME}: {by_variable}"));
    let unusable = said(&Shim::ipv4("banana"));
    assert!(unusable.starts_with("IPADDR_IPV4:1: \"banana\": expected"));
    assert!(unusable.ends_with(&format!("|{NAME}: the policy can't be used")));

    let policy = PolicyDir::new();
    let shim = Shim::policy(policy.path());
    let of = |kind: &str| format!("{}/ipaddr.{kind}:1", policy.path().display());
    let mut late = shim.clone().var("IPADDR_LOG", "info").on_demand();
    policy.write("", "ipv4", "127.0.1.0/24\n");
    let networks = format!(
        "IPv4 127.0.1.0-127.0.1.255 by {}, IPv6 unassigned",
        of("ipv4")
    );
    assert_eq!(said(&shim), format!("{NAME}: {networks}"));
    late.call("tcp4 bind 127.0.1.7 0");
    let said_late = late.end();
    let expected = [
        format!("{NAME}: nothing is assigned"),
        format!("{NAME}: {networks}"),
    ];
    assert_eq!(lines(&said_late), expected);
    policy.write("", "ipv4", "127.0.0.2\n127.0.0.3\n");
    policy.write("", "ipv6", "none\n");
    policy.write("", "rules", "-A BIND -j ACCEPT\n");
    let all = format!(
        "{NAME}: IPv4 127.0.0.2 and others by {}, IPv6 none by {}, and there are rules",
        of("ipv4"),
        of("ipv6")
    );
    assert_eq!(said(&shim), all);
    policy.write("", "ipv6", "loopback\n");
    let all = all.replace("IPv6 none", "IPv6 loopback");
    assert_eq!(said(&shim), all);
    // Each program of a chain says it, the later ones what they got over exec.
    let run = shim
        .var("IPADDR_LOG", "info")
        .run("sh", &["-c", "exec env true"]);
    let carried = "by IPADDR_LATCH:1";
    let latched = all
        .replace(&format!("by {}", of("ipv4")), carried)
        .replace(&format!("by {}", of("ipv6")), carried);
    assert_eq!(lines(&run.err), [&all, &latched, &latched]);
}
