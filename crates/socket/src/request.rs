//! A call as a request to the rules.

use core::net::SocketAddr;

use ipaddr_policy::rules::{Chain, Protocol, RuleSet};
use ipaddr_policy::{Policy, Request};

use crate::call::Call;
use crate::host::Host;
use crate::socket::Socket;

/// A bind of this socket to `local`. What kind of socket it is matters for `::` only, so only then is
/// the kernel queried.
pub(crate) fn bind(
    call: &Call<impl Socket, impl Host>,
    policy: &Policy<'_>,
    local: SocketAddr,
) -> Request {
    let ipv6_wildcard = local.is_ipv6() && local.ip().is_unspecified();
    Request::Bind {
        local,
        protocol: protocol(call, policy, Chain::Bind),
        dual_stack: ipv6_wildcard && call.is_dual_stack(),
    }
}

/// A connect of this socket, which isn't known to be bound, to `remote`.
pub(crate) fn connect(
    call: &Call<impl Socket, impl Host>,
    policy: &Policy<'_>,
    remote: SocketAddr,
) -> Request {
    Request::Connect {
        remote,
        protocol: protocol(call, policy, Chain::Connect),
    }
}

/// Whether a request is a bind to `::` on a socket that takes IPv6 alone.
pub(crate) const fn is_ipv6_only(request: Request) -> bool {
    match request {
        Request::Bind {
            local: SocketAddr::V6(local),
            dual_stack,
            ..
        } => local.ip().is_unspecified() && !dual_stack,
        _ => false,
    }
}

/// The protocol of the socket. The kernel is queried only if a rule of the chain depends on it.
pub(crate) fn protocol(
    call: &Call<impl Socket, impl Host>,
    policy: &Policy<'_>,
    chain: Chain,
) -> Protocol {
    let asks = |rules: &RuleSet<'_>| rules.needs_protocol(chain);
    if !policy.rules.is_some_and(asks) {
        return Protocol::Other;
    }
    match call.protocol() {
        Ok(libc::IPPROTO_TCP | libc::IPPROTO_MPTCP) => Protocol::Tcp,
        Ok(libc::IPPROTO_UDP) => Protocol::Udp,
        _ => Protocol::Other,
    }
}
