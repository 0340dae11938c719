//! fork(2), and a signal handler that does nothing.

use nix::errno::Errno;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::unistd::{ForkResult, Pid, fork};

/// fork(2), while there is one thread: then the child may do whatever its parent may.
///
/// # Errors
/// Those of fork(2).
///
/// # Panics
/// There are more threads.
pub fn fork_alone() -> Result<ForkResult, Errno> {
    let threads = std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
    assert_eq!(threads, 1, "expected one thread before fork");
    // SAFETY: no other thread can hold a lock that the child would wait for.
    unsafe { fork() }
}

/// Has a signal do no more than to interrupt the system call that its thread is in.
///
/// # Errors
/// `EINVAL` for a signal that can't be handled.
pub fn interrupt_by(signal: Signal) -> Result<(), Errno> {
    extern "C" fn nothing(_: libc::c_int) {}
    let action = SigAction::new(
        SigHandler::Handler(nothing),
        SaFlags::empty(),
        SigSet::empty(),
    );
    // SAFETY: the handler does nothing, so it may run at any moment.
    unsafe { sigaction(signal, &action) }.map(drop)
}

/// Has a signal do what it does by default.
///
/// # Errors
/// `EINVAL` for `SIGKILL` and `SIGSTOP`.
pub fn set_default(signal: Signal) -> Result<(), Errno> {
    let action = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    // SAFETY: there is no handler.
    unsafe { sigaction(signal, &action) }.map(drop)
}

/// Reaps a child that has ended, any or this one, which is waited for. Returns it and its status as
/// wait(2) gives it: nix knows no real-time signals.
#[must_use]
pub fn reap(child: Option<Pid>) -> Option<(Pid, libc::c_int)> {
    let mut status = 0;
    let (pid, flags) = child.map_or((-1, libc::WNOHANG), |child| (child.as_raw(), 0));
    // SAFETY: `status` is what the kernel writes.
    let ended = unsafe { libc::waitpid(pid, &raw mut status, flags) };
    (ended > 0).then_some((Pid::from_raw(ended), status))
}
