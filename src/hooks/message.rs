//! The message of sendmsg(2): copied into the frame and judged, or judged where it stands.

use core::ffi::c_int;
use core::mem::MaybeUninit;
use core::net::{IpAddr, Ipv4Addr};
use core::{ptr, slice};

use ipaddr_policy::errno::EPERM;
use ipaddr_socket::cmsg::{self, Choice};
use libc::{mmsghdr, msghdr, sockaddr, sockaddr_storage, socklen_t};

use crate::abi::frame::{Afterwards, Frame};
use crate::socket::refusal::Refusal;
use crate::socket::source::{judge_source, needs_no_look, take_source};
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
    /// For sendmmsg(2): whose length is to be told.
    pub original: *mut mmsghdr,
}

/// Room for control messages. A longer block, which only some IPv6 extension headers need, is
/// judged where it stands, and so may change before the kernel reads it.
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
        if let (Sources::Wildcard(ipv4_at), IpAddr::V6(v6)) = (sources, given) {
            // Of an IPv6 address, which was read here: see `judge_sources`.
            return self.put(ipv4_at.checked_sub(12)?, &v6.octets());
        }
        let at = len.next_multiple_of(align_of::<Self>());
        let choice = Choice::new(given);
        // Behind a last message without its padding.
        self.put(len, [0; align_of::<Self>()].get(..at.checked_sub(len)?)?)?;
        self.put(at, choice.bytes())?;
        message.msg_control = self.0.as_mut_ptr().cast();
        message.msg_controllen = at.checked_add(choice.bytes().len())?;
        Some(())
    }

    fn put(&mut self, at: usize, bytes: &[u8]) -> Option<()> {
        let slots = self.0.get_mut(at..at.checked_add(bytes.len())?)?;
        for (slot, byte) in slots.iter_mut().zip(bytes) {
            slot.write(*byte);
        }
        Some(())
    }
}

impl MessageFrame {
    /// Takes over the frame that the entry code has filled the arguments of.
    ///
    /// # Safety
    /// As [`Frame::enter`].
    pub unsafe fn enter<'a>(frame: *mut Self) -> &'a mut Self {
        // SAFETY: the caller's promise; then every field is initialised that isn't MaybeUninit.
        unsafe {
            Frame::enter(frame.cast());
            (&raw mut (*frame).original).write(ptr::null_mut());
            &mut *frame
        }
    }

    /// Copies a message into the frame, judges the copy, and has the real function get it.
    ///
    /// # Safety
    /// `given` is as sendmsg(2) takes it, and not null; then as [`read_sockaddr`].
    pub unsafe fn judge_copy(
        &mut self,
        call: &str,
        given: *const msghdr,
        flags: c_int,
    ) -> Result<Afterwards, Refusal> {
        let fd = self.frame.fd();
        let mut readable = Readable::new();
        if !readable.holds(given, size_of::<msghdr>()) {
            self.frame.pass(1, NOWHERE);
            return Ok(Afterwards::Nothing);
        }
        // SAFETY: it can be read, just checked.
        let msg_hdr = unsafe { given.read_unaligned() };
        let message = self.message.write(mmsghdr {
            msg_hdr,
            msg_len: 0,
        });
        self.frame
            .pass(1, ptr::from_ref(message).expose_provenance());
        let mut parts = Parts::of(&message.msg_hdr);
        if !parts.can_read_control(&mut readable) {
            message.msg_hdr.msg_control = ptr::without_provenance_mut(NOWHERE);
            return Ok(Afterwards::Nothing);
        }
        let source;
        // SAFETY: just checked.
        if let Some(copy) = unsafe { parts.copy_control(&mut self.control) } {
            message.msg_hdr.msg_control = copy.cast();
            parts.control = copy;
            // SAFETY: the copy, whose bytes can be read, and written where a source was read.
            source = unsafe {
                parts.judge_sources(call, fd, |at, address| {
                    copy.add(at).cast::<[u8; 4]>().write(address.octets());
                })?
            };
        } else {
            let mut has_to_change = false;
            // SAFETY: just checked.
            source = unsafe { parts.judge_sources(call, fd, |_, _| has_to_change = true)? };
            if has_to_change {
                return Err(Refusal::from(Errno(EPERM)));
            }
        }
        if parts.name.is_null() || needs_no_look(flags) {
            return Ok(Afterwards::Nothing);
        }
        let slot = self.frame.sockaddr_slot();
        // SAFETY: the caller's promise.
        match unsafe { read_sockaddr(slot, &mut readable, parts.name, parts.name_len) } {
            Ok(remote) => {
                let afterwards = take_source(call, fd, flags, remote, source.ipv4());
                let (name, len) = remote.as_in();
                message.msg_hdr.msg_name = name.cast_mut().cast();
                message.msg_hdr.msg_namelen = len;
                match (afterwards?, source) {
                    (Afterwards::GiveSource(_), Sources::Chosen(_)) => Ok(Afterwards::Nothing),
                    (Afterwards::GiveSource(given), _) => {
                        let given = self.control.give(&mut message.msg_hdr, source, given);
                        given.ok_or(Refusal::from(Errno(EPERM)))?;
                        Ok(Afterwards::Nothing)
                    }
                    (afterwards, _) => Ok(afterwards),
                }
            }
            Err(NotRead::Refused) => Ok(Afterwards::Nothing),
            Err(NotRead::Unreadable) => {
                message.msg_hdr.msg_name = ptr::without_provenance_mut(NOWHERE);
                Ok(Afterwards::Nothing)
            }
        }
    }
}

/// How a message is sent that is judged where it stands.
pub enum InPlace {
    /// As it is.
    Passes,
    /// Only changed, which is not for us to do there: with another source, or with pointers that
    /// the kernel refuses.
    HasToChange,
}

/// Judges one message of sendmmsg(2).
///
/// # Safety
/// `message` is one of those that sendmmsg(2) takes; then as [`read_sockaddr`].
pub unsafe fn judge_in_place(
    call: &str,
    fd: c_int,
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
    let mut verdict = InPlace::Passes;
    // SAFETY: just checked.
    let source = unsafe { parts.judge_sources(call, fd, |_, _| verdict = InPlace::HasToChange)? };
    if parts.name.is_null() || needs_no_look(flags) {
        return Ok(verdict);
    }
    let mut slot = MaybeUninit::uninit();
    // SAFETY: the caller's promise.
    match unsafe { read_sockaddr(&mut slot, readable, parts.name, parts.name_len) } {
        Ok(remote) => {
            let afterwards = take_source(call, fd, flags, remote, source.ipv4())?;
            Ok(match (afterwards, source) {
                (Afterwards::GiveSource(_), Sources::Chosen(_)) => verdict,
                (Afterwards::GiveSource(_), _) => InPlace::HasToChange,
                _ => verdict,
            })
        }
        Err(NotRead::Refused) => Ok(verdict),
        Err(NotRead::Unreadable) => Ok(InPlace::HasToChange),
    }
}

/// What the control messages say of the source.
#[derive(Clone, Copy)]
enum Sources {
    /// Nothing.
    None,
    /// The wildcard address, which leaves it to the socket; with the place of its last four bytes.
    Wildcard(usize),
    /// An address.
    Chosen(IpAddr),
}

impl Sources {
    const fn ipv4(self) -> Option<Ipv4Addr> {
        match self {
            Self::Chosen(IpAddr::V4(source)) => Some(source),
            _ => None,
        }
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
    /// `net.core.optmem_max`, some 100 kB, so of more than this it is not asked.
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
        // SAFETY: the caller's promise.
        unsafe { slice::from_raw_parts(self.control, self.control_len) }
    }

    /// Copies the control messages, if there are any and they fit.
    ///
    /// # Safety
    /// They can be read.
    unsafe fn copy_control(&self, to: &mut Control) -> Option<*mut u8> {
        let fits = (1..=to.0.len()).contains(&self.control_len);
        if !fits || self.control.is_null() {
            return None;
        }
        let to = to.0.as_mut_ptr().cast::<u8>();
        // SAFETY: the source by the caller's promise; the destination has room, just checked.
        unsafe { ptr::copy_nonoverlapping(self.control, to, self.control_len) };
        Some(to)
    }

    /// Judges the sources that the control messages choose, and returns what the last of them comes
    /// to: it is the one that counts. Calls `rewrite` for each that has to become another IPv4
    /// address, with the place of its four bytes.
    ///
    /// # Safety
    /// The control messages can be read.
    unsafe fn judge_sources(
        &self,
        call: &str,
        fd: c_int,
        mut rewrite: impl FnMut(usize, Ipv4Addr),
    ) -> Result<Sources, Refusal> {
        let mut last = Sources::None;
        if self.control.is_null() {
            return Ok(last);
        }
        let mut at = 0;
        // SAFETY: the caller's promise.
        while let Some(source) = cmsg::next_source(unsafe { self.control() }, &mut at) {
            let instead = judge_source(call, fd, source.address)?;
            if let Some(IpAddr::V4(instead)) = instead {
                rewrite(source.ipv4_at, instead);
            }
            last = match (instead, source.address) {
                (Some(IpAddr::V4(instead)), _) => Sources::Chosen(instead.into()),
                (_, address) if address.is_unspecified() => Sources::Wildcard(source.ipv4_at),
                (_, address) => Sources::Chosen(address),
            };
        }
        Ok(last)
    }
}
