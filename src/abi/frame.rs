//! What the entry code of a hook around the next function keeps on the stack, and what the hook's
//! `before` and `after` may rely on. [`crate::abi::exports`] says how they are called.

use core::ffi::{c_int, c_void};
use core::mem::{MaybeUninit, offset_of};

use ipaddr_socket::sockaddr::Sockaddr;
use ipaddr_socket::{After, Call, Host, Refusal, Socket};

use crate::abi::next::Next;
use crate::sys::errno::{Errno, ThreadErrno};
use crate::sys::syscall::int;
use crate::sys::user_memory::{NOWHERE, NotRead, Readable, read_sockaddr};

/// What an exported function keeps on its stack while `before`, the next function and `after` run.
/// Nothing in it has a destructor.
///
/// # Safety
/// This is the contract between the entry code and a hook's `before` and `after`, to which their
/// `unsafe` blocks refer:
///
/// * The program calls the function of the symbol's row in the table, and so promises of the arguments
///   what the function's manual page asks for.
/// * Both get a pointer to the same frame, of the type in that row, which is a [`Frame`] or begins with
///   one. Until `after` has returned it stays where it is, and nobody else uses it.
/// * When `before` begins, only `arguments` is initialised.
/// * When `after` begins, the frame is as `before` has left it. `after` is not called if `before` has
///   returned null.
/// * In return, one of the two calls [`Frame::enter`]: the entry code reads `returned` if `before` has
///   returned null, and `again` when `after` has returned.
#[repr(C, align(16))]
pub struct Frame {
    /// The argument registers: as the program passed them, then as the next function gets them.
    arguments: [usize; 6],
    /// What the program gets if the next function isn't called.
    returned: isize,
    /// The next function, if `after` has it called again; else 0.
    again: usize,
    /// The copy of the program's sockaddr that the next function gets.
    sockaddr: MaybeUninit<Sockaddr>,
    /// What is left to do in `after`.
    pub after: After,
}

impl Frame {
    /// Initialises the frame, but for its arguments and what is [`MaybeUninit`].
    ///
    /// # Safety
    /// The contract of [`Frame`]: the arguments are initialised, and nobody else uses the frame.
    pub unsafe fn enter<'a>(frame: *mut Self) -> &'a mut Self {
        // SAFETY: the caller's promise; then every field is initialised that isn't MaybeUninit.
        unsafe {
            (&raw mut (*frame).returned).write(0);
            (&raw mut (*frame).again).write(0);
            (&raw mut (*frame).after).write(After::Nothing);
            &mut *frame
        }
    }

    /// The first argument, where that is a descriptor.
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

    /// Has the next function get another argument.
    pub const fn pass(&mut self, index: usize, argument: usize) {
        self.arguments[index] = argument;
    }

    /// Copies the program's sockaddr into the frame and has the next function get the copy. `None`
    /// where the kernel refuses it: then the next function is called, and fails.
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

    /// Room for a copy of a sockaddr that isn't an argument itself.
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
    // So that a hook with nothing left to do, a send most often, costs a comparison.
    #[inline(always)]
    pub fn finish<S: Socket, H: Host>(
        &self,
        result: isize,
        call: &Call<'_, S, H>,
        finish: impl FnOnce(&Call<'_, S, H>, After, Result<(), Errno>) -> Result<(), Refusal>,
    ) -> isize {
        let failed = self.result(result) < 0;
        if self.after.is_due(call.host, failed) {
            let errno = Errno::get();
            let refused = finish(call, self.after, if failed { Err(errno) } else { Ok(()) });
            returned(result, errno, refused)
        } else {
            result
        }
    }

    /// In `after`: has the next function called once more.
    pub fn call_again(&mut self, next: *const c_void) {
        self.again = next.expose_provenance();
    }

    /// The result of a function that returns an int.
    pub const fn result(&self, register: isize) -> c_int {
        int(register.cast_unsigned())
    }
}

/// What the program gets behind a call with this result and errno.
#[cold]
fn returned(result: isize, errno: Errno, refused: Result<(), Refusal>) -> isize {
    match refused {
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

/// Where in a frame the arguments are, in bytes, for the entry code.
pub const ARGUMENTS: usize = offset_of!(Frame, arguments);

/// Where in a frame is what the program gets if the next function isn't called.
pub const RETURNED: usize = offset_of!(Frame, returned);

/// Where in a frame is the function that is to be called again.
pub const AGAIN: usize = offset_of!(Frame, again);

/// The size of a frame of type `F` in bytes, for the entry code, which subtracts it from the stack
/// pointer: that stays aligned, and aarch64 has 12 bits for it in the instruction.
pub const fn size<F>() -> usize {
    assert!(align_of::<F>() == 16 && size_of::<F>() < 4096);
    size_of::<F>()
}

/// The `before` of a call whose arguments from `at` on are a sockaddr and its length: copies the
/// sockaddr and lets `decide` judge and change the copy. Returns the next function, or null if the call
/// is refused.
///
/// # Safety
/// The contract of [`Frame`], for such a call.
pub unsafe fn sockaddr_call(
    frame: *mut Frame,
    next: &Next,
    at: usize,
    decide: impl FnOnce(c_int, &mut Sockaddr) -> Result<After, Refusal>,
) -> *const c_void {
    let errno = Errno::get();
    // SAFETY: the caller's promise, here and below.
    let frame = unsafe { Frame::enter(frame) };
    let fd = frame.fd();
    // SAFETY: as above.
    if let Some(sockaddr) = unsafe { frame.take_sockaddr(at, at + 1) } {
        match decide(fd, sockaddr) {
            Ok(after) => frame.after = after,
            Err(refusal) => return frame.refuse(refusal),
        }
    }
    let next = next.address();
    errno.set();
    next
}

/// The `after` of a hook that leaves nothing to do.
pub unsafe extern "C" fn nothing_after(_: *mut c_void, result: isize) -> isize {
    result
}
