//! A guarded process, with its policy.

use std::collections::HashMap;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ipaddr_policy::Policy;
use libc::pid_t;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use once_cell::race::OnceRef;
use parking_lot::Mutex;

use crate::policies::Latched;
use crate::sys::pidfd;

/// A guarded process.
#[derive(Debug)]
pub struct Process {
    /// Its id.
    pub pid: pid_t,
    /// By it the end of the process is seen: then its id may be another's.
    descriptor: OwnedFd,
    /// The policy that it has for life, once there is one.
    policy: OnceRef<'static, Policy<'static>>,
    /// Whether it may have restricted itself by Landlock, so that no call may be made for it.
    is_restricted: AtomicBool,
}

impl Process {
    /// The policy that it has for life, once there is one.
    pub fn policy(&self) -> Option<Latched> {
        self.policy.get()
    }

    /// Sets it, unless another thread was faster, and returns what it has.
    pub fn latch(&self, policy: Latched) -> Latched {
        self.policy.get_or_init(|| policy)
    }

    /// Whether it may have restricted itself by Landlock.
    pub fn is_restricted(&self) -> bool {
        self.is_restricted.load(Ordering::SeqCst)
    }

    fn is_gone(&self) -> bool {
        let mut polled = [PollFd::new(self.descriptor.as_fd(), PollFlags::POLLIN)];
        poll(&mut polled, PollTimeout::ZERO) != Ok(0)
    }
}

/// All guarded processes that have made a call.
#[derive(Debug, Default)]
pub struct Processes {
    by_pid: Mutex<HashMap<pid_t, Arc<Process>>>,
    /// Whether any process may have restricted itself. A child inherits that, and nobody is told of
    /// its birth: so each that is new from then on counts as restricted too.
    any_is_restricted: AtomicBool,
}

/// From this number on those that are gone are looked for when another comes.
const MANY: usize = 256;

impl Processes {
    /// The process of this id.
    ///
    /// # Errors
    /// `ESRCH` if it is gone, `EMFILE`.
    pub fn get(&self, pid: pid_t) -> Result<Arc<Process>, Errno> {
        let mut by_pid = self.by_pid.lock();
        if let Some(known) = by_pid.get(&pid)
            && !known.is_gone()
        {
            return Ok(Arc::clone(known));
        }
        if by_pid.len() >= MANY && by_pid.len().is_power_of_two() {
            by_pid.retain(|_, process| !process.is_gone());
        }
        let process = Arc::new(Process {
            pid,
            descriptor: pidfd::open(pid)?,
            policy: OnceRef::new(),
            is_restricted: AtomicBool::new(self.any_is_restricted.load(Ordering::SeqCst)),
        });
        by_pid.insert(pid, Arc::clone(&process));
        Ok(process)
    }

    /// The process is about to restrict itself.
    pub fn note_restricted(&self, process: &Process) {
        self.any_is_restricted.store(true, Ordering::SeqCst);
        process.is_restricted.store(true, Ordering::SeqCst);
    }
}
