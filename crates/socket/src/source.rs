//! What connect(2), listen(2) and the sends have in common: which address the socket keeps, and which
//! it gets where the kernel would choose one.

use core::ffi::c_int;
use core::net::IpAddr;

use ipaddr_policy::judge::judge_address;
use ipaddr_policy::{Policy, Request, Verdict, judge};
use libc::{AF_INET, AF_INET6};

use crate::after::After;
use crate::call::Call;
use crate::host::Host;
use crate::refusal::Refusal;
use crate::sockaddr::Sockaddr;
use crate::socket::Socket;
use crate::{ipv6_only, log, request};

/// The socket is bound already: its address decides, and the rules. Where packets can't come from
/// that address they have to be given a source.
pub(crate) fn keep(
    call: &Call<impl Socket, impl Host>,
    policy: &Policy<'_>,
    request: Request,
) -> Result<After, Refusal> {
    match judge(policy, request) {
        Verdict::Deny(errno) => Err(Refusal::judged(call, policy, request, errno)),
        Verdict::Rewrite(source) => {
            log::passed(call, request.asked());
            Ok(After::GiveSource(source))
        }
        Verdict::Pass => {
            log::passed(call, request.asked());
            Ok(After::Nothing)
        }
    }
}

/// Whether the kernel refuses to reach `remote`, in a sockaddr of this family, from a socket of
/// this domain that isn't bound.
pub(crate) fn kernel_refuses(
    call: &Call<impl Socket, impl Host>,
    domain: c_int,
    family: c_int,
    remote: IpAddr,
) -> bool {
    match (domain, family, remote) {
        (AF_INET, AF_INET6, _) => true,
        (AF_INET6, AF_INET, _) => call.is_tcp() || !call.is_dual_stack(),
        (AF_INET6, AF_INET6, IpAddr::V4(_)) => !call.is_dual_stack(),
        _ => false,
    }
}

/// Leaves a call to the kernel that refuses its destination: it binds a datagram socket before it
/// does. The port is nobody's choice, and so nothing for the rules. `family` is the destination's
/// sockaddr's, `AF_UNSPEC` if it has none that the kernel takes.
pub(crate) fn fail_from_address(
    call: &Call<impl Socket, impl Host>,
    domain: c_int,
    family: c_int,
    policy: Option<&Policy<'_>>,
) -> Result<After, Refusal> {
    let is_datagram = call.is_datagram();
    let after = if is_datagram {
        bind_as_wildcard(call, domain, policy, judge_address)?
    } else {
        After::Nothing
    };
    // Any but an AF_INET6 destination the kernel refuses a stream whatever `IPV6_V6ONLY` is.
    if domain == AF_INET6 && (is_datagram || family == AF_INET6 && !call.is_raw()) {
        ipv6_only::keep_from_ipv4(call, after)?;
        return Ok(After::Nothing);
    }
    Ok(after)
}

/// Binds a socket that isn't bound as a bind to the wildcard address and port 0 would, before the
/// kernel does it; no policy is one that can't be used.
pub(crate) fn bind_as_wildcard(
    call: &Call<impl Socket, impl Host>,
    domain: c_int,
    policy: Option<&Policy<'_>>,
    judge: impl Fn(&Policy<'_>, Request) -> Verdict,
) -> Result<After, Refusal> {
    let mut sockaddr = Sockaddr::wildcard(domain);
    let Some(asked) = sockaddr.endpoint() else {
        return Ok(After::Nothing);
    };
    let policy = policy.ok_or_else(|| Refusal::unusable(call, asked))?;
    let request = request::bind(call, policy, asked);
    match judge(policy, request) {
        Verdict::Pass => {
            log::passed(call, asked);
            Ok(if request::is_ipv6_only(request) {
                After::CheckIpv6Only(asked.port())
            } else {
                After::Nothing
            })
        }
        Verdict::Rewrite(address) => {
            sockaddr.set_address(address);
            call.socket
                .bind(&sockaddr)
                .map_err(|errno| Refusal::not_bound(call, asked, address, errno))?;
            log::bound(call, asked, address);
            Ok(After::Nothing)
        }
        Verdict::Deny(errno) => Err(Refusal::judged(call, policy, request, errno)),
    }
}
