//! The functions that ours stand in front of: the next ones in the symbol search order, libc's or
//! another preloaded library's.

use core::arch::global_asm;
use core::ffi::{CStr, c_char, c_int, c_long, c_void};
use core::mem::transmute;
use core::num::NonZeroUsize;
use core::ptr;

use libc::{sockaddr, socklen_t};
use once_cell::race::OnceNonZeroUsize;

use crate::by_number;
use crate::errno::Errno;
use crate::sockaddr::Sockaddr;
use crate::syscall::syscall;

/// Defines the functions that ours stand in front of, and the system call behind each.
macro_rules! functions {
    ($($(#[$doc:meta])+ $name:ident: $function:ident, $symbol:literal, $number:path;)+) => {
        $(
            $(#[$doc])+
            pub static $name: Next = Next::new($symbol, system::$function);
        )+

        /// Looks all of them up: dlsym(3) may allocate and lock, so not later than at load.
        pub fn resolve() {
            $(let _ = $name.address();)+
            by_number::resolve();
        }

        /// The system calls themselves, without libc: no cancellation points.
        pub mod system {
            $(
                $(#[$doc])+
                ///
                /// # Safety
                /// As the system call.
                pub unsafe extern "C" fn $function(
                    a: usize, b: usize, c: usize, d: usize, e: usize, f: usize,
                ) -> isize {
                    // SAFETY: the caller's promise.
                    unsafe { super::as_libc($number, [a, b, c, d, e, f]) }
                }
            )+
        }
    };
}

functions! {
    /// bind(2)
    BIND: bind, c"bind", libc::SYS_bind;
    /// connect(2)
    CONNECT: connect, c"connect", libc::SYS_connect;
    /// accept(2)
    ACCEPT: accept, c"accept", libc::SYS_accept;
    /// accept4(2)
    ACCEPT4: accept4, c"accept4", libc::SYS_accept4;
    /// listen(2)
    LISTEN: listen, c"listen", libc::SYS_listen;
    /// sendto(2)
    SENDTO: sendto, c"sendto", libc::SYS_sendto;
    /// sendmsg(2)
    SENDMSG: sendmsg, c"sendmsg", libc::SYS_sendmsg;
    /// sendmmsg(2)
    SENDMMSG: sendmmsg, c"sendmmsg", libc::SYS_sendmmsg;
    /// socket(2)
    SOCKET: socket, c"socket", libc::SYS_socket;
    /// recvmsg(2)
    RECVMSG: recvmsg, c"recvmsg", libc::SYS_recvmsg;
    /// recvmmsg(2)
    RECVMMSG: recvmmsg, c"recvmmsg", libc::SYS_recvmmsg;
    /// pidfd_getfd(2)
    PIDFD_GETFD: pidfd_getfd, c"pidfd_getfd", libc::SYS_pidfd_getfd;
    /// setsockopt(2)
    SETSOCKOPT: setsockopt, c"setsockopt", libc::SYS_setsockopt;
}

/// Six registers in, one out: the system calls take no more than these functions do.
type SystemCall = unsafe extern "C" fn(usize, usize, usize, usize, usize, usize) -> isize;

/// A symbol to be looked up behind this library, once.
pub struct Next {
    name: &'static CStr,
    /// The system call itself.
    system: SystemCall,
    address: OnceNonZeroUsize,
}

impl Next {
    const fn new(name: &'static CStr, system: SystemCall) -> Self {
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
            let next = next_symbol(self.name).unwrap_or_else(|| self.system());
            NonZeroUsize::new(next.expose_provenance()).ok_or(())
        };
        let address = self.address.get_or_try_init(look_up);
        address.map_or_else(
            |()| self.system(),
            |address| ptr::with_exposed_provenance(address.get()),
        )
    }

    fn system(&self) -> *const c_void {
        self.system as *const c_void
    }
}

/// dlsym(3) with `RTLD_NEXT`. `None` where dlsym is not to be had: before glibc 2.34 it is in
/// libdl, which the process may do without. Then there is no other interposer either, which would
/// need it as we do, and libc's function is the system call.
pub fn next_symbol(name: &CStr) -> Option<*const c_void> {
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

/// A system call as libc makes it: -1, and the error in errno.
unsafe fn as_libc(number: c_long, arguments: [usize; 6]) -> isize {
    // SAFETY: the caller's promise.
    match unsafe { syscall(number, arguments) } {
        Ok(result) => result.cast_signed(),
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
    type Bind = unsafe extern "C" fn(c_int, *const sockaddr, socklen_t) -> c_int;
    // SAFETY: the symbol is the function of that name, whose type POSIX fixes.
    let bind: Bind = unsafe { transmute(BIND.address()) };
    let (address, len) = sockaddr.as_in();
    // SAFETY: `address` is valid for `len` bytes.
    match unsafe { bind(fd, address, len) } {
        0 => Ok(()),
        _ => Err(Errno::get()),
    }
}

/// The real setsockopt(2), for what the program didn't ask for.
///
/// # Errors
/// Those of setsockopt(2).
pub fn set_option_quietly<T>(fd: c_int, level: c_int, name: c_int, value: &T) -> Result<(), Errno> {
    type SetOption = unsafe extern "C" fn(c_int, c_int, c_int, *const c_void, socklen_t) -> c_int;
    // SAFETY: the symbol is the function of that name, whose type POSIX fixes.
    let set: SetOption = unsafe { transmute(SETSOCKOPT.address()) };
    let len = size_of::<T>() as socklen_t;
    // SAFETY: the kernel reads `value` and nothing else.
    match unsafe { set(fd, level, name, ptr::from_ref(value).cast(), len) } {
        0 => Ok(()),
        _ => Err(Errno::get()),
    }
}
