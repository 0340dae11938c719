//! execve(2) and its like: that a restricted process executes a program into which this library isn't
//! loaded is logged. The call goes through unchanged.
//!
//! Each of libc's functions has a hook, because inside libc they don't call each other by their
//! symbols. Neither do system(3) and popen(3), but they execute a shell, whose own calls are
//! hooked.

use core::ffi::{CStr, c_char, c_int, c_void};

use ipaddr_policy::text::{Buffer, Sink, Text};
use ipaddr_socket::Level;
use libc::AT_FDCWD;

use crate::abi::forward::Call;
use crate::abi::next::{self, Next};
use crate::process::assignment;
use crate::process::coverage::{self, Questions, Uncovered, Why};
use crate::process::environment;
use crate::process::log;

/// Defines the hooks: each has a next function, and arguments that name a file.
macro_rules! hooks {
    ($($(#[$doc:meta])+ $before:ident: $next:ident, $file:expr;)+) => {$(
        $(#[$doc])+
        pub unsafe extern "C" fn $before(call: &mut Call) -> *const c_void {
            before(call, &next::$next, $file)
        }
    )+};
}

hooks! {
    /// execve(2)
    before_execve: EXECVE, |call| File::Path(call.string(0));
    /// execv(3)
    before_execv: EXECV, |call| File::Path(call.string(0));
    /// execvp(3)
    before_execvp: EXECVP, |call| File::Searched(call.string(0));
    /// execvpe(3)
    before_execvpe: EXECVPE, |call| File::Searched(call.string(0));
    /// execl(3)
    before_execl: EXECL, |call| File::Path(call.string(0));
    /// execle(3)
    before_execle: EXECLE, |call| File::Path(call.string(0));
    /// execlp(3)
    before_execlp: EXECLP, |call| File::Searched(call.string(0));
    /// fexecve(3)
    before_fexecve: FEXECVE, |call| File::Descriptor(call.int(0));
    /// execveat(2)
    before_execveat: EXECVEAT, File::of_execveat;
    /// posix_spawn(3)
    before_posix_spawn: POSIX_SPAWN, |call| File::Path(call.string(1));
    /// posix_spawnp(3)
    before_posix_spawnp: POSIX_SPAWNP, |call| File::Searched(call.string(1));
}

/// execve(2) by syscall(2)
pub unsafe extern "C" fn before_execve_by_number(call: &mut Call) -> *const c_void {
    report(call, |call| File::Path(call.string(0)));
    next::system::execve as *const c_void
}

/// execveat(2) by syscall(2)
pub unsafe extern "C" fn before_execveat_by_number(call: &mut Call) -> *const c_void {
    report(call, File::of_execveat);
    next::system::execveat as *const c_void
}

fn before(call: &Call, next: &Next, file: impl FnOnce(&Call) -> File) -> *const c_void {
    report(call, file);
    next.address()
}

/// The file that is to be executed.
#[derive(Clone, Copy)]
enum File {
    Path(*const c_char),
    At {
        directory: c_int,
        path: *const c_char,
        /// Whether an empty path means the descriptor `directory` itself.
        may_be_empty: bool,
    },
    /// By `$PATH`, if there is no slash in it.
    Searched(*const c_char),
    Descriptor(c_int),
}

impl File {
    fn of_execveat(call: &Call) -> Self {
        Self::At {
            directory: call.int(0),
            path: call.string(1),
            may_be_empty: call.int(4) & libc::AT_EMPTY_PATH != 0,
        }
    }
}

/// Logs it if a restricted process executes a file that isn't covered. Whether that would be logged is
/// checked first, so that no other process pays for the rest.
fn report(call: &Call, file: impl FnOnce(&Call) -> File) {
    if assignment::is_held() && log::wants(Level::Error) {
        judge(file(call));
    }
}

#[cold]
fn judge(file: File) {
    match file {
        File::Path(path) => judge_path(AT_FDCWD, path),
        File::At {
            directory,
            path,
            may_be_empty,
        } => match check(directory, path) {
            Some(uncovered) if may_be_empty && uncovered.is_missing() => {
                judge(File::Descriptor(directory));
            }
            Some(uncovered) => say(&uncovered, path),
            None => {}
        },
        File::Searched(name) => search(name),
        File::Descriptor(fd) => {
            let mut room = ROOM;
            let mut text = Buffer::new(&mut room);
            ("/proc/self/fd/", fd.unsigned_abs(), "\0").write(&mut text);
            if let Some(path) = path(text) {
                judge_path(AT_FDCWD, path.as_ptr());
            }
        }
    }
}

fn judge_path(directory: c_int, path: *const c_char) {
    if let Some(uncovered) = check(directory, path) {
        say(&uncovered, path);
    }
}

fn check(directory: c_int, path: *const c_char) -> Option<Uncovered> {
    coverage::check(directory, path, Questions::Harmless)
}

fn say(uncovered: &Uncovered, path: *const c_char) {
    let Why::Uncovered(reason) = uncovered.why else {
        return;
    };
    if !reason.is_executed() {
        return;
    }
    // SAFETY: the kernel has read it, up to the NUL.
    let path = unsafe { CStr::from_ptr(path) };
    let what = ": not covered by LD_PRELOAD, so not restricted: ";
    let expected = ": expected another program, or the whole service under ipaddr-guard";
    log::error(&("exec ", uncovered.name(path), what, reason, expected));
}

/// Searches as execvp(3) does, for the first file that can be executed.
fn search(name: *const c_char) {
    if name.is_null() {
        return;
    }
    // SAFETY: the program promises execvp(3) a string, and libc reads it before it calls the kernel.
    let text = unsafe { CStr::from_ptr(name) }.to_bytes();
    if text.contains(&b'/') {
        return judge_path(AT_FDCWD, name);
    }
    let directories =
        environment::variable(b"PATH=").map_or(b"/bin:/usr/bin".as_slice(), CStr::to_bytes);
    for directory in directories.split(|&byte| byte == b':') {
        let mut room = ROOM;
        let mut candidate = Buffer::new(&mut room);
        candidate.put(directory);
        if !directory.is_empty() {
            candidate.put(b"/");
        }
        candidate.put(text);
        candidate.put(b"\0");
        let Some(path) = path(candidate) else {
            continue;
        };
        match check(AT_FDCWD, path.as_ptr()) {
            Some(uncovered) if matches!(uncovered.why, Why::NotExecutable(_)) => {}
            Some(uncovered) => return say(&uncovered, path.as_ptr()),
            None => return,
        }
    }
}

/// Room for a path that is put together.
const ROOM: [u8; libc::PATH_MAX as usize] = [0; libc::PATH_MAX as usize];

/// `None` if it is longer than the kernel takes.
fn path(text: Buffer<'_>) -> Option<&CStr> {
    CStr::from_bytes_with_nul(text.text()?).ok()
}
