//! One line a decision, one write(2) a line: to stderr while that is still the file it was at
//! load, or appended to `$IPADDR_LOG_FILE`. No allocation, no lock, no descriptor kept.

use core::ffi::{CStr, c_int};
use core::net::{IpAddr, SocketAddr};
use core::sync::atomic::{AtomicU64, Ordering};

use crate::file::{self, File};
use crate::settings::{self, Settings};
use crate::syscall::pid;
use ipaddr_policy::text::{Printable, Sink, Text};

/// `$IPADDR_LOG`
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Nothing.
    Off,
    /// Refusals, and policies that can't be used. The default.
    Error,
    /// Also what is changed: rewritten and quiet binds.
    Info,
    /// Also what goes through as it is.
    Debug,
}

impl Level {
    /// `None` if the variable holds none of the four words.
    fn parse(text: &CStr) -> Option<Self> {
        Some(match text.to_bytes() {
            b"off" => Self::Off,
            b"error" => Self::Error,
            b"info" => Self::Info,
            b"debug" => Self::Debug,
            _ => return None,
        })
    }

    fn of(settings: &Settings) -> Self {
        settings
            .log
            .map_or(Self::Error, |text| Self::parse(text).unwrap_or(Self::Error))
    }
}

/// Whether lines of this level are wanted. Asked first, so that a line that isn't costs nothing.
#[inline]
pub fn wants(level: Level) -> bool {
    Level::of(settings::get()) >= level
}

/// At load: says so if `$IPADDR_LOG` can't be understood.
pub fn check_level() {
    if let Some(text) = settings::get().log
        && Level::parse(text).is_none()
    {
        let value = Printable(text.to_bytes());
        line(&(
            "IPADDR_LOG: \"",
            value,
            "\": expected off, error, info or debug; taken for error",
        ));
    }
}

/// A call that goes through as it is.
#[inline]
pub fn passed(call: &str, fd: c_int, endpoint: SocketAddr) {
    if wants(Level::Debug) {
        line(&(call, Fd(fd), endpoint));
    }
}

/// A local address other than the one that was asked for; the port stays.
#[inline]
pub fn rewritten(call: &str, fd: c_int, from: SocketAddr, to: IpAddr) {
    if wants(Level::Info) {
        let to = SocketAddr::new(to, from.port());
        line(&(call, Fd(fd), from, " -> ", to));
    }
}

/// A call that got its source from us.
#[inline]
pub fn quietly_bound(call: &str, fd: c_int, source: IpAddr, remote: SocketAddr) {
    if wants(Level::Info) {
        line(&(call, Fd(fd), remote, " from ", source));
    }
}

/// A call that is refused.
#[cold]
pub fn refused(call: &str, fd: c_int, endpoint: SocketAddr, answer: &str, why: &impl Text) {
    if wants(Level::Error) {
        line(&(call, Fd(fd), endpoint, ": ", answer, ", ", why));
    }
}

/// What else is wrong.
#[cold]
pub fn error(text: &impl Text) {
    if wants(Level::Error) {
        line(text);
    }
}

/// A policy that can't be used: said once, and again only if the reason changes.
#[cold]
pub fn mistake(why: &impl Text) {
    static SAID: AtomicU64 = AtomicU64::new(0);
    if !wants(Level::Error) {
        return;
    }
    let mut hash = Hash(0xcbf2_9ce4_8422_2325);
    why.write(&mut hash);
    if SAID.swap(hash.0, Ordering::Relaxed) != hash.0 {
        line(&(why, "; every use of IPv4 and IPv6 is refused"));
    }
}

/// A descriptor, as it stands between a call's name and its endpoint.
struct Fd(c_int);

impl Text for Fd {
    fn write(&self, out: &mut impl Sink) {
        let sign = if self.0 < 0 { "-" } else { "" };
        (" fd ", sign, self.0.unsigned_abs(), " ").write(out);
    }
}

#[cold]
fn line(text: &impl Text) {
    let mut line = Line::begin();
    text.write(&mut line);
    line.emit();
}

fn now_at_stderr() -> Option<(u64, u64)> {
    file::stat(2).ok().map(|stat| stat.identity)
}

/// A line that is cut off where it gets too long, its newline kept.
struct Line {
    bytes: [u8; Self::CAPACITY],
    len: usize,
}

impl Line {
    const CAPACITY: usize = 1024;

    #[inline(never)]
    fn begin() -> Self {
        let mut line = Self {
            bytes: [0; Self::CAPACITY],
            len: 0,
        };
        ("ipaddr[", pid(), "]: ").write(&mut line);
        line
    }

    #[inline(never)]
    fn emit(&mut self) {
        if let Some(end) = self.bytes.get_mut(self.len) {
            *end = b'\n';
        }
        let bytes = self.bytes.get(..=self.len).unwrap_or(&[]);
        let settings = settings::get();
        if let Some(path) = settings.log_file {
            if let Ok(file) = File::append(path) {
                file.write(bytes);
            }
        } else if settings.stderr.is_some() && settings.stderr == now_at_stderr() {
            file::write(2, bytes);
        }
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
    fn put(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}
