//! Which supervisor has which container.

use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use libc::pid_t;
use nix::unistd::{ForkResult, Pid};

use super::handover::Handover;
use super::supervisor;
use crate::settings::Settings;
use crate::sys::{message, process};

/// How many containers are guarded at once.
const MOST: usize = 4096;

/// The supervisors, in the order in which they were started.
#[derive(Debug)]
pub struct Containers {
    settings: Settings,
    supervisors: Vec<Supervisor>,
}

#[derive(Debug)]
struct Supervisor {
    pid: Pid,
    /// The container, and its first process.
    id: String,
    init: pid_t,
    /// By it the supervisor gets the listeners of what is started in its container later.
    channel: UnixStream,
}

impl Containers {
    /// None yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            supervisors: Vec::new(),
        }
    }

    /// Hands a listener to its container's supervisor, which is started if there is none. The caller
    /// must be the process's only thread.
    ///
    /// # Errors
    /// Why nobody answers the calls now: they fail with `ENOSYS`.
    pub fn take(&mut self, handover: Handover) -> Result<(), String> {
        if self.hand_on(&handover) {
            return Ok(());
        }
        let Some(init) = handover.state.init else {
            return Err(
                "it isn't known, and the runtime doesn't say its first process: expected the pid of \
                 its state"
                    .to_owned(),
            );
        };
        if self.supervisors.len() >= MOST {
            return Err(format!(
                "there are too many: expected at most {MOST} containers at once"
            ));
        }
        let (ours, theirs) = UnixStream::pair().map_err(|error| format!("socketpair: {error}"))?;
        match process::fork_alone().map_err(|errno| format!("fork: {}", errno.desc()))? {
            ForkResult::Child => supervisor::run(handover, init, theirs, self.settings.clone()),
            ForkResult::Parent { child } => {
                self.supervisors.push(Supervisor {
                    pid: child,
                    id: handover.state.id,
                    init,
                    channel: ours,
                });
                Ok(())
            }
        }
    }

    /// Hands a listener to the supervisor that has its container already. One whose channel is closed
    /// has ended, or is about to.
    fn hand_on(&self, Handover { state, listener }: &Handover) -> bool {
        let is_its = |one: &&Supervisor| {
            one.id == state.id && state.init.is_none_or(|init| init == one.init)
        };
        let mut newest_first = self.supervisors.iter().rev().filter(is_its);
        newest_first.any(|one| message::send(one.channel.as_fd(), listener.as_fd()).is_ok())
    }

    /// A supervisor has ended; whose it was.
    pub fn end(&mut self, pid: Pid) -> Option<String> {
        let at = self.supervisors.iter().position(|one| one.pid == pid)?;
        Some(self.supervisors.remove(at).id)
    }
}
