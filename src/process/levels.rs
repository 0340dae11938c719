//! What a process's policy is read from: its files, its variables and its cgroup.
#![expect(
    clippy::result_large_err,
    reason = "there is no heap to box an error in, and a read makes one at most"
)]

use core::ffi::CStr;
use core::mem::MaybeUninit;
use core::ptr;

use ipaddr_policy::levels::{self, Error, FileName, Given, LevelFile, Place};
use ipaddr_policy::rules::index::Entry;
use ipaddr_policy::rules::{Builder, Memory, PortRange, Rule, RuleFile, RuleSet, memory};
use ipaddr_policy::trust::Trusted;
use ipaddr_policy::{Assignment, PerFamily, Policy, cgroup};

use crate::process::level_file::{self, LevelFiles, TEXT_LEN};
use crate::process::settings::{DEFAULT_POLICY_DIR, Settings};
use crate::process::unusable::{CGROUP_FILE, Unusable};
use crate::process::{loaded, log};
use crate::sys::errno::Errno;
use crate::sys::file::File;

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
    /// It can't be used; why has been logged.
    Unusable,
    /// The process or the machine has no descriptor left to read it by (`EMFILE`, `ENFILE`).
    NoDescriptor,
}

/// Says in the log why the policy can't be used; `stays_unrestricted` is whether the process stays
/// unrestricted if no descriptor is left.
pub fn report(why: &Unusable<'_>, stays_unrestricted: bool) -> Failure {
    let lacks_descriptor = why.lacks_descriptor();
    if lacks_descriptor && stays_unrestricted {
        log::unreadable(why);
    } else {
        log::mistake(why);
    }
    if lacks_descriptor {
        Failure::NoDescriptor
    } else {
        Failure::Unusable
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
/// What is in it can't be used, or `$IPADDR_POLICY_DIR` is no absolute path, as it has to be, because
/// the program may change its working directory.
pub fn find_directory(settings: &Settings) -> Result<Option<Directory>, Unusable<'static>> {
    let path = match settings.policy_dir {
        None => DEFAULT_POLICY_DIR,
        Some(path) if path.to_bytes().starts_with(b"/") => path,
        Some(path) => return Err(Unusable::RelativeDirectory(path)),
    };
    let found = level_file::find_directory(path).map_err(|problem| {
        let place = Place::Directory(LevelFile {
            directory: path.to_bytes(),
            cgroup: &b"/"[..],
            depth: 0,
            name: FileName::Rules,
        });
        Unusable::Mistake(Error::unusable(place, problem))
    })?;
    Ok(found.map(|trusted| Directory { path, trusted }))
}

/// Reads every level into `scratch.policy`; the directory's only if it is there.
///
/// # Errors
/// The policy can't be used, see [`report`]; `scratch.policy` must not be used then.
///
/// # Safety
/// Nobody uses what an earlier query has read into `scratch`, and nobody moves it or gives it back
/// while the policy is used.
pub unsafe fn read(
    settings: &Settings,
    directory: Option<&Directory>,
    stays_unrestricted: bool,
    scratch: &mut Scratch,
) -> Result<(), Failure> {
    let failure = |why| report(&why, stays_unrestricted);
    let (cgroup, free) = match directory {
        Some(directory) => {
            let own = own_cgroup(settings, &mut scratch.text);
            let (cgroup, free) = own.map_err(failure)?;
            (Some((directory.path.to_bytes(), cgroup)), free)
        }
        None => (None, &mut scratch.text[..]),
    };
    let given = Given {
        cgroup,
        latch: settings.latch.map(CStr::to_bytes),
        lists: PerFamily::of(|family| settings.lists.get(family).map(CStr::to_bytes)),
        require: settings.require.map(CStr::to_bytes),
    };
    // Without a directory no file is read.
    let nobody = Trusted { owner: 0 };
    let trusted = directory.map_or(nobody, |directory| directory.trusted);
    let mut files = LevelFiles::new(free, trusted);
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
    let read = levels::read(&given, &mut files, level, policy, rules);
    let read = read.map_err(|error| failure(Unusable::Mistake(error)))?;
    policy.rules = read.rules.map(|rules| {
        // SAFETY: as above.
        unsafe { &*ptr::from_mut(scratch.rules.write(rules)) }
    });
    if !policy.is_unassigned() {
        loaded::assigned(policy, &read.limits);
    }
    Ok(())
}

/// The path of the process's cgroup, and what is left of `memory`.
fn own_cgroup<'a>(
    settings: &Settings,
    memory: &'a mut [u8],
) -> Result<(&'a [u8], &'a mut [u8]), Unusable<'a>> {
    let buffer = memory.get_mut(..CGROUP_LEN).unwrap_or(&mut []);
    let length = File::read(CGROUP_FILE, buffer, |_| Ok::<_, Errno>(()))
        .flatten()
        .map_err(Unusable::CgroupFile)?;
    // No more is read than fits.
    let (text, free) = memory.split_at_mut_checked(length).unwrap_or_default();
    let controller = settings.cgroup_controller.map(CStr::to_bytes);
    let path = cgroup::path(text, controller).map_err(Unusable::Cgroup)?;
    Ok((path, free))
}
