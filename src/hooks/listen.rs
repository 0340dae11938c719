//! listen(2)

use core::ffi::c_void;

use ipaddr_socket::listen;

use crate::abi::frame::Frame;
use crate::abi::next;
use crate::process::host::call;
use crate::sys::errno::{Errno, ThreadErrno};

/// listen(2): a socket that isn't bound is bound to the assigned address first, as a bind to
/// the wildcard address would be.
///
/// `EPERM` where such a bind gives that, and for a socket that is bound to another address and
/// doesn't listen yet. Otherwise the kernel's own answers.
pub unsafe extern "C" fn before(frame: *mut Frame) -> *const c_void {
    let errno = Errno::get();
    // SAFETY: the contract of `Frame`, for listen.
    let frame = unsafe { Frame::enter(frame) };
    match listen::before(&call("listen", frame.fd())) {
        Ok(after) => frame.after = after,
        Err(refusal) => return frame.refuse(refusal),
    }
    errno.set();
    next::LISTEN.address()
}

/// Judges again what another thread may have changed meanwhile.
pub unsafe extern "C" fn after(frame: *mut Frame, result: isize) -> isize {
    // SAFETY: the contract of `Frame`; `before` has entered it.
    let frame = unsafe { &*frame };
    frame.finish(result, &call("listen", frame.fd()), listen::after)
}
