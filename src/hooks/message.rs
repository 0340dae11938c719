//! The message of sendmsg(2): copied into the frame and judged, or judged where it is.

use core::ffi::c_int;
use core::mem::MaybeUninit;
use core::net::IpAddr;
use core::{ptr, slice};

use ipaddr_policy::errno::EPERM;
use ipaddr_socket::pktinfo::{self, Sources};
use ipaddr_socket::{After, Call, Refusal, send};
use libc::{mmsghdr, msghdr, sockaddr, sockaddr_storage, socklen_t};

use crate::abi::frame::Frame;
use crate::process::descriptor::Descriptor;
use crate::process::host::{ThisProcess, call};
use crate::sys::errno::Errno;
use crate::sys::user_memory::{NOWHERE, NotRead, Readable, read_sockaddr};

/// A frame with room for a copy of what sendmsg(2) is given.
#[repr(C)]
pub struct MessageFrame {
    /// The arguments and what else every call keeps.
    pub frame: Frame,
    /// The copy. (A msghdr is its first field, and has its alignment.)
    pub message: MaybeUninit<mmsghdr>,
    control: Control,
    /// For sendmmsg(2): the message of which this is a copy, to which the length is written.
    pub original: *mut mmsghdr,
}

/// Room for control messages. A longer block, which only some IPv6 extension headers need, is
/// judged where it is, and so may change before the kernel reads it.
#[repr(C, align(8))]
struct Control([MaybeUninit<u8>; 512]);

impl Control {
    /// Has `message`, whose control messages are here if it has any, choose `given`. `None` where
    /// there is no room, or they are elsewhere.
    fn give(&mut self, message: &mut msghdr, sources: Sources, given: IpAddr) -> Option<()> {
        let (control, len) = control_of(message);
        let own = self.0.as_mut_ptr().cast::<u8>();
        if len != 0 && control != own {
            return None;
        }
        message.msg_controllen = pktinfo::give(&mut self.0, len, sources, given)?;
        message.msg_control = own.cast();
        Some(())
    }
}

impl MessageFrame {
    /// As [`Frame::enter`].
    ///
    /// # Safety
    /// The contract of [`Frame`].
    pub unsafe fn enter<'a>(frame: *mut Self) -> &'a mut Self {
        // SAFETY: the caller's promise; then every field is initialised that isn't MaybeUninit.
        unsafe {
            Frame::enter(frame.cast());
            (&raw mut (*frame).original).write(ptr::null_mut());
            &mut *frame
        }
    }

    /// Copies a message into the frame, judges the copy, and has the next function get it.
    ///
    /// # Safety
    /// `given` is as sendmsg(2) takes it, and not null; then as [`read_sockaddr`].
    pub unsafe fn judge_copy(
        &mut self,
        name: &'static str,
        given: *const msghdr,
        flags: c_int,
    ) -> Result<After, Refusal> {
        let call = call(name, self.frame.fd());
        let mut readable = Readable::new();
        if !readable.holds(given, size_of::<msghdr>()) {
            self.frame.pass(1, NOWHERE);
            return Ok(After::Nothing);
        }
        // SAFETY: it can be read, just checked.
        let msg_hdr = unsafe { given.read_unaligned() };
        let message = self.message.write(mmsghdr {
            msg_hdr,
            msg_len: 0,
        });
        self.frame
            .pass(1, ptr::from_ref(message).expose_provenance());
        let message = &mut message.msg_hdr;
        let parts = Parts::of(message);
        if !parts.can_read_control(&mut readable) {
            message.msg_control = ptr::without_provenance_mut(NOWHERE);
            return Ok(After::Nothing);
        }
        // SAFETY: just checked.
        let sources = match unsafe { parts.copy_control(&mut self.control) } {
            Some(copy) => {
                message.msg_control = copy.as_mut_ptr().cast();
                pktinfo::judge_copy(&call, copy)?
            }
            // SAFETY: as above.
            None => match pktinfo::judge_in_place(&call, unsafe { parts.control() })? {
                (_, true) => return Err(Refusal(Errno(EPERM))),
                (sources, false) => sources,
            },
        };
        if parts.name.is_null() || send::needs_no_check(call.host, flags) {
            return Ok(After::Nothing);
        }
        let slot = self.frame.sockaddr_slot();
        // SAFETY: the caller's promise.
        match unsafe { read_sockaddr(slot, &mut readable, parts.name, parts.name_len) } {
            Ok(remote) => {
                let after = send::before(&call, flags, remote, sources);
                let (name, len) = remote.as_in();
                message.msg_name = name.cast_mut().cast();
                message.msg_namelen = len;
                match after? {
                    After::GiveSource(given) => {
                        let given = self.control.give(message, sources, given);
                        given.ok_or(Errno(EPERM))?;
                        Ok(After::Nothing)
                    }
                    after => Ok(after),
                }
            }
            Err(NotRead::Refused) => Ok(After::Nothing),
            Err(NotRead::Unreadable) => {
                message.msg_name = ptr::without_provenance_mut(NOWHERE);
                Ok(After::Nothing)
            }
        }
    }
}

/// How a message is sent that is judged where it is.
pub enum InPlace {
    /// As it is.
    Passes,
    /// Only changed, and the program's memory is not to be changed: with another source, or with
    /// pointers that the kernel refuses.
    HasToChange,
}

/// Judges one message of sendmmsg(2).
///
/// # Safety
/// `message` is one of those that sendmmsg(2) takes; then as [`read_sockaddr`].
pub unsafe fn judge_in_place(
    call: &Call<'_, Descriptor, ThisProcess>,
    readable: &mut Readable,
    message: *const msghdr,
    flags: c_int,
) -> Result<InPlace, Refusal> {
    if !readable.holds(message, size_of::<msghdr>()) {
        return Ok(InPlace::HasToChange);
    }
    // SAFETY: just checked.
    let parts = Parts::of(&unsafe { message.read_unaligned() });
    if !parts.can_read_control(readable) {
        return Ok(InPlace::HasToChange);
    }
    // SAFETY: just checked.
    let (sources, has_to_change) = pktinfo::judge_in_place(call, unsafe { parts.control() })?;
    let verdict = if has_to_change {
        InPlace::HasToChange
    } else {
        InPlace::Passes
    };
    if parts.name.is_null() || send::needs_no_check(call.host, flags) {
        return Ok(verdict);
    }
    let mut slot = MaybeUninit::uninit();
    // SAFETY: the caller's promise.
    match unsafe { read_sockaddr(&mut slot, readable, parts.name, parts.name_len) } {
        Ok(remote) => Ok(match send::before(call, flags, remote, sources)? {
            After::GiveSource(_) => InPlace::HasToChange,
            _ => verdict,
        }),
        Err(NotRead::Refused) => Ok(verdict),
        Err(NotRead::Unreadable) => Ok(InPlace::HasToChange),
    }
}

/// The control messages of a message: where they are, and how many bytes they take.
pub fn control_of(message: &msghdr) -> (*const u8, usize) {
    // In musl the length is an int and padding that need not be zero.
    let len = message.msg_controllen & 0xffff_ffff;
    (message.msg_control.cast_const().cast(), len)
}

/// What is judged of a msghdr.
struct Parts {
    name: *const sockaddr,
    name_len: socklen_t,
    control: *const u8,
    control_len: usize,
}

impl Parts {
    fn of(message: &msghdr) -> Self {
        let (control, control_len) = control_of(message);
        Self {
            name: message.msg_name.cast_const().cast(),
            // Of a longer one the kernel takes the beginning; a negative length it refuses.
            name_len: match c_int::try_from(message.msg_namelen) {
                Ok(_) => message
                    .msg_namelen
                    .min(size_of::<sockaddr_storage>() as socklen_t),
                Err(_) => message.msg_namelen,
            },
            control,
            control_len,
        }
    }

    /// Whether the control messages can be read, or there are none. The kernel takes no more than
    /// `net.core.optmem_max`, some 100 kB, so more than this is not checked.
    fn can_read_control(&self, readable: &mut Readable) -> bool {
        const MOST: usize = 1 << 20;
        self.control.is_null()
            || self.control_len == 0
            || (self.control_len <= MOST && readable.holds(self.control, self.control_len))
    }

    /// The control messages, where they are.
    ///
    /// # Safety
    /// They can be read, and nobody writes to them meanwhile.
    const unsafe fn control(&self) -> &[u8] {
        if self.control.is_null() {
            return &[];
        }
        // SAFETY: the caller's promise.
        unsafe { slice::from_raw_parts(self.control, self.control_len) }
    }

    /// Copies the control messages, if there are any and they fit.
    ///
    /// # Safety
    /// They can be read.
    unsafe fn copy_control<'a>(&self, to: &'a mut Control) -> Option<&'a mut [u8]> {
        let fits = (1..=to.0.len()).contains(&self.control_len);
        if !fits || self.control.is_null() {
            return None;
        }
        let to = to.0.as_mut_ptr().cast::<u8>();
        // SAFETY: the source by the caller's promise; the destination has room, just checked, and is
        // initialised then.
        unsafe {
            ptr::copy_nonoverlapping(self.control, to, self.control_len);
            Some(slice::from_raw_parts_mut(to, self.control_len))
        }
    }
}
