//! The system calls that neither std nor nix has. All `unsafe` of the guard is here.
//!
//! | module | idea |
//! | --- | --- |
//! | [`seccomp`] | install a filter; receive, check and answer its notifications |
//! | [`pidfd`] | a process or thread by a descriptor, and copies of its descriptors |
//! | [`memory`] | another process's memory, copied |
//! | [`message`] | bytes with descriptors beside them |
//! | [`process`] | fork(2) and execvp(3) |
//! | [`socket`] | calls on a socket, with the bytes of its options and addresses |
#![expect(
    unsafe_code,
    reason = "system calls that take pointers; each block says why it is sound"
)]

pub mod memory;
pub mod message;
pub mod pidfd;
pub mod process;
pub mod seccomp;
pub mod socket;

use nix::errno::Errno;

/// The result of a system call that says -1 and errno for an error.
fn checked(result: libc::c_long) -> Result<libc::c_long, Errno> {
    if result == -1 {
        Err(Errno::last())
    } else {
        Ok(result)
    }
}
