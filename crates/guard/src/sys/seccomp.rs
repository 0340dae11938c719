//! seccomp(2) and seccomp_unotify(2).

use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

use libc::{
    c_ulong, seccomp_notif, seccomp_notif_resp, seccomp_notif_sizes, sock_filter, sock_fprog,
};
use nix::errno::Errno;

use super::checked;

/// `SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP` of linux/seccomp.h (Linux 6.6): whoever waits on the other
/// side runs on the same processor, which saves waking another.
const SYNC_WAKE_UP: c_ulong = 1;

/// Installs a filter for the calling thread, and returns the number of the new listener.
///
/// # Errors
/// Those of seccomp(2): `EBUSY` if there is a listener already, `EINVAL` from a kernel before 5.19,
/// `EACCES` without `no_new_privs`.
pub fn install(program: &[sock_filter]) -> Result<RawFd, Errno> {
    let program = sock_fprog {
        len: u16::try_from(program.len()).map_err(|_| Errno::E2BIG)?,
        filter: program.as_ptr().cast_mut(),
    };
    let flags =
        libc::SECCOMP_FILTER_FLAG_NEW_LISTENER | libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    // SAFETY: the kernel only reads the program, of which `len` is the length.
    let result = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            flags,
            &raw const program,
        )
    };
    checked(result).and_then(|fd| RawFd::try_from(fd).map_err(|_| Errno::EBADF))
}

/// Whether the kernel's notifications are as long as this program knows them.
#[must_use]
pub fn has_known_sizes() -> bool {
    let mut sizes = seccomp_notif_sizes {
        seccomp_notif: 0,
        seccomp_notif_resp: 0,
        seccomp_data: 0,
    };
    // SAFETY: `sizes` is what the kernel writes.
    let result = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_GET_NOTIF_SIZES,
            0,
            &raw mut sizes,
        )
    };
    result == 0
        && usize::from(sizes.seccomp_notif) == size_of::<seccomp_notif>()
        && usize::from(sizes.seccomp_notif_resp) == size_of::<seccomp_notif_resp>()
}

/// Whether a descriptor is a listener.
#[must_use]
pub fn is_listener(descriptor: BorrowedFd<'_>) -> bool {
    let no_call: u64 = 0;
    // SAFETY: the kernel reads the number; what is no listener knows no such request.
    let result = unsafe {
        libc::ioctl(
            descriptor.as_raw_fd(),
            libc::SECCOMP_IOCTL_NOTIF_ID_VALID,
            &raw const no_call,
        )
    };
    result == 0 || Errno::last() == Errno::ENOENT
}

/// Asks for fast wake-ups.
///
/// # Errors
/// `EINVAL` or `ENOTTY` from a kernel before 6.6.
pub fn set_sync_wake_up(listener: BorrowedFd<'_>) -> Result<(), Errno> {
    // SAFETY: this request takes a number, no pointer.
    let result = unsafe {
        libc::ioctl(
            listener.as_raw_fd(),
            libc::SECCOMP_IOCTL_NOTIF_SET_FLAGS,
            SYNC_WAKE_UP,
        )
    };
    checked(result.into()).map(drop)
}

/// Waits for the next notification.
///
/// # Errors
/// `ENOENT` if the caller was killed meanwhile, or nobody is left; `EINTR`.
pub fn receive(listener: BorrowedFd<'_>) -> Result<seccomp_notif, Errno> {
    // SAFETY: it is made of numbers; the kernel wants it zeroed.
    let mut notification: seccomp_notif = unsafe { zeroed() };
    // SAFETY: the request's number has the length of what the kernel writes.
    let result = unsafe {
        libc::ioctl(
            listener.as_raw_fd(),
            libc::SECCOMP_IOCTL_NOTIF_RECV,
            &raw mut notification,
        )
    };
    checked(result.into()).map(|_| notification)
}

/// Whether the caller still waits for an answer: then its id and memory are its own.
#[must_use]
pub fn is_valid(listener: BorrowedFd<'_>, id: u64) -> bool {
    // SAFETY: the kernel reads the number.
    let result = unsafe {
        libc::ioctl(
            listener.as_raw_fd(),
            libc::SECCOMP_IOCTL_NOTIF_ID_VALID,
            &raw const id,
        )
    };
    result == 0
}

/// Answers.
///
/// # Errors
/// `ENOENT` if the caller was killed meanwhile.
pub fn answer(listener: BorrowedFd<'_>, mut response: seccomp_notif_resp) -> Result<(), Errno> {
    // SAFETY: the kernel reads the response.
    let result = unsafe {
        libc::ioctl(
            listener.as_raw_fd(),
            libc::SECCOMP_IOCTL_NOTIF_SEND,
            &raw mut response,
        )
    };
    checked(result.into()).map(drop)
}
