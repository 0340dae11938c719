//! A command under the guard, as root or as an ordinary user.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use shim_tests::{PolicyDir, guard, harness, skip};

/// What the tests assign.
pub const ADDRESS: &str = "127.0.0.2";

/// A user without any rights.
const NOBODY: &str = "65534";

/// How long a command may take, in seconds, on a busy machine.
const LIMIT: &str = "60";

/// How commands are run.
pub struct Guarded {
    /// Where everybody may read the guard and the programs.
    directory: PolicyDir,
    is_nobody: bool,
    options: Vec<String>,
    prefix: Vec<String>,
}

/// What a command printed, and how it ended.
#[derive(Debug)]
pub struct Run {
    /// Standard output, trimmed.
    pub out: String,
    /// Standard error.
    pub err: String,
    /// How the guard ended.
    pub status: ExitStatus,
}

impl Run {
    /// Asserts what was printed, and that all went well.
    #[track_caller]
    pub fn says(&self, expected: &str) {
        assert!(
            self.out == expected && self.status.success(),
            "expected {expected}: {self:?}"
        );
    }

    /// Asserts that the output begins so: behind it is a port, say.
    #[track_caller]
    pub fn begins(&self, expected: &str) {
        assert!(
            self.out.starts_with(expected) && self.status.success(),
            "expected {expected}…: {self:?}"
        );
    }

    /// The exit status.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }
}

impl Guarded {
    /// By whoever runs the tests, with [`ADDRESS`].
    pub fn new() -> Self {
        let directory = PolicyDir::new();
        fs::copy(guard(), directory.path().join("ipaddr-guard")).expect("the guard is copied");
        Self {
            directory,
            is_nobody: false,
            options: ["--ip", ADDRESS].map(str::to_owned).into(),
            prefix: Vec::new(),
        }
    }

    /// By an ordinary user; skips where there can't be one.
    pub fn by_nobody() -> Option<Self> {
        let may = skip::root_for("becoming another user") && skip::command("setpriv");
        may.then(|| Self {
            is_nobody: true,
            ..Self::new()
        })
    }

    /// By both, as far as it can be done.
    pub fn by_all() -> impl Iterator<Item = Self> {
        [Some(Self::new()), Self::by_nobody()].into_iter().flatten()
    }

    /// With other options.
    pub fn options(mut self, options: &[&str]) -> Self {
        self.options = options.iter().map(|&option| option.to_owned()).collect();
        self
    }

    /// The guard itself is run by another program, `unshare --pid` say.
    pub fn by(mut self, prefix: &[&str]) -> Self {
        self.prefix = prefix.iter().map(|&word| word.to_owned()).collect();
        self
    }

    /// A copy of a program, where everybody may read it.
    pub fn copy(&self, program: &Path) -> PathBuf {
        let to = self
            .directory
            .path()
            .join(program.file_name().expect("a file"));
        if !to.exists() {
            fs::copy(program, &to).expect("the program is copied");
            self.set_mode(&to, 0o755);
        }
        to
    }

    /// A file that everybody may write to.
    pub fn file(&self, name: &str) -> PathBuf {
        let path = self.directory.path().join(name);
        fs::write(&path, "").expect("the directory is ours");
        self.set_mode(&path, 0o666);
        path
    }

    /// Sets the mode of a file.
    pub fn set_mode(&self, path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("it is ours");
    }

    /// The guard.
    pub fn path(&self) -> PathBuf {
        self.directory.path().join("ipaddr-guard")
    }

    /// The command, to be run as it pleases.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut words = vec![
            "timeout".to_owned(),
            "-k".into(),
            LIMIT.into(),
            LIMIT.into(),
        ];
        words.extend(self.prefix.clone());
        if self.is_nobody {
            let user = ["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"];
            words.push("setpriv".to_owned());
            words.extend(user.map(str::to_owned));
        }
        words.push(self.path().to_str().expect("UTF-8").to_owned());
        words.extend(self.options.clone());
        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .arg("--")
            .arg(program)
            .env_clear()
            .env(
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            )
            .env("IPADDR_POLICY_DIR", "/nonexistent/ipaddr")
            .stdin(Stdio::null());
        command
    }

    /// Runs a program to its end.
    #[track_caller]
    pub fn run(&self, program: impl AsRef<OsStr>, arguments: &[&str]) -> Run {
        let output = self.command(program).args(arguments).output();
        let output = output.expect("the guard starts");
        Run {
            out: String::from_utf8_lossy(&output.stdout).trim().to_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
            status: output.status,
        }
    }

    /// Runs a program of the C harness to its end.
    #[track_caller]
    pub fn harness(&self, name: &str, arguments: &[&str]) -> Run {
        self.run(self.copy(&harness(name)), arguments)
    }

    /// Starts the guard itself, without a limit in between, and waits for the command's first line.
    pub fn start(&self, program: impl AsRef<OsStr>, arguments: &[&str]) -> Started {
        let limited = self.command(program);
        let mut words = limited.get_args().skip(3);
        let mut command = Command::new(words.next().expect("the guard"));
        command.args(words).args(arguments).env_clear();
        let variables = limited.get_envs();
        command.envs(variables.filter_map(|(name, value)| Some((name, value?))));
        let child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = child.expect("the guard starts");
        let out = BufReader::new(child.stdout.take().expect("piped"));
        let mut started = Started { child, out };
        assert_eq!(started.line(), "ready");
        started
    }
}

/// A guard that runs, ended with its test.
pub struct Started {
    child: Child,
    out: BufReader<std::process::ChildStdout>,
}

impl Started {
    /// The guard's own process: the parent.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The supervisor's.
    pub fn supervisor(&self) -> u32 {
        only_child(self.pid())
    }

    /// The command's.
    pub fn command(&self) -> u32 {
        only_child(self.supervisor())
    }

    /// The next line of its output.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).expect("UTF-8");
        line.trim().to_owned()
    }

    /// Sends a line, and returns the next.
    pub fn ask(&mut self, line: &str) -> String {
        use std::io::Write;
        let input = self.child.stdin.as_mut().expect("piped");
        writeln!(input, "{line}").expect("it reads");
        self.line()
    }

    /// Sends a line that has no answer.
    pub fn ask_nothing(&mut self) {
        use std::io::Write;
        let input = self.child.stdin.as_mut().expect("piped");
        writeln!(input).expect("it reads");
    }

    /// Waits for the parent's own end, whoever else goes on.
    pub fn end_of_parent(&mut self) -> ExitStatus {
        self.child.wait().expect("it is our child")
    }

    /// Waits for its end: what else it printed, and how it ended.
    pub fn end(&mut self) -> Run {
        drop(self.child.stdin.take());
        let (mut out, mut err) = (String::new(), String::new());
        self.out.read_to_string(&mut out).expect("UTF-8");
        let stderr = self.child.stderr.as_mut().expect("piped");
        stderr.read_to_string(&mut err).expect("UTF-8");
        Run {
            out: out.trim().to_owned(),
            err,
            status: self.child.wait().expect("it is our child"),
        }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal to a process that this test has started.
pub fn send(pid: u32, signal: i32) {
    let pid = pid.try_into().expect("an id");
    // SAFETY: kill has no preconditions.
    assert_eq!(unsafe { libc::kill(pid, signal) }, 0);
}

/// Whether a process was ended by this signal.
pub fn is_ended_by(status: ExitStatus, signal: i32) -> bool {
    status.signal() == Some(signal)
}

fn only_child(pid: u32) -> u32 {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let children = fs::read_to_string(path).expect("CONFIG_PROC_CHILDREN");
    children.trim().parse().expect("one child")
}
