//! Whether this library is loaded into the program that a file is executed as; the rules are in
//! [`ipaddr_policy::program`].

use core::ffi::{CStr, c_char, c_int};

use ipaddr_policy::program::{
    Attributes, Contents, HEAD, Head, INTERPRETERS, Program, Reason, inspect,
};
use ipaddr_policy::text::{Printable, Sink, Text};
use libc::AT_FDCWD;

use crate::process::log;
use crate::process::settings::Settings;
use crate::sys::errno::Errno;
use crate::sys::file::File;
use crate::sys::seccomp;
use crate::sys::syscall::{ids, syscall, word};

/// At load: says in the log why `$IPADDR_CHECK_COMMAND`, which a wrapper sets, isn't covered.
pub fn check_command(settings: &Settings) {
    let Some(path) = settings.check_command else {
        return;
    };
    if let Some(uncovered) = check(AT_FDCWD, path.as_ptr(), Questions::All) {
        let place = (uncovered.name(path), " is not covered by LD_PRELOAD: ");
        match uncovered.why {
            Why::Uncovered(reason) => log::error(&(place, reason)),
            Why::NotExecutable(errno) => log::error(&(place, errno)),
        }
    }
}

/// Which system calls may be made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Questions {
    /// All that the answer needs.
    All,
    /// Where there is a seccomp filter, which may kill for others, only those by which files are
    /// read; then a file isn't found to be set-uid or to have capabilities.
    Harmless,
}

/// What isn't covered, and why.
pub struct Uncovered {
    /// The interpreter, where it isn't the file itself, NUL-terminated.
    interpreter: Option<Head>,
    /// Why it isn't.
    pub why: Why,
}

/// Why a file isn't covered.
#[derive(Clone, Copy)]
pub enum Why {
    /// The library won't be loaded, or in vain.
    Uncovered(Reason),
    /// It can't be executed at all: it isn't there, say.
    NotExecutable(Errno),
}

impl Uncovered {
    /// Whether there is no such file.
    pub fn is_missing(&self) -> bool {
        matches!(self.why, Why::NotExecutable(Errno(libc::ENOENT)))
    }

    /// The file, as messages name it.
    pub const fn name<'a>(&'a self, path: &'a CStr) -> Name<'a> {
        Name {
            interpreter: self.interpreter.as_ref(),
            path,
        }
    }
}

/// A file, and its interpreter if that is meant.
#[derive(Clone, Copy)]
pub struct Name<'a> {
    interpreter: Option<&'a Head>,
    path: &'a CStr,
}

impl Text for Name<'_> {
    fn write(&self, out: &mut impl Sink) {
        let path = Printable(self.path.to_bytes());
        match self.interpreter {
            None => path.write(out),
            Some(name) => {
                let name = name.split(|&byte| byte == 0).next().unwrap_or_default();
                (Printable(name), ", the interpreter of ", path).write(out);
            }
        }
    }
}

/// Judges the file that execveat(2) would execute, `path` seen from the directory `directory`. `None`
/// if it is covered. The kernel reads `path`, so it may be any pointer.
pub fn check(directory: c_int, path: *const c_char, questions: Questions) -> Option<Uncovered> {
    let mut head = [0; HEAD + 1];
    let mut interpreter = None;
    let mut opened = open(directory, path);
    for _ in 0..=INTERPRETERS {
        match opened.and_then(|file| judge(&file, &mut head, questions)) {
            Ok(Program::Dynamic) => return None,
            Ok(Program::Script(name)) => {
                opened = open(AT_FDCWD, name.as_ptr());
                let copy = interpreter.insert([0; HEAD + 1]);
                for (to, from) in copy.iter_mut().zip(name.to_bytes()) {
                    *to = *from;
                }
            }
            Err(why) => return Some(Uncovered { interpreter, why }),
        }
    }
    Some(Uncovered {
        interpreter: None,
        why: Why::Uncovered(Reason::TooManyInterpreters),
    })
}

/// Opens a file that may be executed; one that may not be read can't be judged.
fn open(directory: c_int, path: *const c_char) -> Result<File, Why> {
    File::open_at(directory, path).map_err(|errno| {
        if errno == Errno(libc::EACCES) && may_execute(directory, path) {
            Why::Uncovered(Reason::Unreadable)
        } else {
            Why::NotExecutable(errno)
        }
    })
}

fn may_execute(directory: c_int, path: *const c_char) -> bool {
    let arguments = [word(directory), path.addr(), word(libc::X_OK)];
    // SAFETY: the kernel reads the path and nothing else, and fails where it can't.
    unsafe { syscall(libc::SYS_faccessat, arguments) }.is_ok()
}

/// Judges an open file, without its interpreter. Privileges come by what is executed in the end.
fn judge<'a>(file: &File, head: &'a mut Head, questions: Questions) -> Result<Program<'a>, Why> {
    let mut attributes = attributes(file)?;
    let program = inspect(&mut Read(file), head).map_err(Why::Uncovered)?;
    let all = questions == Questions::All || !seccomp::is_filtered();
    if program == Program::Dynamic && all {
        complete(&mut attributes, file);
        attributes.judge(&ids()).map_err(Why::Uncovered)?;
    }
    Ok(program)
}

fn attributes(file: &File) -> Result<Attributes, Why> {
    let stat = file.stat().map_err(Why::NotExecutable)?;
    if !stat.status.is_regular() || stat.status.mode & 0o111 == 0 {
        return Err(Why::NotExecutable(Errno(libc::EACCES)));
    }
    Ok(Attributes {
        mode: stat.status.mode,
        owner: stat.status.owner,
        group: stat.group,
        ..Attributes::default()
    })
}

/// The attributes that fstat(2) doesn't tell.
fn complete(attributes: &mut Attributes, file: &File) {
    let name = c"security.capability";
    let arguments = [word(file.descriptor()), name.as_ptr().addr(), 0, 0];
    // SAFETY: the name is NUL-terminated; with a size of 0 the kernel writes nothing.
    let len = unsafe { syscall(libc::SYS_fgetxattr, arguments) };
    attributes.has_capabilities = len.is_ok_and(|len| len > 0);
    if attributes.may_gain() {
        attributes.is_on_nosuid = file.is_on_nosuid();
        attributes.has_no_new_privileges = has_no_new_privileges();
    }
}

fn has_no_new_privileges() -> bool {
    let arguments = [word(libc::PR_GET_NO_NEW_PRIVS), 0, 0, 0, 0];
    // SAFETY: it reads and writes no memory.
    let value = unsafe { syscall(libc::SYS_prctl, arguments) };
    value == Ok(1)
}

/// The bytes of an open file.
struct Read<'a>(&'a File);

impl Contents for Read<'_> {
    fn read(&mut self, offset: u64, buffer: &mut [u8]) -> usize {
        let mut filled = 0;
        while let Some(free) = buffer.get_mut(filled..).filter(|free| !free.is_empty()) {
            let at = (offset as usize).wrapping_add(filled);
            match self.0.read_at(at, free) {
                Ok(0) | Err(_) => break,
                Ok(count) => filled += count,
            }
        }
        filled
    }
}
