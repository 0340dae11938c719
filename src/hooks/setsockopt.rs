//! setsockopt(2), for the one option that chooses a source, the sticky `IPV6_PKTINFO` of ipv6(7), and
//! the one that says which families a socket carries: [`crate::process::datagrams`] has to know.

use core::ffi::c_void;
use core::mem::MaybeUninit;

use ipaddr_socket::pktinfo::{self, Sticky};
use libc::{IPPROTO_IPV6, IPV6_V6ONLY};

use crate::abi::frame::Frame;
use crate::abi::next;
use crate::process::datagrams;
use crate::process::host::call;
use crate::sys::errno::{Errno, ThreadErrno};
use crate::sys::seccomp;
use crate::sys::user_memory::{self, NOWHERE};

/// A frame with room for a copy of the option's value.
#[repr(C)]
pub struct OptionFrame {
    frame: Frame,
    value: MaybeUninit<Sticky>,
}

/// setsockopt(2): the source of an `IPV6_PKTINFO` is judged as a bind to it would be.
///
/// `EPERM` where such a bind gives that. Otherwise the kernel's own answers; all other options go
/// through unchanged.
pub unsafe extern "C" fn before(frame: *mut OptionFrame) -> *const c_void {
    // SAFETY: the contract of `Frame`, for setsockopt.
    let (frame, copy) = unsafe { (Frame::enter(frame.cast()), &mut (*frame).value) };
    seccomp::note_option();
    let call = call("setsockopt", frame.fd());
    let (level, name) = (frame.int(1), frame.int(2));
    if (level, name) == (IPPROTO_IPV6, IPV6_V6ONLY) {
        datagrams::note_v6only(&call);
    }
    if pktinfo::is_sticky(level, name) {
        let errno = Errno::get();
        let value = frame.pointer::<Sticky>(3);
        let whole = usize::try_from(frame.int(4)).is_ok_and(|len| len >= size_of::<Sticky>());
        if whole && !value.is_null() && !user_memory::can_read(value, size_of::<Sticky>()) {
            frame.pass(3, NOWHERE);
        } else if whole && !value.is_null() {
            // SAFETY: so many bytes can be read there, just checked.
            let copy = unsafe { copy.write(value.read()) };
            frame.pass(3, core::ptr::from_ref(copy).expose_provenance());
            frame.pass(4, size_of::<Sticky>());
            if let Err(refusal) = pktinfo::judge_sticky(&call, copy) {
                return frame.refuse(refusal);
            }
        }
        errno.set();
    }
    next::SETSOCKOPT.address()
}
