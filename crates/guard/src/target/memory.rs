//! What a call's pointers point to, copied once: what is judged is the copy.

use std::mem::MaybeUninit;

use ipaddr_policy::errno::Errno;
use ipaddr_socket::sockaddr::Sockaddr;
use libc::{pid_t, sockaddr_storage, socklen_t};

use crate::sys::memory;

/// The memory of a thread that waits for an answer.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    tid: pid_t,
}

impl Memory {
    /// Of this thread.
    pub const fn of(tid: pid_t) -> Self {
        Self { tid }
    }

    /// Copies as many bytes as `buffer` has.
    ///
    /// # Errors
    /// `EFAULT`, as the kernel says it to the thread.
    pub fn copy(self, address: u64, buffer: &mut [u8]) -> Result<(), Errno> {
        memory::copy(self.tid, address, buffer).map_err(|_| Errno(libc::EFAULT))
    }

    /// Writes a result where the kernel would.
    ///
    /// # Errors
    /// As for [`Memory::copy`].
    pub fn write(self, address: u64, bytes: &[u8]) -> Result<(), Errno> {
        memory::write(self.tid, address, bytes).map_err(|_| Errno(libc::EFAULT))
    }

    /// Copies a sockaddr; `None` for a length that the kernel refuses.
    ///
    /// # Errors
    /// As for [`Memory::copy`].
    pub fn sockaddr(self, address: u64, len: socklen_t) -> Result<Option<Sockaddr>, Errno> {
        let Some(count) = Sockaddr::size(len) else {
            return Ok(None);
        };
        let mut bytes = [0; size_of::<sockaddr_storage>()];
        let bytes = bytes.get_mut(..count).ok_or(Errno(libc::EINVAL))?;
        self.copy(address, bytes)?;
        let mut slot = MaybeUninit::uninit();
        Ok(Sockaddr::read(&mut slot, bytes).map(|read| std::mem::replace(read, Sockaddr::empty())))
    }
}
