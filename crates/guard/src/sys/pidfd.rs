//! A process or a thread by a descriptor, and copies of its descriptors: pidfd_open(2),
//! pidfd_getfd(2).

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use libc::{c_int, c_long, c_uint, pid_t};
use nix::errno::Errno;

use super::checked;

/// A process.
///
/// # Errors
/// `ESRCH` if there is none, `EINVAL` if the id is a thread's, `EMFILE`.
pub fn open(pid: pid_t) -> Result<OwnedFd, Errno> {
    open_with(pid, 0)
}

/// A thread, which may be the only one.
///
/// # Errors
/// As for [`open`]; `EINVAL` also from a kernel before 6.9.
pub fn open_thread(tid: pid_t) -> Result<OwnedFd, Errno> {
    open_with(tid, libc::PIDFD_THREAD)
}

fn open_with(pid: pid_t, flags: c_uint) -> Result<OwnedFd, Errno> {
    // SAFETY: two numbers.
    owned(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, flags) })
}

/// A copy of one of its descriptors, close-on-exec here.
///
/// # Errors
/// `EBADF` if it has no such descriptor, `ESRCH` if it is gone, `EPERM` where the caller may not trace
/// it, `EMFILE`.
pub fn copy_descriptor(process: BorrowedFd<'_>, number: RawFd) -> Result<OwnedFd, Errno> {
    // SAFETY: three numbers.
    owned(unsafe { libc::syscall(libc::SYS_pidfd_getfd, process.as_raw_fd(), number, 0) })
}

/// Sends a signal.
///
/// # Errors
/// `ESRCH` if it is gone, `EPERM`.
pub fn send_signal(process: BorrowedFd<'_>, signal: c_int) -> Result<(), Errno> {
    let no_info = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: numbers, and a null pointer that means kill(2)'s information.
    let result = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            process.as_raw_fd(),
            signal,
            no_info,
            0,
        )
    };
    checked(result).map(drop)
}

/// Whether two threads have the same table of descriptors, see kcmp(2).
///
/// # Errors
/// `ESRCH`, `EPERM`; `ENOSYS` from a kernel without it.
pub fn share_descriptors(one: pid_t, other: pid_t) -> Result<bool, Errno> {
    /// `KCMP_FILES` of linux/kcmp.h.
    const FILES: c_int = 2;
    // SAFETY: numbers only.
    let result = unsafe { libc::syscall(libc::SYS_kcmp, one, other, FILES, 0, 0) };
    checked(result).map(|order| order == 0)
}

fn owned(result: c_long) -> Result<OwnedFd, Errno> {
    let fd = RawFd::try_from(checked(result)?).map_err(|_| Errno::EBADF)?;
    // SAFETY: the kernel has just made it, and nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
