//! An agent, and containers as the C harness makes them.

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use shim_tests::{Cgroup, PolicyDir, guard, harness, skip};

/// What the tests assign.
pub const ADDRESS: &str = "127.0.0.2";

/// A bind that the policy changes, as the harness's on_demand reads it.
pub const BIND: &str = "tcp4 bind 0.0.0.0 0";

/// A user without any rights.
const NOBODY: &str = "65534";

/// How long anything may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// An agent that runs, ended with its test.
pub struct Agent {
    child: Child,
    /// The policies, beside the socket, the log and the programs.
    pub policy: PolicyDir,
    is_nobody: bool,
}

impl Agent {
    /// Started with these options, when it has made its socket.
    pub fn start(options: &[&str]) -> Self {
        let mut agent = Self::prepared(false);
        agent.restart(options);
        agent
    }

    /// Likewise, by an ordinary user; skips where there can't be one.
    pub fn start_by_nobody(options: &[&str]) -> Option<Self> {
        let may = skip::root_for("becoming another user") && skip::command("setpriv");
        may.then(|| {
            let mut agent = Self::prepared(true);
            agent.restart(options);
            agent
        })
    }

    fn prepared(is_nobody: bool) -> Self {
        let policy = PolicyDir::new();
        let run = policy.path().join("run");
        fs::create_dir(&run).expect("the directory is ours");
        fs::set_permissions(&run, Permissions::from_mode(0o777)).expect("it is ours");
        copy(guard(), &run.join("ipaddr-guard"));
        // Replaced by `restart`; the process is there to be ended.
        let child = Command::new("true").spawn().expect("true starts");
        Self {
            child,
            policy,
            is_nobody,
        }
    }

    /// Ends it by a signal that it can't handle; the supervisors aren't told.
    pub fn kill(&mut self) {
        self.child.kill().expect("it is our child");
        self.child.wait().expect("it is our child");
    }

    /// Ends it as a service manager does.
    pub fn terminate(&mut self) -> ExitStatus {
        send(self.child.id(), libc::SIGTERM);
        self.child.wait().expect("it is our child")
    }

    /// Starts it, when none runs any more.
    pub fn restart(&mut self, options: &[&str]) {
        let _ = self.child.wait();
        self.child = self.command(options).spawn().expect("the guard starts");
        let socket = self.socket();
        wait_for("the agent's socket", || {
            std::os::unix::net::UnixStream::connect(&socket).is_ok()
        });
    }

    /// The command that starts an agent with the same socket.
    pub fn command(&self, options: &[&str]) -> Command {
        let log = fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(self.log_file());
        let mut command = self.as_user(&self.run_directory().join("ipaddr-guard"));
        command
            .arg("agent")
            .arg("--socket")
            .arg(self.socket())
            .args(options)
            .env_clear()
            .env("IPADDR_POLICY_DIR", self.policy.path())
            .stderr(log.expect("the directory is ours"));
        command
    }

    fn as_user(&self, program: &Path) -> Command {
        if !self.is_nobody {
            return Command::new(program);
        }
        let mut command = Command::new("setpriv");
        let user = ["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"];
        command.args(user).arg(program);
        command
    }

    /// Where everybody may read and write.
    pub fn run_directory(&self) -> PathBuf {
        self.policy.path().join("run")
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.run_directory().join("agent.sock")
    }

    fn log_file(&self) -> PathBuf {
        self.run_directory().join("log")
    }

    /// What it and the supervisors have logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_file()).expect("it is there")
    }

    /// Waits until the log says this.
    #[track_caller]
    pub fn wait_for_log(&self, text: &str) {
        let end = Instant::now() + LIMIT;
        while !self.log().contains(text) {
            assert!(Instant::now() < end, "expected {text}: {}", self.log());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Its own process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The supervisors: its children.
    pub fn supervisors(&self) -> Vec<u32> {
        let pid = self.pid();
        let path = format!("/proc/{pid}/task/{pid}/children");
        let children = fs::read_to_string(path).expect("CONFIG_PROC_CHILDREN");
        let pids = children.split_whitespace();
        pids.map(|pid| pid.parse().expect("an id")).collect()
    }

    /// The command that runs a program in a container.
    pub fn in_container(&self, state: &str, program: &str) -> Command {
        let [container, program] = ["container", program].map(|name| self.copy(name));
        let mut command = self.as_user(&container);
        command.arg(self.socket()).arg(state).arg(program);
        command
    }

    /// A program of the C harness where everybody may read it.
    fn copy(&self, name: &str) -> PathBuf {
        let to = self.run_directory().join(name);
        if !to.exists() {
            copy(&harness(name), &to);
        }
        to
    }

    /// A container of this id that binds on demand, in a cgroup.
    pub fn container(&self, id: &str, cgroup: Option<&Cgroup>) -> Container {
        self.process(&state(id, "%"), cgroup)
    }

    /// A process that binds on demand, with the state that a runtime would send for it.
    pub fn process(&self, state: &str, cgroup: Option<&Cgroup>) -> Container {
        Container::start(self.in_container(state, "on_demand"), cgroup)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("{}", self.log());
        }
    }
}

/// What a runtime says of a container whose first process is `init`; % is the process's own id.
pub fn state(id: &str, init: &str) -> String {
    format!(
        r#"{{"ociVersion": "1.0.2", "fds": ["seccompFd"], "pid": %, "metadata": "test", "state":
        {{"ociVersion": "1.0.2", "id": "{id}", "status": "creating", "pid": {init}, "bundle": "/"}}}}"#
    )
}

/// A container that runs, ended with its test.
pub struct Container {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Container {
    fn start(mut command: Command, cgroup: Option<&Cgroup>) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        if let Some(cgroup) = cgroup {
            cgroup.start_in(&mut command);
        }
        let mut child = command.spawn().expect("the container starts");
        let out = BufReader::new(child.stdout.take().expect("piped"));
        let mut container = Self { child, out };
        assert_eq!(container.line(), "ready");
        container
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).expect("UTF-8");
        line.trim().to_owned()
    }

    /// Sends a line, and returns the answer.
    pub fn ask(&mut self, line: &str) -> String {
        let input = self.child.stdin.as_mut().expect("piped");
        writeln!(input, "{line}").expect("it reads");
        self.line()
    }

    /// Asserts what becomes of [`BIND`]; behind it is a port.
    #[track_caller]
    pub fn binds(&mut self, expected: &str) {
        let answer = self.ask(BIND);
        assert!(
            answer.starts_with(expected),
            "expected {expected}: {answer}"
        );
    }

    /// The process in the container.
    pub fn pid(&self) -> u32 {
        let pid = self.child.id();
        let path = format!("/proc/{pid}/task/{pid}/children");
        let children = fs::read_to_string(path).expect("CONFIG_PROC_CHILDREN");
        children.trim().parse().expect("one child")
    }

    /// Ends it.
    pub fn end(mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().expect("it is our child").success());
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// By another process: a child that another thread starts meanwhile would have the file open for
/// writing, and nobody can execute it then.
fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg(from).arg(to).status();
    assert!(status.expect("cp starts").success(), "{}", from.display());
}

/// Waits until something is so.
#[track_caller]
pub fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + LIMIT;
    while !is_so() {
        assert!(Instant::now() < end, "{what}: not within {LIMIT:?}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Sends a signal to a process that this test has started.
pub fn send(pid: u32, signal: i32) {
    let pid = pid.try_into().expect("an id");
    // SAFETY: kill has no preconditions.
    assert_eq!(unsafe { libc::kill(pid, signal) }, 0);
}

/// Whether a process has ended, and been reaped.
pub fn is_gone(pid: u32) -> bool {
    !Path::new(&format!("/proc/{pid}")).exists()
}
