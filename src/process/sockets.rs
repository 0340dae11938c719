//! What is known of the sockets of this process, beside its datagram sockets
//! ([`crate::process::datagrams`]): flags for the process and no table of descriptors, which dup(2),
//! close(2) by number and fork(2) would make wrong.

use core::sync::atomic::{AtomicBool, Ordering};

/// Whether a quiet bind has left a socket bound.
static LEFT_BOUND: AtomicBool = AtomicBool::new(false);

/// Whether the program ever bound a socket to an address of its own choice in such a way that a second
/// bind would replace it.
static CHOSEN_SOURCE: AtomicBool = AtomicBool::new(false);

/// Whether new sockets are counted: from before the survey of those that are there, which is made
/// before a seccomp filter is installed.
static COUNTS: AtomicBool = AtomicBool::new(false);

/// Whether every socket of IPv4 and IPv6 is bound.
static ALL_BOUND: AtomicBool = AtomicBool::new(false);

/// Whether one may be bound, by another process, to an address that it may not use.
static HAS_FOREIGN: AtomicBool = AtomicBool::new(false);

/// A quiet bind has left a socket bound.
pub fn note_left_bound() {
    LEFT_BOUND.store(true, Ordering::Relaxed);
}

/// Whether one has.
pub fn may_have_left_bound() -> bool {
    LEFT_BOUND.load(Ordering::Relaxed)
}

/// The program is about to bind a socket to an address of its own choice, which a second bind would
/// replace.
pub fn note_chosen_source() {
    CHOSEN_SOURCE.store(true, Ordering::Relaxed);
}

/// Whether it ever has.
pub fn may_have_chosen_source() -> bool {
    CHOSEN_SOURCE.load(Ordering::Relaxed)
}

/// A survey of all sockets begins: all are as they should be, until something else is noted.
pub fn begin_survey() {
    COUNTS.store(true, Ordering::SeqCst);
    ALL_BOUND.store(true, Ordering::SeqCst);
    HAS_FOREIGN.store(false, Ordering::SeqCst);
}

/// The survey has found a socket that another process has bound.
pub fn found_foreign() {
    HAS_FOREIGN.store(true, Ordering::SeqCst);
}

/// A socket was made, or may have lost its address.
pub fn note_unbound() {
    if COUNTS.load(Ordering::Relaxed) {
        ALL_BOUND.store(false, Ordering::SeqCst);
    }
}

/// A socket may have come from another process, with whatever address. Before the survey it doesn't
/// matter: what has come is surveyed.
pub fn note_foreign() {
    if COUNTS.load(Ordering::Relaxed) {
        ALL_BOUND.store(false, Ordering::SeqCst);
        HAS_FOREIGN.store(true, Ordering::SeqCst);
    }
}

/// Whether every socket is bound.
pub fn all_are_bound() -> bool {
    ALL_BOUND.load(Ordering::SeqCst)
}

/// Whether one may be bound to an address that it may not use.
pub fn may_have_foreign() -> bool {
    HAS_FOREIGN.load(Ordering::SeqCst)
}
