//! The survey of all sockets before a seccomp filter is installed: afterwards none can be queried.

use core::ffi::{CStr, c_int};

use ipaddr_policy::Policy;
use ipaddr_socket::Assignment;
use ipaddr_socket::confined::{Found, survey};

use crate::process::host::call;
use crate::process::{assignment, sockets};
use crate::sys::errno::Errno;
use crate::sys::file::for_each_number;

/// Makes a last query for an assignment, and queries all sockets.
pub fn make() {
    sockets::begin_survey();
    if let Assignment::Restricted(policy) = assignment::current()
        && survey_all(policy).is_err()
    {
        sockets::note_foreign();
    }
}

fn survey_all(policy: &Policy<'_>) -> Result<(), Errno> {
    const DIRECTORY: &CStr = c"/proc/thread-self/fd";
    for_each_number(DIRECTORY, |fd| {
        if let Ok(fd) = c_int::try_from(fd) {
            // No line is logged for it.
            match survey(&call("", fd), policy) {
                Found::Fine => {}
                Found::Unbound => sockets::note_unbound(),
                Found::Foreign => sockets::found_foreign(),
            }
        }
        Ok(())
    })
}
