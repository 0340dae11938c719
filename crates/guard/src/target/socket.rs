//! A duplicate of a guarded process's socket: what is done to it is done to the socket.

use std::ffi::c_int;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};

use ipaddr_policy::errno::{EPERM, Errno};
use ipaddr_socket::sockaddr::Sockaddr;
use ipaddr_socket::socket::Socket;
use libc::{pid_t, sock_filter};

use super::rights::Rights;
use crate::sys::socket;

/// The option that a quiet bind sets, see ip(7).
const NO_PORT: (c_int, c_int) = (libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT);

/// A duplicate of a socket of IPv4 or IPv6.
#[derive(Debug)]
pub struct Duplicate<'a> {
    descriptor: OwnedFd,
    /// The thread whose call it is, and its number of the descriptor.
    tid: pid_t,
    number: RawFd,
    rights: &'a Rights,
    knowledge: Knowledge,
}

/// What is known of the process whose socket it is.
#[derive(Clone, Copy, Debug)]
pub struct Knowledge {
    /// Whether nothing may be done to it: the thread may have forbidden itself to.
    pub is_restricted: bool,
    /// Whether `IP_BIND_ADDRESS_NO_PORT` may be the program's. A connect that is left to the kernel
    /// ends without a word, so nobody takes it back behind one that fails.
    pub may_have_no_port: bool,
}

/// What a descriptor stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A socket of IPv4 or IPv6 in this network namespace.
    Internet,
    /// A socket of another family or another network namespace.
    Other,
}

/// What a descriptor stands for. It is the socket that says so, not the address that a program passes.
///
/// # Errors
/// `ENOTSOCK`
pub fn kind(descriptor: BorrowedFd<'_>, own_namespace: u64) -> Result<Kind, Errno> {
    match socket::option(descriptor, libc::SOL_SOCKET, libc::SO_DOMAIN)? {
        libc::AF_INET | libc::AF_INET6 => {}
        _ => return Ok(Kind::Other),
    }
    Ok(match socket::namespace(descriptor) {
        Ok(namespace) if namespace != own_namespace => Kind::Other,
        _ => Kind::Internet,
    })
}

impl<'a> Duplicate<'a> {
    /// Of descriptor `number` of the thread `tid`.
    pub const fn new(
        descriptor: OwnedFd,
        (tid, number): (pid_t, RawFd),
        rights: &'a Rights,
        knowledge: Knowledge,
    ) -> Self {
        Self {
            descriptor,
            tid,
            number,
            rights,
            knowledge,
        }
    }

    /// Whether nothing may be done to it.
    pub const fn is_restricted(&self) -> bool {
        self.knowledge.is_restricted
    }

    /// Before a bind of the program's own to port 0, which is to choose one: takes back what a quiet
    /// bind has left.
    pub fn end_quiet_bind(&self) {
        let (level, name) = NO_PORT;
        let is_set = || socket::option(self.descriptor.as_fd(), level, name) == Ok(1);
        if !self.knowledge.may_have_no_port && is_set() {
            let _ = self.setsockopt(level, name, &0_i32.to_ne_bytes());
        }
    }

    /// connect(2)
    ///
    /// # Errors
    /// Those of connect(2).
    pub fn connect(&self, remote: &Sockaddr) -> Result<(), Errno> {
        socket::connect(self.descriptor.as_fd(), remote)
    }

    /// listen(2)
    ///
    /// # Errors
    /// Those of listen(2).
    pub fn listen(&self, backlog: c_int) -> Result<(), Errno> {
        socket::listen(self.descriptor.as_fd(), backlog)
    }

    /// sendmsg(2), which doesn't wait.
    ///
    /// # Errors
    /// Those of sendmsg(2), `EAGAIN` too; `EPERM` for a process that has restricted itself.
    pub fn send(
        &self,
        to: Option<&Sockaddr>,
        data: &[u8],
        control: &[u8],
        flags: c_int,
    ) -> Result<usize, Errno> {
        self.check_restricted()?;
        let flags = flags | libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
        socket::send(self.descriptor.as_fd(), to, data, control, flags)
    }

    /// Waits a moment until it may be sent.
    pub fn wait_for_room(&self) {
        use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
        let mut polled = [PollFd::new(self.descriptor.as_fd(), PollFlags::POLLOUT)];
        let _ = poll(&mut polled, PollTimeout::from(100_u8));
    }

    /// Whether a connect of it may wait: a stream without `O_NONBLOCK`.
    pub fn connect_may_wait(&self) -> bool {
        !self.is_datagram() && !self.is_nonblocking()
    }

    /// Whether its connect only takes note of the address.
    pub fn is_datagram(&self) -> bool {
        let kind = self.getsockopt(libc::SOL_SOCKET, libc::SO_TYPE);
        matches!(kind, Ok(libc::SOCK_DGRAM | libc::SOCK_RAW))
    }

    /// Whether `O_NONBLOCK` is set.
    pub fn is_nonblocking(&self) -> bool {
        use nix::fcntl::{FcntlArg, OFlag, fcntl};
        let flags = fcntl(&self.descriptor, FcntlArg::F_GETFL);
        flags.is_ok_and(|flags| OFlag::from_bits_retain(flags).contains(OFlag::O_NONBLOCK))
    }

    fn may_use_port(&self, port: u16) -> bool {
        self.rights.allow_port(self.tid, port)
            // Of a raw socket it is no port.
            || self.getsockopt(libc::SOL_SOCKET, libc::SO_TYPE) == Ok(libc::SOCK_RAW)
    }

    const fn check_restricted(&self) -> Result<(), Errno> {
        if self.knowledge.is_restricted {
            Err(Errno(EPERM))
        } else {
            Ok(())
        }
    }
}

impl AsFd for Duplicate<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl Socket for Duplicate<'_> {
    fn number(&self) -> c_int {
        self.number
    }

    /// `EPERM` for a process that has restricted itself, `EACCES` for a privileged port that it may
    /// not bind by itself.
    fn bind(&self, address: &Sockaddr) -> Result<(), Errno> {
        self.check_restricted()?;
        let port = address.bind_endpoint().map_or(0, |local| local.port());
        if !self.may_use_port(port) {
            return Err(Errno(libc::EACCES));
        }
        socket::bind(self.descriptor.as_fd(), address)
    }

    fn getsockname(&self) -> Result<Sockaddr, Errno> {
        socket::local_address(self.descriptor.as_fd())
    }

    /// `IP_BIND_ADDRESS_NO_PORT` is as the program has left it.
    fn getsockopt(&self, level: c_int, name: c_int) -> Result<c_int, Errno> {
        if (level, name) == NO_PORT && !self.knowledge.may_have_no_port {
            return Ok(0);
        }
        socket::option(self.descriptor.as_fd(), level, name)
    }

    /// `EPERM` for a process that has restricted itself.
    fn setsockopt(&self, level: c_int, name: c_int, value: &[u8]) -> Result<(), Errno> {
        self.check_restricted()?;
        socket::set_option(self.descriptor.as_fd(), level, name, value)
    }

    fn attach_filter(&self, program: &[sock_filter]) -> Result<(), Errno> {
        socket::attach_filter(self.descriptor.as_fd(), program)
    }

    fn shutdown(&self, how: c_int) -> Result<(), Errno> {
        socket::shutdown(self.descriptor.as_fd(), how)
    }
}
