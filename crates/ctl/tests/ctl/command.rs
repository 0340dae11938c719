//! The program, with a policy directory of its own.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output};

use shim_tests::PolicyDir;
use tempfile::TempDir;

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_ipaddrctl");

/// Of the whole workspace, the library too.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Exit statuses, as --help has them.
pub const FOUND: i32 = 1;
pub const USAGE: i32 = 2;
pub const EPERM: i32 = 3;
pub const EINVAL: i32 = 4;
pub const UNUSABLE: i32 = 5;
pub const SYSTEM: i32 = 6;

/// The program, and the directory that it is told.
#[derive(Default)]
pub struct Ctl(pub PolicyDir);

/// What it printed, and its exit status.
#[derive(Debug)]
pub struct Said {
    pub out: String,
    pub err: String,
    pub status: i32,
}

impl Said {
    pub fn of(output: &Output) -> Self {
        Self {
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
            status: output.status.code().expect("it wasn't killed"),
        }
    }

    /// Asserts that it did what it was to do, and returns what it printed.
    #[track_caller]
    pub fn fine(self) -> String {
        assert_eq!((self.status, &*self.err), (0, ""), "{}", self.out);
        self.out
    }

    /// The same, and there may be warnings.
    #[track_caller]
    pub fn done(self) -> String {
        let are_warnings = self.warnings().len() == self.err.lines().count();
        assert!(self.status == 0 && are_warnings, "{self:?}");
        self.out
    }

    /// What it warned of.
    pub fn warnings(&self) -> Vec<&str> {
        let lines = self.err.lines();
        lines
            .filter_map(|line| line.strip_prefix("ipaddrctl: warning: "))
            .collect()
    }

    /// Asserts an exit status and a part of the message on standard error.
    #[track_caller]
    pub fn fails(self, status: i32, message: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert!(self.err.contains(message), "\"{message}\" in {self:?}");
    }
}

impl Ctl {
    pub fn new() -> Self {
        Self::default()
    }

    /// To be started as a test pleases.
    pub fn command<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(PROGRAM);
        command
            .env_clear()
            .env("IPADDR_POLICY_DIR", self.0.path())
            .args(arguments);
        command
    }

    #[track_caller]
    pub fn run<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Said {
        Said::of(&self.command(arguments).output().expect("it starts"))
    }

    /// Runs it with the words of a line.
    #[track_caller]
    pub fn line(&self, line: &str) -> Said {
        self.run(line.split(' '))
    }

    /// A file of the policy directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Its text; `None` if there is no such file.
    pub fn text(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.path(name)).ok()
    }

    /// What all in the policy directory is called, but for the lock, in order.
    pub fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        let mut directories = vec![self.0.path().to_owned()];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory).expect("a directory") {
                let path = entry.expect("readable").path();
                let name = path.strip_prefix(self.0.path()).expect("below it");
                names.push(name.to_str().expect("UTF-8").to_owned());
                if path.is_dir() {
                    directories.push(path);
                }
            }
        }
        names.retain(|name| name != ".ipaddrctl.lock");
        names.sort();
        names
    }
}

/// A user who may see nothing of root's processes, and has a copy of the program: the directories above
/// it may not be for others. It takes setpriv.
pub struct Nobody(TempDir);

impl Nobody {
    pub fn new() -> Self {
        let directory = tempfile::tempdir_in("/tmp").expect("a temporary directory");
        fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).expect("ours");
        // By another process: of a file that is open for writing here, a child of another test's may
        // have the descriptor for a moment, and then nobody can execute it.
        let mut copy = Command::new("cp");
        let copied = copy.arg(PROGRAM).arg(directory.path()).status();
        assert!(copied.expect("cp starts").success());
        Self(directory)
    }

    /// Runs it with the words of a line.
    #[track_caller]
    pub fn line(&self, ctl: &Ctl, line: &str) -> Said {
        let mut command = Command::new("setpriv");
        command
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .arg(self.0.path().join("ipaddrctl"))
            .args(line.split(' '))
            .env("IPADDR_POLICY_DIR", ctl.0.path());
        Said::of(&command.output().expect("setpriv starts"))
    }
}
