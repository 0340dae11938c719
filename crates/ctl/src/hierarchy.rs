//! The cgroups that there are: the hierarchy that decides, where it is mounted.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use ipaddr_policy::cgroup;

use crate::cgroup_path::CgroupPath;

/// A mount of the hierarchy from which the library takes a process's cgroup.
pub struct Hierarchy {
    /// The cgroup that is its root, `/` unless only a part is mounted.
    root: CgroupPath,
    mount: PathBuf,
}

impl Hierarchy {
    /// Finds it in /proc/self/mountinfo, see proc_pid_mountinfo(5); `None` where it isn't mounted.
    pub fn find(controller: Option<&[u8]>) -> Option<Self> {
        let cgroups = fs::read("/proc/self/cgroup").ok()?;
        let hierarchy = cgroup::hierarchy(&cgroups, controller).ok()?;
        // A v1 mount's options name its controllers.
        let wanted = hierarchy.controllers.split(|&byte| byte == b',').next()?;
        let table = fs::read("/proc/self/mountinfo").ok()?;
        table.split(|&byte| byte == b'\n').find_map(|line| {
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

    /// Whether there is such a cgroup; `None` for one outside of what is mounted.
    pub fn has(&self, cgroup: &CgroupPath) -> Option<bool> {
        if !self.root.holds(cgroup) {
            return None;
        }
        let mut folder = self.mount.clone();
        let levels = cgroup.levels().skip(self.root.depth());
        folder.extend(levels.map(|level| OsString::from_vec(level.to_vec())));
        Some(folder.is_dir())
    }
}

/// Space, tab, newline and backslash stand there as `\040` and the like.
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
