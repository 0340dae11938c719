//! Processes, as proc(5) shows them.
//!
//! | module | idea |
//! | --- | --- |
//! | [`cgroup`] | the cgroup of a process |
//! | [`unit`] | the systemd unit of a process |
//! | [`environment`] | the variables that it was started with |
//! | [`auxiliary`] | what the kernel has told its dynamic linker |
//! | [`mappings`] | what is mapped in its memory |
//! | [`sockets`] | which sockets receive for every address |
//! | [`status`] | its parent and its seccomp filters |

pub mod auxiliary;
pub mod cgroup;
pub mod environment;
pub mod mappings;
pub mod sockets;
pub mod status;
pub mod unit;

use std::fs::{self, File, Metadata};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use ipaddr_policy::program;

use crate::error::Unreadable;

use auxiliary::Auxiliary;
use environment::Environment;
use mappings::Mapping;
use status::Status;

/// `PF_KTHREAD` of include/linux/sched.h.
const PF_KTHREAD: u64 = 0x0020_0000;

/// A process by its id. Each method reads /proc anew; by then the id may be another process's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Process {
    /// The id, in the PID namespace of /proc.
    pub pid: u32,
}

impl Process {
    /// The caller.
    #[must_use]
    pub fn current() -> Self {
        Self {
            pid: std::process::id(),
        }
    }

    /// All processes that exist now, ordered by id.
    ///
    /// # Errors
    /// `/proc` can't be read.
    pub fn all() -> Result<Vec<Self>, Unreadable> {
        let mut all: Vec<_> = fs::read_dir("/proc")
            .map_err(Unreadable::at("/proc"))?
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .map(|pid| Self { pid })
            .collect();
        all.sort_unstable();
        Ok(all)
    }

    /// The path of one of its files: `/proc/PID/NAME`.
    #[must_use]
    pub fn path(self, name: &str) -> PathBuf {
        format!("/proc/{}/{name}", self.pid).into()
    }

    /// The environment that it was started with, see [`Environment`].
    ///
    /// # Errors
    /// `EACCES` for another user's process, `ESRCH` or `ENOENT` for one that is gone.
    pub fn environment(self) -> Result<Environment, Unreadable> {
        self.read("environ").map(Environment::new)
    }

    /// What is mapped in its memory; nothing where it has none any more.
    ///
    /// # Errors
    /// As for [`Process::environment`].
    pub fn mappings(self) -> Result<Vec<Mapping>, Unreadable> {
        self.read("maps").map(|text| mappings::parse(&text))
    }

    /// What the kernel has told its dynamic linker.
    ///
    /// # Errors
    /// As for [`Process::environment`].
    pub fn auxiliary(self) -> Result<Auxiliary, Unreadable> {
        self.read("auxv").map(|bytes| Auxiliary::parse(&bytes))
    }

    /// Its parent and its seccomp filters; `None` if it is gone.
    #[must_use]
    pub fn status(self) -> Option<Status> {
        Status::parse(&fs::read_to_string(self.path("status")).ok()?)
    }

    /// The result of stat(2) for its program, which may have been removed.
    ///
    /// # Errors
    /// As for [`Process::environment`].
    pub fn executable(self) -> Result<Metadata, Unreadable> {
        let path = self.path("exe");
        fs::metadata(&path).map_err(Unreadable::at(path))
    }

    /// Its name, `comm` of proc(5), printable; empty where it can't be read.
    #[must_use]
    pub fn name(self) -> String {
        let name = fs::read_to_string(self.path("comm")).unwrap_or_default();
        name.trim_end().escape_debug().to_string()
    }

    /// Whether it runs a program: it is not a thread of the kernel, not a zombie, and still there.
    #[must_use]
    pub fn runs_a_program(self) -> bool {
        fs::read_to_string(self.path("stat")).is_ok_and(|stat| runs_a_program(&stat))
    }

    /// Whether its program is one of Go, see [`program`]; false where that is unknown.
    #[must_use]
    pub fn is_go(self) -> bool {
        let Ok(file) = File::open(self.path("exe")) else {
            return false;
        };
        let mut head = [0; program::HEAD + 1];
        program::inspect(&mut Contents(file), &mut head) == Err(program::Reason::Go)
    }

    fn read(self, name: &str) -> Result<Vec<u8>, Unreadable> {
        let path = self.path(name);
        fs::read(&path).map_err(Unreadable::at(path))
    }
}

/// By the text of `/proc/PID/stat`, see proc_pid_stat(5).
fn runs_a_program(stat: &str) -> bool {
    // The name may hold anything, a parenthesis too.
    let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
    let mut fields = fields.split(' ');
    let state = fields.next();
    let flags = fields.nth(5).and_then(|flags| flags.parse::<u64>().ok());
    !matches!(state, Some("Z" | "X")) && flags.is_some_and(|flags| flags & PF_KTHREAD == 0)
}

struct Contents(File);

impl program::Contents for Contents {
    fn read(&mut self, offset: u64, buffer: &mut [u8]) -> usize {
        let mut filled = 0;
        while let Some(free) = buffer.get_mut(filled..).filter(|free| !free.is_empty()) {
            match self.0.read_at(free, offset.wrapping_add(filled as u64)) {
                Ok(0) | Err(_) => break,
                Ok(count) => filled += count,
            }
        }
        filled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caller() {
        let current = Process::current();
        assert!(Process::all().expect("/proc").contains(&current));
        assert!(current.runs_a_program() && !current.is_go());
        assert!(!current.name().is_empty());
        assert!(current.executable().expect("it is ours").is_file());
        assert!(current.cgroup(None).is_ok());
        let path = std::env::var("PATH").expect("cargo sets it");
        let environment = current.environment().expect("it is ours");
        assert_eq!(environment.get("PATH"), Some(path.as_bytes()));
        assert!(!current.auxiliary().expect("it is ours").secure);
    }

    #[test]
    fn what_runs_no_program() {
        let stat = |state, flags| format!("7 (a) b) {state} 1 7 7 0 -1 {flags} 0 0");
        assert!(runs_a_program(&stat('S', 0x40_0000)));
        assert!(!runs_a_program(&stat('Z', 0x40_0000)));
        assert!(!runs_a_program(&stat('I', 0x20_8040)));
        assert!(!runs_a_program(""));
    }

    #[test]
    fn a_process_that_is_not_there() {
        // Above the kernel's PID_MAX_LIMIT.
        let nobody = Process { pid: u32::MAX };
        let error = nobody.environment().expect_err("nobody is there");
        let expected = "/proc/4294967295/environ: No such file or directory (os error 2)";
        assert_eq!(error.to_string(), expected);
        assert!(!nobody.runs_a_program());
    }
}
