//! Where the lines of the log go. A line never harms its host: writing it raises no signal, doesn't
//! block, and nobody at the other end of a socket sees it. What can't be written so is lost, and
//! counted by [`crate::process::log`].
//!
//! The log's system calls are all here.

use core::ffi::{CStr, c_int, c_long};
use core::ptr;

use ipaddr_policy::text::decimal;

use crate::process::environment;
use crate::sys::errno::Errno;
use crate::sys::file::{self, File, Stat};
use crate::sys::syscall::{syscall, word};

const STDERR: c_int = 2;

/// Appends a line to a file. It is opened with `O_NONBLOCK`, which a FIFO and a terminal heed.
///
/// # Errors
/// Those of openat(2) and write(2).
pub fn append(path: &CStr, line: &[u8]) -> Result<(), Errno> {
    let signals = Signals::hold()?;
    let file = File::append(path)?;
    signals.write(file.descriptor(), line)
}

/// Writes a line to stderr, if that is the file that it was at load.
///
/// # Errors
/// `EBADF` if it isn't; else those of write(2).
pub fn to_stderr(at_load: Option<(u64, u64)>, line: &[u8]) -> Result<(), Errno> {
    let now = file::stat(STDERR)?;
    if at_load != Some(now.identity) {
        return Err(Errno(libc::EBADF));
    }
    let signals = Signals::hold()?;
    match now.kind() {
        libc::S_IFSOCK => send(line),
        libc::S_IFIFO => match write_without_waiting(&signals, line) {
            // A FIFO, or a kernel before 6.4.
            Err(Errno(libc::EOPNOTSUPP | libc::ENOSYS)) => reopened_or_polled(&signals, now, line),
            written => written,
        },
        libc::S_IFCHR if is_terminal() => reopened_or_polled(&signals, now, line),
        libc::S_IFCHR => write_if_ready(&signals, line),
        _ => signals.write(STDERR, line),
    }
}

/// Which file stderr is at load: its device and inode. `None` if there is none, or if it is a socket
/// other than the journal's: behind that may be a client, as under inetd(8).
pub fn stderr_at_load() -> Option<(u64, u64)> {
    let stat = file::stat(STDERR).ok()?;
    let is_wanted = stat.kind() != libc::S_IFSOCK || is_of_the_journal(stat.identity);
    is_wanted.then_some(stat.identity)
}

/// Whether a socket is the one by which systemd has connected the service to the journal, see
/// `$JOURNAL_STREAM` in systemd.exec(5).
fn is_of_the_journal((device, inode): (u64, u64)) -> bool {
    let is_named = environment::variable(b"JOURNAL_STREAM=").is_some_and(|value| {
        let mut numbers = value.to_bytes().split(|&byte| byte == b':');
        let mut next = || numbers.next().and_then(decimal);
        (next(), next()) == (Some(device), Some(inode))
    });
    is_named && domain() == Ok(libc::AF_UNIX)
}

/// Of stderr, see `SO_DOMAIN` in socket(7).
fn domain() -> Result<c_int, Errno> {
    let mut value: c_int = 0;
    let mut len = size_of::<c_int>() as libc::socklen_t;
    let arguments = [
        STDERR as usize,
        libc::SOL_SOCKET as usize,
        libc::SO_DOMAIN as usize,
        (&raw mut value).expose_provenance(),
        (&raw mut len).expose_provenance(),
    ];
    // SAFETY: `len` says how much room `value` has.
    unsafe { syscall(libc::SYS_getsockopt, arguments) }.map(|_| value)
}

/// `MSG_NOSIGNAL` and `MSG_DONTWAIT` are all that it takes.
fn send(line: &[u8]) -> Result<(), Errno> {
    let flags = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;
    let arguments = [
        STDERR as usize,
        line.as_ptr().expose_provenance(),
        line.len(),
        flags as usize,
        0,
        0,
    ];
    // SAFETY: the kernel reads `line` and nothing else.
    whole(line, unsafe { syscall(libc::SYS_sendto, arguments) })
}

/// By a description of our own, because `O_NONBLOCK` on the program's would be the program's, and
/// that of others that share it. Where it isn't to be had (a chroot without /proc, the terminal of
/// another user) a question has to do, which leaves a moment in which a pipe may be filled by
/// another process, and a terminal that has room for a part of the line only.
fn reopened_or_polled(signals: &Signals, stderr: Stat, line: &[u8]) -> Result<(), Errno> {
    let same = File::write_again(c"/proc/thread-self/fd/2")
        .and_then(|file| file.stat().map(|stat| (file, stat)));
    match same {
        Ok((file, stat)) if stat.identity == stderr.identity => {
            signals.write(file.descriptor(), line)
        }
        _ => write_if_ready(signals, line),
    }
}

/// pwritev2(2) with `RWF_NOWAIT`.
fn write_without_waiting(signals: &Signals, line: &[u8]) -> Result<(), Errno> {
    let vector = libc::iovec {
        iov_base: line.as_ptr().cast_mut().cast(),
        iov_len: line.len(),
    };
    let vector = (&raw const vector).expose_provenance();
    // The offset is in two halves, and -1 is none.
    let arguments = [
        STDERR as usize,
        vector,
        1,
        usize::MAX,
        usize::MAX,
        libc::RWF_NOWAIT as usize,
    ];
    signals.quietly(line, libc::SYS_pwritev2, arguments)
}

/// write(2), if poll(2) says that it can be written to.
fn write_if_ready(signals: &Signals, line: &[u8]) -> Result<(), Errno> {
    let mut stderr = libc::pollfd {
        fd: STDERR,
        events: libc::POLLOUT,
        revents: 0,
    };
    let now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let arguments = [
        (&raw mut stderr).expose_provenance(),
        1,
        (&raw const now).expose_provenance(),
        0,
        0,
    ];
    // SAFETY: the kernel reads and writes the one pollfd, and reads the timespec.
    unsafe { syscall(libc::SYS_ppoll, arguments) }?;
    if stderr.revents != libc::POLLOUT {
        return Err(Errno(libc::EAGAIN));
    }
    signals.write(STDERR, line)
}

/// See isatty(3).
fn is_terminal() -> bool {
    /// More than the kernel's struct termios of any architecture, in ints.
    const TERMIOS: usize = 32;
    let mut termios = [0_u32; TERMIOS];
    let arguments = [
        STDERR as usize,
        libc::TCGETS as usize,
        termios.as_mut_ptr().expose_provenance(),
    ];
    // SAFETY: the kernel writes a struct termios, for which there is room.
    unsafe { syscall(libc::SYS_ioctl, arguments) }.is_ok()
}

/// A line that was written in part is lost.
fn whole(line: &[u8], written: Result<usize, Errno>) -> Result<(), Errno> {
    match written? {
        count if count == line.len() => Ok(()),
        _ => Err(Errno(libc::EAGAIN)),
    }
}

/// A set of signals, as the kernel has it: bit 0 is signal 1.
type Set = u64;

const fn bit(signal: c_int) -> Set {
    1 << (signal - 1)
}

/// What a write may raise for the calling thread, and with which error: a pipe or socket without a
/// reader, and a file that would grow beyond `RLIMIT_FSIZE`. (`SIGTTOU`, of a terminal with `stty
/// tostop`, isn't sent to a thread that blocks it.)
const RAISED: [(c_int, c_int); 2] = [(libc::EPIPE, libc::SIGPIPE), (libc::EFBIG, libc::SIGXFSZ)];

/// What isn't blocked: signals that an instruction of this thread raises, which would kill the
/// process, and by `SIGSYS` a seccomp filter may have a system call emulated.
const NOT_BLOCKED: Set = bit(libc::SIGSEGV)
    | bit(libc::SIGBUS)
    | bit(libc::SIGILL)
    | bit(libc::SIGFPE)
    | bit(libc::SIGTRAP)
    | bit(libc::SIGSYS);

/// All other signals are blocked in the calling thread while this is there, so that no handler
/// leaves the middle of a write by longjmp(3) with some of them blocked.
struct Signals {
    blocked_before: Set,
    pending_before: Set,
}

impl Signals {
    fn hold() -> Result<Self, Errno> {
        let mut signals = Self {
            blocked_before: 0,
            pending_before: 0,
        };
        mask(
            libc::SIG_BLOCK,
            !NOT_BLOCKED,
            Some(&mut signals.blocked_before),
        )?;
        // What isn't blocked isn't pending: it was delivered.
        let may_be_pending = RAISED
            .iter()
            .any(|&(_, signal)| signals.blocked_before & bit(signal) != 0);
        if may_be_pending {
            let to = (&raw mut signals.pending_before).expose_provenance();
            // SAFETY: the kernel writes a set of that size.
            unsafe { syscall(libc::SYS_rt_sigpending, [to, size_of::<Set>()]) }?;
        }
        Ok(signals)
    }

    fn write(&self, fd: c_int, line: &[u8]) -> Result<(), Errno> {
        let from = line.as_ptr().expose_provenance();
        let arguments = [word(fd), from, line.len()];
        self.quietly(line, libc::SYS_write, arguments)
    }

    /// Makes a system call that writes `line`, and takes back the signal that it may have raised.
    fn quietly<const N: usize>(
        &self,
        line: &[u8],
        number: c_long,
        arguments: [usize; N],
    ) -> Result<(), Errno> {
        // SAFETY: the callers': the kernel reads `line`, and what leads to it.
        let written = unsafe { syscall(number, arguments) };
        for (errno, signal) in RAISED {
            if written == Err(Errno(errno)) && self.pending_before & bit(signal) == 0 {
                take_back(bit(signal));
            }
        }
        whole(line, written)
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        let _ = mask(libc::SIG_SETMASK, self.blocked_before, None);
    }
}

/// rt_sigprocmask(2)
fn mask(how: c_int, set: Set, before: Option<&mut Set>) -> Result<(), Errno> {
    let before = before.map_or(ptr::null_mut(), ptr::from_mut);
    let arguments = [
        how as usize,
        (&raw const set).expose_provenance(),
        before.expose_provenance(),
        size_of::<Set>(),
    ];
    // SAFETY: the kernel reads one set, and writes the other if there is one.
    unsafe { syscall(libc::SYS_rt_sigprocmask, arguments) }.map(|_| ())
}

/// rt_sigtimedwait(2): takes a pending signal, if there is one; the thread's own before one that
/// was sent to the process.
fn take_back(set: Set) {
    let now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let arguments = [
        (&raw const set).expose_provenance(),
        0,
        (&raw const now).expose_provenance(),
        size_of::<Set>(),
    ];
    // SAFETY: the kernel reads the set and the timespec.
    let _ = unsafe { syscall(libc::SYS_rt_sigtimedwait, arguments) };
}
