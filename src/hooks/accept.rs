//! accept(2), accept4(2): a connection whose peer the rules refuse is reset, and never seen by the
//! program.
//!
//! The call then goes on as if there had been none: on a blocking socket it waits for the next, on a
//! non-blocking one the kernel says `EAGAIN` once there is no other. So a server that waits for
//! edges (`EPOLLET`) finds those that wait behind the refused one, and nobody is woken twice.

use core::ffi::{c_int, c_void};
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::ptr;

use ipaddr_policy::rules::Chain;
use ipaddr_policy::{Policy, Request, Verdict, judge};
use libc::{sockaddr, socklen_t};

use crate::abi::frame::{Afterwards, Frame};
use crate::abi::next;
use crate::process::{assignment, log};
use crate::socket::{protocol, refusal, sockopt};
use crate::sys::errno::{Errno, ThreadErrno};
use crate::sys::syscall::{syscall, word};
use crate::sys::user_memory::can_write;
use ipaddr_socket::sockaddr::Sockaddr;

/// A frame that knows what the program wants to be told of the peer.
#[repr(C)]
pub struct AcceptFrame {
    frame: Frame,
    /// Where the program wants the peer's address, and its length; null if it doesn't.
    address: *mut sockaddr,
    len: *mut socklen_t,
}

/// accept(2): a connection whose peer the rules refuse is reset, and the call goes on.
///
/// The kernel's own errors; a timeout (`SO_RCVTIMEO`) begins anew behind a refused connection.
pub unsafe extern "C" fn before_accept(frame: *mut AcceptFrame) -> *const c_void {
    // SAFETY: the entry code's promise: the frame of a call with accept's signature.
    unsafe { before(frame, &next::ACCEPT) }
}

/// accept4(2): as accept(2).
pub unsafe extern "C" fn before_accept4(frame: *mut AcceptFrame) -> *const c_void {
    // SAFETY: the entry code's promise: the frame of a call with accept4's signature.
    unsafe { before(frame, &next::ACCEPT4) }
}

pub unsafe extern "C" fn after_accept(frame: *mut AcceptFrame, result: isize) -> isize {
    // SAFETY: the frame that `before_accept` has filled.
    unsafe { after(frame, result, next::ACCEPT.address()) }
}

pub unsafe extern "C" fn after_accept4(frame: *mut AcceptFrame, result: isize) -> isize {
    // SAFETY: the frame that `before_accept4` has filled.
    unsafe { after(frame, result, next::ACCEPT4.address()) }
}

/// # Safety
/// The frame of a call that begins as accept's.
unsafe fn before(frame: *mut AcceptFrame, real: &next::Next) -> *const c_void {
    // SAFETY: the caller's promise; the frame begins with a Frame, and the rest is ours.
    let own = unsafe { Frame::enter(frame.cast()) };
    if assignment::latched().is_some_and(|policy| policy.has_rules(Chain::Accept)) {
        let (address, len) = (own.pointer::<sockaddr>(1), own.pointer::<socklen_t>(2));
        own.afterwards = Afterwards::JudgePeer;
        // SAFETY: the rest of the frame is ours, as above.
        unsafe {
            (&raw mut (*frame).address).write(address.cast_mut());
            (&raw mut (*frame).len).write(len.cast_mut());
        }
        let (address, len) = own.sockaddr_slot().write(Sockaddr::empty()).as_out();
        own.pass(1, address.expose_provenance());
        own.pass(2, len.expose_provenance());
    }
    real.address()
}

/// # Safety
/// The frame that `before` has filled.
unsafe fn after(frame: *mut AcceptFrame, result: isize, real: *const c_void) -> isize {
    // SAFETY: the caller's promise. Not `Frame::enter`, which would begin anew.
    let own = unsafe { &mut *frame.cast::<Frame>() };
    let fd = own.result(result);
    if fd < 0 || !matches!(own.afterwards, Afterwards::JudgePeer) {
        return result;
    }
    let errno = Errno::get();
    // SAFETY: `before` has filled it.
    let peer = unsafe { own.sockaddr_slot().assume_init_mut() };
    if peer_may_come(fd, peer) {
        // SAFETY: the program's promise to accept(2).
        if let Err(errno) = unsafe { tell(peer, (*frame).address, (*frame).len) } {
            close(fd);
            errno.set();
            return -1;
        }
    } else {
        reset(fd);
        *peer = Sockaddr::empty();
        own.call_again(real);
    }
    errno.set();
    result
}

/// Judges the connection.
fn peer_may_come(fd: c_int, peer: &Sockaddr) -> bool {
    let (Some(policy), Some(peer)) = (assignment::latched(), peer.endpoint()) else {
        return true;
    };
    let request = Request::Accept {
        peer,
        local: local_end(policy, fd),
        protocol: protocol::of(fd, policy, Chain::Accept),
    };
    if let Verdict::Deny(_) = judge(policy, request) {
        refusal::log_reset(fd, policy, request);
        return false;
    }
    log::passed("accept", fd, peer);
    true
}

/// The local end of a connection. Asked of the kernel only if a rule depends on it.
fn local_end(policy: &Policy<'_>, fd: c_int) -> SocketAddr {
    policy
        .rules
        .filter(|rules| rules.asks_local_end())
        .and_then(|_| sockopt::local_address(fd).ok()?.endpoint())
        .unwrap_or(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0))
}

/// Tells the program the peer's address, as the kernel does (`move_addr_to_user` in net/socket.c):
/// as much as it has room for, and how long it is. Where that fails the connection is lost.
///
/// # Errors
/// `EFAULT` where it can't be written, `EINVAL` for a negative length.
///
/// # Safety
/// No other thread unmaps the memory or uses it meanwhile.
unsafe fn tell(peer: &Sockaddr, address: *mut sockaddr, len: *mut socklen_t) -> Result<(), Errno> {
    const FAULT: Errno = Errno(libc::EFAULT);
    if address.is_null() {
        return Ok(());
    }
    if !can_write(len, size_of::<socklen_t>()) {
        return Err(FAULT);
    }
    let (from, whole) = peer.as_in();
    // SAFETY: what can be written can be read.
    let room = unsafe { len.read_unaligned() };
    c_int::try_from(room).map_err(|_| Errno(libc::EINVAL))?;
    let count = room.min(whole) as usize;
    if count > 0 && !can_write(address, count) {
        return Err(FAULT);
    }
    // SAFETY: both can be written, just checked; `from` has `whole` bytes.
    unsafe {
        ptr::copy_nonoverlapping(from.cast::<u8>(), address.cast(), count);
        len.write_unaligned(whole);
    }
    Ok(())
}

/// Closes a connection with a reset: what `SO_LINGER` with no time to linger does, see socket(7).
fn reset(fd: c_int) {
    sockopt::set_no_linger(fd);
    close(fd);
}

fn close(fd: c_int) {
    // SAFETY: the descriptor is new, and nobody else knows of it.
    let _ = unsafe { syscall(libc::SYS_close, [word(fd)]) };
}
