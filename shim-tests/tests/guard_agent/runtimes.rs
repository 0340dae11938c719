//! runc and crun run a bundle with the profile that the guard prints, on the host's network.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio, id};
use std::sync::atomic::{AtomicU32, Ordering};

use shim_tests::artifacts::workspace;
use shim_tests::peer::Listener;
use shim_tests::ports::free_port;
use shim_tests::{Cgroup, PolicyDir, guard, skip};

use crate::agent::{ADDRESS, Agent, BIND, send, wait_for};

/// A runtime, with a bundle of its own. The container's programs are static ones of the C harness, and
/// the host's.
struct Runtime {
    name: &'static str,
    directory: PolicyDir,
    id: String,
    /// The container's; runc makes one by itself.
    cgroup: Option<Cgroup>,
}

impl Runtime {
    /// runc makes the container's cgroup.
    fn runc() -> Option<Self> {
        let may = skip::root_for("containers") && skip::command("runc") && Self::has_compiler();
        may.then(|| Self::new("runc", None))
    }

    /// crun, in the cgroup that it is started in: else it refuses a machine that has cgroups of both
    /// versions, even where the newer alone is mounted for it.
    fn crun() -> Option<Self> {
        let may = skip::command("crun") && skip::command("unshare") && Self::has_compiler();
        let cgroup = skip::cgroup();
        (may && cgroup.is_some()).then(|| Self::new("crun", cgroup))
    }

    fn has_compiler() -> bool {
        skip::command("musl-gcc")
    }

    fn new(name: &'static str, cgroup: Option<Cgroup>) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let runtime = Self {
            name,
            directory: PolicyDir::new(),
            id: format!("ipaddr-test-{}-{name}-{number}", id()),
            cgroup,
        };
        let root = runtime.bundle().join("rootfs");
        for directory in ["dev", "proc", "usr"] {
            fs::create_dir_all(root.join(directory)).expect("the directory is ours");
        }
        for directory in ["bin", "sbin", "lib", "lib64"] {
            let to = Path::new("usr").join(directory);
            symlink(to, root.join(directory)).expect("the directory is ours");
        }
        for program in ["on_demand", "rings"] {
            let source = workspace()
                .join("c-harness")
                .join(program)
                .with_extension("c");
            let mut compiler = Command::new("musl-gcc");
            compiler.args(["-std=gnu11", "-static", "-pthread", "-o"]);
            let status = compiler.arg(root.join(program)).arg(source).status();
            assert!(status.expect("musl-gcc runs").success(), "{program}");
        }
        runtime
    }

    fn bundle(&self) -> PathBuf {
        self.directory.path().join("bundle")
    }

    /// The cgroup's path as the policy directory has it.
    fn cgroup_name(&self) -> &str {
        self.cgroup.as_ref().map_or(&self.id, Cgroup::name)
    }

    /// Writes config.json with the profile that the guard prints for an agent.
    fn configure(&self, agent: &Agent, program: &[&str]) {
        let printed = Command::new(guard())
            .args(["profile", "--socket"])
            .arg(agent.socket())
            .args(["--metadata", self.name])
            .output()
            .expect("the guard runs");
        assert!(printed.status.success(), "{printed:?}");
        let profile = String::from_utf8(printed.stdout).expect("JSON");
        let cgroups_path = match &self.cgroup {
            None => format!("\"cgroupsPath\": \"/{}\",", self.id),
            Some(_) => String::new(),
        };
        let config = format!(
            r#"{{"ociVersion": "1.0.2",
            "process": {{"terminal": false, "user": {{"uid": 0, "gid": 0}}, "args": {program:?},
                "env": ["PATH=/bin"], "cwd": "/"}},
            "root": {{"path": "rootfs", "readonly": true}},
            "mounts": [{{"destination": "/proc", "type": "proc", "source": "proc"}},
                {{"destination": "/usr", "type": "bind", "source": "/usr", "options": ["rbind", "ro"]}}],
            "linux": {{"namespaces": [{{"type": "pid"}}, {{"type": "mount"}}], {cgroups_path}
                "seccomp": {profile}}}}}"#
        );
        fs::write(self.bundle().join("config.json"), config).expect("the directory is ours");
    }

    /// A command of the runtime's.
    fn command(&self, words: &[&str]) -> Command {
        let mut command = match self.cgroup {
            None => Command::new("runc"),
            Some(_) => {
                let mut command = Command::new("unshare");
                let script = "mount -t cgroup2 none /sys/fs/cgroup && exec \"$@\"";
                command.args(["--mount", "sh", "-c", script, "sh", "crun"]);
                command.arg("--cgroup-manager=disabled");
                command
            }
        };
        if let Some(cgroup) = &self.cgroup {
            cgroup.start_in(&mut command);
        }
        command
            .arg("--root")
            .arg(self.directory.path().join("state"));
        command.args(words);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command
    }

    /// Runs a program in the container.
    fn run(&self, agent: &Agent, program: &[&str]) -> Running<'_> {
        self.configure(agent, program);
        let bundle = self.bundle();
        let bundle = bundle.to_str().expect("UTF-8");
        Running::new(self, self.command(&["run", "--bundle", bundle, &self.id]))
    }

    /// Starts a program in the container that runs.
    fn exec(&self, program: &str) -> Running<'_> {
        Running::new(self, self.command(&["exec", &self.id, program]))
    }
}

/// A program in a container, ended with its test.
struct Running<'a> {
    runtime: &'a Runtime,
    child: Child,
    out: BufReader<ChildStdout>,
}

impl<'a> Running<'a> {
    fn new(runtime: &'a Runtime, mut command: Command) -> Self {
        let mut child = command.spawn().expect("the runtime starts");
        let out = BufReader::new(child.stdout.take().expect("piped"));
        Self {
            runtime,
            child,
            out,
        }
    }

    /// The next line of its output.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).expect("UTF-8");
        line.trim().to_owned()
    }

    fn ask(&mut self, line: &str) -> String {
        let input = self.child.stdin.as_mut().expect("piped");
        writeln!(input, "{line}").expect("it reads");
        self.line()
    }

    #[track_caller]
    fn is_ready(&mut self) {
        assert_eq!(self.line(), "ready", "{}", self.runtime.name);
    }

    #[track_caller]
    fn binds(&mut self, expected: &str) {
        let answer = self.ask(BIND);
        assert!(
            answer.starts_with(expected),
            "expected {expected}: {answer}"
        );
    }

    /// Ends it by the end of its input.
    fn end(mut self) -> bool {
        drop(self.child.stdin.take());
        self.child.wait().expect("it is our child").success()
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        if std::thread::panicking() {
            let mut delete = self
                .runtime
                .command(&["delete", "--force", &self.runtime.id]);
            let _ = delete.status();
        }
        let _ = self.child.wait();
    }
}

fn runtimes() -> impl Iterator<Item = Runtime> {
    [Runtime::runc(), Runtime::crun()].into_iter().flatten()
}

#[test]
fn a_static_program_is_held_to_its_cgroup_s_address() {
    for runtime in runtimes() {
        let agent = Agent::start(&["--log", "info"]);
        agent.policy.write(runtime.cgroup_name(), "ipv4", ADDRESS);
        let mut container = runtime.run(&agent, &["/on_demand"]);
        container.is_ready();
        container.binds("0 127.0.0.2 ");
        assert!(container.ask("tcp4 bind 127.0.0.3 0").starts_with("EPERM"));
        let server = Listener::on("127.0.0.1");
        let connect = format!("tcp4 connect 127.0.0.1 {}", server.port());
        assert!(container.ask(&connect).starts_with("0 127.0.0.2 "));
        assert_eq!(server.peer().ip().to_string(), ADDRESS, "{}", runtime.name);
        // What is started later has what the container has.
        agent
            .policy
            .write(runtime.cgroup_name(), "ipv4", "127.0.0.3");
        let mut later = runtime.exec("/on_demand");
        later.is_ready();
        later.binds("0 127.0.0.2 ");
        assert!(later.end());
        assert!(container.end());
        wait_for("the supervisor ends", || agent.supervisors().is_empty());
        agent.wait_for_log(&format!(
            "container \"{}\", \"{}\":",
            runtime.id, runtime.name
        ));
    }
}

#[test]
fn busybox_serves_and_connects() {
    for runtime in runtimes() {
        let (port, server) = (free_port(), Listener::on("127.0.0.1"));
        let agent = Agent::start(&[]);
        agent.policy.write(runtime.cgroup_name(), "ipv4", ADDRESS);
        let script = format!(
            "busybox httpd -p {port} -h / && busybox nc 127.0.0.1 {} </dev/null; echo ready; read line",
            server.port()
        );
        if !skip::command("busybox") {
            return;
        }
        let mut container = runtime.run(&agent, &["/bin/sh", "-c", &script]);
        assert_eq!(server.peer().ip().to_string(), ADDRESS, "{}", runtime.name);
        container.is_ready();
        let connect = |address: &str| TcpStream::connect((address, port));
        let mut answer = String::new();
        let mut connection = connect(ADDRESS).expect("it listens there");
        write!(connection, "GET /nothing HTTP/1.0\r\n\r\n").expect("it reads");
        connection.read_to_string(&mut answer).expect("UTF-8");
        assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
        for address in ["127.0.0.1", "127.0.0.3"] {
            let error = connect(address).expect_err("nobody listens there");
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
        }
    }
}

/// What the filter refuses by itself.
#[test]
fn rings_are_refused() {
    for runtime in runtimes() {
        let agent = Agent::start(&[]);
        let mut container = runtime.run(&agent, &["/rings"]);
        assert_eq!(container.line(), "ENOSYS ENOSYS ENOSYS", "{}", runtime.name);
    }
}

#[test]
fn without_an_assignment_it_is_free_or_refused() {
    for runtime in runtimes() {
        for (options, expected) in [(&[][..], "0 0.0.0.0 "), (&["--require"], "EPERM ")] {
            let agent = Agent::start(options);
            let mut container = runtime.run(&agent, &["/on_demand"]);
            container.is_ready();
            container.binds(expected);
            assert!(container.end());
        }
    }
}

#[test]
fn without_an_agent_there_is_no_container() {
    for runtime in runtimes() {
        let mut agent = Agent::start(&[]);
        agent.policy.write(runtime.cgroup_name(), "ipv4", ADDRESS);
        agent.kill();
        let mut container = runtime.run(&agent, &["/on_demand"]);
        assert_eq!(container.line(), "", "{}", runtime.name);
        assert!(!container.end());
        // One that runs is closed when its supervisor is gone.
        agent.restart(&[]);
        let mut container = runtime.run(&agent, &["/on_demand"]);
        container.is_ready();
        container.binds("0 127.0.0.2 ");
        send(agent.supervisors()[0], libc::SIGKILL);
        wait_for("the supervisor ends", || agent.supervisors().is_empty());
        container.binds("ENOSYS 0.0.0.0 0");
        assert!(container.end());
    }
}
