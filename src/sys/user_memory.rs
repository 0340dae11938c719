//! Whether the memory that a program's pointer names can be read or written. Where it can't, the
//! kernel answers `EFAULT`; to read it here would end the program.
//!
//! What is on the caller's stack needs no question. All else costs one system call a page, and
//! nothing is remembered beyond the call, because another thread may unmap it by then. What another
//! thread unmaps *during* the call isn't noticed, and ends the program; that is a mistake of its own,
//! which without this library would only be found out later.

use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::{ptr, slice};

use libc::{sockaddr, socklen_t};

use crate::sys::errno::Errno;
use crate::sys::seccomp;
use crate::sys::syscall::syscall;
use ipaddr_socket::sockaddr::Sockaddr;

/// The pointer that the kernel gets in the place of one that can't be read: the last address, which
/// is never a program's. The original could be readable by then, and would not have been judged.
pub const NOWHERE: usize = usize::MAX;

/// The smallest page of all machines: access is never finer than that.
const PAGE: usize = 4096;

/// The bytes of which the kernel is asked.
const WORD: usize = 8;

/// Somewhere in the highest pages of the stack that the process was started on; 0 is not known.
static STACK_TOP: AtomicUsize = AtomicUsize::new(0);

/// How far below [`STACK_TOP`] a stack pointer is certainly on that stack: the kernel keeps at least
/// 128 MB there free of other mappings (`mmap_base` in mm/util.c and arch/x86/mm/mmap.c).
const STACK_LEN: usize = 8 << 20;

/// At load: looks where the stack is. The kernel puts `AT_RANDOM` (getauxval(3)) above all frames.
pub fn note_stack() {
    // SAFETY: getauxval has no preconditions.
    let random = unsafe { libc::getauxval(libc::AT_RANDOM) };
    STACK_TOP.store(random as usize, Ordering::Relaxed);
}

/// The pages that have been found readable in the course of one call.
pub struct Readable {
    pages: [usize; 4],
    /// Which of them is the next to be replaced.
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
    /// There is none, or the kernel refuses its length: it is to be asked, and does so.
    Refused,
    /// It can't be read: the kernel is to say so of [`NOWHERE`].
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

/// Whether these addresses are on the stack of the calling thread, above this frame: then they are
/// mapped. Certain is that of the page that this frame ends in and, on the stack that the process
/// was started on, of all up to its top.
fn is_on_stack(first: usize, last: usize) -> bool {
    let marker = 0_u8;
    let here = ptr::from_ref(&marker).addr();
    let top = STACK_TOP.load(Ordering::Relaxed);
    here <= first && (last <= here | (PAGE - 1) || (last < top && top - here <= STACK_LEN))
}

/// All that can be told of an address where the kernel can't be asked, because a seccomp filter of the
/// program's own may be in the way: whether it is in the kernel's half of the address space, or in
/// page 0.
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

/// rt_sigprocmask(2) reads the new mask before it looks at what is to be done with it, and changes
/// nothing if that makes no sense. It takes address 0 for no mask, and then finds nothing wrong.
fn can_read_word(at: usize) -> bool {
    const NO_SUCH_HOW: usize = usize::MAX;
    if seccomp::is_confined() {
        return is_programs_half(at);
    }
    // SAFETY: see above: the kernel reads `WORD` bytes at `at`, and copes if it can't.
    let asked = unsafe { syscall(libc::SYS_rt_sigprocmask, [NO_SUCH_HOW, at, 0, WORD]) };
    !matches!(asked, Ok(_) | Err(Errno(libc::EFAULT)))
}

/// futex(2): `FUTEX_WAKE_OP` writes to its second address; here what is there, ORed with 0. Nobody
/// waits at the first.
fn can_write_word(at: usize) -> bool {
    const OPERATION: usize = (libc::FUTEX_WAKE_OP | libc::FUTEX_PRIVATE_FLAG) as usize;
    const OR_ZERO: usize = (libc::FUTEX_OP_OR as usize) << 28;
    static NOBODY: AtomicUsize = AtomicUsize::new(0);
    if seccomp::is_confined() {
        return is_programs_half(at);
    }
    let nobody = NOBODY.as_ptr().expose_provenance();
    // SAFETY: the kernel changes nothing, and copes if it can't write.
    let asked = unsafe { syscall(libc::SYS_futex, [nobody, OPERATION, 0, 0, at, OR_ZERO]) };
    asked != Err(Errno(libc::EFAULT))
}
