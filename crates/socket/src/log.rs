//! What the log says of a call: one line a decision, with the call, the descriptor and the endpoint.

use core::ffi::c_int;
use core::net::{IpAddr, SocketAddr};

use ipaddr_policy::errno::Errno;
use ipaddr_policy::text::{Sink, Text};

use crate::call::Call;
use crate::host::{Host, Level};
use crate::socket::Socket;

/// A call that goes through as it is.
#[inline]
pub(crate) fn passed(call: &Call<impl Socket, impl Host>, endpoint: SocketAddr) {
    if call.host.wants(Level::Debug) {
        call.host.log(&(Head::of(call), endpoint));
    }
}

/// A call that goes through as it is, and fails.
#[cold]
pub(crate) fn not_passed(call: &Call<impl Socket, impl Host>, endpoint: SocketAddr, errno: Errno) {
    if call.host.wants(Level::Debug) {
        let line = (Head::of(call), endpoint, ": ", Name(errno));
        call.host.log(&line);
    }
}

/// The kernel has bound the socket to `address`, which may be another than the one that was asked
/// for; the port is the same.
#[inline]
pub(crate) fn bound(call: &Call<impl Socket, impl Host>, asked: SocketAddr, address: IpAddr) {
    if address == asked.ip() {
        passed(call, asked);
    } else if call.host.wants(Level::Info) {
        call.host.log(&(Head::of(call), Become(asked, address)));
    }
}

/// The kernel has not: an error where the assignment is to blame.
#[cold]
pub(crate) fn not_bound(
    call: &Call<impl Socket, impl Host>,
    asked: SocketAddr,
    address: IpAddr,
    errno: Errno,
) {
    let what = (Head::of(call), Become(asked, address));
    refused_by_kernel(call.host, &what, address, errno);
}

/// A call that has got its source by a quiet bind.
#[inline]
pub(crate) fn quietly_bound(
    call: &Call<impl Socket, impl Host>,
    source: IpAddr,
    remote: SocketAddr,
) {
    if call.host.wants(Level::Info) {
        call.host.log(&(Head::of(call), remote, " from ", source));
    }
}

/// As [`not_bound`], where the call would have got its source by a quiet bind.
#[cold]
pub(crate) fn not_quietly_bound(
    call: &Call<impl Socket, impl Host>,
    source: IpAddr,
    remote: SocketAddr,
    errno: Errno,
) {
    let what = (Head::of(call), remote, " from ", source);
    refused_by_kernel(call.host, &what, source, errno);
}

/// A connect that has got its source by a quiet bind, and fails: an error where no other end could be reached
/// from that source.
#[cold]
pub(crate) fn not_connected(
    call: &Call<impl Socket, impl Host>,
    source: IpAddr,
    remote: SocketAddr,
    errno: Errno,
) {
    let what = (Head::of(call), remote, " from ", source, ": ", Name(errno));
    if errno == Errno(libc::EINVAL) && source.is_loopback() && !remote.ip().is_loopback() {
        if call.host.wants(Level::Error) {
            let why = ", a loopback address reaches this machine only";
            call.host.log(&(what, why));
        }
    } else if call.host.wants(Level::Info) {
        call.host.log(&what);
    }
}

/// A call that is refused.
#[cold]
pub(crate) fn refused(
    call: &Call<impl Socket, impl Host>,
    endpoint: SocketAddr,
    answer: &str,
    why: &impl Text,
) {
    if call.host.wants(Level::Error) {
        let line = (Head::of(call), endpoint, ": ", answer, ", ", why);
        call.host.log(&line);
    }
}

#[cold]
fn refused_by_kernel(host: &impl Host, what: &impl Text, address: IpAddr, errno: Errno) {
    if errno == Errno(libc::EADDRNOTAVAIL) {
        // An IPv6 address is tentative at first, see ip-address(8).
        let yet = if address.is_ipv6() {
            ", or not yet"
        } else {
            ""
        };
        let why = (address, " is not an address of this machine", yet);
        if host.wants(Level::Error) {
            host.log(&(what, ": EADDRNOTAVAIL, ", why));
        }
    } else if host.wants(Level::Info) {
        host.log(&(what, ": ", Name(errno)));
    }
}

/// The beginning of each line: the call and the descriptor.
struct Head(&'static str, c_int);

impl Head {
    fn of(call: &Call<impl Socket, impl Host>) -> Self {
        Self(call.name, call.socket.number())
    }
}

impl Text for Head {
    fn write(&self, out: &mut impl Sink) {
        let Self(name, number) = *self;
        let sign = if number < 0 { "-" } else { "" };
        (name, " fd ", sign, number.unsigned_abs(), " ").write(out);
    }
}

/// A local address that was asked for, and the one that it becomes.
struct Become(SocketAddr, IpAddr);

impl Text for Become {
    fn write(&self, out: &mut impl Sink) {
        let Self(asked, address) = *self;
        asked.write(out);
        if address != asked.ip() {
            (" -> ", SocketAddr::new(address, asked.port())).write(out);
        }
    }
}

/// The name of an error.
struct Name(Errno);

impl Text for Name {
    fn write(&self, out: &mut impl Sink) {
        let Self(errno) = *self;
        match errno.name() {
            Some(name) => name.write(out),
            None => ("errno ", errno.0.unsigned_abs()).write(out),
        }
    }
}
