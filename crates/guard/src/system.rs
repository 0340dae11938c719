//! What the guard needs of the machine, whatever it guards.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::failure::Failure;
use crate::sys::seccomp;

/// # Errors
/// The kernel or the mount of /proc isn't one that the guard can work with.
pub fn check() -> Result<(), Failure> {
    let refused = |why: &str| Err(Failure::Refused(why.to_owned()));
    if !seccomp::has_known_sizes() {
        return refused("the kernel's seccomp listener is not known: expected Linux 5.19 or newer");
    }
    let own = std::fs::read_link("/proc/self").unwrap_or_default();
    if own.as_os_str() != std::process::id().to_string().as_str() {
        return refused("/proc: is not mounted, or of another PID namespace: expected one's own");
    }
    Ok(())
}

/// Allows the process as many descriptors as it may have, and returns how many these are; `None` where
/// that can't be told.
pub fn raise_descriptor_limit() -> Option<u64> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
    let _ = setrlimit(Resource::RLIMIT_NOFILE, most, most);
    Some(most)
}
