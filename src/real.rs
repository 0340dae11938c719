//! The functions that ours stand in front of: the next ones in the symbol search order, libc's or
//! another preloaded library's.

use core::arch::global_asm;
use core::ffi::{CStr, c_char, c_int, c_long, c_void};
use core::mem::transmute;
use core::num::NonZeroUsize;
use core::ptr;

use libc::{sockaddr, socklen_t};
use once_cell::race::OnceNonZeroUsize;

use crate::errno::Errno;
use crate::sockaddr::Sockaddr;
use crate::syscall::syscall;

/// bind(2)
pub static BIND: Next = Next::new(c"bind", system_bind);
/// connect(2)
pub static CONNECT: Next = Next::new(c"connect", system_connect);

/// Looks all of them up: dlsym(3) may allocate and lock, so not later than at load.
pub fn resolve() {
    let _ = (BIND.address(), CONNECT.address());
}

type SockaddrCall = unsafe extern "C" fn(c_int, *const sockaddr, socklen_t) -> c_int;

/// A symbol to be looked up behind this library, once.
pub struct Next {
    name: &'static CStr,
    /// The system call itself.
    system: SockaddrCall,
    address: OnceNonZeroUsize,
}

impl Next {
    const fn new(name: &'static CStr, system: SockaddrCall) -> Self {
        Self {
            name,
            system,
            address: OnceNonZeroUsize::new(),
        }
    }

    /// Its address, never null. Two threads may both look it up, and find the same: no lock is
    /// needed.
    pub fn address(&self) -> *const c_void {
        let look_up = || {
            let next = next_symbol(self.name).unwrap_or(self.system as *const c_void);
            NonZeroUsize::new(next.expose_provenance()).ok_or(())
        };
        let address = self.address.get_or_try_init(look_up);
        address.map_or(self.system as *const c_void, |address| {
            ptr::with_exposed_provenance(address.get())
        })
    }
}

/// dlsym(3) with `RTLD_NEXT`. `None` where dlsym is not to be had: before glibc 2.34 it is in
/// libdl, which the process may do without. Then there is no other interposer either, which would
/// need it as we do, and libc's function is the system call.
fn next_symbol(name: &CStr) -> Option<*const c_void> {
    // SAFETY: the linker has set it before any of our code runs.
    let dlsym = unsafe { ipaddr_dlsym }?;
    // SAFETY: the name is NUL-terminated.
    let next = unsafe { dlsym(libc::RTLD_NEXT, name.as_ptr()) };
    (!next.is_null()).then_some(next.cast_const())
}

unsafe extern "C" {
    static ipaddr_dlsym: Option<unsafe extern "C" fn(*mut c_void, *const c_char) -> *mut c_void>;
}

/// The version that dlsym had from the first, so that the library loads with an older glibc than
/// it was built with.
#[cfg(target_arch = "x86_64")]
macro_rules! first_glibc {
    () => {
        "GLIBC_2.2.5"
    };
}
#[cfg(target_arch = "aarch64")]
macro_rules! first_glibc {
    () => {
        "GLIBC_2.17"
    };
}

// A weak reference, kept in a variable: a Rust function is never null.
global_asm!(
    concat!(".symver dlsym_of_the_process, dlsym@", first_glibc!()),
    ".weak dlsym_of_the_process",
    ".pushsection .data.rel.ro.ipaddr_dlsym, \"aw\"",
    ".balign 8",
    ".globl ipaddr_dlsym",
    ".hidden ipaddr_dlsym",
    "ipaddr_dlsym: .quad dlsym_of_the_process",
    ".popsection",
);

unsafe extern "C" fn system_bind(fd: c_int, address: *const sockaddr, len: socklen_t) -> c_int {
    // SAFETY: the caller's promise, which is that to bind(2).
    unsafe { system_call(libc::SYS_bind, fd, address, len) }
}

unsafe extern "C" fn system_connect(fd: c_int, address: *const sockaddr, len: socklen_t) -> c_int {
    // SAFETY: the caller's promise, which is that to connect(2).
    unsafe { system_call(libc::SYS_connect, fd, address, len) }
}

/// As libc makes it.
unsafe fn system_call(
    number: c_long,
    fd: c_int,
    address: *const sockaddr,
    len: socklen_t,
) -> c_int {
    let arguments = [
        fd.cast_unsigned() as usize,
        address.expose_provenance(),
        len as usize,
    ];
    // SAFETY: the caller's promise.
    match unsafe { syscall(number, arguments) } {
        Ok(_) => 0,
        Err(errno) => {
            errno.set();
            -1
        }
    }
}

/// The real bind(2), for what the program didn't ask for. Not a cancellation point, so "C":
/// nothing unwinds out of the middle of a connect.
///
/// # Errors
/// Those of bind(2).
pub fn bind_quietly(fd: c_int, sockaddr: &Sockaddr) -> Result<(), Errno> {
    // SAFETY: the symbol is the function of that name, whose type POSIX fixes.
    let bind: SockaddrCall = unsafe { transmute(BIND.address()) };
    let (address, len) = sockaddr.as_in();
    // SAFETY: `address` is valid for `len` bytes.
    match unsafe { bind(fd, address, len) } {
        0 => Ok(()),
        _ => Err(Errno::get()),
    }
}
