//! The messages of sendmsg(2) and sendmmsg(2), in another process's memory.

use std::mem::{offset_of, size_of};

use ipaddr_policy::errno::Errno;
use ipaddr_socket::sockaddr::Sockaddr;
use libc::{iovec, mmsghdr, msghdr, sockaddr_storage};

use crate::target::memory::Memory;

/// How many messages the kernel takes at once, `UIO_MAXIOV`.
const MOST_MESSAGES: u32 = 1024;

/// How much a datagram of IPv4 or IPv6 holds, its headers included.
const MOST_DATA: usize = 65_535;

/// How many control messages it may take: `net.core.optmem_max` is some 100 kB.
const MOST_CONTROL: u64 = 1 << 20;

/// A message: where its parts are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    name: u64,
    name_len: i32,
    data: u64,
    data_count: u64,
    control: u64,
    control_len: u64,
}

/// Room for control messages; longer ones are allocated.
pub struct Room {
    usual: [u8; 512],
    long: Vec<u8>,
}

impl Room {
    /// Empty.
    pub const fn new() -> Self {
        Self {
            usual: [0; 512],
            long: Vec::new(),
        }
    }

    fn take(&mut self, len: usize) -> &mut [u8] {
        match self.usual.get_mut(..len) {
            Some(room) => room,
            None => {
                self.long.resize(len, 0);
                &mut self.long
            }
        }
    }
}

impl Message {
    /// Copies a struct msghdr.
    ///
    /// # Errors
    /// `EFAULT`
    pub fn read(memory: Memory, address: u64) -> Result<Self, Errno> {
        let mut bytes = [0; size_of::<msghdr>()];
        memory.copy(address, &mut bytes)?;
        Ok(Self::parse(&bytes))
    }

    fn parse(bytes: &[u8; size_of::<msghdr>()]) -> Self {
        let word = |at| u64::from_ne_bytes(field(bytes, at));
        Self {
            name: word(offset_of!(msghdr, msg_name)),
            name_len: i32::from_ne_bytes(field(bytes, offset_of!(msghdr, msg_namelen))),
            data: word(offset_of!(msghdr, msg_iov)),
            data_count: word(offset_of!(msghdr, msg_iovlen)),
            control: word(offset_of!(msghdr, msg_control)),
            control_len: word(offset_of!(msghdr, msg_controllen)),
        }
    }

    /// Whether it has neither a destination nor control messages, so that the socket decides alone.
    pub const fn says_nothing(&self) -> bool {
        !self.has_name() && !self.has_control()
    }

    const fn has_name(&self) -> bool {
        self.name != 0 && self.name_len != 0
    }

    const fn has_control(&self) -> bool {
        self.control != 0 && self.control_len != 0
    }

    /// Copies the control messages.
    ///
    /// # Errors
    /// `EFAULT`; `ENOBUFS` for more than the kernel takes.
    pub fn control<'r>(&self, memory: Memory, room: &'r mut Room) -> Result<&'r mut [u8], Errno> {
        if !self.has_control() {
            return Ok(&mut []);
        }
        if self.control_len > MOST_CONTROL {
            return Err(Errno(libc::ENOBUFS));
        }
        let room = room.take(usize::try_from(self.control_len).unwrap_or(0));
        memory.copy(self.control, room)?;
        Ok(room)
    }

    /// Copies the data, all in one piece.
    ///
    /// # Errors
    /// `EFAULT`; `EMSGSIZE` for more than a datagram holds.
    pub fn data(&self, memory: Memory) -> Result<Vec<u8>, Errno> {
        if self.data_count > MOST_MESSAGES.into() {
            return Err(Errno(libc::EMSGSIZE));
        }
        let mut data = Vec::new();
        for index in 0..self.data_count {
            let mut part = [0; size_of::<iovec>()];
            memory.copy(self.data.wrapping_add(index * part.len() as u64), &mut part)?;
            let word = |at| u64::from_ne_bytes(field(&part, at));
            let len = word(offset_of!(iovec, iov_len));
            read_data(memory, word(offset_of!(iovec, iov_base)), len, &mut data)?;
        }
        Ok(data)
    }

    /// Copies the destination; `None` if there is none, or of a length that the kernel refuses.
    ///
    /// # Errors
    /// `EFAULT`; `EINVAL` for a negative length.
    pub fn name(&self, memory: Memory) -> Result<Option<Sockaddr>, Errno> {
        if !self.has_name() {
            return Ok(None);
        }
        let len = u32::try_from(self.name_len).map_err(|_| Errno(libc::EINVAL))?;
        // Of a longer one the kernel takes the beginning.
        memory.sockaddr(self.name, len.min(size_of::<sockaddr_storage>() as u32))
    }
}

/// Copies `len` bytes of data behind what is there.
///
/// # Errors
/// `EFAULT`; `EMSGSIZE` for more than a datagram holds.
pub fn read_data(memory: Memory, address: u64, len: u64, data: &mut Vec<u8>) -> Result<(), Errno> {
    let begin = data.len();
    let len = usize::try_from(len).unwrap_or(usize::MAX);
    let end = begin.saturating_add(len);
    if end > MOST_DATA {
        return Err(Errno(libc::EMSGSIZE));
    }
    data.resize(end, 0);
    memory.copy(address, data.get_mut(begin..).unwrap_or_default())
}

/// Where in the memory the kernel writes how much of a message of sendmmsg(2) it has sent.
pub fn sent_length_at(address: u64, index: u32) -> u64 {
    let at = u64::from(index) * size_of::<mmsghdr>() as u64;
    address.wrapping_add(at + offset_of!(mmsghdr, msg_len) as u64)
}

/// The messages of an array of struct mmsghdr.
pub fn each(
    memory: Memory,
    address: u64,
    count: u32,
) -> impl Iterator<Item = Result<Message, Errno>> {
    (0..count.min(MOST_MESSAGES)).map(move |index| {
        let at = u64::from(index) * size_of::<mmsghdr>() as u64;
        Message::read(memory, address.wrapping_add(at))
    })
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let field = bytes.get(at..).and_then(<[u8]>::first_chunk);
    field.copied().unwrap_or([0; N])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> Memory {
        Memory::of(std::process::id().cast_signed())
    }

    #[test]
    fn the_parts_of_a_message() {
        let mut bytes = [0; size_of::<msghdr>()];
        let mut put = |at: usize, field: &[u8]| bytes[at..at + field.len()].copy_from_slice(field);
        put(offset_of!(msghdr, msg_name), &7_u64.to_ne_bytes());
        put(offset_of!(msghdr, msg_namelen), &16_u32.to_ne_bytes());
        put(offset_of!(msghdr, msg_controllen), &32_u64.to_ne_bytes());
        let message = Message::read(own(), bytes.as_ptr().expose_provenance() as u64);
        let expected = Message {
            name: 7,
            name_len: 16,
            data: 0,
            data_count: 0,
            control: 0,
            control_len: 32,
        };
        assert_eq!(message, Ok(expected));
        assert!(!expected.says_nothing() && !expected.has_control());
    }

    #[test]
    fn what_cannot_be_read() {
        assert_eq!(Message::read(own(), 1), Err(Errno(libc::EFAULT)));
        let message = Message {
            name: 1,
            name_len: -1,
            data: 1,
            data_count: 1,
            control: 1,
            control_len: MOST_CONTROL + 1,
        };
        assert_eq!(message.name(own()).err(), Some(Errno(libc::EINVAL)));
        let control = message.control(own(), &mut Room::new()).err();
        assert_eq!(control, Some(Errno(libc::ENOBUFS)));
    }

    #[test]
    fn control_messages_of_any_length() {
        for len in [1, 512, 513, 4096] {
            let bytes = vec![7_u8; len];
            let message = Message {
                name: 0,
                name_len: 0,
                data: 0,
                data_count: 0,
                control: bytes.as_ptr().expose_provenance() as u64,
                control_len: len as u64,
            };
            let mut room = Room::new();
            assert_eq!(
                message.control(own(), &mut room).as_deref(),
                Ok(&bytes[..]),
                "{len}"
            );
        }
    }
}
