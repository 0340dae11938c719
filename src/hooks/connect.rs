//! connect(2)

use core::ffi::c_void;

use ipaddr_socket::connect;

use crate::abi::frame::{Frame, sockaddr_call};
use crate::abi::next;
use crate::process::host::call;

/// connect(2): the socket is quietly bound to the assigned address first; one that is bound to
/// an allowed address keeps it, and its port.
///
/// `EPERM` for a socket that is bound to another address, for a family that is forbidden, and
/// where there is a policy that can't be used; the errno of a rule that refuses the remote end;
/// what the quiet bind says (`EADDRNOTAVAIL` where the address isn't configured). Otherwise the
/// kernel's own answers.
pub unsafe extern "C" fn before(frame: *mut Frame) -> *const c_void {
    // SAFETY: the contract of `Frame`, for connect.
    unsafe {
        sockaddr_call(frame, &next::CONNECT, 1, |fd, remote| {
            connect::before(&call("connect", fd), remote)
        })
    }
}

/// If the connect fails: ends what the quiet bind has begun.
pub unsafe extern "C" fn after(frame: *mut Frame, result: isize) -> isize {
    // SAFETY: the contract of `Frame`; `before` has entered it.
    let frame = unsafe { &*frame };
    frame.finish(result, &call("connect", frame.fd()), connect::after)
}
