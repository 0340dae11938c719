//! Whether the memory at a program's pointer can be read or written. Where it can't, the kernel fails
//! with `EFAULT`; to read it here would end the program.
//!
//! What is on the caller's stack needs no check. All other memory costs one system call a page, and
//! nothing is remembered after the call, because another thread may unmap the memory by then. What
//! another thread unmaps *during* the call isn't noticed, and ends the program: that is the
//! program's own mistake, which without this library would show only later.

use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::{ptr, slice};

use libc::{sockaddr, socklen_t};

use crate::sys::errno::Errno;
use crate::sys::seccomp;
use crate::sys::syscall::syscall;
use ipaddr_socket::sockaddr::Sockaddr;

/// The pointer that the kernel gets in place of one that can't be read: the last address, which is
/// never mapped. The original could be readable by then, to something that was not judged.
pub const NOWHERE: usize = usize::MAX;

/// The smallest page size in bytes: memory is never mapped in smaller parts.
const PAGE: usize = 4096;

/// How many bytes a check reads or writes.
const WORD: usize = 8;

/// An address in the highest pages of the stack that the process was started on; 0 if unknown.
static STACK_TOP: AtomicUsize = AtomicUsize::new(0);

/// How far below [`STACK_TOP`] a stack pointer is certainly on that stack: the kernel keeps at least
/// 128 MB there free of other mappings (`mmap_base` in mm/util.c and arch/x86/mm/mmap.c).
const STACK_LEN: usize = 8 << 20;

/// At load: notes where the stack is. The kernel puts `AT_RANDOM` (getauxval(3)) above all frames.
pub fn note_stack() {
    // SAFETY: getauxval has no preconditions.
    let random = unsafe { libc::getauxval(libc::AT_RANDOM) };
    STACK_TOP.store(random as usize, Ordering::Relaxed);
}

/// The pages that have been found readable in the course of one call.
pub struct Readable {
    pages: [usize; 4],
    /// The index of the one that is replaced next.
    next: u8,
}

impl Readable {
    /// Nothing is known yet.
    pub const fn new() -> Self {
        Self {
            // No page begins there.
            pages: [usize::MAX; 4],
            next: 0,
        }
    }

    /// Whether `len` bytes can be read at `pointer`; never at a null pointer.
    pub fn holds<T>(&mut self, pointer: *const T, len: usize) -> bool {
        let first = pointer.addr();
        let Some(last) = first.checked_add(len.saturating_sub(1)) else {
            return false;
        };
        first != 0
            && (is_on_stack(first, last) || one_word_a_page(first, last).all(|at| self.word(at)))
    }

    fn word(&mut self, at: usize) -> bool {
        let page = at & !(PAGE - 1);
        if self.pages.contains(&page) {
            return true;
        }
        let readable = can_read_word(at);
        if readable {
            if let Some(slot) = self.pages.get_mut(usize::from(self.next)) {
                *slot = page;
            }
            self.next = (self.next + 1) % 4;
        }
        readable
    }
}

/// Why a program's sockaddr could not be copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotRead {
    /// There is none, or the kernel refuses its length: it is called all the same, and fails.
    Refused,
    /// It can't be read: the kernel is called with [`NOWHERE`], and fails with `EFAULT`.
    Unreadable,
}

/// Copies a program's sockaddr into `slot`.
///
/// # Errors
/// Where there is nothing to be judged: see [`NotRead`].
///
/// # Safety
/// No other thread unmaps the memory or writes to it meanwhile.
pub unsafe fn read_sockaddr<'a>(
    slot: &'a mut MaybeUninit<Sockaddr>,
    readable: &mut Readable,
    address: *const sockaddr,
    len: socklen_t,
) -> Result<&'a mut Sockaddr, NotRead> {
    let count = Sockaddr::size(len).filter(|_| !address.is_null());
    let count = count.ok_or(NotRead::Refused)?;
    if !readable.holds(address, count) {
        return Err(NotRead::Unreadable);
    }
    // SAFETY: it can be read, just checked, and stays so by the caller's promise.
    let caller = unsafe { slice::from_raw_parts(address.cast(), count) };
    Sockaddr::read(slot, caller).ok_or(NotRead::Refused)
}

/// Whether `len` bytes can be read at `pointer`.
pub fn can_read<T>(pointer: *const T, len: usize) -> bool {
    Readable::new().holds(pointer, len)
}

/// Whether `len` bytes can be written at `pointer`, which stay as they are.
pub fn can_write<T>(pointer: *mut T, len: usize) -> bool {
    let first = pointer.addr();
    let Some(last) = first.checked_add(len.saturating_sub(1)) else {
        return false;
    };
    first != 0 && (is_on_stack(first, last) || one_word_a_page(first, last).all(can_write_word))
}

/// One address in each page from `first` to `last`, aligned to a word.
fn one_word_a_page(first: usize, last: usize) -> impl Iterator<Item = usize> {
    let mut next = Some(first & !(WORD - 1));
    core::iter::from_fn(move || {
        let at = next.filter(|&at| at <= last)?;
        next = (at | (PAGE - 1)).checked_add(1);
        Some(at)
    })
}

/// Whether these addresses are certainly on the stack of the calling thread, above this frame, and
/// so mapped: in the page in which this frame ends or, on the stack that the process was started
/// on, anywhere up to its top.
fn is_on_stack(first: usize, last: usize) -> bool {
    let marker = 0_u8;
    let here = ptr::from_ref(&marker).addr();
    let top = STACK_TOP.load(Ordering::Relaxed);
    here <= first && (last <= here | (PAGE - 1) || (last < top && top - here <= STACK_LEN))
}

/// Whether an address is in the program's half of the address space, and not in page 0. Nothing
/// more can be checked where a seccomp filter of the program may forbid the system calls.
fn is_programs_half(at: usize) -> bool {
    // On aarch64 a tag may lie above.
    const KERNEL: usize = 1
        << if cfg!(target_arch = "aarch64") {
            55
        } else {
            63
        };
    const TAG: usize = if cfg!(target_arch = "aarch64") {
        0xff << 56
    } else {
        0
    };
    at & KERNEL == 0 && at & !TAG >= PAGE
}

/// Whether a word can be read: rt_sigprocmask(2) reads the new mask before it checks what to do
/// with it, and changes nothing if that is invalid. Address 0 means no mask, and then the call
/// succeeds.
fn can_read_word(at: usize) -> bool {
    const NO_SUCH_HOW: usize = usize::MAX;
    if seccomp::is_confined() {
        return is_programs_half(at);
    }
    // SAFETY: the kernel reads `WORD` bytes at `at` and changes nothing; where it can't, it fails.
    let result = unsafe { syscall(libc::SYS_rt_sigprocmask, [NO_SUCH_HOW, at, 0, WORD]) };
    !matches!(result, Ok(_) | Err(Errno(libc::EFAULT)))
}

/// Whether a word can be written, which stays as it is: `FUTEX_WAKE_OP` of futex(2) writes to its
/// second address, here what is there ORed with 0. No thread waits at the first.
fn can_write_word(at: usize) -> bool {
    const OPERATION: usize = (libc::FUTEX_WAKE_OP | libc::FUTEX_PRIVATE_FLAG) as usize;
    const OR_ZERO: usize = (libc::FUTEX_OP_OR as usize) << 28;
    static NOBODY: AtomicUsize = AtomicUsize::new(0);
    if seccomp::is_confined() {
        return is_programs_half(at);
    }
    let nobody = NOBODY.as_ptr().expose_provenance();
    // SAFETY: the kernel changes nothing; where it can't write, it fails.
    let result = unsafe { syscall(libc::SYS_futex, [nobody, OPERATION, 0, 0, at, OR_ZERO]) };
    result != Err(Errno(libc::EFAULT))
}
