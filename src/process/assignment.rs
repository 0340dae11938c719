//! The policy of this process, and the latch that makes its first assignment its assignment for life.

use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering};

use ipaddr_policy::Policy;

use crate::process::levels::{self, Failure, Scratch};
use crate::process::settings;
use crate::process::unusable::Unusable;
use crate::process::{exec, latch_text, loaded, log};
use crate::sys::memory;
use crate::sys::once::OnceRef;
use crate::sys::seccomp;

/// What this process may use.
pub type Assignment = ipaddr_socket::Assignment<'static>;

/// The latch. Written once, read by one atomic load; a signal handler or a fork child can't find
/// it locked, as a mutex could be.
static LATCH: OnceRef<Policy<'static>> = OnceRef::new();

/// Memory for the next query, so that not every one has to map its own.
static SPARE: AtomicPtr<Scratch> = AtomicPtr::new(ptr::null_mut());

/// In bytes, for a message.
const SCRATCH_LEN: u32 = size_of::<Scratch>() as u32;

/// The assignment. Until there is one, each call queries it again, so that one written later, or a move
/// into a restricted cgroup, takes effect as it would in the kernel.
pub fn current() -> Assignment {
    log::check_variables();
    known_or_queried()
}

fn known_or_queried() -> Assignment {
    match LATCH.get() {
        Some(policy) => Assignment::Restricted(policy),
        None if seccomp::is_confined() => as_last(),
        None => query(),
    }
}

/// The assignment, for a call that is made for every packet: while there is none, only one send
/// in [`SENDS_A_QUERY`] queries it again, because a query takes as long as a packet.
pub fn for_send() -> Assignment {
    log::check_variables();
    if let Some(policy) = LATCH.get() {
        return Assignment::Restricted(policy);
    }
    if seccomp::is_confined() {
        return as_last();
    }
    // No more than a hint, so two threads may count as one.
    let sends = SENDS.load(Ordering::Relaxed);
    SENDS.store(sends.wrapping_add(1), Ordering::Relaxed);
    if sends.is_multiple_of(SENDS_A_QUERY) || UNUSABLE.load(Ordering::Relaxed) {
        query()
    } else {
        Assignment::Unrestricted
    }
}

const SENDS_A_QUERY: u32 = 1024;

static SENDS: AtomicU32 = AtomicU32::new(0);

/// Whether the last query found a policy that can't be used, or was the first and couldn't be made.
static UNUSABLE: AtomicBool = AtomicBool::new(false);

/// Whether the last query that could be made found no assignment.
static UNRESTRICTED: AtomicBool = AtomicBool::new(false);

/// What the last query found, where there is to be no other: nothing was assigned.
fn as_last() -> Assignment {
    if UNUSABLE.load(Ordering::Relaxed) {
        Assignment::Unusable
    } else {
        Assignment::Unrestricted
    }
}

/// At load: makes the first query, and sees to it that what is found sticks across execve(2).
pub fn load() {
    match log::while_loading(known_or_queried) {
        Assignment::Unrestricted => loaded::unassigned(),
        Assignment::Unusable => loaded::unusable(),
        Assignment::Restricted(_) => {}
    }
    if let Some(text) = take_text() {
        if !exec::carry(text) {
            log::error(
                &"IPADDR_LATCH: there is no memory for it: what is executed has no assignment",
            );
        }
    } else if UNUSABLE.load(Ordering::Relaxed) || !SPARE.load(Ordering::Relaxed).is_null() {
        // The query had something to read, and found no assignment yet.
        exec::reserve(settings::get().carried());
    }
    IS_LOADED.store(true, Ordering::SeqCst);
    // A thread of another library's constructor may have set the latch meanwhile.
    carry_late();
}

/// The pages of the latch until it is carried over execve(2).
static TO_BE_CARRIED: AtomicPtr<Scratch> = AtomicPtr::new(ptr::null_mut());

static IS_LOADED: AtomicBool = AtomicBool::new(false);

/// Carries what was assigned after load.
fn carry_late() {
    if let Some(text) = take_text()
        && !exec::fill(text)
    {
        log::error(
            &"IPADDR_LATCH: no room was kept for it when the program started, without a policy \
              directory: what is executed has the assignment of its files only; expected a restart",
        );
    }
}

/// What is to be carried, for the first caller.
fn take_text() -> Option<&'static mut [u8; Scratch::TEXT_LEN]> {
    let scratch = TO_BE_CARRIED.swap(ptr::null_mut(), Ordering::SeqCst);
    // SAFETY: the latch's pages are kept for good, and nobody else gets the text in them.
    (!scratch.is_null()).then(|| unsafe { &mut (*scratch).text })
}

/// The assignment if there is one already, without a query.
pub fn latched() -> Option<&'static Policy<'static>> {
    LATCH.get()
}

/// Whether something was assigned at the last query, or a policy found that can't be used: no system
/// call tells, for what needn't be right at once.
pub fn is_held() -> bool {
    LATCH.get().is_some() || UNUSABLE.load(Ordering::Relaxed)
}

#[cold]
fn query() -> Assignment {
    let stays_unrestricted = UNRESTRICTED.load(Ordering::Relaxed);
    let assignment = match read(stays_unrestricted) {
        Ok(assignment) => assignment,
        // Having used up its descriptors, a process would lose its network for no fault of its
        // policy: nothing is known to be assigned to it.
        Err(Failure::NoDescriptor) if stays_unrestricted => return Assignment::Unrestricted,
        Err(Failure::NoDescriptor | Failure::Unusable) => Assignment::Unusable,
    };
    let is = |unusable, unrestricted| {
        UNUSABLE.store(unusable, Ordering::Relaxed);
        UNRESTRICTED.store(unrestricted, Ordering::Relaxed);
    };
    match assignment {
        Assignment::Unrestricted => is(false, true),
        Assignment::Unusable => is(true, false),
        Assignment::Restricted(_) => is(false, false),
    }
    assignment
}

fn read(stays_unrestricted: bool) -> Result<Assignment, Failure> {
    let failure = |why| levels::report(&why, stays_unrestricted);
    let settings = settings::get();
    // The usual case where the library is loaded and not used: no directory, no variable. One
    // system call tells.
    let directory = levels::find_directory(settings).map_err(failure)?;
    let variables = [
        settings.lists.ipv4,
        settings.lists.ipv6,
        settings.latch,
        settings.require,
    ];
    if directory.is_none() && variables.iter().all(Option::is_none) {
        return Ok(Assignment::Unrestricted);
    }
    let Some(mut scratch) = take_scratch() else {
        return Err(failure(Unusable::NoMemory(SCRATCH_LEN)));
    };
    // SAFETY: taken, so ours alone until it is given back or latched.
    let read = unsafe {
        let scratch = scratch.as_mut();
        levels::read(settings, directory.as_ref(), stays_unrestricted, scratch)
    };
    if let Err(failure) = read {
        give_back(scratch);
        return Err(failure);
    }
    // SAFETY: as above; from here on only read, and if latched never given back.
    let policy: &'static Policy<'static> = unsafe { &(*scratch.as_ptr()).policy };
    if policy.is_unassigned() {
        give_back(scratch);
        return Ok(Assignment::Unrestricted);
    }
    match LATCH.set(policy) {
        Ok(()) => {
            // SAFETY: as in `take_text`, which finds it only after this.
            latch_text::write(policy, unsafe { &mut (*scratch.as_ptr()).text });
            TO_BE_CARRIED.store(scratch.as_ptr(), Ordering::SeqCst);
            if IS_LOADED.load(Ordering::SeqCst) {
                carry_late();
            }
        }
        Err(_) => give_back(scratch),
    }
    // What the latch holds, which may be another thread's.
    let policy = LATCH.get().ok_or(Failure::Unusable)?;
    Ok(Assignment::Restricted(policy))
}

fn take_scratch() -> Option<NonNull<Scratch>> {
    NonNull::new(SPARE.swap(ptr::null_mut(), Ordering::Acquire))
        .or_else(|| NonNull::new(memory::map::<Scratch>()))
}

fn give_back(scratch: NonNull<Scratch>) {
    let kept = SPARE.compare_exchange(
        ptr::null_mut(),
        scratch.as_ptr(),
        Ordering::Release,
        Ordering::Relaxed,
    );
    if kept.is_err() {
        // SAFETY: ours alone, as it was mapped.
        unsafe { memory::unmap(scratch.as_ptr()) };
    }
}
