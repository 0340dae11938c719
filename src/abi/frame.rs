//! What the entry code of a hook around the next function keeps on the stack, and what the hook's
//! `before` and `after` may rely on. [`crate::abi::exports`] says how they are called.

use core::ffi::{c_int, c_void};
use core::mem::{MaybeUninit, offset_of};
use core::net::IpAddr;

use ipaddr_policy::Family;

use crate::abi::next::Next;
use crate::socket::refusal::Refusal;
use crate::sys::errno::{Errno, ThreadErrno};
use crate::sys::syscall::int;
use crate::sys::user_memory::{NOWHERE, NotRead, Readable, read_sockaddr};
use ipaddr_socket::sockaddr::Sockaddr;

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
    /// What `after` is to do, and how.
    pub afterwards: Afterwards,
}

/// What is left to do after the real function.
#[derive(Clone, Copy)]
pub enum Afterwards {
    /// Nothing.
    Nothing,
    /// Log what has become of a bind to the address in the frame: the wildcard address of this
    /// family was asked for, or that address itself.
    LogBind(Option<Family>),
    /// If the connect fails: end what the quiet bind has begun.
    EndQuietBind,
    /// If `AF_UNSPEC` dissolves the association: the same.
    EndDissolved,
    /// `::` and this port were passed for IPv6 alone: judge them again if the socket takes IPv4 too.
    CheckIpv6Only(u16),
    /// Judge the peer of the connection that has been accepted.
    JudgePeer,
    /// If the call fails: the seccomp filter isn't there.
    FilterInstalled,
    /// Nothing; but before it the datagram has to be given this source, for the socket has none.
    GiveSource(IpAddr),
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
            (&raw mut (*frame).afterwards).write(Afterwards::Nothing);
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

    /// The copy of the program's sockaddr, as the real function has got it.
    ///
    /// # Safety
    /// [`Self::take_sockaddr`] has made one, or it was read into [`Self::sockaddr_slot`].
    pub const unsafe fn taken_sockaddr(&self) -> &Sockaddr {
        // SAFETY: the caller's promise.
        unsafe { self.sockaddr.assume_init_ref() }
    }

    /// Where a copy of a sockaddr goes that isn't an argument itself.
    pub const fn sockaddr_slot(&mut self) -> &mut MaybeUninit<Sockaddr> {
        &mut self.sockaddr
    }

    /// Refuses the call: what `before` returns then.
    pub fn refuse(&mut self, refusal: Refusal) -> *const c_void {
        self.returned = refusal.answer();
        core::ptr::null()
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
    decide: impl FnOnce(c_int, &mut Sockaddr) -> Result<Afterwards, Refusal>,
) -> *const c_void {
    let errno = Errno::get();
    // SAFETY: the caller's promise.
    let frame = unsafe { Frame::enter(frame) };
    let fd = frame.fd();
    // SAFETY: the program's promise to the call.
    if let Some(sockaddr) = unsafe { frame.take_sockaddr(at, at + 1) } {
        match decide(fd, sockaddr) {
            Ok(afterwards) => frame.afterwards = afterwards,
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
