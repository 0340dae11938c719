//! Another process's memory, copied.

use std::io::{IoSlice, IoSliceMut};

use libc::pid_t;
use nix::errno::Errno;
use nix::sys::uio::{RemoteIoVec, process_vm_readv, process_vm_writev};
use nix::unistd::Pid;

/// Copies `buffer.len()` bytes at `address` of the process that `tid` is of.
///
/// # Errors
/// `EFAULT` if they can't all be read there, `ESRCH` if it is gone, `EPERM` where the caller may not
/// trace it.
pub fn copy(tid: pid_t, address: u64, buffer: &mut [u8]) -> Result<(), Errno> {
    let len = buffer.len();
    if len == 0 {
        return Ok(());
    }
    let remote = RemoteIoVec {
        base: usize::try_from(address).map_err(|_| Errno::EFAULT)?,
        len,
    };
    let copied = process_vm_readv(
        Pid::from_raw(tid),
        &mut [IoSliceMut::new(buffer)],
        &[remote],
    )?;
    if copied == len {
        Ok(())
    } else {
        Err(Errno::EFAULT)
    }
}

/// Writes `bytes` at `address` of the process that `tid` is of.
///
/// # Errors
/// As for [`copy`].
pub fn write(tid: pid_t, address: u64, bytes: &[u8]) -> Result<(), Errno> {
    let remote = RemoteIoVec {
        base: usize::try_from(address).map_err(|_| Errno::EFAULT)?,
        len: bytes.len(),
    };
    let written = process_vm_writev(Pid::from_raw(tid), &[IoSlice::new(bytes)], &[remote])?;
    if written == bytes.len() {
        Ok(())
    } else {
        Err(Errno::EFAULT)
    }
}
