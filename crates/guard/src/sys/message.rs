//! Bytes with descriptors beside them, see SCM_RIGHTS in unix(7).

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};

/// How many descriptors are taken with one message; the kernel closes the others.
const MAX_DESCRIPTORS: usize = 32;

/// Receives what is there: how many bytes, 0 at the end, and descriptors, close-on-exec. It waits
/// unless the socket is non-blocking.
///
/// # Errors
/// Those of recvmsg(2).
pub fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<(usize, Vec<OwnedFd>), Errno> {
    let mut control = cmsg_space!([RawFd; MAX_DESCRIPTORS]);
    let mut slices = [IoSliceMut::new(buffer)];
    let flags = MsgFlags::MSG_CMSG_CLOEXEC;
    let message = loop {
        let control = Some(control.as_mut_slice());
        match recvmsg::<()>(socket.as_raw_fd(), &mut slices, control, flags) {
            Err(Errno::EINTR) => {}
            received => break received?,
        }
    };
    let mut descriptors = Vec::new();
    for one in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(numbers) = one {
            // SAFETY: the kernel has just made them, and nobody else knows of them.
            let owned = numbers
                .iter()
                .map(|&number| unsafe { OwnedFd::from_raw_fd(number) });
            descriptors.extend(owned);
        }
    }
    Ok((message.bytes, descriptors))
}

/// Sends a byte with a descriptor beside it; never waits.
///
/// # Errors
/// Those of sendmsg(2): `EAGAIN`, `EPIPE`.
pub fn send(socket: BorrowedFd<'_>, descriptor: BorrowedFd<'_>) -> Result<(), Errno> {
    let numbers = [descriptor.as_raw_fd()];
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
    let control = [ControlMessage::ScmRights(&numbers)];
    sendmsg::<()>(
        socket.as_raw_fd(),
        &[IoSlice::new(&[0])],
        &control,
        flags,
        None,
    )
    .map(drop)
}
