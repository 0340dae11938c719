//! setsockopt(2), for the one option that chooses a source, the sticky `IPV6_PKTINFO` of ipv6(7), and
//! the one that says which families a socket carries: [`crate::process::datagrams`] has to know.

use core::ffi::c_void;
use core::mem::MaybeUninit;
use core::net::{IpAddr, Ipv6Addr};

use libc::{IPPROTO_IPV6, IPV6_PKTINFO, IPV6_V6ONLY, in6_pktinfo};

use crate::abi::frame::Frame;
use crate::abi::next;
use crate::process::datagrams;
use crate::socket::source;
use crate::sys::errno::{Errno, ThreadErrno};
use crate::sys::seccomp;
use crate::sys::user_memory::{self, NOWHERE};

/// A frame with room for a copy of the option's value.
#[repr(C)]
pub struct OptionFrame {
    frame: Frame,
    value: MaybeUninit<in6_pktinfo>,
}

/// setsockopt(2): the source of an `IPV6_PKTINFO` is judged as a bind to it would be.
///
/// `EPERM` where that gives it. Otherwise the kernel's own answers; all other options go
/// through.
pub unsafe extern "C" fn before(frame: *mut OptionFrame) -> *const c_void {
    // SAFETY: the entry code's promise: an OptionFrame, which begins with the frame of a call with
    // setsockopt's signature.
    let (frame, copy) = unsafe { (Frame::enter(frame.cast()), &mut (*frame).value) };
    seccomp::note_option();
    let option = (frame.int(1), frame.int(2));
    if option == (IPPROTO_IPV6, IPV6_V6ONLY) {
        datagrams::note_v6only(frame.fd());
    }
    if option == (IPPROTO_IPV6, IPV6_PKTINFO) {
        let errno = Errno::get();
        let value = frame.pointer::<in6_pktinfo>(3);
        let whole = usize::try_from(frame.int(4)).is_ok_and(|len| len >= size_of::<in6_pktinfo>());
        if whole && !value.is_null() && !user_memory::can_read(value, size_of::<in6_pktinfo>()) {
            frame.pass(3, NOWHERE);
        } else if whole && !value.is_null() {
            // SAFETY: so many bytes can be read there, just checked.
            let copy = unsafe { copy.write(value.read_unaligned()) };
            frame.pass(3, core::ptr::from_ref(copy).expose_provenance());
            frame.pass(4, size_of::<in6_pktinfo>());
            let source = IpAddr::V6(Ipv6Addr::from_octets(copy.ipi6_addr.s6_addr)).to_canonical();
            if let Err(refusal) = source::judge_source("setsockopt", frame.fd(), source) {
                return frame.refuse(refusal);
            }
        }
        errno.set();
    }
    next::SETSOCKOPT.address()
}
