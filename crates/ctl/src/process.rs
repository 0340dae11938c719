//! Processes, as proc(5) shows them.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use ipaddr_policy::cgroup;
use ipaddr_policy::program;
use ipaddr_policy::text::Shown;
use nix::libc;

use crate::cgroup_path::CgroupPath;

/// The file name of the library.
pub const LIBRARY: &[u8] = b"libipaddr.so";

/// `PF_KTHREAD` of include/linux/sched.h.
const PF_KTHREAD: u64 = 0x0020_0000;

/// A process by its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Process {
    pub pid: u32,
}

/// A line of `/proc/PID/maps`.
#[derive(Debug)]
pub struct Mapping {
    pub start: u64,
    pub end: u64,
    pub is_writable: bool,
    /// Empty for an anonymous one.
    pub path: Vec<u8>,
}

/// `/proc/PID/environ`: the environment that the process was started with.
pub struct Environment(Vec<u8>);

impl Environment {
    /// The first variable of a name, which is the one that getenv(3) finds.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.0
            .split(|&byte| byte == 0)
            .find_map(|entry| entry.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
    }
}

/// Of `/proc/PID/auxv`, see getauxval(3).
#[derive(Debug, Default)]
pub struct Auxiliary {
    /// `AT_BASE`: where the dynamic linker is; 0 in a static program.
    pub base: u64,
    /// `AT_SECURE`: the dynamic linker ignores `LD_PRELOAD`.
    pub secure: bool,
}

impl Process {
    /// All that there are now, by their ids.
    pub fn all() -> io::Result<Vec<Self>> {
        let mut all: Vec<_> = fs::read_dir("/proc")?
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .map(|pid| Self { pid })
            .collect();
        all.sort_unstable();
        Ok(all)
    }

    pub fn path(self, name: &str) -> PathBuf {
        format!("/proc/{}/{name}", self.pid).into()
    }

    /// Its cgroup, as the library tells it.
    ///
    /// # Errors
    /// The file can't be read, or its path can't be resolved.
    pub fn cgroup(self, controller: Option<&[u8]>) -> Result<CgroupPath, String> {
        let path = self.path("cgroup");
        let place = path.display();
        let text = fs::read(&path).map_err(|error| format!("{place}: {error}"))?;
        let found = cgroup::path(&text, controller);
        let found = found.map_err(|error| format!("{place}:{}", Shown(error)))?;
        CgroupPath::parse(found)
    }

    pub fn environment(self) -> io::Result<Environment> {
        fs::read(self.path("environ")).map(Environment)
    }

    /// proc_pid_maps(5)
    pub fn mappings(self) -> io::Result<Vec<Mapping>> {
        let text = fs::read(self.path("maps"))?;
        Ok(text
            .split(|&byte| byte == b'\n')
            .filter_map(mapping)
            .collect())
    }

    /// Its name, `comm` of proc(5), printable.
    pub fn name(self) -> String {
        let name = fs::read_to_string(self.path("comm")).unwrap_or_default();
        name.trim_end().escape_debug().to_string()
    }

    /// Whether it runs a program: not a thread of the kernel, and not a zombie.
    pub fn runs_a_program(self) -> bool {
        let Ok(stat) = fs::read_to_string(self.path("stat")) else {
            return false;
        };
        // The name may hold anything, a parenthesis too.
        let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
        let mut fields = fields.split(' ');
        let state = fields.next();
        let flags = fields.nth(5).and_then(|flags| flags.parse::<u64>().ok());
        !matches!(state, Some("Z" | "X")) && flags.is_some_and(|flags| flags & PF_KTHREAD == 0)
    }

    /// Whether its program is one of Go, see [`program`]; false where that can't be told.
    pub fn is_go(self) -> bool {
        let Ok(file) = File::open(self.path("exe")) else {
            return false;
        };
        let mut head = [0; program::HEAD + 1];
        program::inspect(&mut Read(file), &mut head) == Err(program::Reason::Go)
    }

    pub fn auxiliary(self) -> io::Result<Auxiliary> {
        let bytes = fs::read(self.path("auxv"))?;
        let mut found = Auxiliary::default();
        for pair in bytes.as_chunks::<16>().0 {
            let (kind, value) = pair.split_at(8);
            let value = value
                .first_chunk()
                .map_or(0, |value| u64::from_ne_bytes(*value));
            match kind.first_chunk().map(|kind| u64::from_ne_bytes(*kind)) {
                Some(libc::AT_BASE) => found.base = value,
                Some(libc::AT_SECURE) => found.secure = value != 0,
                _ => {}
            }
        }
        Ok(found)
    }
}

struct Read(File);

impl program::Contents for Read {
    fn read(&mut self, offset: u64, buffer: &mut [u8]) -> usize {
        let mut filled = 0;
        while let Some(free) = buffer.get_mut(filled..).filter(|free| !free.is_empty()) {
            match self.0.read_at(free, offset.wrapping_add(filled as u64)) {
                Ok(0) | Err(_) => break,
                Ok(count) => filled += count,
            }
        }
        filled
    }
}

impl Mapping {
    /// Whether it is of the library, also of one that has been replaced or removed since.
    pub fn is_of_library(&self) -> bool {
        let path = self.path.strip_suffix(b" (deleted)").unwrap_or(&self.path);
        path.rsplit(|&byte| byte == b'/').next() == Some(LIBRARY)
    }
}

fn mapping(line: &[u8]) -> Option<Mapping> {
    let mut fields = line.splitn(6, |&byte| byte == b' ');
    let range = std::str::from_utf8(fields.next()?).ok()?;
    let (start, end) = range.split_once('-')?;
    let permissions = fields.next()?;
    Some(Mapping {
        start: u64::from_str_radix(start, 16).ok()?,
        end: u64::from_str_radix(end, 16).ok()?,
        is_writable: permissions.starts_with(b"rw"),
        path: fields.nth(3)?.trim_ascii_start().to_vec(),
    })
}
