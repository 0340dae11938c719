//! sendto(2), sendmsg(2), sendmmsg(2): with a destination they bind a socket that isn't bound, and
//! a control message may choose a source.

use core::ffi::{c_int, c_uint, c_void};
use core::mem::MaybeUninit;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::ptr;

use ipaddr_policy::judge::EPERM;
use ipaddr_policy::{Family, Policy, Request, Verdict, judge};
use libc::{
    AF_INET, AF_INET6, MSG_FASTOPEN, mmsghdr, msghdr, sockaddr, sockaddr_storage, socklen_t,
    ssize_t,
};

use crate::assignment::{self, Assignment};
use crate::connect::keep_source;
use crate::entry::{Afterwards, Frame, by_number, exported, sockaddr_call};
use crate::errno::Errno;
use crate::local::Local;
use crate::refusal::Refusal;
use crate::sockaddr::{Sockaddr, is_refused};
use crate::{cmsg, connect, datagrams, log, quiet, real, socket};

exported! {
    /// sendto(2): a socket that isn't bound is quietly bound to the assigned address first.
    ///
    /// `EPERM` for a socket that is bound to another address, for a family that is forbidden, and
    /// where there is a policy that can't be used; what the quiet bind says (`EADDRNOTAVAIL` where
    /// the address isn't configured). Otherwise the kernel's own answers.
    ///
    /// # Safety
    /// As sendto(2).
    fn sendto(
        fd: c_int, data: *const c_void, size: usize, flags: c_int,
        address: *const sockaddr, len: socklen_t
    ) -> ssize_t;
    Frame, before_sendto, connect::after
}

by_number!(
    sendto_by_number,
    Frame,
    before_sendto,
    connect::after,
    real::system::sendto
);

unsafe extern "C" fn before_sendto(frame: *mut Frame) -> *const c_void {
    // SAFETY: the entry code's promise: the frame of a call with sendto's signature.
    unsafe {
        let flags = Frame::enter(frame).int(3);
        if needs_no_look(flags) {
            return real::SENDTO.address();
        }
        sockaddr_call(frame, &real::SENDTO, 4, |fd, remote| {
            take_source("sendto", fd, flags, remote)
        })
    }
}

/// Whether a send may go to wherever it says, on whatever socket: nothing is assigned, or the
/// datagram sockets are all bound, there are none of IPv6, and streams are opened by connect(2).
fn needs_no_look(flags: c_int) -> bool {
    (datagrams::are_bound() && flags & MSG_FASTOPEN == 0)
        || matches!(assignment::for_send(), Assignment::Unrestricted)
}

/// A frame with room for a copy of what sendmsg(2) is given.
#[repr(C)]
pub struct MessageFrame {
    frame: Frame,
    message: MaybeUninit<mmsghdr>,
    control: Control,
    /// For sendmmsg(2): whose length is to be told.
    original: *mut mmsghdr,
}

/// Room for control messages. A longer block, which only some IPv6 extension headers need, is
/// judged where it stands, and so may change before the kernel reads it.
#[repr(C, align(8))]
struct Control([MaybeUninit<u8>; 512]);

exported! {
    /// sendmsg(2): as sendto(2), and the source that an `IP_PKTINFO` or `IPV6_PKTINFO` control
    /// message chooses is judged as a bind to it would be: 0.0.0.0, which has the kernel choose
    /// whatever the socket is bound to, becomes the assigned address.
    ///
    /// # Safety
    /// As sendmsg(2).
    fn sendmsg(fd: c_int, message: *const msghdr, flags: c_int) -> ssize_t;
    MessageFrame, before_sendmsg, after_sendmsg
}

by_number!(
    sendmsg_by_number,
    MessageFrame,
    before_sendmsg,
    after_sendmsg,
    real::system::sendmsg
);

unsafe extern "C" fn before_sendmsg(frame: *mut MessageFrame) -> *const c_void {
    // SAFETY: the entry code's promise: a MessageFrame, which begins with the frame of a call with
    // sendmsg's signature.
    let frame = unsafe { MessageFrame::enter(frame) };
    let given = frame.frame.pointer::<msghdr>(1);
    let flags = frame.frame.int(2);
    if is_refused(given) || matches!(assignment::for_send(), Assignment::Unrestricted) {
        return real::SENDMSG.address();
    }
    let errno = Errno::get();
    // SAFETY: the program's promise to sendmsg(2).
    match unsafe { frame.judge_copy("sendmsg", given, flags) } {
        Ok(afterwards) => frame.frame.afterwards = afterwards,
        Err(refusal) => return frame.frame.refuse(refusal),
    }
    errno.set();
    real::SENDMSG.address()
}

unsafe extern "C" fn after_sendmsg(frame: *mut MessageFrame, result: isize) -> isize {
    // SAFETY: it begins with the frame that `before_sendmsg` has filled.
    unsafe { connect::after(frame.cast(), result) }
}

exported! {
    /// sendmmsg(2): as sendmsg(2). The messages before one that is refused are sent, and their
    /// number is returned, as the kernel does with one that it refuses.
    ///
    /// The messages are judged where they stand: to copy them would take a loop of real calls, and
    /// so a Rust frame below one that can be cancelled. One that has to be changed is sent alone.
    ///
    /// # Safety
    /// As sendmmsg(2).
    fn sendmmsg(fd: c_int, messages: *mut mmsghdr, count: c_uint, flags: c_int) -> c_int;
    MessageFrame, before_sendmmsg, after_sendmmsg
}

by_number!(
    sendmmsg_by_number,
    MessageFrame,
    before_sendmmsg,
    after_sendmmsg,
    real::system::sendmmsg
);

unsafe extern "C" fn before_sendmmsg(frame: *mut MessageFrame) -> *const c_void {
    // SAFETY: the entry code's promise: a MessageFrame, which begins with the frame of a call with
    // sendmmsg's signature.
    let frame = unsafe { MessageFrame::enter(frame) };
    let messages = frame.frame.pointer::<mmsghdr>(1).cast_mut();
    if matches!(assignment::for_send(), Assignment::Unrestricted) || is_refused(messages) {
        return real::SENDMMSG.address();
    }
    let errno = Errno::get();
    let (fd, flags) = (frame.frame.fd(), frame.frame.int(3));
    // The kernel takes no more than UIO_MAXIOV at once.
    let count = frame.frame.int(2).cast_unsigned().min(1024) as usize;
    for index in 0..count {
        // SAFETY: the program's promise to sendmmsg(2): `count` of them can be read there.
        let judged = unsafe { judge_in_place("sendmmsg", fd, messages.add(index), flags) };
        match (judged, index) {
            (Ok(InPlace::Passes), _) => continue,
            (Ok(InPlace::HasToChange), 0) => {
                frame.original = messages;
                frame.frame.pass(2, 1);
                // SAFETY: as above.
                let judged = unsafe { frame.judge_copy("sendmmsg", messages.cast(), flags) };
                if let Err(refusal) = judged {
                    return frame.frame.refuse(refusal);
                }
            }
            (Err(refusal), 0) => return frame.frame.refuse(refusal),
            (Ok(InPlace::HasToChange) | Err(_), _) => frame.frame.pass(2, index),
        }
        break;
    }
    errno.set();
    real::SENDMMSG.address()
}

unsafe extern "C" fn after_sendmmsg(frame: *mut MessageFrame, result: isize) -> isize {
    // SAFETY: the frame that `before_sendmmsg` has filled; the copy, if there is one, is what the
    // real function got, and the original is the program's to be written to.
    unsafe {
        let original = (*frame).original;
        if !original.is_null() && result > 0 {
            (*original).msg_len = (*frame).message.assume_init_ref().msg_len;
        }
    }
    result
}

impl MessageFrame {
    /// Takes over the frame that the entry code has filled the arguments of.
    ///
    /// # Safety
    /// As [`Frame::enter`].
    unsafe fn enter<'a>(frame: *mut Self) -> &'a mut Self {
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
    /// `given` is as sendmsg(2) takes it.
    unsafe fn judge_copy(
        &mut self,
        call: &str,
        given: *const msghdr,
        flags: c_int,
    ) -> Result<Afterwards, Refusal> {
        let fd = self.frame.fd();
        // SAFETY: the caller's promise.
        let msg_hdr = unsafe { given.read_unaligned() };
        let message = self.message.write(mmsghdr {
            msg_hdr,
            msg_len: 0,
        });
        let mut parts = Parts::of(&message.msg_hdr);
        // SAFETY: as above.
        if let Some(copy) = unsafe { parts.copy_control(&mut self.control) } {
            message.msg_hdr.msg_control = copy.cast();
            parts.control = copy;
            // SAFETY: the copy, whose bytes can be read, and written where a source was read.
            unsafe {
                parts.judge_sources(call, fd, |at, address| {
                    copy.add(at).cast::<[u8; 4]>().write(address.octets());
                })?;
            }
        } else {
            let mut has_to_change = false;
            // SAFETY: the caller's promise.
            unsafe { parts.judge_sources(call, fd, |_, _| has_to_change = true)? };
            if has_to_change {
                return Err(Refusal::from(Errno(EPERM)));
            }
        }
        // SAFETY: as above.
        let remote =
            unsafe { Sockaddr::read(self.frame.sockaddr_slot(), parts.name, parts.name_len) };
        let afterwards = match remote {
            Some(remote) if !needs_no_look(flags) => {
                let (name, len) = remote.as_in();
                message.msg_hdr.msg_name = name.cast_mut().cast();
                message.msg_hdr.msg_namelen = len;
                take_source(call, fd, flags, remote)
            }
            _ => Ok(Afterwards::Nothing),
        };
        let message = ptr::from_ref(message).expose_provenance();
        self.frame.pass(1, message);
        afterwards
    }
}
/// How a message is sent that is judged where it stands.
enum InPlace {
    /// As it is.
    Passes,
    /// Only with another source, which is not for us to write there.
    HasToChange,
}

/// # Safety
/// `message` is one of those that sendmmsg(2) takes.
unsafe fn judge_in_place(
    call: &str,
    fd: c_int,
    message: *const mmsghdr,
    flags: c_int,
) -> Result<InPlace, Refusal> {
    let mut slot = MaybeUninit::uninit();
    let mut verdict = InPlace::Passes;
    // SAFETY: the caller's promise.
    let remote = unsafe {
        let parts = Parts::of(&message.cast::<msghdr>().read_unaligned());
        parts.judge_sources(call, fd, |_, _| verdict = InPlace::HasToChange)?;
        Sockaddr::read(&mut slot, parts.name, parts.name_len)
    };
    if let Some(remote) = remote
        && !needs_no_look(flags)
    {
        take_source(call, fd, flags, remote)?;
    }
    Ok(verdict)
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
        Self {
            name: message.msg_name.cast_const().cast(),
            // Of a longer one the kernel takes the beginning; a negative length it refuses.
            name_len: match c_int::try_from(message.msg_namelen) {
                Ok(_) => message
                    .msg_namelen
                    .min(size_of::<sockaddr_storage>() as socklen_t),
                Err(_) => message.msg_namelen,
            },
            control: message.msg_control.cast_const().cast(),
            // In musl it is an int and padding that need not be zero.
            control_len: message.msg_controllen & 0xffff_ffff,
        }
    }

    /// Copies the control messages, if there are any and they fit.
    ///
    /// # Safety
    /// They are as sendmsg(2) takes them.
    unsafe fn copy_control(&self, to: &mut Control) -> Option<*mut u8> {
        let fits = (1..=to.0.len()).contains(&self.control_len);
        if !fits || is_refused(self.control) {
            return None;
        }
        let to = to.0.as_mut_ptr().cast::<u8>();
        // SAFETY: the source by the caller's promise; the destination has room, just checked.
        unsafe { ptr::copy_nonoverlapping(self.control, to, self.control_len) };
        Some(to)
    }

    /// Judges the sources that the control messages choose. Calls `rewrite` for each that has to
    /// become another IPv4 address, with the place of its four bytes.
    ///
    /// # Safety
    /// The control messages are as sendmsg(2) takes them.
    unsafe fn judge_sources(
        &self,
        call: &str,
        fd: c_int,
        mut rewrite: impl FnMut(usize, Ipv4Addr),
    ) -> Result<(), Refusal> {
        if is_refused(self.control) {
            return Ok(());
        }
        // SAFETY: the caller's promise.
        let read = unsafe { cmsg::reader(self.control, self.control_len) };
        for source in cmsg::sources(self.control_len, read) {
            if let Some(IpAddr::V4(instead)) = judge_source(call, fd, source.address)? {
                rewrite(source.ipv4_at, instead);
            }
        }
        Ok(())
    }
}

/// A source that is chosen for a packet is judged as a bind to it would be. Returns the address
/// that a wildcard becomes: of 0.0.0.0 the kernel makes what the route says, whatever the socket is
/// bound to. (Of `::` it makes what the socket is bound to, so the caller lets it be.)
pub fn judge_source(call: &str, fd: c_int, source: IpAddr) -> Result<Option<IpAddr>, Refusal> {
    let asked = SocketAddr::new(source, 0);
    let policy = match assignment::for_send() {
        Assignment::Unrestricted => return Ok(None),
        _ if !Local::of(fd)?.is_internet() => return Ok(None),
        Assignment::Unusable => return Err(Refusal::unusable(call, fd, asked)),
        Assignment::Restricted(policy) => policy,
    };
    let request = Request::Bind {
        address: source,
        dual_stack: false,
    };
    match judge(policy, request) {
        Verdict::Deny(errno) => Err(Refusal::judged(call, fd, asked, policy, errno)),
        Verdict::Rewrite(assigned) => Ok(Some(assigned)),
        Verdict::Pass => Ok(None),
    }
}

/// Reads who asks, judges, and sees to it that the socket has a source that it may use.
///
/// Asks the kernel for the socket's address first, where connect(2) binds first: most sockets that
/// send are bound since the first time, and a bind that fails costs more than the question.
fn take_source(
    call: &str,
    fd: c_int,
    flags: c_int,
    remote: &Sockaddr,
) -> Result<Afterwards, Refusal> {
    let Some(endpoint) = remote.send_endpoint() else {
        return Ok(Afterwards::Nothing);
    };
    let policy = match assignment::for_send() {
        Assignment::Unrestricted => return Ok(Afterwards::Nothing),
        Assignment::Unusable => return Err(Refusal::unusable(call, fd, endpoint)),
        Assignment::Restricted(policy) => policy,
    };
    if policy.family(Family::of(endpoint.ip())).is_unassigned() {
        return Ok(Afterwards::Nothing);
    }
    if endpoint.is_ipv4() {
        datagrams::note_asked(policy);
    }
    match Local::of(fd)? {
        Local::NotInternet => Ok(Afterwards::Nothing),
        Local::Bound(local) => keep_source(call, fd, policy, local.ip(), endpoint),
        Local::Unbound(domain) => bind_source(call, fd, flags, policy, domain, remote, endpoint),
    }
}

fn bind_source(
    call: &str,
    fd: c_int,
    flags: c_int,
    policy: &Policy,
    domain: c_int,
    remote: &Sockaddr,
    endpoint: SocketAddr,
) -> Result<Afterwards, Refusal> {
    let stream = socket::is_stream(fd);
    let opens = flags & MSG_FASTOPEN != 0;
    let kernel_refuses = match (domain, remote.family(), endpoint.ip()) {
        (AF_INET, AF_INET6, _) => true,
        (AF_INET6, AF_INET6, IpAddr::V6(_)) => false,
        (AF_INET6, ..) => !socket::is_dual_stack(fd),
        _ => false,
    };
    if kernel_refuses || (stream && !opens) {
        return Ok(Afterwards::Nothing);
    }
    let request = Request::Connect {
        remote: endpoint.ip(),
    };
    let source = match judge(policy, request) {
        Verdict::Pass => return Ok(Afterwards::Nothing),
        Verdict::Rewrite(source) => source,
        Verdict::Deny(errno) => return Err(Refusal::judged(call, fd, endpoint, policy, errno)),
    };
    let sockaddr = remote.source(domain, source);
    let (bound, afterwards) = if stream {
        (
            quiet::bind(fd, &sockaddr),
            Afterwards::UndoQuietBind(domain),
        )
    } else {
        // The kernel would take a port here too.
        (real::bind_quietly(fd, &sockaddr), Afterwards::Nothing)
    };
    match (bound, Local::of(fd)?) {
        (Ok(()), _) => {
            log::quietly_bound(call, fd, source, endpoint);
            Ok(afterwards)
        }
        // Another thread was faster.
        (Err(_), Local::Bound(local)) => keep_source(call, fd, policy, local.ip(), endpoint),
        (Err(errno), _) => Err(Refusal::from(errno)),
    }
}
