//! The files of the caller. The command has them; the parent and the supervisor let them go, for
//! somebody may wait until the command closes them.

use std::fs::{self, OpenOptions};
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

use nix::errno::Errno;
use nix::unistd::{close, dup2_stdin, dup2_stdout};

use crate::failure::Failure;

/// Lets go of all but stderr and what is to be kept.
///
/// # Errors
/// There is no /dev/null or no /proc.
pub fn leave(kept: &[BorrowedFd<'_>]) -> Result<(), Failure> {
    let failed = |what: &'static str| move |error| Failure::Refused(format!("{what}: {error}"));
    let null = OpenOptions::new().read(true).write(true).open("/dev/null");
    let null = null.map_err(failed("/dev/null"))?;
    let redirected = dup2_stdin(&null).and_then(|()| dup2_stdout(&null));
    redirected.map_err(|errno: Errno| Failure::system("dup2", errno))?;
    drop(null);
    let is_kept = |number: &RawFd| *number <= 2 || kept.iter().any(|fd| fd.as_raw_fd() == *number);
    // In a list of its own, for the directory is open while it is read.
    let numbers: Vec<RawFd> = fs::read_dir("/proc/self/fd")
        .map_err(failed("/proc/self/fd"))?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    for number in numbers.into_iter().filter(|number| !is_kept(number)) {
        let _ = close(number);
    }
    Ok(())
}
