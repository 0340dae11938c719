//! The short way of a datagram: in a process that sends many, every IPv4 datagram socket is bound,
//! so sendto(2) needn't ask the kernel each time whether this one is.
//!
//! To know that of one descriptor would take a table, and a descriptor changes hands without a call
//! of ours: closed or duplicated by a raw system call, or by another process that shares the
//! descriptors. So what is known is about the process as a whole, and no descriptor's number
//! matters:
//!
//! 1. After [`ASKED_BEFORE_SETTLING`] sends that asked, all descriptors are gone through, and each
//!    IPv4 datagram socket that isn't bound is bound to the assigned address, without a port.
//! 2. From before that on, socket(2) binds each new one. The port stays free to be chosen by bind,
//!    connect or the first send, and a bind to another address that is allowed still succeeds.
//! 3. Nothing unbinds one but the kernel, as a bind fails: then the socket is bound again.
//!
//! Rules for destinations still see each datagram, but need not be told which socket it is from. Where
//! they choose sources by SNAT, no socket is bound before it has a destination, and each send asks.
//!
//! A socket from elsewhere, which may not be bound, ends it, and every send asks again, for life:
//! one received by `SCM_RIGHTS` or pidfd_getfd(2), and one for which IPv4 takes more than this
//! (AF_INET6 ones, which carry both families, raw and ping sockets, UDP-Lite, SCTP and others). So
//! does anything that can't be made sure of: a bind that fails, descriptors that can't be listed or
//! are too many, a recvmsg(2) that fails after descriptors may have come, threads or a parent (after
//! vfork(2)) that share the memory and not the descriptors, and each call after which one of the two
//! is shared without the other ([`crate::hooks::sharing`]).
//!
//! While a bind(2) is under way, which may fail, each send asks. (One that has asked before, and is
//! sent in the moment between the failure and the new bind, can't be helped.)
//!
//! An AF_INET6 socket that 1 finds bound and with `IPV6_V6ONLY`, as servers of both families have
//! one, carries no IPv4, and does no harm: that option is not changed without a call of ours.
//!
//! fork(2) copies memory and descriptors alike; exec begins anew. Not seen are sockets made by
//! system calls that pass no symbol, io_uring's among them, which the library can't cover anyway.

use core::ffi::{CStr, c_int};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::sync::atomic::{AtomicU8, AtomicU32, Ordering};

use ipaddr_policy::judge::judge_address;
use ipaddr_policy::rules::{Protocol, RuleSet};
use ipaddr_policy::text::decimal;
use ipaddr_policy::{Family, Policy, Request, Verdict};
use libc::{AF_INET, AF_INET6, IPPROTO_MPTCP, IPPROTO_TCP, IPPROTO_UDP};

use crate::abi::next;
use crate::process::assignment;
use crate::process::log::{self, Level};
use crate::socket::local::Local;
use crate::socket::sockopt;
use crate::sys::errno::{Errno, ThreadErrno};
use crate::sys::file::{self, File};
use crate::sys::seccomp;
use crate::sys::syscall::{parent, pid, share_descriptors, share_memory};
use ipaddr_socket::sockaddr::Sockaddr;

/// What is known of the IPv4 datagram sockets of this process.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum State {
    /// Nothing yet.
    Unsettled = 0,
    /// New ones are bound; the others are being gone through.
    Settling = 1,
    /// Each is bound to an address that it may use.
    Settled = 2,
    /// Nothing, for life.
    Unknown = 3,
}

static STATE: AtomicU8 = AtomicU8::new(State::Unsettled as u8);

/// How often the kernel has been asked before a send.
static ASKED: AtomicU32 = AtomicU32::new(0);

/// How many calls of bind(2) are under way: one that fails takes a socket's address away, until
/// [`note_bind_failed`] has bound it again. (A child of fork(2) that was forked meanwhile by another
/// thread asks before each send for life.)
static BINDS: AtomicU32 = AtomicU32::new(0);

/// Going through the descriptors costs about as much as asking so many times.
const ASKED_BEFORE_SETTLING: u32 = 64;

/// A process with more descriptors, or threads, asks before each send: going through them, in one
/// send, would take longer than a millisecond or two.
const MOST: u32 = 256;

/// The order of all accesses is that of the system calls between them: a socket that is made before
/// its maker sees `Settling` is there when the descriptors are gone through after it was written.
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

/// The kernel has been asked for a socket's address before a send to an IPv4 address.
pub fn note_asked(policy: &Policy) {
    // A log of all that passes wants each to be looked at.
    if is(State::Unsettled)
        && ASKED.fetch_add(1, Ordering::Relaxed) == ASKED_BEFORE_SETTLING
        && !log::wants(Level::Debug)
        && !policy.rules.is_some_and(RuleSet::chooses_sources)
    {
        settle(policy);
    }
}

/// A new socket, of the arguments of socket(2).
pub fn note_new(fd: c_int, domain: c_int, kind: c_int, protocol: c_int) {
    if !stay_bound() {
        return;
    }
    let errno = Errno::get();
    let kind = kind & !(libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK);
    let bound = match (assignment::latched(), Sends::of(domain, kind, protocol)) {
        (_, Sends::NoIpv4Datagrams) => Ok(()),
        (Some(policy), Sends::Ipv4Datagrams) => bind_without_port(policy, fd, false),
        _ => Err(Unsure),
    };
    if bound.is_err() {
        give_up();
    }
    errno.set();
}

/// A socket's `IPV6_V6ONLY` is about to be set.
pub fn note_v6only(fd: c_int) {
    if stay_bound() {
        let errno = Errno::get();
        if seccomp::is_confined() || sockopt::is_datagram(fd) {
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
pub fn note_bind_failed(fd: c_int) {
    if !stay_bound() {
        return;
    }
    let errno = Errno::get();
    let policy = assignment::latched().filter(|_| !seccomp::is_confined());
    let policy = policy.ok_or(Unsure);
    if policy.and_then(|policy| bind_any(policy, fd)).is_err() {
        give_up();
    }
    errno.set();
}

/// Not sure that all are bound.
struct Unsure;

impl From<Errno> for Unsure {
    fn from(_: Errno) -> Self {
        Self
    }
}

#[cold]
fn settle(policy: &Policy) {
    if !change(State::Unsettled, State::Settling) {
        return;
    }
    // kcmp(2) and getdents64(2) are not in every filter.
    if !seccomp::is_filtered() && shared_by_all().and_then(|()| bind_all(policy)).is_ok() {
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

fn bind_all(policy: &Policy) -> Result<(), Unsure> {
    let mut left = MOST;
    for_each_number(c"/proc/thread-self/fd", |fd| {
        left = left.checked_sub(1).ok_or(Unsure)?;
        bind_any(policy, c_int::try_from(fd).map_err(|_| Unsure)?)
    })
}

fn bind_any(policy: &Policy, fd: c_int) -> Result<(), Unsure> {
    let Ok((domain, kind, protocol)) = sockopt::description(fd) else {
        return Ok(());
    };
    match Sends::of(domain, kind, protocol) {
        Sends::NoIpv4Datagrams => Ok(()),
        Sends::Ipv4Datagrams => bind_one(policy, fd),
        Sends::Ipv6Datagrams => check_one(policy, fd),
        Sends::Otherwise => Err(Unsure),
    }
}

fn bind_one(policy: &Policy, fd: c_int) -> Result<(), Unsure> {
    match Local::of(fd)? {
        Local::Bound(local) => may_stay(policy, local.ip()),
        Local::Unbound(_) => bind_without_port(policy, fd, sockopt::has_bind_address_no_port(fd)),
        Local::NotInternet => Err(Unsure),
    }
}

fn check_one(policy: &Policy, fd: c_int) -> Result<(), Unsure> {
    match Local::of(fd)? {
        Local::Bound(local) if !sockopt::is_dual_stack(fd) => may_stay(policy, local.ip()),
        _ => Err(Unsure),
    }
}

/// Whether a socket with this address may send anywhere.
fn may_stay(policy: &Policy, local: IpAddr) -> Result<(), Unsure> {
    // Some address that isn't the socket's own.
    let remote = match Family::of(local) {
        Family::Ipv4 => IpAddr::V4(Ipv4Addr::BROADCAST),
        Family::Ipv6 => IpAddr::V6(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1)),
    };
    let request = Request::ConnectBound {
        remote: SocketAddr::new(remote, 0),
        protocol: Protocol::Udp,
        local,
    };
    match judge_address(policy, request) {
        Verdict::Pass => Ok(()),
        Verdict::Rewrite(_) | Verdict::Deny(_) => Err(Unsure),
    }
}

/// Binds to the assigned address. `IP_BIND_ADDRESS_NO_PORT` is there for this bind only, unless the
/// program has set it: it would keep its own bind to port 0 from choosing a port.
fn bind_without_port(policy: &Policy, fd: c_int, is_set: bool) -> Result<(), Unsure> {
    let primary = policy.ipv4.primary().ok_or(Unsure)?;
    // From loopback it may not send anywhere.
    may_stay(policy, Family::Ipv4.address(primary))?;
    let mut sockaddr = Sockaddr::wildcard(AF_INET);
    sockaddr.set_address(Family::Ipv4.address(primary));
    // An older kernel lacks it, and would choose a port now.
    sockopt::set_bind_address_no_port(fd, true)?;
    let bound = next::bind_quietly(fd, &sockaddr);
    sockopt::set_bind_address_no_port(fd, is_set)?;
    Ok(bound?)
}

/// What a socket sends, as far as the source of an IPv4 datagram goes.
enum Sends {
    /// A stream, or another family.
    NoIpv4Datagrams,
    Ipv4Datagrams,
    /// Those too, unless `IPV6_V6ONLY` keeps them out.
    Ipv6Datagrams,
    /// Those too, but it takes more to bind one.
    Otherwise,
}

impl Sends {
    const fn of(domain: c_int, kind: c_int, protocol: c_int) -> Self {
        match (domain, kind, protocol) {
            (AF_INET, libc::SOCK_DGRAM, 0 | IPPROTO_UDP) => Self::Ipv4Datagrams,
            (AF_INET6, libc::SOCK_DGRAM, 0 | IPPROTO_UDP) => Self::Ipv6Datagrams,
            (AF_INET | AF_INET6, libc::SOCK_STREAM, 0 | IPPROTO_TCP | IPPROTO_MPTCP) => {
                Self::NoIpv4Datagrams
            }
            (AF_INET | AF_INET6, ..) => Self::Otherwise,
            _ => Self::NoIpv4Datagrams,
        }
    }
}

/// Calls `each` with every number that is a name in a folder of /proc.
///
/// # Errors
/// Those of opening and listing it, and what `each` returns.
pub fn for_each_number<E: From<Errno>>(
    folder: &CStr,
    mut each: impl FnMut(u32) -> Result<(), E>,
) -> Result<(), E> {
    let folder = File::open_folder(folder)?;
    // On a signal stack that may be small.
    let mut buffer = [0; 512];
    loop {
        let length = folder.read_entries(&mut buffer)?;
        if length == 0 {
            return Ok(());
        }
        for name in file::names(buffer.get(..length).unwrap_or(&[])) {
            // `.` and `..` are none.
            if let Some(number) = decimal(name).and_then(|number| u32::try_from(number).ok()) {
                each(number)?;
            }
        }
    }
}
