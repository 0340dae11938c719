//! The beginning that all calls on sockets have in common: which socket it is, whose, and whether it
//! matters.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use ipaddr_policy::errno::{EPERM, Errno};
use ipaddr_socket::host::{Assignment, Host};
use ipaddr_socket::refusal::Refusal;
use libc::pid_t;

use super::{Judge, Outcome};
use crate::notify::answer::Answer;
use crate::notify::call::Call;
use crate::target::host::Caller;
use crate::target::process::Process;
use crate::target::socket::{Duplicate, Kind, Knowledge, kind};
use crate::tree::Tree;

/// A socket of IPv4 or IPv6, and whose it is.
pub struct Opened<'a> {
    /// A duplicate of it.
    pub socket: Duplicate<'a>,
    /// Whose call it is.
    pub process: Arc<Process>,
}

impl<'a> Judge<'a> {
    /// The socket that a call is on.
    ///
    /// # Errors
    /// What has come of the call already: a bad descriptor, a socket of another family or network
    /// namespace, a policy that has to be read first.
    pub fn open(&mut self, call: &Call) -> Result<Opened<'a>, Outcome> {
        let (tree, number) = (self.tree, call.descriptor());
        let (descriptor, process) = match self.threads.copy_descriptor(call.tid, number) {
            Ok((descriptor, process)) => (descriptor, Arc::clone(process)),
            Err(nix::errno::Errno::EBADF) => return Err(Errno(libc::EBADF).into()),
            Err(errno) => return Err(not_reached(tree, call.tid, errno)),
        };
        match kind(descriptor.as_fd(), tree.namespace) {
            Ok(Kind::Internet) => {}
            Ok(Kind::Other) => return Err(Answer::Continue.into()),
            Err(errno) => return Err(errno.into()),
        }
        if process.policy().is_none() {
            match tree.policies.known(process.pid) {
                Some(policy) => drop(process.latch(policy)),
                None if self.may_wait => {}
                None => return Err(Outcome::Later),
            }
        }
        let knowledge = Knowledge {
            is_restricted: process.is_restricted(),
            may_have_no_port: tree.has_set_no_port.load(Ordering::SeqCst),
        };
        Ok(Opened {
            socket: Duplicate::new(descriptor, (call.tid, number), &tree.rights, knowledge),
            process,
        })
    }

    /// Whether the call still waits: then what was read of its thread was the thread's own.
    ///
    /// # Errors
    /// It doesn't, and no answer will be heard.
    pub fn check_still_waits(&self, call: &Call) -> Result<(), Outcome> {
        if self.listener.still_waits(call) {
            Ok(())
        } else {
            Err(Answer::REFUSED.into())
        }
    }
}

/// A call as the rules see it.
///
/// # Errors
/// Nothing is assigned: it is the kernel's.
pub fn named<'c, 'a>(
    name: &'static str,
    socket: Duplicate<'a>,
    caller: &'c Caller<'c>,
) -> Result<ipaddr_socket::Call<'c, Duplicate<'a>, Caller<'c>>, Outcome> {
    if matches!(caller.assignment(), Assignment::Unrestricted) {
        return Err(Answer::Continue.into());
    }
    Ok(ipaddr_socket::Call {
        name,
        socket,
        host: caller,
    })
}

/// A descriptor that the supervisor can't have. Nobody can tell then what it stands for, so the call
/// is refused.
#[cold]
fn not_reached(tree: &Tree, tid: pid_t, errno: nix::errno::Errno) -> Outcome {
    let why = match errno {
        nix::errno::Errno::EPERM => {
            "it is not dumpable (see PR_SET_DUMPABLE in prctl(2)) or executes a file that can't be \
             read, so that nobody but root can tell what its sockets are: expected a guard that root \
             has started"
                .to_owned()
        }
        errno => errno.desc().to_owned(),
    };
    let why = format!("a call on a descriptor is refused: EPERM, {why}");
    tree.log.error(tid, &why);
    Refusal(Errno(EPERM)).into()
}
