//! Fast path for datagrams: once a process has sent many, its IPv4 datagram sockets are bound in
//! advance, which saves a getsockname(2) a packet. What becomes of one socket is in
//! [`ipaddr_socket::advance`]; here is what is known of all of them.
//!
//! To know that of one descriptor would take a table, and a descriptor changes hands without a call
//! that is hooked: closed or duplicated by a raw system call, or by another process that shares the
//! descriptors. So what is known is about the process as a whole, and no descriptor's number
//! matters:
//!
//! 1. After [`QUERIES_BEFORE_SETTLING`] sends that queried the kernel, all descriptors are iterated
//!    over, and each IPv4 datagram socket that isn't bound is bound to the assigned address, without a
//!    port.
//! 2. From before that on, socket(2) binds each new one. The port stays free to be chosen by bind,
//!    connect or the first send, and a bind to another address that is allowed still succeeds.
//! 3. Nothing unbinds one but the kernel, as a bind fails: then the socket is bound again.
//!
//! Rules for destinations still see each datagram, but need not be told which socket it is from. Where
//! they choose sources by SNAT, no socket is bound before it has a destination, and each send queries.
//!
//! A socket from elsewhere, which may not be bound, ends it, and every send queries again, for life:
//! one received by `SCM_RIGHTS` or pidfd_getfd(2), and one for which IPv4 takes more than this
//! (AF_INET6 ones, which carry both families, raw and ping sockets, UDP-Lite, SCTP and others). So
//! does anything that is uncertain: a bind that fails, descriptors that can't be listed or
//! are too many, a recvmsg(2) that fails after descriptors may have come, threads or a parent (after
//! vfork(2)) that share the memory and not the descriptors, and each call after which one of the two
//! is shared without the other ([`crate::hooks::sharing`]).
//!
//! While a bind(2) is under way, which may fail, each send queries. (One that has queried before, and
//! is sent in the moment between the failure and the new bind, can't be helped.)
//!
//! An AF_INET6 socket that 1 finds bound and with `IPV6_V6ONLY`, as servers of both families have
//! one, carries no IPv4, and does no harm: that option is not changed without a call that is hooked.
//!
//! fork(2) copies memory and descriptors alike; exec begins anew. Not seen are sockets made by
//! system calls that pass no symbol, io_uring's among them, which the library can't cover anyway.

use core::ffi::c_int;
use core::sync::atomic::{AtomicU8, AtomicU32, Ordering};

use ipaddr_policy::Policy;
use ipaddr_policy::rules::RuleSet;
use ipaddr_socket::advance::{self, Unsure};
use ipaddr_socket::{Call, Host, Level, Socket};

use crate::process::descriptor::Descriptor;
use crate::sys::errno::{Errno, ThreadErrno};
use crate::sys::file::for_each_number;
use crate::sys::seccomp;
use crate::sys::syscall::{parent, pid, share_descriptors, share_memory};

/// What is known of the IPv4 datagram sockets of this process.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum State {
    /// Nothing yet.
    Unsettled = 0,
    /// New ones are bound; the others are being iterated over.
    Settling = 1,
    /// Each is bound to an address that it may use.
    Settled = 2,
    /// Nothing, for life.
    Unknown = 3,
}

static STATE: AtomicU8 = AtomicU8::new(State::Unsettled as u8);

/// How often the kernel has been queried before a send.
static QUERIES: AtomicU32 = AtomicU32::new(0);

/// How many calls of bind(2) are under way: one that fails takes a socket's address away, until
/// [`note_bind_failed`] has bound it again. (A child of fork(2) that was forked meanwhile by another
/// thread queries before each send for life.)
static BINDS: AtomicU32 = AtomicU32::new(0);

/// To iterate over the descriptors costs about as much as so many queries.
const QUERIES_BEFORE_SETTLING: u32 = 64;

/// A process with more descriptors, or threads, queries before each send: to iterate over them, in one
/// send, would take longer than a millisecond or two.
const MOST: u32 = 256;

/// The order of all accesses is that of the system calls between them: a socket that is made before
/// its maker sees `Settling` is there when the descriptors are iterated over after it was written.
fn is(state: State) -> bool {
    STATE.load(Ordering::SeqCst) == state as u8
}

fn change(from: State, to: State) -> bool {
    let (from, to) = (from as u8, to as u8);
    STATE
        .compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst)
        .is_ok()
}

/// Whether every datagram leaves from an address that it may use, whatever the socket: there are
/// none but IPv4 datagram sockets, all bound.
pub fn are_bound() -> bool {
    STATE.load(Ordering::SeqCst) == State::Settled as u8 && BINDS.load(Ordering::SeqCst) == 0
}

/// Whether new sockets are bound.
pub fn stay_bound() -> bool {
    let state = STATE.load(Ordering::SeqCst);
    state == State::Settling as u8 || state == State::Settled as u8
}

/// A socket may be there, or come, that isn't bound.
#[cold]
pub fn give_up() {
    STATE.store(State::Unknown as u8, Ordering::SeqCst);
}

/// The kernel is queried for a socket's address before a send to an IPv4 address.
pub fn note_query(host: &impl Host, policy: &Policy<'_>) {
    // A log of all that passes wants each to be checked.
    if is(State::Unsettled)
        && QUERIES.fetch_add(1, Ordering::Relaxed) == QUERIES_BEFORE_SETTLING
        && !host.wants(Level::Debug)
        && !policy.rules.is_some_and(RuleSet::chooses_sources)
    {
        settle(host, policy);
    }
}

/// A new socket, of the arguments of socket(2).
pub fn note_new(call: &Call<impl Socket, impl Host>, domain: c_int, kind: c_int, protocol: c_int) {
    if !stay_bound() {
        return;
    }
    let errno = Errno::get();
    if advance::bind_new(call, domain, kind, protocol).is_err() {
        give_up();
    }
    errno.set();
}

/// A socket's `IPV6_V6ONLY` is about to be set.
pub fn note_v6only(call: &Call<impl Socket, impl Host>) {
    if stay_bound() {
        let errno = Errno::get();
        if call.host.is_confined() || call.is_datagram() {
            give_up();
        }
        errno.set();
    }
}

/// A bind is about to be made; [`end_bind`] follows.
pub fn begin_bind() {
    BINDS.fetch_add(1, Ordering::SeqCst);
}

/// A bind was made, and if it failed [`note_bind_failed`] was called.
pub fn end_bind() {
    BINDS.fetch_sub(1, Ordering::SeqCst);
}

/// A bind failed: where the port is in use the kernel has taken the address away too.
pub fn note_bind_failed(call: &Call<impl Socket, impl Host>) {
    if !stay_bound() {
        return;
    }
    let errno = Errno::get();
    let policy = call.host.latched().filter(|_| !call.host.is_confined());
    let bound = policy
        .ok_or(Unsure)
        .and_then(|policy| advance::bind(call, policy));
    if bound.is_err() {
        give_up();
    }
    errno.set();
}

#[cold]
fn settle(host: &impl Host, policy: &Policy<'_>) {
    if !change(State::Unsettled, State::Settling) {
        return;
    }
    // kcmp(2) and getdents64(2) are not in every filter.
    if !seccomp::is_filtered()
        && shared_by_all()
            .and_then(|()| bind_all(host, policy))
            .is_ok()
    {
        // Not if somebody has given up meanwhile.
        change(State::Settling, State::Settled);
    } else {
        give_up();
    }
}

/// Whether all that share the memory share the descriptors too.
fn shared_by_all() -> Result<(), Unsure> {
    let own = pid();
    let mut left = MOST;
    for_each_number(c"/proc/self/task", |thread| {
        left = left.checked_sub(1).ok_or(Unsure)?;
        let shared = share_descriptors(own, thread)?;
        shared.then_some(()).ok_or(Unsure)
    })?;
    // vfork(2). A parent of another user can't be asked, and is none of those that share memory.
    match share_memory(own, parent()) {
        Ok(true) => Err(Unsure),
        Ok(false) | Err(Errno(libc::EPERM | libc::ESRCH)) => Ok(()),
        Err(_) => Err(Unsure),
    }
}

fn bind_all(host: &impl Host, policy: &Policy<'_>) -> Result<(), Unsure> {
    let mut left = MOST;
    for_each_number(c"/proc/thread-self/fd", |fd| {
        left = left.checked_sub(1).ok_or(Unsure)?;
        let socket = Descriptor(c_int::try_from(fd).map_err(|_| Unsure)?);
        // No line is logged for it.
        let call = Call {
            name: "",
            socket,
            host,
        };
        advance::bind(&call, policy)
    })
}
