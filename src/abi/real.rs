//! The functions that ours stand in front of: the next ones in the symbol search order, libc's or
//! another preloaded library's.

use core::ffi::{CStr, c_int, c_long, c_void};
use core::mem::transmute;
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

use libc::{sockaddr, socklen_t};

use crate::abi::by_number;
use crate::abi::objects::{self, Name, Object};
use crate::sys::errno::{Errno, ThreadErrno};
use crate::sys::syscall::syscall;
use ipaddr_socket::sockaddr::Sockaddr;

/// Defines the functions that ours stand in front of, and the system call behind each; then those
/// with no such system call, and what is called where there is no other.
macro_rules! functions {
    (
        $($(#[$doc:meta])+ $name:ident: $function:ident, $symbol:literal, $number:path;)+
        without: $($other:ident: $other_symbol:literal, $absent:path;)+
    ) => {
        $(
            $(#[$doc])+
            pub static $name: Next = Next::new($symbol, system::$function as *mut ());
        )+
        $(
            #[doc = concat!("The next ", stringify!($other_symbol))]
            pub static $other: Next = Next::new($other_symbol, $absent as *mut ());
        )+

        /// Each of them.
        static ALL: &[&Next] = &[$(&$name,)+ $(&$other,)+];

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
    /// prctl(2)
    PRCTL: prctl, c"prctl", libc::SYS_prctl;
    /// unshare(2)
    UNSHARE: unshare, c"unshare", libc::SYS_unshare;
    /// close_range(2)
    CLOSE_RANGE: close_range, c"close_range", libc::SYS_close_range;
    /// setsockopt(2)
    SETSOCKOPT: setsockopt, c"setsockopt", libc::SYS_setsockopt;
    /// execve(2)
    EXECVE: execve, c"execve", libc::SYS_execve;
    /// execveat(2)
    EXECVEAT: execveat, c"execveat", libc::SYS_execveat;
    without:
    SYSCALL: c"syscall", by_number::system_call;
    CLONE: c"clone", absent::failure;
    DLOPEN: c"dlopen", absent::null;
    DLMOPEN: c"dlmopen", absent::null;
    DLSYM: c"dlsym", absent::null;
    DLVSYM: c"dlvsym", absent::null;
    EXECV: c"execv", absent::failure;
    EXECVP: c"execvp", absent::failure;
    EXECVPE: c"execvpe", absent::failure;
    EXECL: c"execl", absent::failure;
    EXECLE: c"execle", absent::failure;
    EXECLP: c"execlp", absent::failure;
    FEXECVE: c"fexecve", absent::failure;
    POSIX_SPAWN: c"posix_spawn", absent::error_number;
    POSIX_SPAWNP: c"posix_spawnp", absent::error_number;
}

/// What stands for a function that is nowhere to be found.
mod absent {
    use core::ffi::{c_int, c_void};
    use core::ptr;

    use crate::sys::errno::{Errno, ThreadErrno};

    /// For one that returns a pointer.
    pub unsafe extern "C" fn null() -> *mut c_void {
        ptr::null_mut()
    }

    /// For one that returns -1.
    pub unsafe extern "C" fn failure() -> c_int {
        Errno(libc::ENOSYS).set();
        -1
    }

    /// For one that returns an errno.
    pub unsafe extern "C" fn error_number() -> c_int {
        libc::ENOSYS
    }
}

/// The next function of its name in the symbol search order behind this library.
#[repr(C)]
pub struct Next {
    /// The function, or, until it is found and where there is none, what stands for it: the system
    /// call. First, for the entry code.
    address: AtomicPtr<()>,
    absent: *mut (),
    name: Name<'static>,
}

// SAFETY: the pointer is a function's, which anybody may call.
unsafe impl Sync for Next {}

impl Next {
    const fn new(name: &'static CStr, absent: *mut ()) -> Self {
        Self {
            address: AtomicPtr::new(absent),
            absent,
            name: Name::new(name),
        }
    }

    /// Its address, never null.
    pub fn address(&self) -> *const c_void {
        if !RESOLVED.load(Ordering::Acquire) {
            resolve();
        }
        self.address.load(Ordering::Relaxed).cast_const().cast()
    }

    fn is_absent(&self) -> bool {
        ptr::eq(self.address.load(Ordering::Relaxed), self.absent)
    }

    /// As [`Self::address`], looked up again if it wasn't found: before glibc 2.34 the functions
    /// of dlopen(3) are in libdl, which may be loaded later.
    pub fn address_by_now(&self) -> *const c_void {
        if self.is_absent() {
            resolve();
        }
        self.address()
    }
}

/// Whether all have been looked up.
static RESOLVED: AtomicBool = AtomicBool::new(false);

/// Looks all of them up: at load, or before that if another library's constructor makes a call that
/// is ours. Two threads may both do so, and find the same.
pub fn resolve() {
    if !RESOLVED.load(Ordering::Acquire) {
        objects::remember();
    }
    let behind = objects::all().skip_while(|object| !object.is_own()).skip(1);
    find_in(behind);
    if BIND.is_absent() {
        // Loaded by dlopen(3), and libc before it.
        find_in(objects::all().skip(1).filter(|object| !object.is_own()));
    }
    RESOLVED.store(true, Ordering::Release);
}

/// Looks up what hasn't been found yet.
fn find_in(objects: impl Iterator<Item = &'static Object>) {
    for symbols in objects.filter_map(Object::symbols) {
        let mut found_all = true;
        for next in ALL.iter().filter(|next| next.is_absent()) {
            match symbols.find(next.name) {
                Some(found) => next
                    .address
                    .store(found.cast_mut().cast(), Ordering::Relaxed),
                None => found_all = false,
            }
        }
        if found_all {
            break;
        }
    }
}

/// Whether one of them is at this address.
pub fn is_next(address: *const c_void) -> bool {
    ALL.iter().any(|next| ptr::eq(next.address(), address))
}

/// seccomp(2), for which no libc has a function.
///
/// # Safety
/// As seccomp(2).
pub unsafe extern "C" fn seccomp(
    a: usize,
    b: usize,
    c: usize,
    d: usize,
    e: usize,
    f: usize,
) -> isize {
    // SAFETY: the caller's promise.
    unsafe { as_libc(libc::SYS_seccomp, [a, b, c, d, e, f]) }
}

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
