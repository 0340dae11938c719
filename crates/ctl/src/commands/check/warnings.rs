//! What the library accepts, but the administrator has probably not meant.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use ipaddr_host::cgroup_path::CgroupPath;
use ipaddr_host::hierarchy::Hierarchy;
use ipaddr_host::settings;
use ipaddr_host::tree::LevelDirectory;
use ipaddr_policy::family::may_be_source;
use ipaddr_policy::levels::FileName;
use ipaddr_policy::{Assignment, Family};
use nix::libc::{S_IROTH, S_IWGRP, S_IXOTH};

use super::Report;
use crate::addresses;
use crate::failure::Failure;
use crate::interfaces::Interfaces;
use crate::store;

/// How many letters may differ in a name that is considered a mistyped one.
const MAX_WRONG: usize = 3;

/// The machine that the policies are for: this one.
pub struct Machine {
    interfaces: Interfaces,
    /// `None` where no cgroup file system is mounted.
    hierarchy: Option<Hierarchy>,
    /// Memory for one list.
    assignment: Box<Assignment>,
}

impl Machine {
    /// Queries the kernel for its interfaces and its cgroups.
    pub fn inspect() -> Result<Self, Failure> {
        let interfaces = Interfaces::read();
        Ok(Self {
            interfaces: interfaces.map_err(|error| Failure::system("the interfaces", &error))?,
            hierarchy: Hierarchy::find(settings::cgroup_controller().as_deref()),
            assignment: Box::new(Assignment::UNASSIGNED),
        })
    }

    /// Whether there is a cgroup; `None` where that is unknown.
    pub fn has_cgroup(&self, cgroup: &CgroupPath) -> Option<bool> {
        self.hierarchy.as_ref()?.has(cgroup)
    }

    /// Warns of a cgroup that isn't there.
    pub fn warn_of_cgroup(
        &self,
        level: &LevelDirectory,
        report: &mut Report,
    ) -> Result<(), Failure> {
        if self.has_cgroup(&level.cgroup) == Some(false) {
            let cgroup = &level.cgroup;
            report.warning(format_args!(
                "{}: there is no cgroup {cgroup}",
                level.path.display()
            ))?;
        }
        Ok(())
    }

    /// Warns of a directory's permissions, and of files in it that nothing reads.
    pub fn warn_of_directory(
        &self,
        level: &LevelDirectory,
        report: &mut Report,
    ) -> Result<(), Failure> {
        let access = Access {
            needed: S_IXOTH,
            expected: "0755",
        };
        access.warn(&level.path, &level.metadata, report)?;
        for name in level.files.iter().filter_map(|name| name.to_str()) {
            if let Some(why) = no_policy(name) {
                report.warning(format_args!("{}: {why}", level.path.join(name).display()))?;
            }
        }
        Ok(())
    }

    /// Warns of entries of a list of which no interface has any address.
    pub fn warn_of_addresses(
        &mut self,
        path: &Path,
        text: &[u8],
        family: Family,
        report: &mut Report,
    ) -> Result<(), Failure> {
        for (number, range) in addresses::ranges_by_line(text, family, &mut self.assignment) {
            let (path, first) = (path.display(), family.address(range.first));
            // No interface has a multicast address.
            if !may_be_source(first) || self.interfaces.have_any(range, family) {
                continue;
            }
            if range.first == range.last {
                report.warning(format_args!("{path}:{number}: no interface has {first}"))?;
            } else {
                let last = family.address(range.last);
                report.warning(format_args!(
                    "{path}:{number}: no interface has an address of {first}-{last}"
                ))?;
            }
        }
        Ok(())
    }
}

/// Warns of a file's permissions.
pub fn of_permissions(
    path: &Path,
    metadata: &Metadata,
    report: &mut Report,
) -> Result<(), Failure> {
    let access = Access {
        needed: S_IROTH,
        expected: "0644",
    };
    access.warn(path, metadata, report)
}

/// The permissions that a file or directory is expected to have.
struct Access {
    /// The bit for others; without it their processes can't read their policy.
    needed: u32,
    expected: &'static str,
}

impl Access {
    fn warn(&self, path: &Path, metadata: &Metadata, report: &mut Report) -> Result<(), Failure> {
        let path = path.display();
        let expected = self.expected;
        if metadata.uid() != 0 {
            let uid = metadata.uid();
            report.warning(format_args!(
                "{path}: is owned by user {uid}: expected root"
            ))?;
        }
        if metadata.mode() & S_IWGRP != 0 {
            report.warning(format_args!(
                "{path}: is group-writable: expected a mode like {expected}"
            ))?;
        }
        if metadata.mode() & self.needed == 0 {
            report.warning(format_args!(
                "{path}: can't be read by others, whose processes are refused everything then: \
                 expected a mode like {expected}"
            ))?;
        }
        Ok(())
    }
}

/// Why a file in the tree isn't read, if its name is like that of a policy file.
fn no_policy(name: &str) -> Option<String> {
    if FileName::ALL
        .into_iter()
        .any(|known| known.as_str() == name)
    {
        return None;
    }
    if FileName::ALL
        .into_iter()
        .any(|known| store::unfinished(known) == name)
    {
        return Some("was left by a change that was interrupted; the next one removes it".into());
    }
    let nearest = FileName::ALL
        .into_iter()
        .map(FileName::as_str)
        .min_by_key(|known| strsim::damerau_levenshtein(known, name))?;
    let is_near = strsim::damerau_levenshtein(nearest, name) <= MAX_WRONG;
    (is_near || name.starts_with("ipaddr."))
        .then(|| format!("nothing reads a file of this name: expected {nearest}"))
}
