//! The process that was started: it waits for the command, forwards signals to it, and ends as it does.

use std::ffi::{CString, OsString, c_int};
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::process::exit;

use libc::pid_t;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl::set_child_subreaper;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SigSet, Signal, raise};
use nix::sys::signalfd::{SfdFlags, SignalFd, siginfo};
use nix::unistd::{ForkResult, Pid, pipe2};

use super::command::Command;
use super::files;
use super::report::Report;
use super::supervisor;
use crate::failure::Failure;
use crate::filter::filter;
use crate::peers::attach;
use crate::policies::Policies;
use crate::sys::{pidfd, process};
use crate::system;
use crate::target::status::Status;

/// Runs the command, and returns its status as wait(2) gives it.
///
/// # Errors
/// It isn't run.
pub fn run(words: Vec<OsString>, policies: Policies) -> Result<c_int, Failure> {
    system::check()?;
    let words = words.into_iter().map(|word| CString::new(word.into_vec()));
    let words: Vec<_> = words
        .collect::<Result<_, _>>()
        .map_err(|_| Failure::Refused("a word of the command has a NUL".to_owned()))?;
    let system = |what| move |errno| Failure::system(what, errno);
    let signals = forwarded().thread_swap_mask(nix::sys::signal::SigmaskHow::SIG_BLOCK);
    let signals = signals.map_err(system("sigprocmask"))?;
    // Where the supervisor is killed the command is this process's child.
    set_child_subreaper(true).map_err(system("prctl"))?;
    let (from, to) = pipe2(OFlag::O_CLOEXEC).map_err(system("pipe"))?;
    if let Some(rules) = policies.rules() {
        attach::to_inherited(rules)?;
    }
    let filter = filter();
    let supervisor = match process::fork_alone().map_err(system("fork"))? {
        ForkResult::Child => {
            drop(from);
            let command = Command {
                words: &words,
                filter: &filter,
                signals,
            };
            supervisor::run(&command, policies, to.into())
        }
        ForkResult::Parent { child } => child,
    };
    drop(to);
    files::leave(&[from.as_fd()])?;
    wait(from.into(), supervisor)
}

/// Ends as the command has.
pub fn end_as(status: c_int) -> ! {
    if libc::WIFEXITED(status) {
        exit(libc::WEXITSTATUS(status))
    }
    let number = libc::WTERMSIG(status);
    if let Ok(signal) = Signal::try_from(number) {
        // The command has left a core already, if one was wanted.
        let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
        let _ = process::set_default(signal);
        let mut signals = SigSet::empty();
        signals.add(signal);
        let _ = raise(signal);
        let _ = signals.thread_unblock();
    }
    // A signal without a name, or the first process of a PID namespace, which none ends.
    exit(128 + number)
}

/// All signals that a program may want to get. Those of job control do what they always do: they stop
/// the parent with the command.
fn forwarded() -> SigSet {
    let mut signals = SigSet::all();
    for own in [
        Signal::SIGTSTP,
        Signal::SIGTTIN,
        Signal::SIGTTOU,
        Signal::SIGSEGV,
        Signal::SIGBUS,
        Signal::SIGFPE,
        Signal::SIGILL,
        Signal::SIGABRT,
        Signal::SIGTRAP,
        Signal::SIGSYS,
    ] {
        signals.remove(own);
    }
    signals
}

fn wait(mut supervisor_says: File, supervisor: Pid) -> Result<c_int, Failure> {
    let system = |what| move |errno| Failure::system(what, errno);
    let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
    let signals = SignalFd::with_flags(&forwarded(), flags).map_err(system("signalfd"))?;
    let gone = || Failure::Refused("the supervisor has ended".to_owned());
    let pid = match Report::receive(&mut supervisor_says) {
        Ok(Some(Report::Started(pid))) => pid,
        Ok(Some(Report::Refused(why))) => return Err(Failure::Refused(why)),
        _ => return Err(gone()),
    };
    let command = open_child(pid, supervisor);
    let mut has_supervisor = true;
    loop {
        if has_supervisor && is_ready(&supervisor_says, &signals)? {
            match Report::receive(&mut supervisor_says) {
                Ok(Some(Report::Ended(status))) => return Ok(status),
                Ok(Some(Report::Finished(status))) => {
                    // Else it would be somebody else's to reap.
                    let _ = process::reap(Some(supervisor));
                    return Ok(status);
                }
                _ => {
                    has_supervisor = false;
                    eprintln!(
                        "ipaddr-guard: the supervisor (process {supervisor}) has been killed: calls \
                         that it would judge fail with ENOSYS from now on"
                    );
                }
            }
        } else if !has_supervisor {
            let mut polled = [PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
            let _ = poll(&mut polled, PollTimeout::NONE);
        }
        while let Ok(Some(signal)) = signals.read_signal() {
            if let Some(command) = &command {
                forward(&signal, command);
            }
        }
        while let Some((ended, status)) = process::reap(None) {
            if ended.as_raw() == pid {
                return Ok(status);
            }
        }
    }
}

/// The command, unless it has ended already: then its id may be another's.
fn open_child(pid: pid_t, supervisor: Pid) -> Option<OwnedFd> {
    let opened = pidfd::open(pid).ok()?;
    (Status::of(pid)?.parent == supervisor.as_raw()).then_some(opened)
}

/// Waits for a word of the supervisor or a signal; says whether it is the former.
fn is_ready(supervisor_says: &File, signals: &SignalFd) -> Result<bool, Failure> {
    let mut polled = [
        PollFd::new(supervisor_says.as_fd(), PollFlags::POLLIN),
        PollFd::new(signals.as_fd(), PollFlags::POLLIN),
    ];
    match poll(&mut polled, PollTimeout::NONE) {
        Ok(_) => Ok(polled[0].any().unwrap_or(true)),
        Err(Errno::EINTR) => Ok(false),
        Err(errno) => Err(Failure::system("poll", errno)),
    }
}

/// Hands a signal on, unless it is the terminal's: then the command has got it already.
fn forward(signal: &siginfo, command: &OwnedFd) {
    let number = signal.ssi_signo.cast_signed();
    let is_ours = number == libc::SIGCHLD;
    let is_sent = signal.ssi_code <= 0;
    if !is_ours && is_sent {
        let _ = pidfd::send_signal(command.as_fd(), number);
    }
}
