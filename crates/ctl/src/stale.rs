//! Running processes and what the files say by now: those that keep something else, because they have
//! latched it or what they have latched is unknown, and those that can't use what the files say.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use ipaddr_host::cgroup_path::CgroupPath;
use ipaddr_host::library::{Library, Obstacle};
use ipaddr_host::process::{Process, unit};
use ipaddr_host::reader::{Reader, UnusablePolicy};
use ipaddr_host::settings::{self, DEFAULT_POLICY_DIRECTORY};
use ipaddr_host::subject::{Running, Subject};
use ipaddr_policy::{Assignment, Family, latch};

use crate::addresses;
use crate::failure::Failure;

/// A process that has to be restarted.
pub struct Stale {
    process: Process,
    /// Its systemd unit, if it has one.
    unit: Option<String>,
    keeps: Keeps,
}

enum Keeps {
    /// What is latched.
    Latched {
        text: Vec<u8>,
        /// Whether the latch and the files are in conflict: what the process executes is refused
        /// everything.
        is_conflict: bool,
    },
    /// Nobody knows.
    Unknown(Obstacle),
}

/// Those in a cgroup, and in the cgroups inside it, that have latched something else of these families
/// than they would get from the policy directory if they were restarted.
pub fn find(
    directory: &Path,
    cgroup: &CgroupPath,
    families: &[Family],
) -> Result<Vec<Stale>, Failure> {
    let controller = settings::cgroup_controller();
    let mut reader = Reader::default();
    let mut found = Vec::new();
    for process in Process::all()? {
        let Ok(own) = process.cgroup(controller.as_deref()) else {
            continue;
        };
        let is_other = process != Process::current();
        if is_other && cgroup.holds(&own) && process.runs_a_program() {
            found.extend(stale(directory, process, own, families, &mut reader));
        }
    }
    Ok(found)
}

/// Whether a process has latched something else than what it would get if it were restarted.
pub fn differs(
    directory: &Path,
    process: Process,
    cgroup: CgroupPath,
    reader: &mut Reader,
) -> bool {
    let found = stale(directory, process, cgroup, &Family::ALL, reader);
    found.is_some_and(|found| matches!(found.keeps, Keeps::Latched { .. }))
}

/// Why a process that has latched nothing yet is refused everything, if it is.
pub fn mistake(
    directory: &Path,
    process: Process,
    cgroup: CgroupPath,
    reader: &mut Reader,
) -> Option<UnusablePolicy> {
    let running = Running::inspect(process);
    let is_free = matches!(running.library, Library::Free);
    let subject = Subject {
        directory: reads(directory, &running).then(|| directory.to_owned())?,
        cgroup,
        running: is_free.then_some(running),
    };
    subject.running.as_ref()?;
    subject.read_anew(reader, |_, _| ()).err()
}

/// `None` for one that has nothing to keep, or reads other files.
fn stale(
    directory: &Path,
    process: Process,
    cgroup: CgroupPath,
    families: &[Family],
    reader: &mut Reader,
) -> Option<Stale> {
    let running = Running::inspect(process);
    if !reads(directory, &running) {
        return None;
    }
    let unit = unit::of_cgroup(&cgroup);
    let subject = Subject {
        directory: directory.to_owned(),
        cgroup,
        running: Some(running),
    };
    let keeps = match &subject.running.as_ref()?.library {
        Library::Latched(text) => {
            let text = text.clone();
            let is_stale = families
                .iter()
                .any(|family| !is_up_to_date(&subject, &text, *family, reader));
            is_stale.then(|| Keeps::Latched {
                is_conflict: subject.read_executed(reader, |_, _| ()).is_err(),
                text,
            })?
        }
        _ => match subject.running?.library {
            Library::Hidden(why) | Library::Unknown(why) => Keeps::Unknown(why),
            _ => return None,
        },
    };
    Some(Stale {
        process,
        unit,
        keeps,
    })
}

/// Whether this is the policy directory of the process, as far as its environment is known.
fn reads(directory: &Path, running: &Running) -> bool {
    let own = match running.trusted_variable("IPADDR_POLICY_DIR") {
        Some(value) => settings::from_variable(value).ok(),
        None => Some(DEFAULT_POLICY_DIRECTORY.into()),
    };
    let resolved = |path: &Path| fs::canonicalize(path).ok();
    let is_same = |own: PathBuf| own == directory || resolved(&own) == resolved(directory);
    running.environment.is_err() || own.is_some_and(is_same)
}

/// Whether the process would get of a family what it has latched.
fn is_up_to_date(subject: &Subject, latch: &[u8], family: Family, reader: &mut Reader) -> bool {
    let mut latched = Assignment::UNASSIGNED;
    if latch::parse(latch, family, &mut latched).is_err() {
        return false;
    }
    let is_same = subject.read_restarted(reader, |policy, _| {
        let anew = policy.family(family);
        let kind = |it: &Assignment| (it.is_unassigned(), it.is_forbidden(), it.is_loopback());
        kind(anew) == kind(&latched)
            && anew.primary() == latched.primary()
            && anew.allowed().as_slice() == latched.allowed().as_slice()
    });
    is_same.unwrap_or(false)
}

/// Prints each with what it keeps, and what comes of that; nothing if there is none.
pub fn print(found: &[Stale], out: &mut impl Write) -> io::Result<()> {
    if found.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "These processes keep what they have until they are restarted:"
    )?;
    let mut has_conflict = false;
    for Stale {
        process,
        unit,
        keeps,
    } in found
    {
        write!(out, "  {} {}", process.pid, process.name())?;
        if let Some(unit) = unit {
            write!(out, " ({unit})")?;
        }
        match keeps {
            Keeps::Latched { text, is_conflict } => {
                has_conflict |= is_conflict;
                writeln!(out, ": {}", addresses::latched(text))?;
            }
            Keeps::Unknown(why) => writeln!(out, ": ? ({why})")?,
        }
    }
    if has_conflict {
        writeln!(
            out,
            "Programs that they execute until then are refused everything."
        )?;
    }
    Ok(())
}
