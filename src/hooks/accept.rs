//! accept(2), accept4(2): a connection whose peer the rules refuse is reset, and never seen by the
//! program.
//!
//! The call then goes on as if there had been none: on a blocking socket it waits for the next, on a
//! non-blocking one the kernel says `EAGAIN` once there is no other. So a server that waits for
//! edges (`EPOLLET`) finds those that wait behind the refused one, and nobody is woken twice.

use core::ffi::{c_int, c_void};
use core::ptr;

use ipaddr_socket::sockaddr::Sockaddr;
use ipaddr_socket::{After, accept};
use libc::{sockaddr, socklen_t};

use crate::abi::frame::Frame;
use crate::abi::next;
use crate::process::host::{ThisProcess, call};
use crate::sys::errno::{Errno, ThreadErrno};
use crate::sys::syscall::{syscall, word};
use crate::sys::user_memory::can_write;

/// A frame with the places where the program wants the peer's address.
#[repr(C)]
pub struct AcceptFrame {
    frame: Frame,
    /// For the address; null if the program doesn't want it.
    address: *mut sockaddr,
    /// For its length.
    len: *mut socklen_t,
}

/// accept(2): a connection whose peer the rules refuse is reset, and the call goes on.
///
/// The kernel's own errors; a timeout (`SO_RCVTIMEO`) begins anew behind a refused connection.
pub unsafe extern "C" fn before_accept(frame: *mut AcceptFrame) -> *const c_void {
    // SAFETY: the contract of `Frame`, for accept.
    unsafe { before(frame, &next::ACCEPT) }
}

/// accept4(2): as accept(2).
pub unsafe extern "C" fn before_accept4(frame: *mut AcceptFrame) -> *const c_void {
    // SAFETY: the contract of `Frame`, for accept4.
    unsafe { before(frame, &next::ACCEPT4) }
}

/// Judges the peer, and has accept(2) called again if it is refused.
pub unsafe extern "C" fn after_accept(frame: *mut AcceptFrame, result: isize) -> isize {
    // SAFETY: the contract of `Frame`; `before_accept` has entered it.
    unsafe { after(frame, result, next::ACCEPT.address()) }
}

/// As [`after_accept`], with accept4(2).
pub unsafe extern "C" fn after_accept4(frame: *mut AcceptFrame, result: isize) -> isize {
    // SAFETY: the contract of `Frame`; `before_accept4` has entered it.
    unsafe { after(frame, result, next::ACCEPT4.address()) }
}

/// # Safety
/// The contract of [`Frame`], for accept or accept4.
unsafe fn before(frame: *mut AcceptFrame, next: &next::Next) -> *const c_void {
    // SAFETY: the caller's promise; it begins with a `Frame`.
    let own = unsafe { Frame::enter(frame.cast()) };
    own.after = accept::before(&ThisProcess);
    if matches!(own.after, After::JudgePeer) {
        let (address, len) = (own.pointer::<sockaddr>(1), own.pointer::<socklen_t>(2));
        // SAFETY: as above.
        unsafe {
            (&raw mut (*frame).address).write(address.cast_mut());
            (&raw mut (*frame).len).write(len.cast_mut());
        }
        let (address, len) = own.sockaddr_slot().write(Sockaddr::empty()).as_out();
        own.pass(1, address.expose_provenance());
        own.pass(2, len.expose_provenance());
    }
    next.address()
}

/// # Safety
/// The contract of [`Frame`]; [`before`] has entered it.
unsafe fn after(frame: *mut AcceptFrame, result: isize, next: *const c_void) -> isize {
    // SAFETY: the caller's promise.
    let own = unsafe { &mut *frame.cast::<Frame>() };
    let fd = own.result(result);
    if fd < 0 || !matches!(own.after, After::JudgePeer) {
        return result;
    }
    let errno = Errno::get();
    // SAFETY: `before` has filled it.
    let peer = unsafe { own.sockaddr_slot().assume_init_mut() };
    if accept::after(&call("accept", fd), peer) {
        // SAFETY: the caller's promise.
        if let Err(errno) = unsafe { tell(peer, (*frame).address, (*frame).len) } {
            close(fd);
            errno.set();
            return -1;
        }
    } else {
        close(fd);
        *peer = Sockaddr::empty();
        own.call_again(next);
    }
    errno.set();
    result
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

fn close(fd: c_int) {
    // SAFETY: the descriptor is new, and nobody else knows of it.
    let _ = unsafe { syscall(libc::SYS_close, [word(fd)]) };
}
