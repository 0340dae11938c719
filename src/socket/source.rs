//! The source of what a socket sends: whether it may have the one that it has or asks for, and
//! which it gets if it has none.

use core::ffi::c_int;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use ipaddr_policy::errno::EPERM;
use ipaddr_policy::judge::{deciding, judge_address};
use ipaddr_policy::rules::{Chain, Protocol, RuleSet, Target};
use ipaddr_policy::{Family, Policy, Request, Verdict, judge};
use libc::{AF_INET, AF_INET6, AF_UNSPEC, MSG_FASTOPEN};

use crate::abi::entry::Afterwards;
use crate::abi::real;
use crate::hooks::{bind, connect};
use crate::process::assignment::{self, Assignment};
use crate::process::{datagrams, log};
use crate::socket::local::Local;
use crate::socket::refusal::Refusal;
use crate::socket::{confined, ipv6_only, protocol, quiet, sockopt};
use crate::sys::seccomp;
use ipaddr_socket::sockaddr::Sockaddr;

/// Whether a send may go to wherever it says, on whatever socket: nothing is assigned, or the
/// datagram sockets are all bound, no rule asks for destinations, and streams are opened by
/// connect(2).
pub fn needs_no_look(flags: c_int) -> bool {
    let has_rules = |policy: &Policy<'_>| policy.has_rules(Chain::Connect);
    (datagrams::are_bound()
        && flags & MSG_FASTOPEN == 0
        && !assignment::latched().is_some_and(has_rules))
        || matches!(assignment::for_send(), Assignment::Unrestricted)
}

/// Reads who asks, judges, and sees to it that the socket has a source that it may use.
///
/// A destination of family `AF_UNSPEC` gets the family that the socket takes it for. `chosen` is the
/// source that a control message chooses for this packet.
///
/// Asks the kernel for the socket's address first, where connect(2) binds first: most sockets that
/// send are bound since the first time, and a bind that fails costs more than the question.
pub fn take_source(
    call: &str,
    fd: c_int,
    flags: c_int,
    remote: &mut Sockaddr,
    chosen: Option<Ipv4Addr>,
) -> Result<Afterwards, Refusal> {
    if remote.family() == AF_UNSPEC {
        // Where the socket can't be asked, what it most often is.
        let assumed = seccomp::is_confined().then_some(AF_INET);
        if let Some(family) = assumed.or_else(|| sockopt::family_of_unspecified(fd)) {
            remote.set_family(family);
        }
    }
    if let Some(chosen) = chosen {
        lead_to_source(remote, chosen);
    }
    let Some(endpoint) = remote.endpoint() else {
        return no_endpoint(call, fd);
    };
    let policy = match assignment::for_send() {
        Assignment::Unrestricted => return Ok(Afterwards::Nothing),
        Assignment::Unusable => return Err(Refusal::unusable(call, fd, endpoint)),
        Assignment::Restricted(policy) => policy,
    };
    let is_unassigned = policy.family(Family::of(endpoint.ip())).is_unassigned();
    let has_rules = policy.has_rules(Chain::Connect);
    // Where a wildcard destination leads depends on the socket: `::` may be IPv4.
    if is_unassigned && !endpoint.ip().is_unspecified() {
        quiet::free_for(fd, policy, Family::of(endpoint.ip()));
        if !has_rules {
            return Ok(Afterwards::Nothing);
        }
    }
    if has_rules && flags & MSG_FASTOPEN == 0 {
        let is_accepted = datagrams::are_bound() && rules_accept_datagram(policy, endpoint);
        // Of a stream that doesn't open the kernel takes no notice of the destination.
        if is_accepted || sockopt::is_stream(fd) {
            return Ok(Afterwards::Nothing);
        }
    }
    if endpoint.is_ipv4() && !is_unassigned {
        datagrams::note_asked(policy);
    }
    let request = connect::request(policy, fd, endpoint);
    if seccomp::is_confined() {
        return confined::take_source(call, fd, policy, remote, request);
    }
    match Local::of(fd)? {
        Local::NotInternet => Ok(Afterwards::Nothing),
        Local::Bound(local) if !is_replaced(fd, flags, policy, local, endpoint.ip()) => {
            send_from_bound(call, fd, flags, policy, request.on_bound(local.ip()))
        }
        Local::Bound(_) => {
            let domain = sockopt::local_address(fd)?.family();
            bind_source(call, fd, flags, policy, domain, remote, request)
        }
        Local::Unbound(_) if is_unassigned && !has_rules => Ok(Afterwards::Nothing),
        Local::Unbound(domain) => bind_source(call, fd, flags, policy, domain, remote, request),
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
    fd: c_int,
    flags: c_int,
    policy: &Policy,
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
        && quiet::may_be_left(fd, policy, local)
        && (remote.is_ipv6() || local.is_ipv4() || quiet::take_ipv4_again(fd, policy, local))
}

/// Where the datagram sockets are all bound, the rules are all that is left to ask, and which socket
/// it is doesn't matter, unless the destination is the socket's own address. If they refuse it is
/// looked at: it may be a stream.
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
fn no_endpoint(call: &str, fd: c_int) -> Result<Afterwards, Refusal> {
    let policy = match assignment::for_send() {
        Assignment::Unrestricted => return Ok(Afterwards::Nothing),
        Assignment::Unusable => None,
        Assignment::Restricted(policy) => Some(policy),
    };
    if seccomp::is_confined() {
        return Ok(Afterwards::Nothing);
    }
    match Local::of(fd)? {
        Local::Unbound(domain) => fail_from_address(call, fd, domain, AF_UNSPEC, policy),
        _ => Ok(Afterwards::Nothing),
    }
}

/// Whether the kernel refuses to reach `remote`, in a sockaddr of this family, from a socket of
/// this domain that isn't bound.
pub fn kernel_refuses(fd: c_int, domain: c_int, family: c_int, remote: IpAddr) -> bool {
    match (domain, family, remote) {
        (AF_INET, AF_INET6, _) => true,
        (AF_INET6, AF_INET, _) => sockopt::is_tcp(fd) || !sockopt::is_dual_stack(fd),
        (AF_INET6, AF_INET6, IpAddr::V4(_)) => !sockopt::is_dual_stack(fd),
        _ => false,
    }
}

/// Leaves a call to the kernel that refuses its destination: it binds a datagram socket before it
/// does. The port is nobody's choice, and so nothing for the rules. `family` is the destination's
/// sockaddr's, `AF_UNSPEC` if it has none that the kernel takes.
pub fn fail_from_address(
    call: &str,
    fd: c_int,
    domain: c_int,
    family: c_int,
    policy: Option<&Policy>,
) -> Result<Afterwards, Refusal> {
    let is_datagram = sockopt::is_datagram(fd);
    let afterwards = if is_datagram {
        bind_as_wildcard(call, fd, domain, policy, judge_address)?
    } else {
        Afterwards::Nothing
    };
    // An AF_INET destination the kernel refuses a stream whatever `IPV6_V6ONLY` is.
    if domain == AF_INET6
        && (family == AF_INET6 && !sockopt::is_raw(fd) || family == AF_INET && is_datagram)
    {
        ipv6_only::keep_from_ipv4(call, fd, afterwards)?;
        return Ok(Afterwards::Nothing);
    }
    Ok(afterwards)
}

/// Binds a socket that isn't bound as a bind to the wildcard address and port 0 would, before the
/// kernel does it; no policy is one that can't be used.
pub fn bind_as_wildcard(
    call: &str,
    fd: c_int,
    domain: c_int,
    policy: Option<&Policy>,
    judge: impl Fn(&Policy<'_>, Request) -> Verdict,
) -> Result<Afterwards, Refusal> {
    let mut sockaddr = Sockaddr::wildcard(domain);
    let Some(asked) = sockaddr.endpoint() else {
        return Ok(Afterwards::Nothing);
    };
    let policy = policy.ok_or_else(|| Refusal::unusable(call, fd, asked))?;
    let request = bind::request(policy, fd, asked);
    match judge(policy, request) {
        Verdict::Pass => {
            log::passed(call, fd, asked);
            Ok(if bind::is_ipv6_only(request) {
                Afterwards::CheckIpv6Only(asked.port())
            } else {
                Afterwards::Nothing
            })
        }
        Verdict::Rewrite(address) => {
            sockaddr.set_address(address);
            real::bind_quietly(fd, &sockaddr)
                .map_err(|errno| Refusal::not_bound(call, fd, asked, address, errno))?;
            log::bound(call, fd, asked, address);
            Ok(Afterwards::Nothing)
        }
        Verdict::Deny(errno) => Err(Refusal::judged(call, fd, policy, request, errno)),
    }
}

fn bind_source(
    call: &str,
    fd: c_int,
    flags: c_int,
    policy: &Policy,
    domain: c_int,
    remote: &Sockaddr,
    request: Request,
) -> Result<Afterwards, Refusal> {
    let endpoint = request.asked();
    let stream = sockopt::is_stream(fd);
    let opens = flags & MSG_FASTOPEN != 0;
    if stream && !opens {
        return Ok(Afterwards::Nothing);
    }
    if kernel_refuses(fd, domain, remote.family(), endpoint.ip()) {
        return fail_from_address(call, fd, domain, remote.family(), Some(policy));
    }
    let source = match judge(policy, request) {
        Verdict::Pass => return Ok(Afterwards::Nothing),
        Verdict::Rewrite(source) => source,
        Verdict::Deny(errno) => return Err(Refusal::judged(call, fd, policy, request, errno)),
    };
    let sockaddr = remote.source(domain, source);
    let (bound, afterwards) = if stream {
        (quiet::bind(fd, &sockaddr), Afterwards::EndQuietBind)
    } else {
        // The kernel would take a port here too.
        (real::bind_quietly(fd, &sockaddr), Afterwards::Nothing)
    };
    let Err(errno) = bound else {
        log::quietly_bound(call, fd, source, endpoint);
        return Ok(afterwards);
    };
    match Local::of(fd)? {
        // Another thread was faster.
        Local::Bound(local) => {
            send_from_bound(call, fd, flags, policy, request.on_bound(local.ip()))
        }
        _ => Err(Refusal::no_source(call, fd, endpoint, source, errno)),
    }
}

/// As [`keep_source`]. A stream can't be given a source: one that this opens is refused, and to
/// another the destination means nothing.
fn send_from_bound(
    call: &str,
    fd: c_int,
    flags: c_int,
    policy: &Policy<'_>,
    request: Request,
) -> Result<Afterwards, Refusal> {
    match keep_source(call, fd, policy, request)? {
        Afterwards::GiveSource(_) if flags & MSG_FASTOPEN != 0 => {
            Err(Refusal::judged(call, fd, policy, request, EPERM))
        }
        Afterwards::GiveSource(_) if sockopt::is_stream(fd) => Ok(Afterwards::Nothing),
        afterwards => Ok(afterwards),
    }
}

/// The socket is bound already: its address decides, and the rules. Where packets can't come from
/// that address they have to be given a source.
pub fn keep_source(
    call: &str,
    fd: c_int,
    policy: &Policy<'_>,
    request: Request,
) -> Result<Afterwards, Refusal> {
    match judge(policy, request) {
        Verdict::Deny(errno) => Err(Refusal::judged(call, fd, policy, request, errno)),
        Verdict::Rewrite(source) => {
            log::passed(call, fd, request.asked());
            Ok(Afterwards::GiveSource(source))
        }
        Verdict::Pass => {
            log::passed(call, fd, request.asked());
            Ok(Afterwards::Nothing)
        }
    }
}

/// A source that is chosen for a packet is judged as a bind to it would be. Returns the address
/// that a wildcard becomes: of 0.0.0.0 the kernel makes what the route says, whatever the socket is
/// bound to. (Of `::` it makes what the socket is bound to, so the caller lets it be.)
pub fn judge_source(call: &str, fd: c_int, source: IpAddr) -> Result<Option<IpAddr>, Refusal> {
    let policy = match assignment::for_send() {
        Assignment::Unrestricted => return Ok(None),
        Assignment::Unusable => None,
        Assignment::Restricted(policy) => Some(policy),
    };
    let request = |policy, port| Request::Bind {
        local: SocketAddr::new(source, port),
        protocol: protocol::of(fd, policy, Chain::Bind),
        dual_stack: false,
    };
    // The usual one needs no question, a server's reply from the address that it was asked at: on a
    // socket of another family it passes too, and without rules the port doesn't matter.
    if let Some(policy) = policy
        && !policy.has_rules(Chain::Bind)
        && judge(policy, request(policy, 0)) == Verdict::Pass
    {
        return Ok(None);
    }
    let port = if seccomp::is_confined() {
        0
    } else {
        match Local::of(fd)? {
            Local::NotInternet => return Ok(None),
            Local::Unbound(_) => 0,
            Local::Bound(local) => local.port(),
        }
    };
    let asked = SocketAddr::new(source, port);
    let policy = policy.ok_or_else(|| Refusal::unusable(call, fd, asked))?;
    let request = request(policy, port);
    match judge(policy, request) {
        Verdict::Deny(errno) => Err(Refusal::judged(call, fd, policy, request, errno)),
        Verdict::Rewrite(assigned) => Ok(Some(assigned)),
        Verdict::Pass => Ok(None),
    }
}
