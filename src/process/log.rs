//! One line a decision, one write(2) a line: to stderr while that is still the file it was at
//! load, or appended to `$IPADDR_LOG_FILE`. No allocation, no lock, no descriptor kept. What is lost
//! ([`log_output`] says when) is counted, and the number said before the next line that isn't.
//!
//! A program that uses no socket says nothing: what is wrong with its policy or its variables is for
//! the first call that it matters to.

use core::ffi::CStr;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::process::log_output;
use crate::process::settings::{self, Settings};
use crate::process::unusable::Unusable;
use crate::sys::errno::Errno;
use crate::sys::seccomp;
use crate::sys::syscall::pid;
use ipaddr_policy::text::{Printable, Sink, Text};
use ipaddr_socket::Level;

/// Whether lines of this level are wanted. Asked first, so that a line that isn't costs nothing.
#[inline]
pub fn wants(level: Level) -> bool {
    settings::get().level() >= level && !seccomp::is_confined()
}

/// At load: mistakes in the policy that `query` finds are left to the first call that is refused for
/// them, unless the log is to say more than that, or it is for run-restricted.sh.
pub fn while_loading<T>(query: impl FnOnce() -> T) -> T {
    if settings::get().check_command.is_some() {
        check_level();
    } else if !wants(Level::Info) {
        LEFT.store(true, Ordering::Relaxed);
    }
    let found = query();
    LEFT.store(false, Ordering::Relaxed);
    found
}

/// Whether mistakes are left for later.
static LEFT: AtomicBool = AtomicBool::new(false);

/// At each call that the policy is for: at the first, says which variables can't be understood.
#[inline]
pub fn check_variables() {
    static UNCHECKED: AtomicBool = AtomicBool::new(true);
    if UNCHECKED.load(Ordering::Relaxed) && UNCHECKED.swap(false, Ordering::Relaxed) {
        check_level();
        check_names();
    }
}

/// Names variables that nobody reads: one of ours, misspelt, assigns nothing.
#[cold]
fn check_names() {
    for variable in settings::get().unknown.into_iter().flatten() {
        let name = variable.to_bytes().split(|&byte| byte == b'=').next();
        let name = Printable(name.unwrap_or(b""));
        error(&(
            name,
            ": is no variable of libipaddr: expected IPADDR_IPV4, IPADDR_IPV6, IPADDR_REQUIRE, \
             IPADDR_POLICY_DIR, IPADDR_CGROUP_CONTROLLER, IPADDR_LOG or IPADDR_LOG_FILE",
        ));
    }
}

#[cold]
fn check_level() {
    if let Some(Err(text)) = settings::get().log {
        let value = Printable(text.to_bytes());
        line(&(
            "IPADDR_LOG: \"",
            value,
            "\": expected off, error, info or debug; taken for error",
        ));
    }
}

/// What is to be said at level info, beside the decisions.
#[inline]
pub fn info(text: &impl Text) {
    if wants(Level::Info) {
        line(text);
    }
}

/// What is wrong.
#[cold]
pub fn error(text: &impl Text) {
    if wants(Level::Error) {
        line(text);
    }
}

/// A policy that can't be used: said once, and again only if the reason changes.
#[cold]
pub fn mistake(why: &Unusable<'_>) {
    once(Level::Error, why, "; every use of IPv4 and IPv6 is refused");
}

/// A policy that can't be read now, of a process that was unrestricted: said once likewise.
#[cold]
pub fn unreadable(why: &Unusable<'_>) {
    once(
        Level::Info,
        why,
        "; the process stays unrestricted until it can be read",
    );
}

fn once(level: Level, why: &Unusable<'_>, effect: &str) {
    static SAID: AtomicU64 = AtomicU64::new(0);
    if !wants(level) || LEFT.load(Ordering::Relaxed) {
        return;
    }
    let mut hash = Hash(0xcbf2_9ce4_8422_2325);
    (why, effect).write(&mut hash);
    if SAID.swap(hash.0, Ordering::Relaxed) != hash.0 {
        line(&(why, effect));
        // Such a program makes no call.
        if settings::get().check_command.is_some() {
            check_names();
        }
    }
}

/// Writes a line, which is wanted.
#[cold]
pub fn line(text: &impl Text) {
    if seccomp::is_confined() {
        return;
    }
    let mut line = Line::begin();
    text.write(&mut line);
    line.emit();
}

/// How many lines are lost since the last that wasn't: the process's id and behind it the number, 32
/// bits each. After fork(2) the child begins anew.
static LOST: AtomicU64 = AtomicU64::new(0);

/// Takes the number of lines that this process has lost.
fn take_lost(pid: u32) -> u32 {
    if LOST.load(Ordering::Relaxed) == 0 {
        return 0;
    }
    let lost = LOST.swap(0, Ordering::Relaxed);
    if lost >> 32 == u64::from(pid) {
        lost as u32
    } else {
        0
    }
}

/// No more than a count of a log: of two threads at once one may be forgotten.
fn add_lost(pid: u32, more: u32) {
    let count = take_lost(pid).saturating_add(more);
    LOST.store(u64::from(pid) << 32 | u64::from(count), Ordering::Relaxed);
}

/// A line that is cut off where it gets too long, its newline kept.
struct Line {
    bytes: [u8; Self::CAPACITY],
    len: usize,
    pid: u32,
    /// How many were lost before, as it says itself.
    lost: u32,
}

impl Line {
    /// No more than `PIPE_BUF`: the kernel writes so much to a pipe in one piece.
    const CAPACITY: usize = 1024;

    #[inline(never)]
    fn begin() -> Self {
        let pid = pid();
        let mut line = Self {
            bytes: [0; Self::CAPACITY],
            len: 0,
            pid,
            lost: take_lost(pid),
        };
        match line.lost {
            0 => {}
            1 => line.prefixed(" line was lost before this one\n"),
            _ => line.prefixed(" lines were lost before this one\n"),
        }
        line.prefixed("");
        line
    }

    /// Writes who speaks, and, if there is something to say of it, how many lines were lost.
    fn prefixed(&mut self, of_lost: &str) {
        ("ipaddr[", self.pid, "]: ").write(self);
        if !of_lost.is_empty() {
            (self.lost, of_lost).write(self);
        }
    }

    #[inline(never)]
    fn emit(&mut self) {
        let settings = settings::get();
        let written = match settings.log_file {
            None => self.write_to_stderr(settings),
            Some(path) => {
                let appended = self.append(path);
                // A FIFO that is full is no mistake.
                if let Err(errno) = appended
                    && errno != Errno(libc::EAGAIN)
                {
                    self.complain_of(path, errno, settings);
                }
                appended
            }
        };
        if written.is_err() {
            add_lost(self.pid, self.lost.saturating_add(1));
        }
    }

    fn append(&mut self, path: &CStr) -> Result<(), Errno> {
        if path.to_bytes().starts_with(b"/") {
            log_output::append(path, self.finished())
        } else {
            Err(Errno(libc::EINVAL))
        }
    }

    fn write_to_stderr(&mut self, settings: &Settings) -> Result<(), Errno> {
        log_output::to_stderr(settings.stderr, self.finished())
    }

    fn finished(&mut self) -> &[u8] {
        if let Some(end) = self.bytes.get_mut(self.len) {
            *end = b'\n';
        }
        self.bytes.get(..=self.len).unwrap_or(&[])
    }

    /// Says once on stderr why there is nothing in the log file, with the memory of the line that is
    /// lost.
    fn complain_of(&mut self, path: &CStr, errno: Errno, settings: &Settings) {
        static SAID: AtomicBool = AtomicBool::new(false);
        if SAID.swap(true, Ordering::Relaxed) {
            return;
        }
        self.len = 0;
        self.prefixed("");
        let path = Printable(path.to_bytes());
        let place = ("IPADDR_LOG_FILE: \"", path, "\": ");
        match errno {
            Errno(libc::EINVAL) => (place, "expected an absolute path").write(self),
            _ => (place, errno, ": expected a file that can be written to").write(self),
        }
        let _ = self.write_to_stderr(settings);
    }
}

impl Sink for Line {
    #[inline(never)]
    fn put(&mut self, bytes: &[u8]) {
        // One byte is kept for the newline.
        let free = self
            .bytes
            .iter_mut()
            .take(Self::CAPACITY - 1)
            .skip(self.len);
        let mut count = 0;
        for (slot, byte) in free.zip(bytes) {
            *slot = *byte;
            count += 1;
        }
        self.len += count;
    }
}

/// FNV-1a, to tell whether a message was said before without keeping it.
struct Hash(u64);

impl Sink for Hash {
    #[inline(never)]
    fn put(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}
