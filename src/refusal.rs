//! A call that is not let through: its errno, and the line in the log that says why.

use core::ffi::c_int;
use core::net::{IpAddr, SocketAddr};

use ipaddr_policy::judge::EPERM;
use ipaddr_policy::text::{Sink, Text};
use ipaddr_policy::{Assignment, Family, Policy};

use crate::errno::Errno;
use crate::log;
use crate::socket;

/// The errno that a refused call fails with.
pub struct Refusal(Errno);

impl From<Errno> for Refusal {
    fn from(errno: Errno) -> Self {
        Self(errno)
    }
}

impl Refusal {
    /// What the exported function returns: -1 with errno set.
    pub fn answer(self) -> isize {
        self.0.set();
        -1
    }

    /// The rules refuse.
    #[cold]
    pub fn judged(call: &str, fd: c_int, asked: SocketAddr, policy: &Policy, errno: i32) -> Self {
        let family = Family::of(asked.ip());
        let assigned = Assigned(policy.family(family), family);
        Self::new(call, fd, asked, errno, &assigned)
    }

    /// The socket has a source that it may not use, and can't be moved from userspace.
    #[cold]
    pub fn bound_elsewhere(
        call: &str,
        fd: c_int,
        remote: SocketAddr,
        policy: &Policy,
        local: IpAddr,
        errno: i32,
    ) -> Self {
        let family = Family::of(remote.ip());
        let assigned = Assigned(policy.family(family), family);
        let why = ("the socket is bound to ", local, ", ", assigned);
        Self::new(call, fd, remote, errno, &why)
    }

    /// There is a policy that can't be used; why has been logged once.
    #[cold]
    pub fn unusable(call: &str, fd: c_int, asked: SocketAddr) -> Self {
        Self::new(call, fd, asked, EPERM, "the policy can't be used")
    }

    /// A bad descriptor is said to be one, as the kernel does before it looks at an address.
    fn new(
        call: &str,
        fd: c_int,
        asked: SocketAddr,
        errno: i32,
        why: &(impl Text + ?Sized),
    ) -> Self {
        if let Err(errno) = socket::is_socket(fd) {
            return Self(errno);
        }
        log::refused(call, fd, asked, &why);
        Self(Errno(errno))
    }
}

/// What a process may use instead.
struct Assigned<'a>(&'a Assignment, Family);

impl Text for Assigned<'_> {
    fn write(&self, out: &mut impl Sink) {
        let Self(assignment, family) = *self;
        match assignment.primary() {
            Some(primary) => ("the assigned address is ", family.address(primary)).write(out),
            None if assignment.is_forbidden() => (family.name(), " is forbidden").write(out),
            None => ("no plain ", family.name(), " address is assigned").write(out),
        }
    }
}
