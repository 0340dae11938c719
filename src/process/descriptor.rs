//! A socket of this process.

use core::ffi::{c_int, c_void};
use core::mem::transmute;

use ipaddr_socket::Socket;
use ipaddr_socket::sockaddr::Sockaddr;
use libc::{sock_filter, sock_fprog, sockaddr, socklen_t};

use crate::abi::next::{BIND, SETSOCKOPT};
use crate::sys::errno::{Errno, ThreadErrno};

/// A descriptor. It is queried and changed by libc's functions, or the next ones in the symbol search
/// order, so that another preloaded library which replaces the socket calls, such as socket_wrapper,
/// sees that too. Afterwards errno is whatever they have left.
#[derive(Clone, Copy)]
pub struct Descriptor(pub c_int);

impl Socket for Descriptor {
    fn number(&self) -> c_int {
        self.0
    }

    // Not a cancellation point, so "C": nothing unwinds out of the middle of a connect.
    fn bind(&self, address: &Sockaddr) -> Result<(), Errno> {
        type Bind = unsafe extern "C" fn(c_int, *const sockaddr, socklen_t) -> c_int;
        // SAFETY: the symbol is the function of that name, whose type POSIX fixes.
        let bind: Bind = unsafe { transmute(BIND.address()) };
        let (address, len) = address.as_in();
        // SAFETY: `address` is valid for `len` bytes.
        checked(unsafe { bind(self.0, address, len) })
    }

    fn getsockname(&self) -> Result<Sockaddr, Errno> {
        let mut sockaddr = Sockaddr::empty();
        let (address, len) = sockaddr.as_out();
        // SAFETY: `len` says how much room `address` has.
        checked(unsafe { libc::getsockname(self.0, address, len) }).map(|()| sockaddr)
    }

    fn getsockopt(&self, level: c_int, name: c_int) -> Result<c_int, Errno> {
        let mut value: c_int = 0;
        let mut len = size_of::<c_int>() as socklen_t;
        let (to, room) = ((&raw mut value).cast(), &raw mut len);
        // SAFETY: `len` says how much room `value` has.
        checked(unsafe { libc::getsockopt(self.0, level, name, to, room) }).map(|()| value)
    }

    fn setsockopt(&self, level: c_int, name: c_int, value: &[u8]) -> Result<(), Errno> {
        // SAFETY: so many bytes can be read there, and the options that are set this way have no
        // pointers in them.
        unsafe { set(self.0, level, name, value.as_ptr().cast(), value.len()) }
    }

    fn attach_filter(&self, program: &[sock_filter]) -> Result<(), Errno> {
        let filter = sock_fprog {
            len: u16::try_from(program.len()).map_err(|_| Errno(libc::EINVAL))?,
            filter: program.as_ptr().cast_mut(),
        };
        let (level, name) = (libc::SOL_SOCKET, libc::SO_ATTACH_FILTER);
        // SAFETY: `filter` says how many instructions there are; the kernel writes to none.
        unsafe {
            set(
                self.0,
                level,
                name,
                (&raw const filter).cast(),
                size_of::<sock_fprog>(),
            )
        }
    }

    fn shutdown(&self, how: c_int) -> Result<(), Errno> {
        // SAFETY: shutdown has no preconditions.
        checked(unsafe { libc::shutdown(self.0, how) })
    }
}

/// The next setsockopt(2).
///
/// # Safety
/// `value` is valid for `len` bytes, and so are the pointers in it.
unsafe fn set(
    fd: c_int,
    level: c_int,
    name: c_int,
    value: *const c_void,
    len: usize,
) -> Result<(), Errno> {
    type SetOption = unsafe extern "C" fn(c_int, c_int, c_int, *const c_void, socklen_t) -> c_int;
    // SAFETY: the symbol is the function of that name, whose type POSIX fixes.
    let set: SetOption = unsafe { transmute(SETSOCKOPT.address()) };
    // SAFETY: the caller's promise.
    checked(unsafe { set(fd, level, name, value, len as socklen_t) })
}

/// -1 is an error, its number in errno.
fn checked(result: c_int) -> Result<(), Errno> {
    match result {
        0 => Ok(()),
        _ => Err(Errno::get()),
    }
}
