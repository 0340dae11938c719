//! Real cgroups, see cgroups(7). As root only.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use std::{fs, io, process, thread};

/// A cgroup that is removed with its test, the processes in it killed by their ids.
pub struct Cgroup {
    mount: PathBuf,
    path: PathBuf,
}

impl Cgroup {
    /// A new cgroup in the v2 hierarchy; `None` where none is mounted, or it may not be written to.
    #[must_use]
    pub fn v2() -> Option<Self> {
        Self::below(&mount("cgroup2", None)?)
    }

    /// A new cgroup in the v1 hierarchy with a controller.
    #[must_use]
    pub fn v1(controller: &str) -> Option<Self> {
        Self::below(&mount("cgroup", Some(controller))?)
    }

    fn below(mount: &Path) -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = mount.join(format!("ipaddr-test-{}-{number}", process::id()));
        fs::create_dir(&path).ok()?;
        Some(Self {
            mount: mount.to_owned(),
            path,
        })
    }

    /// A new cgroup inside this one; the inner one has to go first.
    #[must_use]
    pub fn child(&self, name: &str) -> Self {
        let path = self.path.join(name);
        fs::create_dir(&path).expect("a cgroup can be made inside one's own");
        Self {
            mount: self.mount.clone(),
            path,
        }
    }

    /// Its directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its path as `/proc/PID/cgroup` has it, without the first slash.
    #[must_use]
    pub fn name(&self) -> &str {
        let name = self
            .path
            .strip_prefix(&self.mount)
            .expect("below the mount");
        name.to_str().expect("UTF-8")
    }

    /// Has a command start in it.
    pub fn start_in(&self, command: &mut Command) {
        let file = CString::new(self.path.join("cgroup.procs").as_os_str().as_bytes());
        let file = file.expect("no NUL in a path");
        // SAFETY: between fork and exec `join` makes only system calls that signal-safety(7) lists.
        unsafe { command.pre_exec(move || join(&file)) };
    }

    /// Moves a process into it.
    pub fn take(&self, pid: u32) {
        fs::write(self.path.join("cgroup.procs"), pid.to_string()).expect("the process is there");
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // A process that was killed leaves its cgroup a moment later.
        for _ in 0..200 {
            if fs::remove_dir(&self.path).is_ok() {
                return;
            }
            let members = fs::read_to_string(self.path.join("cgroup.procs")).unwrap_or_default();
            for pid in members.lines().filter_map(|line| line.parse().ok()) {
                // SAFETY: a signal to a process that this test has started.
                unsafe { libc::kill(pid, libc::SIGKILL) };
            }
            thread::sleep(Duration::from_millis(10));
        }
        eprintln!("{} can't be removed", self.path.display());
    }
}

/// Moves the calling process into the cgroup with this `cgroup.procs`, see cgroups(7).
fn join(procs: &CString) -> io::Result<()> {
    // SAFETY: the path ends with a NUL, the one byte is there, and the descriptor is our own.
    let written = unsafe {
        let fd = libc::open(procs.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
        libc::write(fd, c"0".as_ptr().cast(), 1)
    };
    match written {
        1 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Where a hierarchy is mounted, from /proc/self/mountinfo (see proc(5)); a v1 one is found by a
/// controller, which its mount options name.
fn mount(file_system: &str, controller: Option<&str>) -> Option<PathBuf> {
    let table = fs::read_to_string("/proc/self/mountinfo").ok()?;
    table.lines().find_map(|line| {
        let (left, right) = line.split_once(" - ")?;
        let mut right = right.split(' ');
        let (found, options) = (right.next()?, right.nth(1)?);
        let has = |name| options.split(',').any(|option| option == name);
        let ours = found == file_system && controller.is_none_or(has);
        ours.then(|| left.split(' ').nth(4).map(PathBuf::from))?
    })
}
