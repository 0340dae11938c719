//! The cgroup and the policy directory that a command line names: a cgroup's directory is understood,
//! and a warning is printed where a name is likely mistyped.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use ipaddr_host::cgroup_path::CgroupPath;
use ipaddr_host::hierarchy::Hierarchy;
use ipaddr_host::settings::{self, DEFAULT_POLICY_DIRECTORY};

use crate::failure::warn;

/// How many letters of a name may be wrong at most.
const MAX_WRONG: usize = 3;

/// Where a cgroup may be known.
pub struct Places<'a> {
    policy_directory: &'a Path,
    /// `None` where no cgroup file system is mounted.
    hierarchy: Option<Hierarchy>,
}

impl<'a> Places<'a> {
    /// This machine's cgroups, and a policy directory.
    pub fn new(policy_directory: &'a Path) -> Self {
        Self {
            policy_directory,
            hierarchy: Hierarchy::find(settings::cgroup_controller().as_deref()),
        }
    }

    /// Warns of a policy directory that doesn't exist, if somebody has named it.
    pub fn warn_if_no_directory(&self) {
        let is_default = self.policy_directory == Path::new(DEFAULT_POLICY_DIRECTORY);
        if !is_default && !self.policy_directory.exists() {
            warn(format_args!(
                "{}: there is no such directory, so no file assigns anything: expected the policy \
                 directory",
                self.policy_directory.display()
            ));
        }
    }

    /// The cgroup that is meant: if it is the path of a directory below the mount of the cgroup file
    /// system, then the cgroup of that directory.
    pub fn cgroup(&self, named: CgroupPath) -> CgroupPath {
        if self.exists(&named) != Some(false) {
            return named;
        }
        let directory = named.directory_in(Path::new("/"));
        let hierarchy = self.hierarchy.as_ref();
        let Some(cgroup) = hierarchy.and_then(|hierarchy| hierarchy.cgroup_at(&directory)) else {
            return named;
        };
        warn(format_args!(
            "{named}: is a path in the file system: expected the cgroup's own, so it is taken for \
             {cgroup}"
        ));
        cgroup
    }

    /// Warns of a cgroup that doesn't exist if one does that has nearly its name. Without such a one
    /// it may be that of a service that hasn't been started yet.
    pub fn warn_if_mistyped(&self, cgroup: &CgroupPath) {
        if self.exists(cgroup) == Some(false)
            && let Some(similar) = self.similar(cgroup)
        {
            warn(format_args!(
                "{cgroup}: there is no such cgroup: did you mean {similar}?"
            ));
        }
    }

    /// Warns of a cgroup that neither exists nor has a directory in the policy directory.
    pub fn warn_if_unknown(&self, cgroup: &CgroupPath) {
        if self.exists(cgroup) != Some(false) || self.has_directory(cgroup) {
            return;
        }
        let directory = self.policy_directory.display();
        match self.similar(cgroup) {
            Some(similar) => warn(format_args!(
                "{cgroup}: there is no such cgroup, and nothing for it in {directory}: did you \
                 mean {similar}?"
            )),
            None => warn(format_args!(
                "{cgroup}: there is no such cgroup, and nothing for it in {directory}: expected a \
                 path as in /proc/PID/cgroup"
            )),
        }
    }

    /// `None` where that is unknown.
    fn exists(&self, cgroup: &CgroupPath) -> Option<bool> {
        self.hierarchy.as_ref()?.has(cgroup)
    }

    fn has_directory(&self, cgroup: &CgroupPath) -> bool {
        cgroup.directory_in(self.policy_directory).is_dir()
    }

    fn is_known(&self, cgroup: &CgroupPath) -> bool {
        self.exists(cgroup) == Some(true) || self.has_directory(cgroup)
    }

    /// A known cgroup of nearly the same name: the first level that isn't known is replaced by one that
    /// is, and what is below it is kept where that is known too.
    fn similar(&self, cgroup: &CgroupPath) -> Option<CgroupPath> {
        let mut levels = cgroup.levels().map(OsStr::from_bytes);
        let mut known = CgroupPath::root();
        let wrong = loop {
            let level = levels.next()?;
            let inner = known.child(level);
            if !self.is_known(&inner) {
                break level;
            }
            known = inner;
        };
        let names = self.names_in(&known);
        let found = match nearest(wrong.to_str()?, &names) {
            Some(name) => known.child(OsStr::new(name)),
            // It is in one of systemd's slices.
            None => names
                .iter()
                .filter(|outer| outer.ends_with(".slice"))
                .map(|outer| known.child(OsStr::new(outer)).child(wrong))
                .find(|inner| self.is_known(inner))?,
        };
        let whole = levels.fold(found.clone(), |outer, level| outer.child(level));
        Some(if self.is_known(&whole) { whole } else { found })
    }

    /// The names of the cgroups in a cgroup.
    fn names_in(&self, cgroup: &CgroupPath) -> Vec<String> {
        let hierarchy = self.hierarchy.as_ref();
        let mounted = hierarchy.and_then(|hierarchy| hierarchy.directory(cgroup));
        let directories = [mounted, Some(cgroup.directory_in(self.policy_directory))];
        let mut names: Vec<_> = directories.into_iter().flatten().flat_map(names).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// The names of the directories in a directory, as far as they are text.
fn names(directory: PathBuf) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.path().is_dir())
        .filter_map(|entry| entry.file_name().into_string().ok())
}

/// The name that was likely meant: one with a few other letters, fewer in a short name, or one with
/// the kind of a systemd unit behind it.
fn nearest<'n>(wrong: &str, names: &'n [String]) -> Option<&'n str> {
    let wrong_letters = |name: &str| match name.strip_prefix(wrong) {
        Some(".service" | ".scope" | ".slice") => 0,
        _ => strsim::damerau_levenshtein(wrong, name),
    };
    let most = (wrong.chars().count() / 3).min(MAX_WRONG);
    names
        .iter()
        .map(|name| (wrong_letters(name), &**name))
        .filter(|(wrong_letters, _)| *wrong_letters <= most)
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_were_likely_meant() {
        let names = ["a", "mail", "web", "web-backend.service", "worker"].map(str::to_owned);
        for (wrong, expected) in [
            ("wbe", Some("web")),
            ("mial", Some("mail")),
            ("wroker", Some("worker")),
            ("web-backend", Some("web-backend.service")),
            ("b", None),
            ("db", None),
            ("website", None),
        ] {
            assert_eq!(nearest(wrong, &names), expected, "{wrong}");
        }
    }
}
