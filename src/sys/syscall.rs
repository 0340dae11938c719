//! The system call instruction, see syscall(2).
//!
//! Not by libc: its open, read, write and close are cancellation points and bind is none, so a
//! pending pthread_cancel would end a thread inside a bind. And each symbol that isn't needed is
//! one less for the dynamic linker to look up when the library is loaded.

use core::ffi::{c_int, c_long};

use ipaddr_policy::program::Ids;

use crate::abi::arch::system_call;
use crate::sys::errno::Errno;

/// Makes a system call; arguments that it doesn't take are ignored.
///
/// # Errors
/// Those of the call. errno stays as it is.
///
/// # Safety
/// As the call.
pub unsafe fn syscall<const N: usize>(
    number: c_long,
    arguments: [usize; N],
) -> Result<usize, Errno> {
    let mut all = [0; 6];
    for (slot, argument) in all.iter_mut().zip(arguments) {
        *slot = argument;
    }
    // SAFETY: the caller's promise.
    let result = unsafe { system_call(number, all) };
    // Where it fails the kernel returns a negated errno, which is below 4096.
    match c_int::try_from(result) {
        Ok(negated @ -4095..=-1) => Err(Errno(-negated)),
        _ => Ok(result.cast_unsigned()),
    }
}

/// An int as the argument of a system call.
pub const fn word(int: c_int) -> usize {
    int.cast_unsigned() as usize
}

/// The int in a register, the upper half of which is undefined.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "the lower half is the int, with its sign"
)]
pub const fn int(register: usize) -> c_int {
    register as c_int
}

/// getpid(2)
pub fn pid() -> u32 {
    // SAFETY: getpid has no preconditions.
    unsafe { syscall(libc::SYS_getpid, []) }.map_or(0, |pid| pid as u32)
}

/// getppid(2)
pub fn parent() -> u32 {
    // SAFETY: getppid has no preconditions.
    unsafe { syscall(libc::SYS_getppid, []) }.map_or(0, |pid| pid as u32)
}

/// The IDs of the process, see getuid(2).
pub fn ids() -> Ids {
    let id = |number| {
        // SAFETY: these calls have no preconditions and can't fail.
        unsafe { syscall(number, []) }.map_or(0, |id| id as u32)
    };
    Ids {
        user: id(libc::SYS_getuid),
        effective_user: id(libc::SYS_geteuid),
        group: id(libc::SYS_getgid),
        effective_group: id(libc::SYS_getegid),
    }
}

/// Whether two processes or threads share their memory, see kcmp(2).
///
/// # Errors
/// Those of kcmp(2); `ENOSYS` where the kernel is built without it.
pub fn share_memory(one: u32, other: u32) -> Result<bool, Errno> {
    const KCMP_VM: usize = 1;
    kcmp(one, other, KCMP_VM)
}

/// Whether two processes or threads share their descriptors, see kcmp(2).
///
/// # Errors
/// As [`share_memory`].
pub fn share_descriptors(one: u32, other: u32) -> Result<bool, Errno> {
    const KCMP_FILES: usize = 2;
    kcmp(one, other, KCMP_FILES)
}

fn kcmp(one: u32, other: u32, what: usize) -> Result<bool, Errno> {
    let arguments = [one as usize, other as usize, what];
    // SAFETY: kcmp reads and writes no memory of ours.
    unsafe { syscall(libc::SYS_kcmp, arguments) }.map(|order| order == 0)
}
