//! A socket, however it is reached.

use core::ffi::c_int;

use ipaddr_policy::errno::Errno;
use libc::sock_filter;

use crate::sockaddr::Sockaddr;

/// The system calls by which a socket is queried and changed. The shim makes them on a descriptor of
/// its own process, the guard on a duplicate of another process's.
///
/// An implementation changes nothing else: the thread's errno, if it has one, is its caller's affair.
pub trait Socket {
    /// The descriptor in the process whose call it is, for the log.
    fn number(&self) -> c_int;

    /// bind(2), which nobody else judges or changes.
    ///
    /// # Errors
    /// Those of bind(2).
    fn bind(&self, address: &Sockaddr) -> Result<(), Errno>;

    /// getsockname(2)
    ///
    /// # Errors
    /// Those of getsockname(2).
    fn getsockname(&self) -> Result<Sockaddr, Errno>;

    /// getsockopt(2), of an option whose value is an int.
    ///
    /// # Errors
    /// Those of getsockopt(2).
    fn getsockopt(&self, level: c_int, name: c_int) -> Result<c_int, Errno>;

    /// setsockopt(2), which nobody else judges; `value` as it is in memory.
    ///
    /// # Errors
    /// Those of setsockopt(2).
    fn setsockopt(&self, level: c_int, name: c_int, value: &[u8]) -> Result<(), Errno>;

    /// setsockopt(2) with `SO_ATTACH_FILTER`, see socket(7).
    ///
    /// # Errors
    /// Those of setsockopt(2).
    fn attach_filter(&self, program: &[sock_filter]) -> Result<(), Errno>;

    /// shutdown(2); `how` is `SHUT_RDWR` or the like.
    ///
    /// # Errors
    /// Those of shutdown(2).
    fn shutdown(&self, how: c_int) -> Result<(), Errno>;
}
