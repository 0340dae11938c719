//! What a process's policy is read from: its files, its variables and its cgroup.

use core::cell::Cell;
use core::ffi::CStr;
use core::mem::MaybeUninit;
use core::ptr;

use ipaddr_policy::levels::{self, BadDirectory, FileName, Given, LevelFile, Mistakes, Unusable};
use ipaddr_policy::rules::index::Entry;
use ipaddr_policy::rules::{Builder, Memory, PortRange, Rule, RuleFile, RuleSet, memory};
use ipaddr_policy::text::{Printable, Text};
use ipaddr_policy::trust::Trusted;
use ipaddr_policy::{Assignment, Policy, cgroup};

use crate::process::level_file::{self, LevelFiles, TEXT_LEN};
use crate::process::settings::{DEFAULT_POLICY_DIR, Settings};
use crate::process::{loaded, log};
use crate::sys::errno::Errno;
use crate::sys::file::File;

const CGROUP_FILE: &CStr = c"/proc/self/cgroup";

/// Memory to read a policy in: fresh pages, because the calls may run on a small signal stack, and
/// malloc(3) is out of the question there. What isn't touched costs nothing, so what is most often
/// short shares a page.
///
/// Every field is made of numbers, or says of itself that zeroed bytes are a valid value.
#[repr(C)]
pub struct Scratch {
    /// What has been read.
    pub policy: Policy<'static>,
    level: Assignment,
    /// What `policy.rules` points to.
    rules: MaybeUninit<RuleSet<'static>>,
    /// /proc/self/cgroup, and behind it the paths and the texts of the files. Free for other use once
    /// the policy has been read.
    pub text: [u8; Scratch::TEXT_LEN],
    rule_memory: RuleMemory,
}

impl Scratch {
    /// Room for a text.
    pub const TEXT_LEN: usize = CGROUP_LEN + TEXT_LEN;
}

/// Room for /proc/self/cgroup.
const CGROUP_LEN: usize = 16 << 10;

/// Room for the rules of all levels.
struct RuleMemory {
    files: [RuleFile; memory::MAX_FILES],
    rules: [Rule; memory::MAX_RULES],
    ports: [PortRange; memory::MAX_PORTS],
    index: [Entry; memory::MAX_INDEX],
    names: [u8; memory::MAX_NAMES],
}

/// Why there is no policy.
pub enum Failure {
    /// It can't be used; why has been said.
    Unusable,
    /// The process or the machine has no descriptor left to read it by (`EMFILE`, `ENFILE`).
    NoDescriptor,
}

/// A query for the policy.
pub struct Query {
    /// Whether the process stays unrestricted if no descriptor is left.
    stays_unrestricted: bool,
    /// Whether none is left.
    lacks_descriptor: Cell<bool>,
}

impl Query {
    /// A new one.
    pub const fn new(stays_unrestricted: bool) -> Self {
        Self {
            stays_unrestricted,
            lacks_descriptor: Cell::new(false),
        }
    }

    /// Logs why a policy can't be used.
    fn unusable(&self, why: &impl Text) -> Unusable {
        self.take(why);
        Unusable
    }

    /// Of each file that can't be read, why.
    pub fn note(&self, errno: Errno) {
        if matches!(errno, Errno(libc::EMFILE | libc::ENFILE)) {
            self.lacks_descriptor.set(true);
        }
    }

    const fn failure(&self, _: Unusable) -> Failure {
        if self.lacks_descriptor.get() {
            Failure::NoDescriptor
        } else {
            Failure::Unusable
        }
    }
}

impl Mistakes for Query {
    /// Writes to the log, once for each reason.
    fn take(&self, why: &impl Text) {
        if self.lacks_descriptor.get() && self.stays_unrestricted {
            log::unreadable(why);
        } else {
            log::mistake(why);
        }
    }
}

/// The policy directory.
pub struct Directory {
    path: &'static CStr,
    trusted: Trusted,
}

/// Looks for the policy directory; `None` if there is none.
///
/// # Errors
/// What lies in it can't be used, or `$IPADDR_POLICY_DIR` is no absolute path, as it has to be,
/// because the program may change its working directory.
pub fn find_directory(settings: &Settings, query: &Query) -> Result<Option<Directory>, Unusable> {
    let path = match settings.policy_dir {
        None => DEFAULT_POLICY_DIR,
        Some(path) if path.to_bytes().starts_with(b"/") => path,
        Some(path) => {
            return Err(query.unusable(&(
                "IPADDR_POLICY_DIR: \"",
                Printable(path.to_bytes()),
                "\": expected an absolute path",
            )));
        }
    };
    match level_file::find_directory(path) {
        Ok(found) => Ok(found.map(|trusted| Directory { path, trusted })),
        Err(problem) => {
            let file = LevelFile {
                directory: path.to_bytes(),
                cgroup: b"/",
                depth: 0,
                name: FileName::Rules,
            };
            Err(query.unusable(&BadDirectory(file, problem)))
        }
    }
}

/// Reads every level into `scratch.policy`; the directory's only if it is there.
///
/// # Errors
/// The first mistake; `scratch.policy` must not be used then.
///
/// # Safety
/// Nobody uses what an earlier look has read into `scratch`, and nobody moves it or gives it back
/// while the policy is used.
pub unsafe fn read(
    settings: &Settings,
    directory: Option<&Directory>,
    query: &Query,
    scratch: &mut Scratch,
) -> Result<(), Failure> {
    let (cgroup, free) = match directory {
        Some(directory) => {
            let own = own_cgroup(settings, query, &mut scratch.text);
            let (cgroup, free) = own.map_err(|unusable| query.failure(unusable))?;
            (Some((directory.path.to_bytes(), cgroup)), free)
        }
        None => (None, &mut scratch.text[..]),
    };
    let given = Given {
        cgroup,
        latch: settings.latch.map(CStr::to_bytes),
        ipv4: settings.ipv4.map(CStr::to_bytes),
        ipv6: settings.ipv6.map(CStr::to_bytes),
        require: settings.require.map(CStr::to_bytes),
    };
    // Without a directory no file is read.
    let nobody = Trusted { owner: 0 };
    let mut files = LevelFiles {
        memory: free,
        trusted: directory.map_or(nobody, |directory| directory.trusted),
        query,
    };
    // SAFETY: the caller's promise: the memory stays where it is, and is used by this policy only.
    let memory = unsafe { &mut *ptr::from_mut(&mut scratch.rule_memory) };
    let rules = Builder::new(Memory {
        files: &mut memory.files,
        rules: &mut memory.rules,
        ports: &mut memory.ports,
        index: &mut memory.index,
        names: &mut memory.names,
    });
    let (level, policy) = (&mut scratch.level, &mut scratch.policy);
    let read = levels::read(&given, &mut files, query, level, policy, rules)
        .map_err(|unusable| query.failure(unusable))?;
    policy.rules = read.rules.map(|rules| {
        // SAFETY: as above.
        unsafe { &*ptr::from_mut(scratch.rules.write(rules)) }
    });
    if !policy.is_unassigned() {
        loaded::assigned(policy, read.limits);
    }
    Ok(())
}

/// The path of the process's cgroup, and what is left of `memory`.
fn own_cgroup<'a>(
    settings: &Settings,
    query: &Query,
    memory: &'a mut [u8],
) -> Result<(&'a [u8], &'a mut [u8]), Unusable> {
    let place = Printable(CGROUP_FILE.to_bytes());
    let buffer = memory.get_mut(..CGROUP_LEN).unwrap_or(&mut []);
    let length = File::read(CGROUP_FILE, buffer, |_| Ok::<_, Errno>(()))
        .flatten()
        .map_err(|errno| {
            query.note(errno);
            query.unusable(&(
                place,
                ": ",
                errno,
                ": expected a readable file, for there is a policy directory",
            ))
        })?;
    let (text, free) = memory.split_at_mut_checked(length).ok_or(Unusable)?;
    let controller = settings.cgroup_controller.map(CStr::to_bytes);
    let path = cgroup::path(text, controller);
    Ok((
        path.map_err(|error| query.unusable(&(place, ":", error)))?,
        free,
    ))
}
