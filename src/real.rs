//! The functions that ours stand in front of: the next ones in the symbol search order, libc's or
//! another preloaded library's.

use core::ffi::{CStr, c_int, c_void};
use core::mem::transmute;
use core::num::NonZeroUsize;
use core::ptr;

use libc::{sockaddr, socklen_t};
use once_cell::race::OnceNonZeroUsize;

use crate::sockaddr::Sockaddr;
use crate::sys::Errno;

/// bind(2)
pub static BIND: Next = Next::new(c"bind");
/// connect(2)
pub static CONNECT: Next = Next::new(c"connect");

/// Looks all of them up: dlsym(3) may allocate and lock, so not later than at load.
pub fn resolve() {
    let _ = (BIND.address(), CONNECT.address());
}

/// A symbol to be looked up behind this library, once.
pub struct Next {
    name: &'static CStr,
    address: OnceNonZeroUsize,
}

impl Next {
    const fn new(name: &'static CStr) -> Self {
        Self {
            name,
            address: OnceNonZeroUsize::new(),
        }
    }

    /// Its address. Two threads may both look it up, and find the same: no lock is needed.
    pub fn address(&self) -> *const c_void {
        let look_up = || {
            // SAFETY: the name is NUL-terminated.
            let symbol = unsafe { libc::dlsym(libc::RTLD_NEXT, self.name.as_ptr()) };
            let symbol = if symbol.is_null() {
                missing as *mut c_void
            } else {
                symbol
            };
            NonZeroUsize::new(symbol.expose_provenance()).ok_or(())
        };
        let address = self.address.get_or_try_init(look_up);
        address.map_or(ptr::null(), |address| {
            ptr::with_exposed_provenance(address.get())
        })
    }
}

/// What is called where libc has no such function.
extern "C" fn missing() -> isize {
    Errno(libc::ENOSYS).set();
    -1
}

/// The real bind(2), for what the program didn't ask for. Not a cancellation point, so "C":
/// nothing unwinds out of the middle of a connect.
///
/// # Errors
/// Those of bind(2).
pub fn bind_quietly(fd: c_int, sockaddr: &Sockaddr) -> Result<(), Errno> {
    // SAFETY: the symbol is the function of that name, whose type POSIX fixes.
    let bind: unsafe extern "C" fn(c_int, *const sockaddr, socklen_t) -> c_int =
        unsafe { transmute(BIND.address()) };
    let (address, len) = sockaddr.as_in();
    // SAFETY: `address` is valid for `len` bytes.
    match unsafe { bind(fd, address, len) } {
        0 => Ok(()),
        _ => Err(Errno::get()),
    }
}
