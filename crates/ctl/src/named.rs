//! The cgroup and the policy directory that a command line names: a cgroup's directory is understood,
//! and a warning is printed where a name is likely mistyped.

use std::cell::RefCell;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

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
    /// The cgroup whose names were listed last: `check` has many of one cgroup.
    listed: RefCell<Option<(CgroupPath, Rc<Vec<String>>)>>,
}

impl<'a> Places<'a> {
    /// This machine's cgroups, and a policy directory.
    pub fn new(policy_directory: &'a Path) -> Self {
        Self {
            policy_directory,
            hierarchy: Hierarchy::find(settings::cgroup_controller().as_deref()),
            listed: RefCell::new(None),
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

    /// Warns of a cgroup that doesn't exist if another one was likely meant. Otherwise it may be that of
    /// a service that hasn't been started yet.
    pub fn warn_if_mistyped(&self, cgroup: &CgroupPath) {
        if self.exists(cgroup) == Some(false)
            && let Some(similar) = self.unassigned_similar(cgroup)
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
        match self.similar(cgroup, Among::Known) {
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

    /// Whether there is such a cgroup; `None` where that is unknown.
    pub fn exists(&self, cgroup: &CgroupPath) -> Option<bool> {
        self.hierarchy.as_ref()?.has(cgroup)
    }

    fn has_directory(&self, cgroup: &CgroupPath) -> bool {
        cgroup.directory_in(self.policy_directory).is_dir()
    }

    /// A cgroup that exists, of nearly the same name and without a directory in the policy directory:
    /// a policy for the one was likely meant for the other.
    pub fn unassigned_similar(&self, cgroup: &CgroupPath) -> Option<CgroupPath> {
        self.similar(cgroup, Among::Unassigned)
    }

    /// A cgroup of nearly the same name: the first level that isn't known is replaced by one that may be
    /// meant, and what is below it is kept where that is known too.
    fn similar(&self, cgroup: &CgroupPath, among: Among) -> Option<CgroupPath> {
        let is_known = |cgroup: &CgroupPath| {
            self.exists(cgroup) == Some(true) || among == Among::Known && self.has_directory(cgroup)
        };
        let may_be_meant = |cgroup: &CgroupPath| {
            is_known(cgroup) && !(among == Among::Unassigned && self.has_directory(cgroup))
        };
        let mut levels = cgroup.levels().map(OsStr::from_bytes);
        let mut known = CgroupPath::root();
        let wrong = loop {
            let level = levels.next()?;
            let inner = known.child(level);
            if !is_known(&inner) {
                break level;
            }
            known = inner;
        };
        let names = self.names_in(&known, among);
        let slices = names.iter().filter(|outer| outer.ends_with(".slice"));
        // It may be in one of systemd's slices.
        let in_slices = slices.map(|outer| known.child(OsStr::new(outer)).child(wrong));
        let found = nearest(wrong.to_str()?, &names)
            .into_iter()
            .map(|name| known.child(OsStr::new(name)))
            .chain(in_slices)
            .find(may_be_meant)?;
        let whole = levels.fold(found.clone(), |outer, level| outer.child(level));
        Some(if is_known(&whole) { whole } else { found })
    }

    /// The names of the cgroups in a cgroup.
    fn names_in(&self, cgroup: &CgroupPath, among: Among) -> Rc<Vec<String>> {
        let mut listed = self.listed.borrow_mut();
        match &*listed {
            Some((last, names)) if last == cgroup => names.clone(),
            _ => {
                let names = Rc::new(self.list(cgroup, among));
                *listed = Some((cgroup.clone(), names.clone()));
                names
            }
        }
    }

    fn list(&self, cgroup: &CgroupPath, among: Among) -> Vec<String> {
        let hierarchy = self.hierarchy.as_ref();
        let mounted = hierarchy.and_then(|hierarchy| hierarchy.directory(cgroup));
        let own = (among == Among::Known).then(|| cgroup.directory_in(self.policy_directory));
        let mut names: Vec<_> = mounted.into_iter().chain(own).flat_map(names).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// Where a cgroup of nearly the same name is searched for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Among {
    /// The cgroups that exist, and those that have a directory in the policy directory.
    Known,
    /// The cgroups that exist and have none.
    Unassigned,
}

/// The names of the directories in a directory, as far as they are text.
fn names(directory: PathBuf) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .filter_map(|entry| entry.file_name().into_string().ok())
}

/// The names that were likely meant, the nearest first: with a few other letters, fewer in a short
/// name, or with the kind of a systemd unit behind them.
fn nearest<'n>(wrong: &str, names: &'n [String]) -> Vec<&'n str> {
    let most = (wrong.len() / 3).min(MAX_WRONG);
    let wrong_letters = |name: &str| match name.strip_prefix(wrong) {
        Some(".service" | ".scope" | ".slice") => Some(0),
        // At least as many letters differ as one name has more than the other.
        _ if name.len().abs_diff(wrong.len()) > most => None,
        _ => Some(strsim::damerau_levenshtein(wrong, name)).filter(|letters| *letters <= most),
    };
    let names = names.iter().map(|name| &**name);
    let mut near: Vec<_> = names
        .filter_map(|name| Some((wrong_letters(name)?, name)))
        .collect();
    near.sort_unstable();
    near.into_iter().map(|(_, name)| name).collect()
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
            let found = nearest(wrong, &names);
            assert_eq!(found, Vec::from_iter(expected), "{wrong}");
        }
    }
}
