//! The quiet bind: what gives a socket its source address before it connects.

use core::ffi::c_int;
use core::sync::atomic::{AtomicBool, Ordering};

use ipaddr_policy::Family;
use ipaddr_policy::rules::RuleSet;

use crate::errno::Errno;
use crate::sockaddr::Sockaddr;
use crate::{assignment, datagrams, real, seccomp, socket};

/// Binds to `source`, whose port is 0. `IP_BIND_ADDRESS_NO_PORT` leaves the port to
/// connect, which picks it by 4-tuple: else each connection would cost an ephemeral port of its
/// own.
///
/// # Errors
/// Those of bind(2), `EINVAL` above all: the socket is bound already.
pub fn bind(fd: c_int, source: &Sockaddr) -> Result<(), Errno> {
    let _ = socket::set_bind_address_no_port(fd, true);
    real::bind_quietly(fd, source)
}

/// After a connect that failed: the socket is as unbound as it was. Not while a connect is still
/// under way; the kernel would refuse it, but at the cost of two system calls.
pub fn undo_if_over(fd: c_int, family: c_int) {
    if seccomp::is_confined() {
        return;
    }
    let errno = Errno::get();
    if errno.0 != libc::EINPROGRESS {
        unbind(fd, family);
    }
    errno.set();
}

/// After an association was dissolved: a socket with the assigned address and no port is one that
/// we bound, and without us would be unbound now. (getsockname(2) goes on to show the port that a
/// stream has had, so only the kernel knows; where there is one it refuses to bind again.)
pub fn undo_dissolved(fd: c_int) {
    if seccomp::is_confined() {
        return;
    }
    let errno = Errno::get();
    if let Some(policy) = assignment::latched()
        && let Ok(local) = socket::local_address(fd)
        && let Some(endpoint) = local.endpoint()
    {
        let family = Family::of(endpoint.ip());
        let primary = policy.family(family).primary();
        let is_primary = primary.map(|number| family.address(number)) == Some(endpoint.ip());
        let is_ours = |rules: &RuleSet<'_>| rules.has_source(endpoint.ip());
        if is_primary || policy.rules.is_some_and(is_ours) {
            unbind(fd, local.family());
        }
    }
    errno.set();
}

/// With `IP_BIND_ADDRESS_NO_PORT` a socket without a port can be bound again, to the wildcard too.
fn unbind(fd: c_int, family: c_int) {
    // Without the option the wildcard would get a port, and with that the socket every address.
    if !datagrams::stay_bound() && socket::set_bind_address_no_port(fd, true).is_ok() {
        let _ = real::bind_quietly(fd, &Sockaddr::wildcard(family));
        // Another thread may have gone through the sockets meanwhile, and counted this one.
        if datagrams::stay_bound() {
            datagrams::give_up();
        }
    }
    let _ = socket::set_bind_address_no_port(fd, false);
}

/// Whether this process ever bound a socket to an address of its own choice in such a way that a
/// second bind would replace it: without a port and with `IP_BIND_ADDRESS_NO_PORT`, as nginx's
/// proxy_bind and curl's --interface do, or a raw socket.
///
/// From then on each connect asks for the socket's address first. A flag for the process and not a
/// table of descriptors, which dup(2), close(2) by number and fork(2) would make wrong.
static CHOSEN_SOURCE: AtomicBool = AtomicBool::new(false);

/// A bind to an explicit address and port 0 is about to be made.
pub fn note_chosen_source(fd: c_int) {
    let known = may_have_chosen_source() || seccomp::is_confined();
    if !known && (socket::has_bind_address_no_port(fd) || socket::is_raw(fd)) {
        CHOSEN_SOURCE.store(true, Ordering::Relaxed);
    }
}

/// Whether a quiet bind might replace an address that the program has chosen.
pub fn may_have_chosen_source() -> bool {
    CHOSEN_SOURCE.load(Ordering::Relaxed)
}
