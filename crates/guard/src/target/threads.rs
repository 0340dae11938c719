//! A thread, by a descriptor that is kept: to open one takes longer than to judge a call.

use std::collections::HashMap;
use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::sync::Arc;

use libc::pid_t;
use nix::errno::Errno;

use super::process::{Process, Processes};
use super::status::Status;
use crate::sys::pidfd;

/// A thread that has made a call.
#[derive(Debug)]
struct Thread {
    /// Of the thread; from a kernel before 6.9, of its process.
    descriptor: OwnedFd,
    /// Whether it is of the thread itself, which may have descriptors of its own.
    is_own: bool,
    process: Arc<Process>,
}

/// The threads that have made a call, as one thread of the supervisor knows them.
#[derive(Debug)]
pub struct Threads {
    processes: Arc<Processes>,
    by_tid: HashMap<pid_t, Thread>,
    /// How many descriptors may be kept.
    limit: usize,
}

impl Threads {
    /// Keeps no more than `limit` descriptors.
    pub fn new(processes: Arc<Processes>, limit: usize) -> Self {
        Self {
            processes,
            by_tid: HashMap::new(),
            limit,
        }
    }

    /// A copy of a thread's descriptor, and the thread's process.
    ///
    /// # Errors
    /// `EBADF` if there is no such descriptor, `EPERM` where it can't be had, `ESRCH` if the thread is
    /// gone, `EMFILE`.
    pub fn copy_descriptor(
        &mut self,
        tid: pid_t,
        number: RawFd,
    ) -> Result<(OwnedFd, &Arc<Process>), Errno> {
        let copy = match self.try_copy(tid, number) {
            // The id is another thread's by now.
            Err(Errno::ESRCH) if self.by_tid.remove(&tid).is_some() => self.try_copy(tid, number),
            copied => copied,
        }?;
        let thread = self.by_tid.get(&tid).ok_or(Errno::ESRCH)?;
        Ok((copy, &thread.process))
    }

    /// The process of a thread.
    ///
    /// # Errors
    /// `ESRCH` if it is gone, `EMFILE`.
    pub fn process(&self, tid: pid_t) -> Result<Arc<Process>, Errno> {
        self.processes
            .get(Status::of(tid).ok_or(Errno::ESRCH)?.process)
    }

    fn try_copy(&mut self, tid: pid_t, number: RawFd) -> Result<OwnedFd, Errno> {
        let thread = self.get(tid)?;
        let shares = || pidfd::share_descriptors(tid, thread.process.pid);
        if !thread.is_own && tid != thread.process.pid && shares() != Ok(true) {
            return Err(Errno::EPERM);
        }
        pidfd::copy_descriptor(thread.descriptor.as_fd(), number)
    }

    fn get(&mut self, tid: pid_t) -> Result<&Thread, Errno> {
        if !self.by_tid.contains_key(&tid) {
            if self.by_tid.len() >= self.limit {
                self.by_tid.clear();
            }
            let thread = match self.open(tid) {
                // What is kept can be had again.
                Err(Errno::EMFILE) if !self.by_tid.is_empty() => {
                    self.by_tid.clear();
                    self.open(tid)
                }
                opened => opened,
            }?;
            self.by_tid.insert(tid, thread);
        }
        self.by_tid.get(&tid).ok_or(Errno::ESRCH)
    }

    fn open(&self, tid: pid_t) -> Result<Thread, Errno> {
        let process = self.process(tid)?;
        let (descriptor, is_own) = match pidfd::open_thread(tid) {
            Err(Errno::EINVAL) => (pidfd::open(process.pid)?, false),
            opened => (opened?, true),
        };
        Ok(Thread {
            descriptor,
            is_own,
            process,
        })
    }
}
