//! What the entry code of a hook around the next function keeps on the stack, and what the hook's
//! `before` and `after` may rely on. [`crate::abi::exports`] says how they are called.

use core::ffi::{c_int, c_void};
use core::mem::{MaybeUninit, offset_of};

use ipaddr_socket::sockaddr::Sockaddr;
use ipaddr_socket::{After, Refusal};

use crate::abi::next::Next;
use crate::sys::errno::{Errno, ThreadErrno};
use crate::sys::syscall::int;
use crate::sys::user_memory::{NOWHERE, NotRead, Readable, read_sockaddr};

/// What an exported function keeps on its stack while the real one runs. Nothing in it has a
/// destructor.
#[repr(C, align(16))]
pub struct Frame {
    /// The argument registers: as the program passed them, then as the real function gets them.
    arguments: [usize; 6],
    /// What the program gets when the real function isn't called.
    returned: isize,
    /// The real function, if `after` has it called again; else 0.
    again: usize,
    /// The copy of the program's sockaddr that the real function gets.
    sockaddr: MaybeUninit<Sockaddr>,
    /// What is left to do in `after`.
    pub after: After,
}

impl Frame {
    /// Takes over the frame that the entry code has filled the arguments of.
    ///
    /// # Safety
    /// It has, and nobody else uses the frame meanwhile.
    pub unsafe fn enter<'a>(frame: *mut Self) -> &'a mut Self {
        // SAFETY: `arguments` is filled, and these two are ours to fill; then every field is
        // initialised that isn't MaybeUninit.
        unsafe {
            (&raw mut (*frame).returned).write(0);
            (&raw mut (*frame).again).write(0);
            (&raw mut (*frame).after).write(After::Nothing);
            &mut *frame
        }
    }

    /// The first argument of all our calls but syscall(2).
    pub const fn fd(&self) -> c_int {
        self.int(0)
    }

    /// An argument that is an int.
    pub const fn int(&self, index: usize) -> c_int {
        int(self.arguments[index])
    }

    /// An argument that is a pointer.
    pub fn pointer<T>(&self, index: usize) -> *const T {
        core::ptr::with_exposed_provenance(self.arguments[index])
    }

    /// Has the real function get another argument.
    pub const fn pass(&mut self, index: usize, argument: usize) {
        self.arguments[index] = argument;
    }

    /// Copies the program's sockaddr into the frame and has the real function get the copy. `None`
    /// where the kernel refuses it: then it is to be asked, and does so.
    ///
    /// # Safety
    /// The arguments at these places are such a pointer and its length; then as [`read_sockaddr`].
    pub unsafe fn take_sockaddr(&mut self, pointer: usize, len: usize) -> Option<&mut Sockaddr> {
        let (address, len) = (self.pointer(pointer), self.int(len).cast_unsigned());
        // SAFETY: the caller's promise.
        match unsafe { read_sockaddr(&mut self.sockaddr, &mut Readable::new(), address, len) } {
            Ok(sockaddr) => {
                self.arguments[pointer] = core::ptr::from_ref(sockaddr).expose_provenance();
                Some(sockaddr)
            }
            Err(NotRead::Refused) => None,
            Err(NotRead::Unreadable) => {
                self.arguments[pointer] = NOWHERE;
                None
            }
        }
    }

    /// Where a copy of a sockaddr goes that isn't an argument itself.
    pub const fn sockaddr_slot(&mut self) -> &mut MaybeUninit<Sockaddr> {
        &mut self.sockaddr
    }

    /// Refuses the call: what `before` returns then.
    pub fn refuse(&mut self, Refusal(errno): Refusal) -> *const c_void {
        errno.set();
        self.returned = -1;
        core::ptr::null()
    }

    /// In `after`: does what is left to do, by one of the functions of that name in `ipaddr-socket`,
    /// and returns what the program gets, which is the next function's result unless the call is
    /// refused all the same.
    pub fn finish(
        &self,
        result: isize,
        finish: impl FnOnce(After, Result<(), Errno>) -> Result<(), Refusal>,
    ) -> isize {
        if matches!(self.after, After::Nothing) {
            return result;
        }
        let errno = Errno::get();
        let failed = self.result(result) < 0;
        match finish(self.after, if failed { Err(errno) } else { Ok(()) }) {
            Ok(()) => {
                errno.set();
                result
            }
            Err(Refusal(errno)) => {
                errno.set();
                -1
            }
        }
    }

    /// In `after`: has the real function called once more.
    pub fn call_again(&mut self, real: *const c_void) {
        self.again = real.expose_provenance();
    }

    /// What a function that returns an int has returned.
    pub const fn result(&self, register: isize) -> c_int {
        int(register.cast_unsigned())
    }
}

/// Where the parts of a frame lie, for the entry code.
pub const ARGUMENTS: usize = offset_of!(Frame, arguments);
pub const RETURNED: usize = offset_of!(Frame, returned);
pub const AGAIN: usize = offset_of!(Frame, again);

/// The first half of a call whose sockaddr and its length are the arguments from `at` on: copies
/// the sockaddr and lets `decide` judge and change the copy. Returns the real function, or null
/// when refused.
///
/// # Safety
/// `frame` holds the arguments of such a call, and the rest of it is ours.
pub unsafe fn sockaddr_call(
    frame: *mut Frame,
    real: &Next,
    at: usize,
    decide: impl FnOnce(c_int, &mut Sockaddr) -> Result<After, Refusal>,
) -> *const c_void {
    let errno = Errno::get();
    // SAFETY: the caller's promise.
    let frame = unsafe { Frame::enter(frame) };
    let fd = frame.fd();
    // SAFETY: the program's promise to the call.
    if let Some(sockaddr) = unsafe { frame.take_sockaddr(at, at + 1) } {
        match decide(fd, sockaddr) {
            Ok(after) => frame.after = after,
            Err(refusal) => return frame.refuse(refusal),
        }
    }
    let real = real.address();
    errno.set();
    real
}

/// A call that leaves nothing to do after the real function.
pub unsafe extern "C" fn nothing_after(_: *mut c_void, result: isize) -> isize {
    result
}
