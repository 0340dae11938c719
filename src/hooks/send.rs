//! sendto(2), sendmsg(2), sendmmsg(2): with a destination they bind a socket that isn't bound, and
//! a control message may choose a source.

use core::ffi::{c_uint, c_void};
use core::mem::{MaybeUninit, zeroed};
use core::net::IpAddr;

use ipaddr_policy::errno::EPERM;
use ipaddr_socket::cmsg::Choice;
use ipaddr_socket::pktinfo::Sources;
use ipaddr_socket::{After, Refusal, connect, send};
use libc::{iovec, mmsghdr, msghdr};

use crate::abi::frame::{Frame, sockaddr_call};
use crate::abi::next;
use crate::hooks::message::{InPlace, MessageFrame, judge_in_place};
use crate::process::assignment::{self, Assignment};
use crate::process::host::{ThisProcess, call};
use crate::sys::errno::{Errno, ThreadErrno};
use crate::sys::user_memory::{Readable, can_write};

/// A frame with room for the message that a call of sendto(2) becomes where the datagram has to be
/// given a source.
#[repr(C)]
pub struct SendtoFrame {
    frame: Frame,
    message: MaybeUninit<msghdr>,
    data: MaybeUninit<iovec>,
    choice: MaybeUninit<Choice>,
}

/// sendto(2): a socket that isn't bound is quietly bound to the assigned address first. From one
/// that is bound to an assigned multicast address the datagram goes by sendmsg(2), with the
/// assigned address for its source.
///
/// `EPERM` for a socket that is bound to another address, for a family that is forbidden, and
/// where there is a policy that can't be used; what the quiet bind says (`EADDRNOTAVAIL` where
/// the address isn't configured). Otherwise the kernel's own answers.
pub unsafe extern "C" fn before_sendto(frame: *mut SendtoFrame) -> *const c_void {
    // SAFETY: the contract of `Frame`, for sendto.
    unsafe {
        let next = judge_sendto(frame.cast());
        let frame = &mut *frame;
        match frame.frame.after {
            After::GiveSource(source) if !next.is_null() => frame.send_from(source),
            _ => next,
        }
    }
}

/// sendto(2) by syscall(2), which can make no other call: `EPERM` where the datagram has to be given a
/// source.
pub unsafe extern "C" fn before_sendto_by_number(frame: *mut Frame) -> *const c_void {
    // SAFETY: the contract of `Frame`, for sendto.
    unsafe {
        let next = judge_sendto(frame);
        match (*frame).after {
            After::GiveSource(_) if !next.is_null() => (*frame).refuse(Refusal(Errno(EPERM))),
            _ => next,
        }
    }
}

/// # Safety
/// The contract of [`Frame`], for sendto.
unsafe fn judge_sendto(frame: *mut Frame) -> *const c_void {
    // SAFETY: the caller's promise.
    unsafe {
        let flags = Frame::enter(frame).int(3);
        if send::needs_no_check(&ThisProcess, flags) {
            return next::SENDTO.address();
        }
        sockaddr_call(frame, &next::SENDTO, 4, |fd, remote| {
            send::before(&call("sendto", fd), flags, remote, Sources::None)
        })
    }
}

/// As connect(2).
pub unsafe extern "C" fn after_sendto(frame: *mut Frame, result: isize) -> isize {
    // SAFETY: the contract of `Frame`; `before_sendto` or `before_sendto_by_number` has entered it.
    let frame = unsafe { &*frame };
    frame.finish(result, &call("sendto", frame.fd()), connect::after)
}

impl SendtoFrame {
    /// Makes the call one of sendmsg(2) that chooses `source`, and returns the next one of that. The
    /// destination is the copy that [`judge_sendto`] has made.
    fn send_from(&mut self, source: IpAddr) -> *const c_void {
        let data = self.data.write(iovec {
            iov_base: self.frame.pointer::<c_void>(1).cast_mut(),
            iov_len: self.frame.pointer::<c_void>(2).addr(),
        });
        let choice = self.choice.write(Choice::new(source));
        // SAFETY: all bytes zero is a msghdr; musl's has padding that has to be.
        let message = self.message.write(unsafe { zeroed() });
        message.msg_name = self.frame.pointer::<c_void>(4).cast_mut();
        message.msg_namelen = self.frame.int(5).cast_unsigned();
        message.msg_iov = data;
        message.msg_iovlen = 1;
        message.msg_control = choice.bytes().as_ptr().cast_mut().cast();
        message.msg_controllen = choice.bytes().len();
        let message = core::ptr::from_ref(message).expose_provenance();
        let flags = self.frame.int(3);
        self.frame.pass(1, message);
        self.frame.pass(2, flags.cast_unsigned() as usize);
        next::SENDMSG.address()
    }
}

/// sendmsg(2): as sendto(2), and the source that an `IP_PKTINFO` or `IPV6_PKTINFO` control
/// message chooses is judged as a bind to it would be: 0.0.0.0, which has the kernel choose
/// whatever the socket is bound to, becomes the assigned address.
pub unsafe extern "C" fn before_sendmsg(frame: *mut MessageFrame) -> *const c_void {
    // SAFETY: the contract of `Frame`, for sendmsg.
    let frame = unsafe { MessageFrame::enter(frame) };
    let given = frame.frame.pointer::<msghdr>(1);
    let flags = frame.frame.int(2);
    if given.is_null() || matches!(assignment::for_send(), Assignment::Unrestricted) {
        return next::SENDMSG.address();
    }
    let errno = Errno::get();
    // SAFETY: as above.
    match unsafe { frame.judge_copy("sendmsg", given, flags) } {
        Ok(after) => frame.frame.after = after,
        Err(refusal) => return frame.frame.refuse(refusal),
    }
    errno.set();
    next::SENDMSG.address()
}

/// As connect(2).
pub unsafe extern "C" fn after_sendmsg(frame: *mut MessageFrame, result: isize) -> isize {
    // SAFETY: the contract of `Frame`; `before_sendmsg` has entered it.
    let frame = unsafe { &*frame.cast::<Frame>() };
    frame.finish(result, &call("sendmsg", frame.fd()), connect::after)
}

/// sendmmsg(2): as sendmsg(2). The messages before one that is refused are sent, and their
/// number is returned, as the kernel does with one that it refuses.
///
/// The messages are judged where they are: to copy them would take a loop of calls of the next
/// function, and so a Rust frame below one that can be cancelled. One that has to be changed is
/// sent alone.
pub unsafe extern "C" fn before_sendmmsg(frame: *mut MessageFrame) -> *const c_void {
    // SAFETY: the contract of `Frame`, for sendmmsg.
    let frame = unsafe { MessageFrame::enter(frame) };
    let messages = frame.frame.pointer::<mmsghdr>(1).cast_mut();
    if matches!(assignment::for_send(), Assignment::Unrestricted) || messages.is_null() {
        return next::SENDMMSG.address();
    }
    let errno = Errno::get();
    let (call, flags) = (call("sendmmsg", frame.frame.fd()), frame.frame.int(3));
    // The kernel takes no more than UIO_MAXIOV at once.
    let count = frame.frame.int(2).cast_unsigned().min(1024) as usize;
    let mut readable = Readable::new();
    for index in 0..count {
        let message = messages.wrapping_add(index).cast();
        // SAFETY: as above, here and below.
        let judged = unsafe { judge_in_place(&call, &mut readable, message, flags) };
        match (judged, index) {
            (Ok(InPlace::Passes), _) => continue,
            (Ok(InPlace::HasToChange), 0) => {
                frame.original = messages;
                frame.frame.pass(2, 1);
                // SAFETY: as above.
                let judged = unsafe { frame.judge_copy("sendmmsg", messages.cast(), flags) };
                if let Err(refusal) = judged {
                    return frame.frame.refuse(refusal);
                }
            }
            (Err(refusal), 0) => return frame.frame.refuse(refusal),
            (Ok(InPlace::HasToChange) | Err(_), _) => frame.frame.pass(2, index),
        }
        break;
    }
    errno.set();
    next::SENDMMSG.address()
}

/// Writes the length of a message that was sent as a copy to the original.
pub unsafe extern "C" fn after_sendmmsg(frame: *mut MessageFrame, result: isize) -> isize {
    // SAFETY: the contract of `Frame`; `before_sendmmsg` has entered it. The copy, if there is one, is
    // what the next function got, and sendmmsg(2) writes to the original.
    unsafe {
        let original = (*frame).original;
        if !original.is_null() && result > 0 {
            let length = &raw mut (*original).msg_len;
            // The kernel, too, only finds out when it has sent.
            if !can_write(length, size_of::<c_uint>()) {
                Errno(libc::EFAULT).set();
                return -1;
            }
            length.write_unaligned((*frame).message.assume_init_ref().msg_len);
        }
    }
    result
}
