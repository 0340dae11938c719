//! sendto(2), sendmsg(2), sendmmsg(2): with a destination they bind a socket that isn't bound.
//!
//! The kernel is queried for the socket's address first, where connect(2) binds first: most sockets
//! that send are bound since the first time, and a bind that fails costs more than the query.

use core::ffi::c_int;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use ipaddr_policy::errno::EPERM;
use ipaddr_policy::judge::deciding;
use ipaddr_policy::rules::{Chain, Protocol, RuleSet, Target};
use ipaddr_policy::{Family, Policy, Request, Verdict, judge};
use libc::{AF_INET, AF_UNSPEC, MSG_FASTOPEN};

use crate::after::After;
use crate::call::Call;
use crate::host::{Assignment, Host};
use crate::local::Local;
use crate::pktinfo::Sources;
use crate::refusal::Refusal;
use crate::sockaddr::Sockaddr;
use crate::socket::Socket;
use crate::source::{fail_from_address, keep, kernel_refuses};
use crate::{confined, log, quiet, request};

/// Whether a send may go to wherever it says, on whatever socket: nothing is assigned, or the
/// datagram sockets are all bound, no rule depends on destinations, and streams are opened by
/// connect(2).
pub fn needs_no_check(host: &impl Host, flags: c_int) -> bool {
    let has_rules = |policy: &Policy<'_>| policy.has_rules(Chain::Connect);
    (host.has_bound_datagrams()
        && flags & MSG_FASTOPEN == 0
        && !host.latched().is_some_and(has_rules))
        || matches!(host.assignment_for_send(), Assignment::Unrestricted)
}

/// Judges, and sees to it that the socket has a source that it may use. What is left to do behind it
/// is [`crate::connect::after`]'s.
///
/// A destination of family `AF_UNSPEC` gets the family that the socket takes it for. `sources` is what
/// the control messages choose for this packet, and was judged.
///
/// # Errors
/// `EPERM` for a socket that is bound to another address, for a family that is forbidden, and where
/// there is a policy that can't be used; the errno of a rule that refuses the destination; what the
/// quiet bind says.
pub fn before(
    call: &Call<impl Socket, impl Host>,
    flags: c_int,
    remote: &mut Sockaddr,
    sources: Sources,
) -> Result<After, Refusal> {
    match (take_source(call, flags, remote, sources.ipv4())?, sources) {
        // It has one.
        (After::GiveSource(_), Sources::Chosen(_)) => Ok(After::Nothing),
        (after, _) => Ok(after),
    }
}

fn take_source(
    call: &Call<impl Socket, impl Host>,
    flags: c_int,
    remote: &mut Sockaddr,
    chosen: Option<Ipv4Addr>,
) -> Result<After, Refusal> {
    if remote.family() == AF_UNSPEC {
        // Where the socket can't be queried, what it most often is.
        let assumed = call.host.is_confined().then_some(AF_INET);
        if let Some(family) = assumed.or_else(|| call.family_of_unspecified()) {
            remote.set_family(family);
        }
    }
    if let Some(chosen) = chosen {
        lead_to_source(remote, chosen);
    }
    let Some(endpoint) = remote.endpoint() else {
        return no_endpoint(call);
    };
    let Some(policy) = call.host.assignment_for_send().assigned() else {
        return Ok(After::Nothing);
    };
    let policy = policy.map_err(|_| Refusal::unusable(call, endpoint))?;
    let is_unassigned = policy.family(Family::of(endpoint.ip())).is_unassigned();
    let has_rules = policy.has_rules(Chain::Connect);
    // Where a wildcard destination leads depends on the socket: `::` may be IPv4.
    if is_unassigned && !endpoint.ip().is_unspecified() {
        quiet::free_for(call, policy, Family::of(endpoint.ip()));
        if !has_rules {
            return Ok(After::Nothing);
        }
    }
    if has_rules && flags & MSG_FASTOPEN == 0 {
        let is_accepted =
            call.host.has_bound_datagrams() && rules_accept_datagram(policy, endpoint);
        // Of a stream that doesn't open the kernel takes no notice of the destination.
        if is_accepted || call.is_stream() {
            return Ok(After::Nothing);
        }
    }
    if endpoint.is_ipv4() && !is_unassigned {
        call.host.note_query(policy);
    }
    let request = request::connect(call, policy, endpoint);
    if call.host.is_confined() {
        return confined::take_source(call, policy, remote, request);
    }
    match Local::of(call)? {
        Local::NotInternet => Ok(After::Nothing),
        Local::Bound(local) if !is_replaced(call, flags, policy, local, endpoint.ip()) => {
            send_from_bound(call, flags, policy, request.on_bound(local.ip()))
        }
        Local::Bound(_) => {
            let domain = call.socket.getsockname()?.family();
            bind_source(call, flags, policy, domain, remote, request)
        }
        Local::Unbound(_) if is_unassigned && !has_rules => Ok(After::Nothing),
        Local::Unbound(domain) => bind_source(call, flags, policy, domain, remote, request),
    }
}

/// The kernel takes 0.0.0.0 for the source of the packet, and a chosen one comes before the
/// socket's own: so the destination is that.
fn lead_to_source(remote: &mut Sockaddr, source: Ipv4Addr) {
    let wildcard = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    if !source.is_unspecified() && remote.endpoint().is_some_and(|it| it.ip() == wildcard) {
        remote.set_address(IpAddr::V4(source));
    }
}

/// Whether the address is one that a quiet bind has left, and another may be needed to reach
/// `remote`.
fn is_replaced(
    call: &Call<impl Socket, impl Host>,
    flags: c_int,
    policy: &Policy<'_>,
    local: SocketAddr,
    remote: IpAddr,
) -> bool {
    let may_differ = Family::of(local.ip()) != Family::of(remote)
        || policy.rules.is_some_and(RuleSet::chooses_sources);
    let may_lack_port = local.port() == 0 || flags & MSG_FASTOPEN != 0;
    may_differ
        && !remote.is_unspecified()
        && may_lack_port
        && !policy.family(Family::of(remote)).is_unassigned()
        && quiet::may_be_left(call, policy, local)
        && (remote.is_ipv6() || local.is_ipv4() || quiet::take_ipv4_again(call, policy, local))
}

/// Where the datagram sockets are all bound, the rules are all that is left to check, and which socket
/// it is doesn't matter, unless the destination is the socket's own address. If they refuse, the
/// socket is queried: it may be a stream.
fn rules_accept_datagram(policy: &Policy<'_>, remote: SocketAddr) -> bool {
    if remote.ip().is_unspecified() {
        return false;
    }
    let request = Request::Connect {
        remote,
        protocol: Protocol::Udp,
    };
    deciding(policy, request).target == Target::Accept
}

/// A destination that is no address of IPv4 or IPv6.
#[cold]
fn no_endpoint(call: &Call<impl Socket, impl Host>) -> Result<After, Refusal> {
    let Some(policy) = call.host.assignment_for_send().assigned() else {
        return Ok(After::Nothing);
    };
    if call.host.is_confined() {
        return Ok(After::Nothing);
    }
    match Local::of(call)? {
        Local::Unbound(domain) => fail_from_address(call, domain, AF_UNSPEC, policy.ok()),
        _ => Ok(After::Nothing),
    }
}

fn bind_source(
    call: &Call<impl Socket, impl Host>,
    flags: c_int,
    policy: &Policy<'_>,
    domain: c_int,
    remote: &Sockaddr,
    request: Request,
) -> Result<After, Refusal> {
    let endpoint = request.asked();
    let stream = call.is_stream();
    let opens = flags & MSG_FASTOPEN != 0;
    if stream && !opens {
        return Ok(After::Nothing);
    }
    if kernel_refuses(call, domain, remote.family(), endpoint.ip()) {
        return fail_from_address(call, domain, remote.family(), Some(policy));
    }
    let source = match judge(policy, request) {
        Verdict::Pass => return Ok(After::Nothing),
        Verdict::Rewrite(source) => source,
        Verdict::Deny(errno) => return Err(Refusal::judged(call, policy, request, errno)),
    };
    let sockaddr = remote.source(domain, source);
    let (bound, after) = if stream {
        let after = After::EndQuietBind {
            source,
            remote: endpoint,
        };
        (quiet::bind(call, &sockaddr), after)
    } else {
        // The kernel would take a port here too.
        (call.socket.bind(&sockaddr), After::Nothing)
    };
    let Err(errno) = bound else {
        log::quietly_bound(call, source, endpoint);
        return Ok(after);
    };
    match Local::of(call)? {
        // Another thread was faster.
        Local::Bound(local) => send_from_bound(call, flags, policy, request.on_bound(local.ip())),
        _ => Err(Refusal::no_source(call, endpoint, source, errno)),
    }
}

/// As [`keep`]. A stream can't be given a source: one that this opens is refused, and to
/// another the destination means nothing.
fn send_from_bound(
    call: &Call<impl Socket, impl Host>,
    flags: c_int,
    policy: &Policy<'_>,
    request: Request,
) -> Result<After, Refusal> {
    match keep(call, policy, request)? {
        After::GiveSource(_) if flags & MSG_FASTOPEN != 0 => {
            Err(Refusal::judged(call, policy, request, EPERM))
        }
        After::GiveSource(_) if call.is_stream() => Ok(After::Nothing),
        after => Ok(after),
    }
}
