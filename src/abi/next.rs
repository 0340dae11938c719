//! The next function of each hook: the one of the same name that is behind this library in the symbol
//! search order, libc's or another preloaded library's.

use core::ffi::{CStr, c_long, c_void};
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

use crate::abi::objects::{self, Name, Object};
use crate::sys::errno::ThreadErrno;
use crate::sys::syscall::syscall;

/// Defines the next function of each row in the table that has one, and the system call of each row
/// that has a number.
macro_rules! functions {
    ($(
        #[doc = $doc:literal]
        $name:ident($section:literal) $kind:ident $hook:tt
        $(next($next:ident or $absent:ident))?
        $(number($number:ident $($by:ident $by_hook:tt)?))?
        $(noted($noted:ident))?
        tests($($test:ident)*);
    )+) => {
        $($(
            #[doc = concat!("The next ", stringify!($name), "(", stringify!($section), ").")]
            pub static $next: Next = Next::new(
                concat!(stringify!($name), "\0"),
                absent::$absent as *mut (),
            );
        )?)+

        /// All next functions.
        static ALL: &[&Next] = &[$($(&$next,)?)+];

        /// The system calls themselves, without libc, so they are no cancellation points. They fail as
        /// libc's functions do, with -1 and errno.
        #[expect(dead_code, reason = "clone and clone3 return twice, and are not called here")]
        pub mod system {
            $(
                $(system_call!($name $number);)?
                $(system_call!($name $noted);)?
            )+
        }
    };
}

/// Defines the function of a system call.
macro_rules! system_call {
    ($name:ident $number:ident) => {
        #[doc = concat!("The system call ", stringify!($name), ".")]
        ///
        /// # Safety
        /// As the system call.
        pub unsafe extern "C" fn $name(
            a: usize,
            b: usize,
            c: usize,
            d: usize,
            e: usize,
            f: usize,
        ) -> isize {
            // SAFETY: the caller's promise.
            unsafe { super::as_libc(libc::$number, [a, b, c, d, e, f]) }
        }
    };
}

symbols!(functions);

/// What is called in place of a next function that no object defines: the system call, or a function
/// that fails.
mod absent {
    use core::ffi::{c_int, c_void};
    use core::ptr;

    use crate::abi::arch;
    use crate::sys::errno::{Errno, ThreadErrno};

    pub use super::system::*;

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

    /// For syscall(2): the system call.
    #[unsafe(naked)]
    pub unsafe extern "C" fn syscall() {
        arch::syscall!(fail = sym fail)
    }

    /// The kernel's negated errno, as libc returns it.
    unsafe extern "C" fn fail(negated: isize) -> isize {
        Errno((-negated) as c_int).set();
        -1
    }
}

/// The next function of its name in the symbol search order behind this library.
#[repr(C)]
pub struct Next {
    /// The function; until it is found, or if no object defines it, `absent`. The first field, because
    /// the entry code of syscall(2) loads it.
    address: AtomicPtr<()>,
    /// What is called in its place.
    absent: *mut (),
    /// The symbol.
    name: Name<'static>,
}

// SAFETY: the pointers are to functions, which any thread may call.
unsafe impl Sync for Next {}

impl Next {
    /// `name` ends with a NUL.
    const fn new(name: &'static str, absent: *mut ()) -> Self {
        let Ok(name) = CStr::from_bytes_with_nul(name.as_bytes()) else {
            panic!("a symbol's name ends with its only NUL")
        };
        Self {
            address: AtomicPtr::new(absent),
            absent,
            name: Name::new(name),
        }
    }

    /// The address of the function, or of what is called in its place; never null.
    pub fn address(&self) -> *const c_void {
        if !RESOLVED.load(Ordering::Acquire) {
            resolve();
        }
        self.address.load(Ordering::Relaxed).cast_const().cast()
    }

    fn is_absent(&self) -> bool {
        ptr::eq(self.address.load(Ordering::Relaxed), self.absent)
    }

    /// As [`Self::address`], but looked up again if it wasn't found: before glibc 2.34 dlopen(3)
    /// and its like are in libdl, which may be loaded later.
    pub fn address_by_now(&self) -> *const c_void {
        if self.is_absent() {
            resolve();
        }
        self.address()
    }
}

/// Whether the next functions have been looked up.
static RESOLVED: AtomicBool = AtomicBool::new(false);

/// Looks the next functions up: at load, or before that if another library's constructor makes a call
/// that is hooked. Two threads may both do so, and find the same.
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

/// Looks up in these objects what hasn't been found yet.
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

/// Whether a next function is at this address.
pub fn is_next(address: *const c_void) -> bool {
    ALL.iter().any(|next| ptr::eq(next.address(), address))
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
