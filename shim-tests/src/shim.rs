//! A program under the library, or under the guard: the same tests run under both.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::{Cgroup, Netns, artifacts};

/// What applies the rules to a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrontEnd {
    /// libipaddr.so, preloaded.
    Library,
    /// ipaddr-guard, around it.
    Guard,
}

impl FrontEnd {
    /// `$IPADDR_TEST_FRONT_END`: `guard`, or the library without it.
    ///
    /// # Panics
    /// It has another value.
    #[must_use]
    pub fn of_tests() -> Self {
        match std::env::var("IPADDR_TEST_FRONT_END").as_deref() {
            Err(_) | Ok("") => Self::Library,
            Ok("guard") => Self::Guard,
            Ok(other) => panic!("IPADDR_TEST_FRONT_END={other}: expected guard, or nothing"),
        }
    }

    /// Of two expected answers this front end's. Where a test has two it says why they differ.
    #[must_use]
    pub fn expects<T>(self, of_library: T, of_guard: T) -> T {
        match self {
            Self::Library => of_library,
            Self::Guard => of_guard,
        }
    }
}

/// How a program is run: under the library, or with `IPADDR_TEST_FRONT_END=guard` under the guard,
/// with an empty environment but for what is said here.
#[derive(Clone, Default)]
pub struct Shim {
    variables: Vec<(String, String)>,
    preload: Vec<PathBuf>,
    is_guarded: bool,
    cgroup: Option<PathBuf>,
    netns: Option<String>,
    prefix: Vec<String>,
    preloaded_prefix: Vec<String>,
}

/// What a program printed, and how it ended.
#[derive(Debug)]
pub struct Run {
    /// Standard output, trimmed.
    pub out: String,
    /// Standard error.
    pub err: String,
    /// Whether it ended with status 0.
    pub success: bool,
}

impl Run {
    /// The words of the standard output.
    #[must_use]
    pub fn words(&self) -> Vec<&str> {
        self.out.split_whitespace().collect()
    }

    /// Of a call: its outcome, and the address that the socket has then, without the port.
    ///
    /// # Panics
    /// There are not two words.
    #[track_caller]
    #[must_use]
    pub fn source(&self) -> String {
        match self.words().as_slice() {
            [outcome, address, ..] => format!("{outcome} {address}"),
            _ => panic!("{self:?}"),
        }
    }

    /// Of calls: the outcome of the first, and the address that the socket has in the end.
    ///
    /// # Panics
    /// There are not three words.
    #[track_caller]
    #[must_use]
    pub fn outcome(&self) -> (&str, &str) {
        match self.words().as_slice() {
            &[outcome, .., address, _port] => (outcome, address),
            _ => panic!("{self:?}"),
        }
    }

    /// Asserts what was printed.
    #[track_caller]
    pub fn says(&self, expected: &str) {
        assert_eq!(self.out, expected, "stderr: {}", self.err);
    }
}

impl Shim {
    /// Nothing assigned; there is no policy directory either.
    #[must_use]
    pub fn new() -> Self {
        let front_end = match FrontEnd::of_tests() {
            FrontEnd::Library => Self {
                preload: vec![artifacts::library().to_owned()],
                ..Self::without()
            },
            FrontEnd::Guard => Self {
                is_guarded: true,
                ..Self::without()
            },
        };
        front_end.var("IPADDR_POLICY_DIR", "/nonexistent/ipaddr")
    }

    /// Without the library: what the kernel does by itself.
    #[must_use]
    pub fn without() -> Self {
        Self::default().var(
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        )
    }

    /// Under the library, with an IPv4 assignment of the process's own.
    #[must_use]
    pub fn ipv4(list: &str) -> Self {
        Self::new().var("IPADDR_IPV4", list)
    }

    /// Under the library, with an IPv6 assignment of the process's own.
    #[must_use]
    pub fn ipv6(list: &str) -> Self {
        Self::new().var("IPADDR_IPV6", list)
    }

    /// Under the library, with a policy directory.
    #[must_use]
    pub fn policy(dir: &Path) -> Self {
        Self::new().var("IPADDR_POLICY_DIR", dir.to_str().expect("UTF-8"))
    }

    /// Sets a variable, in the place of an earlier one of that name.
    #[must_use]
    pub fn var(mut self, name: &str, value: &str) -> Self {
        self.variables.retain(|(other, _)| other != name);
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets many variables that have other names than those set before.
    #[must_use]
    pub fn vars(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        self.variables.extend(variables);
        self
    }

    /// Preloads another library before ours.
    #[must_use]
    pub fn preload_before(mut self, library: PathBuf) -> Self {
        self.preload.insert(0, library);
        self
    }

    /// Preloads another library after ours.
    #[must_use]
    pub fn preload_after(mut self, library: PathBuf) -> Self {
        self.preload.push(library);
        self
    }

    /// Starts the program in a cgroup.
    #[must_use]
    pub fn cgroup(mut self, cgroup: &Cgroup) -> Self {
        self.cgroup = Some(cgroup.path().to_owned());
        self
    }

    /// Starts the program in a network namespace.
    #[must_use]
    pub fn netns(mut self, netns: &Netns) -> Self {
        self.netns = Some(netns.name().to_owned());
        self
    }

    /// Runs the program by another one, `unshare --cgroup` say; that one is without the library.
    #[must_use]
    pub fn by(mut self, prefix: &[&str]) -> Self {
        self.prefix = prefix.iter().map(|&word| word.to_owned()).collect();
        self
    }

    /// Runs the program by another one that has the library too, `valgrind` say.
    #[must_use]
    pub fn by_preloaded(mut self, prefix: &[&str]) -> Self {
        self.preloaded_prefix = prefix.iter().map(|&word| word.to_owned()).collect();
        self
    }

    /// The command, to be run as it pleases.
    #[must_use]
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        // Everything that prepares the ground runs before the library comes in: sh joins the
        // cgroup, ip enters the namespace, and env preloads last.
        let mut words: Vec<&OsStr> = Vec::new();
        if let Some(name) = &self.netns {
            words.extend(["ip", "netns", "exec", name].map(OsStr::new));
        }
        words.extend(self.prefix.iter().map(OsStr::new));
        let preload = self
            .preload
            .iter()
            .map(|path| path.to_str().expect("UTF-8"));
        let preload = format!("LD_PRELOAD={}", preload.collect::<Vec<_>>().join(":"));
        if !self.preload.is_empty() {
            words.extend(["env", &preload].map(OsStr::new));
        }
        if self.is_guarded {
            words.push(artifacts::guard().as_os_str());
            words.extend(["--allow-unassigned", "--allow-unusable", "--"].map(OsStr::new));
        }
        words.extend(self.preloaded_prefix.iter().map(OsStr::new));
        words.push(program.as_ref());

        let mut command = match &self.cgroup {
            Some(cgroup) => {
                let mut command = Command::new("sh");
                let join = "echo $$ > \"$0\" && exec \"$@\"";
                command
                    .args(["-c", join])
                    .arg(cgroup.join("cgroup.procs"))
                    .args(&words);
                command
            }
            None => {
                let mut command = Command::new(words[0]);
                command.args(&words[1..]);
                command
            }
        };
        command
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a program to its end.
    #[track_caller]
    #[must_use]
    pub fn run(&self, program: impl AsRef<OsStr>, arguments: &[&str]) -> Run {
        let mut command = self.command(&program);
        command.args(arguments).stdin(Stdio::null());
        let output = command.output().expect("the program starts");
        Run {
            out: String::from_utf8_lossy(&output.stdout).trim().to_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
            success: output.status.success(),
        }
    }

    /// Runs a program of the C harness to its end.
    #[track_caller]
    #[must_use]
    pub fn harness(&self, name: &str, arguments: &[&str]) -> Run {
        self.run(artifacts::harness(name), arguments)
    }

    /// Starts `on_demand`, which does one call for each line that it gets.
    #[must_use]
    pub fn on_demand(&self) -> OnDemand {
        self.on_demand_by("on_demand")
    }

    /// Starts `late_exec`, which binds to the wildcard for each `bind` that it gets, and for `exec`
    /// executes a program that does so once more.
    #[must_use]
    pub fn late_exec(&self) -> OnDemand {
        let bind = artifacts::harness("bind");
        let bind = bind.to_str().expect("UTF-8");
        self.start("late_exec", &[bind, "tcp4", "0.0.0.0", "0"])
    }

    /// Starts another program of the C harness that answers each line with one.
    #[must_use]
    pub fn on_demand_by(&self, program: &str) -> OnDemand {
        self.start(program, &[])
    }

    fn start(&self, program: &str, arguments: &[&str]) -> OnDemand {
        let mut child = self
            .command(artifacts::harness(program))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let input = child.stdin.take().expect("piped");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let mut process = OnDemand {
            child,
            input: Some(input),
            output,
        };
        assert_eq!(process.line(), "ready");
        process
    }
}

/// The process that runs a program which [`Shim::command`] has started: the guard waits for it, and it
/// has said something by now, or the guard may not have started it.
///
/// # Panics
/// It has ended.
#[must_use]
pub fn program_of(started: &Child) -> u32 {
    let mut pid = started.id();
    while is_guard(pid) {
        pid = child_of(pid).expect("the guard has a child");
    }
    pid
}

fn is_guard(pid: u32) -> bool {
    let program = std::fs::read_link(format!("/proc/{pid}/exe")).expect("it runs");
    program.file_name() == Some(OsStr::new("ipaddr-guard"))
}

fn child_of(pid: u32) -> Option<u32> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    let children = threads.flatten().find_map(|thread| {
        let children = std::fs::read_to_string(thread.path().join("children")).ok()?;
        (!children.is_empty()).then_some(children)
    });
    children?.split_whitespace().next()?.parse().ok()
}

/// A running `on_demand`, ended with its test.
pub struct OnDemand {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl OnDemand {
    /// The process's id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        program_of(&self.child)
    }

    /// Has it do `KIND bind|connect ADDRESS PORT`; what came of it.
    pub fn call(&mut self, call: &str) -> String {
        let input = self.input.as_mut().expect("still open");
        writeln!(input, "{call}").expect("on_demand reads");
        self.line()
    }

    /// As [`Self::call`], without the port that the kernel has chosen.
    pub fn outcome(&mut self, call: &str) -> String {
        let line = self.call(call);
        let words: Vec<_> = line.split_whitespace().take(2).collect();
        words.join(" ")
    }

    /// The address that a wildcard bind ends up with, or the errno.
    pub fn bind_wildcard(&mut self) -> String {
        let line = self.call("tcp4 bind 0.0.0.0 0");
        let words: Vec<_> = line.split_whitespace().collect();
        match words.as_slice() {
            ["0", address, _port] => (*address).to_owned(),
            [errno, ..] => (*errno).to_owned(),
            [] => String::new(),
        }
    }

    /// Asserts that it is refused these calls.
    #[track_caller]
    pub fn is_refused(&mut self, calls: &[&str]) {
        for call in calls {
            let answer = self.call(call);
            assert!(answer.starts_with("EPERM "), "{call}: {answer}");
        }
    }

    /// Ends it; what it wrote to standard error.
    #[must_use]
    pub fn end(mut self) -> String {
        drop(self.input.take());
        let mut err = String::new();
        let stderr = self.child.stderr.take().expect("piped");
        std::io::Read::read_to_string(&mut BufReader::new(stderr), &mut err).expect("UTF-8");
        err
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("on_demand answers");
        line.trim().to_owned()
    }
}

impl Drop for OnDemand {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
