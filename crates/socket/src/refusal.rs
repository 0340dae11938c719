//! A call that is not let through: its errno, and the line in the log that says why.

use core::net::{IpAddr, SocketAddr};

use ipaddr_policy::errno::{EPERM, Errno};
use ipaddr_policy::judge::deciding;
use ipaddr_policy::rules::Target;
use ipaddr_policy::text::{Sink, Text};
use ipaddr_policy::{Assignment, Family, Policy, Request};

use crate::call::Call;
use crate::host::Host;
use crate::log;
use crate::socket::Socket;

/// The errno that a refused call fails with; the log has been told why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal(pub Errno);

impl From<Errno> for Refusal {
    fn from(errno: Errno) -> Self {
        Self(errno)
    }
}

impl Refusal {
    /// The rules refuse, with this errno.
    #[cold]
    pub(crate) fn judged(
        call: &Call<impl Socket, impl Host>,
        policy: &Policy<'_>,
        request: Request,
        errno: i32,
    ) -> Self {
        let why = Why { policy, request };
        Self::new(call, request.asked(), errno, &why)
    }

    /// There is a policy that can't be used; why has been logged once.
    #[cold]
    pub(crate) fn unusable(call: &Call<impl Socket, impl Host>, asked: SocketAddr) -> Self {
        Self::new(call, asked, EPERM, "the policy can't be used")
    }

    /// The kernel refuses the bind that would have given the call its source.
    #[cold]
    pub(crate) fn no_source(
        call: &Call<impl Socket, impl Host>,
        remote: SocketAddr,
        source: IpAddr,
        errno: Errno,
    ) -> Self {
        log::not_quietly_bound(call, source, remote, errno);
        Self(errno)
    }

    /// The kernel refuses a bind to `address` in the place of one to `asked`.
    #[cold]
    pub(crate) fn not_bound(
        call: &Call<impl Socket, impl Host>,
        asked: SocketAddr,
        address: IpAddr,
        errno: Errno,
    ) -> Self {
        log::not_bound(call, asked, address, errno);
        Self(errno)
    }

    /// A bad descriptor is said to be one, as the kernel does before it reads an address.
    fn new(
        call: &Call<impl Socket, impl Host>,
        asked: SocketAddr,
        errno: i32,
        why: &(impl Text + ?Sized),
    ) -> Self {
        if !call.host.is_confined()
            && let Err(errno) = call.is_socket()
        {
            return Self(errno);
        }
        let answer = Errno(errno).name();
        log::refused(call, asked, answer.unwrap_or("refused"), &why);
        Self(Errno(errno))
    }
}

/// A connection that is not to be accepted, for the log.
#[cold]
pub(crate) fn log_reset(
    call: &Call<impl Socket, impl Host>,
    policy: &Policy<'_>,
    request: Request,
) {
    let why = Why { policy, request };
    log::refused(call, request.asked(), "reset", &why);
}

/// What refuses a request.
struct Why<'a> {
    policy: &'a Policy<'a>,
    request: Request,
}

impl Text for Why<'_> {
    fn write(&self, out: &mut impl Sink) {
        let family = Family::of(self.request.asked().ip());
        let assigned = Assigned(self.policy.family(family), family);
        let decision = deciding(self.policy, self.request);
        match (decision.by, decision.target, self.request) {
            (Some(place), Target::Reject(_), _) => ("by ", place).write(out),
            (Some(place), Target::Snat(source), Request::Connect { .. }) => {
                (place, " asks for ", source, ", ", assigned).write(out);
            }
            (_, _, Request::ConnectBound { local, .. }) => {
                ("the socket is bound to ", local, ", ", assigned).write(out);
            }
            _ => assigned.write(out),
        }
    }
}

/// What a process may use instead.
struct Assigned<'a>(&'a Assignment, Family);

impl Text for Assigned<'_> {
    fn write(&self, out: &mut impl Sink) {
        let Self(assignment, family) = *self;
        if assignment.is_loopback() {
            return (family.name(), " is confined to ", family.loopback()).write(out);
        }
        match assignment.primary() {
            Some(primary) => ("the assigned address is ", family.address(primary)).write(out),
            None if assignment.is_forbidden() => (family.name(), " is forbidden").write(out),
            None => ("no plain ", family.name(), " address is assigned").write(out),
        }
    }
}
