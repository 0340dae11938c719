//! What the library accepts, but the administrator has probably not meant.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use ipaddr_host::cgroup_path::CgroupPath;
use ipaddr_host::tree::LevelDirectory;
use ipaddr_policy::family::may_be_source;
use ipaddr_policy::levels::FileName;
use ipaddr_policy::{Assignment, Family};
use nix::libc::{S_IROTH, S_IWGRP, S_IXOTH};

use super::Report;
use crate::addresses;
use crate::failure::Failure;
use crate::interfaces::Interfaces;
use crate::named::Places;
use crate::store;

/// How many letters may differ in a name that is considered a mistyped one.
const MAX_WRONG: usize = 3;

/// The machine that the policies are for: this one.
pub struct Machine<'a> {
    interfaces: Interfaces,
    places: Places<'a>,
    /// Whether each cgroup that doesn't exist is warned of.
    cgroups: bool,
    /// Memory for one list.
    assignment: Box<Assignment>,
}

impl<'a> Machine<'a> {
    /// Queries the kernel for its interfaces and its cgroups.
    pub fn inspect(policy_directory: &'a Path, cgroups: bool) -> Result<Self, Failure> {
        let interfaces = Interfaces::read();
        Ok(Self {
            interfaces: interfaces.map_err(|error| Failure::system("the interfaces", &error))?,
            places: Places::new(policy_directory),
            cgroups,
            assignment: Box::new(Assignment::UNASSIGNED),
        })
    }

    /// Whether there is a cgroup; `None` where that is unknown.
    pub fn has_cgroup(&self, cgroup: &CgroupPath) -> Option<bool> {
        self.places.exists(cgroup)
    }

    /// Warns of a cgroup that doesn't exist: if another one was likely meant, and otherwise if all are
    /// wanted, because its service may be stopped.
    pub fn warn_of_cgroup(
        &self,
        level: &LevelDirectory,
        report: &mut Report,
    ) -> Result<(), Failure> {
        let (cgroup, path) = (&level.cgroup, level.path.display());
        if self.has_cgroup(cgroup) != Some(false) {
            return Ok(());
        }
        match self.places.unassigned_similar(cgroup) {
            Some(similar) => report.warning(format_args!(
                "{path}: there is no cgroup {cgroup}: did you mean {similar}?"
            )),
            None if self.cgroups => {
                report.warning(format_args!("{path}: there is no cgroup {cgroup}"))
            }
            None => Ok(()),
        }
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
    let name = name.to_ascii_lowercase();
    let kind = name.rsplit('.').next()?;
    let wrong_letters = |known: &&str| strsim::damerau_levenshtein(known, &name);
    let known = || FileName::ALL.into_iter().map(FileName::as_str);
    // `ipv4` and `web.ipv4` have the kind of file, and another name before it.
    let same_kind = known().find(|known| known.rsplit('.').next() == Some(kind));
    let nearest = same_kind.or_else(|| known().min_by_key(wrong_letters))?;
    let is_policy = same_kind.is_some() || wrong_letters(&nearest) <= MAX_WRONG;
    (is_policy || name == "ipaddr" || name.starts_with("ipaddr."))
        .then(|| format!("nothing reads a file of this name: expected {nearest}"))
}
