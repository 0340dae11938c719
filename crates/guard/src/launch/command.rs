//! The child that installs the filter and becomes the command.

use std::convert::Infallible;
use std::ffi::CString;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::RawFd;

use libc::sock_filter;
use nix::errno::Errno;
use nix::sys::prctl::set_no_new_privs;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::unistd::{close, execvp};

use crate::failure::Failure;
use crate::sys::process::set_default;
use crate::sys::seccomp;

/// What the child does.
#[derive(Debug)]
pub struct Command<'a> {
    /// The command and its arguments.
    pub words: &'a [CString],
    /// The filter.
    pub filter: &'a [sock_filter],
    /// The signals that were blocked when the guard was started.
    pub signals: SigSet,
}

impl Command<'_> {
    /// Installs the filter, tells the supervisor the listener's number and waits until it has it; then
    /// executes the command.
    ///
    /// The number is told by a pipe: to send the descriptor itself takes sendmsg(2), which waits for
    /// the supervisor from now on.
    ///
    /// # Errors
    /// The filter can't be installed, which the supervisor is told, or the command not executed.
    pub fn run(&self, mut to: File, mut from: File) -> Result<Infallible, Failure> {
        let listener = set_no_new_privs().and_then(|()| seccomp::install(self.filter));
        let told = listener.unwrap_or_else(|errno| -(errno as i32));
        let failed = |_| Failure::Refused("the supervisor has ended".to_owned());
        to.write_all(&told.to_ne_bytes()).map_err(failed)?;
        let listener = listener.map_err(|errno| Failure::system("seccomp", errno))?;
        from.read_exact(&mut [0]).map_err(failed)?;
        // Whoever has it can answer the calls.
        close(listener).map_err(|errno| Failure::system("close", errno))?;
        let restored = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&self.signals), None);
        restored.map_err(|errno| Failure::system("sigprocmask", errno))?;
        // Rust's runtime ignores it, which the command would inherit.
        let ended_by = set_default(Signal::SIGPIPE);
        ended_by.map_err(|errno| Failure::system("sigaction", errno))?;
        self.execute()
    }

    fn execute(&self) -> Result<Infallible, Failure> {
        let [name, ..] = self.words else {
            return Err(Failure::Refused("expected a command".to_owned()));
        };
        execvp(name, self.words).map_err(|errno| {
            let why = format!("{}: {}", name.to_string_lossy(), errno.desc());
            match errno {
                Errno::ENOENT | Errno::ENOTDIR => Failure::NotFound(why),
                _ => Failure::NotExecutable(why),
            }
        })
    }
}

/// What a child has told of its listener.
///
/// # Errors
/// Why there is none.
pub fn told(number: i32) -> Result<RawFd, Failure> {
    if number >= 0 {
        return Ok(number);
    }
    Err(match Errno::from_raw(number.saturating_neg()) {
        Errno::EBUSY => Failure::Refused(
            "there is a guard around this one, or another seccomp listener (a container's): the \
             kernel allows one, see seccomp(2); expected the outermost guard alone"
                .to_owned(),
        ),
        Errno::EINVAL | Errno::ENOSYS => Failure::Refused(
            "the kernel has no seccomp listener that waits for answers whatever signals come: \
             expected Linux 5.19 or newer"
                .to_owned(),
        ),
        errno => Failure::system("seccomp", errno),
    })
}
