//! bind(2)

use core::ffi::c_void;

use ipaddr_socket::bind;

use crate::abi::frame::{Frame, sockaddr_call};
use crate::abi::next;
use crate::process::host::call;
use crate::process::{datagrams, sockets};

/// bind(2): a wildcard becomes the assigned address; the assigned addresses and loopback pass.
///
/// `EPERM` for anything else, and where there is a policy that can't be used; the errno of a
/// rule that refuses the port. Otherwise the kernel's own answers.
pub unsafe extern "C" fn before(frame: *mut Frame) -> *const c_void {
    // SAFETY: the contract of `Frame`, for bind.
    let next = unsafe {
        sockaddr_call(frame, &next::BIND, 1, |fd, address| {
            bind::before(&call("bind", fd), address)
        })
    };
    if !next.is_null() {
        datagrams::begin_bind();
    }
    next
}

/// Logs what has become of it, and judges again what another thread may have changed meanwhile.
pub unsafe extern "C" fn after(frame: *mut Frame, result: isize) -> isize {
    // SAFETY: the contract of `Frame`; `before` has entered it.
    let frame = unsafe { &*frame };
    let call = call("bind", frame.fd());
    if frame.result(result) < 0 {
        // The kernel may have taken its address away.
        sockets::note_unbound();
        datagrams::note_bind_failed(&call);
    }
    datagrams::end_bind();
    frame.finish(result, &call, bind::after)
}
