//! Which cgroups there are: the hierarchy that decides, where it is mounted.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use ipaddr_policy::cgroup;

use crate::cgroup_path::CgroupPath;

/// A mount of the hierarchy from which the library takes a process's cgroup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hierarchy {
    /// The cgroup that is its root, `/` unless only a part is mounted.
    root: CgroupPath,
    mount: PathBuf,
}

impl Hierarchy {
    /// The caller's; `None` where it isn't mounted. `controller` is as
    /// [`crate::settings::cgroup_controller`] has it.
    #[must_use]
    pub fn find(controller: Option<&[u8]>) -> Option<Self> {
        let cgroups = fs::read("/proc/self/cgroup").ok()?;
        let hierarchy = cgroup::hierarchy(&cgroups, controller).ok()?;
        let mounts = fs::read("/proc/self/mountinfo").ok()?;
        Self::find_in(&mounts, hierarchy)
    }

    /// `mounts` is the text of `/proc/PID/mountinfo`, see proc_pid_mountinfo(5).
    fn find_in(mounts: &[u8], hierarchy: cgroup::Hierarchy<'_>) -> Option<Self> {
        // A v1 mount's options name its controllers.
        let wanted = hierarchy.controllers.split(|&byte| byte == b',').next()?;
        mounts.split(|&byte| byte == b'\n').find_map(|line| {
            let fields: Vec<_> = line.split(|&byte| byte == b' ').collect();
            let dash = fields.iter().position(|&field| field == b"-")?;
            let (kind, options) = (*fields.get(dash + 1)?, fields.get(dash + 3)?);
            let is_wanted = match hierarchy.id {
                0 => kind == b"cgroup2",
                _ => kind == b"cgroup" && options.split(|&byte| byte == b',').any(|o| o == wanted),
            };
            is_wanted.then_some(())?;
            Some(Self {
                root: CgroupPath::parse(&unescape(fields.get(3)?)).ok()?,
                mount: OsString::from_vec(unescape(fields.get(4)?)).into(),
            })
        })
    }

    /// The directory of a cgroup, whether or not there is one; `None` for a cgroup outside of what
    /// is mounted.
    #[must_use]
    pub fn directory(&self, cgroup: &CgroupPath) -> Option<PathBuf> {
        if !self.root.holds(cgroup) {
            return None;
        }
        let mut directory = self.mount.clone();
        let levels = cgroup.levels().skip(self.root.depth());
        directory.extend(levels.map(OsStr::from_bytes));
        Some(directory)
    }

    /// The cgroup whose directory has this path, whether or not there is one; `None` for a path
    /// outside of the mount, or one that isn't absolute.
    #[must_use]
    pub fn cgroup_at(&self, directory: &Path) -> Option<CgroupPath> {
        let levels = directory.strip_prefix(&self.mount).ok()?;
        let below = |outer: CgroupPath, level| outer.child(level);
        Some(levels.iter().fold(self.root.clone(), below))
    }

    /// Whether there is such a cgroup; `None` for one outside of what is mounted.
    #[must_use]
    pub fn has(&self, cgroup: &CgroupPath) -> Option<bool> {
        Some(self.directory(cgroup)?.is_dir())
    }
}

/// The file has space, tab, newline and backslash as `\040` and the like.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = field;
    while let Some((&byte, behind)) = rest.split_first() {
        let octal = behind.get(..3).filter(|_| byte == b'\\');
        let octal = octal.and_then(|digits| std::str::from_utf8(digits).ok());
        match octal.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(escaped) => {
                out.push(escaped);
                rest = &behind[3..];
            }
            None => {
                out.push(byte);
                rest = behind;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &[u8] = b"\
22 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
30 22 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n\
31 22 0:27 /pod\\0401 /cpu rw shared:5 master:1 - cgroup cgroup rw,cpu,cpuacct\n";

    fn find(cgroups: &[u8], controller: Option<&[u8]>) -> Option<Hierarchy> {
        let hierarchy = cgroup::hierarchy(cgroups, controller).ok()?;
        Hierarchy::find_in(MOUNTS, hierarchy)
    }

    fn directory(cgroups: &[u8], controller: Option<&[u8]>, path: &str) -> Option<PathBuf> {
        let hierarchy = find(cgroups, controller)?;
        let cgroup = CgroupPath::parse(path.as_bytes()).expect("it is a path");
        hierarchy.directory(&cgroup)
    }

    #[test]
    fn version_2() {
        let found = directory(b"0::/user\n", None, "/web/a");
        assert_eq!(found.as_deref(), Some(Path::new("/sys/fs/cgroup/web/a")));
    }

    #[test]
    fn a_part_of_a_hierarchy_of_version_1() {
        let cgroups = b"4:cpu,cpuacct:/pod 1/a\n0::/\n";
        let directory = |path| directory(cgroups, Some(b"cpu"), path);
        assert_eq!(directory("/pod 1/a").as_deref(), Some(Path::new("/cpu/a")));
        assert_eq!(directory("/elsewhere"), None);
    }

    #[test]
    fn from_a_directory_to_its_cgroup() {
        let cgroup_at = |cgroups: &[u8], controller: Option<&[u8]>, directory: &str| {
            let hierarchy = find(cgroups, controller)?;
            let cgroup = hierarchy.cgroup_at(Path::new(directory))?;
            Some(cgroup.to_string())
        };
        let unified = |directory| cgroup_at(b"0::/user\n", None, directory);
        assert_eq!(unified("/sys/fs/cgroup/web/a").as_deref(), Some("/web/a"));
        assert_eq!(unified("/sys/fs/cgroup").as_deref(), Some("/"));
        assert_eq!(unified("/sys/fs/cgroups/web"), None);
        let part = cgroup_at(b"4:cpu,cpuacct:/pod 1/a\n", Some(b"cpu"), "/cpu/a");
        assert_eq!(part.as_deref(), Some("/pod 1/a"));
    }

    #[test]
    fn a_hierarchy_that_is_not_mounted() {
        assert_eq!(directory(b"7:memory:/\n", None, "/web"), None);
    }
}
