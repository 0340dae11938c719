//! Where calls come from and answers go to.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::answer::Answer;
use super::call::Call;
use crate::sys::seccomp;

/// The listener of the filter.
#[derive(Debug)]
pub struct Listener {
    descriptor: OwnedFd,
    /// Whether [`Listener::receive`] has to see the end by itself. A kernel before 6.11 leaves whoever
    /// receives waiting then.
    sees_end: bool,
}

impl Listener {
    /// Of this descriptor, which no guarded process may have. The process ends with the last caller,
    /// which another thread sees.
    pub fn new(descriptor: OwnedFd) -> Self {
        // A kernel before 6.6 has no fast wake-ups, and works without.
        let _ = seccomp::set_sync_wake_up(descriptor.as_fd());
        Self {
            descriptor,
            sees_end: false,
        }
    }

    /// One of several.
    pub fn one_of_several(descriptor: OwnedFd) -> Self {
        Self {
            sees_end: true,
            ..Self::new(descriptor)
        }
    }

    /// Waits for the next call; `None` when no process is left to make one.
    ///
    /// # Errors
    /// Those of ioctl(2) that mean that there is nothing more to come by this descriptor.
    pub fn receive(&self) -> Result<Option<Call>, Errno> {
        loop {
            if self.sees_end && !self.wait()? {
                return Ok(None);
            }
            match seccomp::receive(self.descriptor.as_fd()) {
                Ok(notification) => return Ok(Some(notification.into())),
                Err(Errno::EINTR) => {}
                // The caller was killed before its call could be taken, or nobody is left.
                Err(Errno::ENOENT) if !self.has_callers() => return Ok(None),
                Err(Errno::ENOENT) => {}
                Err(errno) => return Err(errno),
            }
        }
    }

    /// Waits for a call, and says whether there is one.
    fn wait(&self) -> Result<bool, Errno> {
        let mut polled = [PollFd::new(self.descriptor.as_fd(), PollFlags::POLLIN)];
        loop {
            match poll(&mut polled, PollTimeout::NONE) {
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno),
                Ok(_) => {
                    let events = polled[0].revents();
                    return Ok(events.is_none_or(|events| events.contains(PollFlags::POLLIN)));
                }
            }
        }
    }

    /// Whether the caller still waits. What was read of it before by its id was its own, if so.
    pub fn still_waits(&self, call: &Call) -> bool {
        seccomp::is_valid(self.descriptor.as_fd(), call.id)
    }

    /// Answers a call. A caller that was killed meanwhile needs no answer.
    pub fn answer(&self, call: &Call, answer: Answer) {
        let _ = seccomp::answer(self.descriptor.as_fd(), answer.response(call.id));
    }

    /// Whether a process with the filter is left.
    pub fn has_callers(&self) -> bool {
        let mut polled = [PollFd::new(self.descriptor.as_fd(), PollFlags::empty())];
        poll(&mut polled, PollTimeout::ZERO).is_err()
            || !polled[0]
                .revents()
                .is_some_and(|events| events.contains(PollFlags::POLLHUP))
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}
