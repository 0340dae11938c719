//! Whether a process runs under ipaddr-guard, and what the guard's tree has latched.
//!
//! All that a guard guards descends from its supervisor, which takes in orphans, and has one seccomp
//! filter more than that. The supervisor is known by the listener among its descriptors; what it has
//! latched is read from its memory, as the library's is ([`crate::library`]). That takes its rights or
//! root's. What an agent of containers guards descends from the container's runtime: nothing in /proc
//! says which listener is whose.

use std::fs;
use std::path::Path;

use crate::error::Unreadable;
use crate::library::{Inspection, Library, Obstacle, inspect_mark};
use crate::process::Process;
use crate::process::mappings::Mapping;

/// The name of the guard's processes.
const NAME: &str = "ipaddr-guard";

/// What proc_pid_fd(5) shows for the descriptor of seccomp(2) by which calls come in.
const LISTENER: &str = "anon_inode:seccomp notify";

/// Whether a process is guarded.
#[derive(Debug)]
pub enum Guard {
    /// There is no guard above it.
    None,
    /// It is one of a guard's own processes.
    Own,
    /// A supervisor answers its calls.
    Supervised(Supervisor),
    /// Its supervisor has been killed, this parent of it is left: what would be judged fails with
    /// `ENOSYS`.
    Killed(Process),
    /// There may be a guard above it.
    Unknown(Obstacle),
}

/// A supervisor.
#[derive(Debug)]
pub struct Supervisor {
    /// Its process.
    pub process: Process,
    /// What its tree has latched, if anything: what [`ipaddr_policy::latch::Latch`] writes.
    pub latch: Option<Vec<u8>>,
    /// The guard's version.
    pub version: Option<String>,
}

/// Searches the processes above one for a guard.
#[must_use]
pub fn inspect(process: Process) -> Guard {
    let Some(own) = process.status() else {
        return Guard::None;
    };
    if own.name == NAME && has_mark(process) {
        return Guard::Own;
    }
    let mut next = own.parent;
    // Its filter came after those that the guard itself has, from a container say.
    while next != 0 && own.filters > 0 {
        let above = Process { pid: next };
        let Some(status) = above.status() else {
            break;
        };
        if status.name == NAME && status.filters < own.filters {
            match inspect_guard(above) {
                Ok(Guard::None) => {}
                Ok(found) => return found,
                Err(obstacle) => return Guard::Unknown(obstacle),
            }
        }
        next = status.parent;
    }
    Guard::None
}

/// A process with the guard's name.
fn inspect_guard(process: Process) -> Result<Guard, Obstacle> {
    let has_listener = has_listener(process).map_err(Obstacle::Descriptors)?;
    let Inspection { library, version } = inspect_executable(process)?;
    let latch = match library {
        // Another program of that name.
        Library::NotLoaded | Library::Hidden(Obstacle::NoMark) => return Ok(Guard::None),
        Library::Hidden(obstacle) | Library::Unknown(obstacle) => return Err(obstacle),
        Library::Free => None,
        Library::Latched(text) => Some(text),
    };
    if !has_listener {
        return Ok(Guard::Killed(process));
    }
    Ok(Guard::Supervised(Supervisor {
        process,
        latch,
        version,
    }))
}

fn has_mark(process: Process) -> bool {
    let inspected = inspect_executable(process);
    inspected.is_ok_and(|it| !matches!(it.library, Library::Hidden(_)))
}

fn inspect_executable(process: Process) -> Result<Inspection, Obstacle> {
    let mappings = process.mappings().map_err(Obstacle::Maps)?;
    let is_of_guard = |mapping: &Mapping| {
        let path = mapping.path.strip_suffix(b" (deleted)");
        let path = path.unwrap_or(&mapping.path);
        path.rsplit(|&byte| byte == b'/').next() == Some(NAME.as_bytes())
    };
    Ok(inspect_mark(process, &mappings, is_of_guard))
}

fn has_listener(process: Process) -> Result<bool, Unreadable> {
    let path = process.path("fd");
    let entries = fs::read_dir(&path).map_err(Unreadable::at(path))?;
    Ok(entries.flatten().any(|entry| {
        let target = fs::read_link(entry.path());
        target.is_ok_and(|target| target == Path::new(LISTENER))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_without_a_guard() {
        let guard = inspect(Process::current());
        assert!(matches!(guard, Guard::None), "{guard:?}");
        let guard = inspect(Process { pid: u32::MAX });
        assert!(matches!(guard, Guard::None), "{guard:?}");
    }

    #[test]
    fn a_process_without_a_listener() {
        assert!(!has_listener(Process::current()).expect("it is ours"));
    }
}
