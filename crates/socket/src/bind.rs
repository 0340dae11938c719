//! bind(2): a wildcard becomes the assigned address; the assigned addresses and loopback pass.

use core::net::{IpAddr, Ipv6Addr, SocketAddr};

use ipaddr_policy::errno::Errno;
use ipaddr_policy::family::may_be_source;
use ipaddr_policy::{Family, Policy, Verdict, judge};
use libc::AF_INET;

use crate::after::After;
use crate::call::Call;
use crate::host::{Assignment, Host, Level};
use crate::refusal::Refusal;
use crate::sockaddr::Sockaddr;
use crate::socket::Socket;
use crate::{ipv6_only, log, quiet, request};

/// Judges, and writes the address that the kernel is to get into `address`.
///
/// # Errors
/// `EPERM` for an address that may not be used, and where there is a policy that can't be used; the
/// errno of a rule that refuses the port.
pub fn before(
    call: &Call<impl Socket, impl Host>,
    address: &mut Sockaddr,
) -> Result<After, Refusal> {
    if is_ipv4_by_its_socket(call, address) {
        address.set_family(AF_INET);
    }
    let Some(local) = address.bind_endpoint() else {
        return Ok(After::Nothing);
    };
    let Some(policy) = call.host.assignment().assigned() else {
        return Ok(After::Nothing);
    };
    let policy = policy.map_err(|_| Refusal::unusable(call, local))?;
    let request = request::bind(call, policy, local);
    match judge(policy, request) {
        Verdict::Pass => {
            if !may_be_source(local.ip()) {
                call.host.note_sourceless();
            }
            if local.port() == 0 && !local.ip().is_unspecified() {
                quiet::note_chosen_source(call);
            }
            Ok(if request::is_ipv6_only(request) {
                After::CheckIpv6Only(local.port())
            } else {
                let address = local.ip();
                After::LogBind {
                    asked: local,
                    address,
                }
            })
        }
        Verdict::Rewrite(assigned) => {
            address.set_address(assigned);
            Ok(After::LogBind {
                asked: local,
                address: assigned,
            })
        }
        Verdict::Deny(errno) => Err(Refusal::judged(call, policy, request, errno)),
    }
}

/// Logs what the kernel has made of it.
///
/// # Errors
/// What the program gets instead, where the socket was bound and receives nothing.
pub fn after(
    call: &Call<impl Socket, impl Host>,
    after: After,
    result: Result<(), Errno>,
) -> Result<(), Refusal> {
    let (asked, address) = match after {
        After::LogBind { asked, address } => (asked, address),
        After::CheckIpv6Only(port) => {
            if result.is_ok() {
                ipv6_only::check(call, port)?;
            }
            let wildcard = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
            (SocketAddr::new(wildcard, port), wildcard)
        }
        _ => return Ok(()),
    };
    if result.is_err() || call.host.wants(Level::Info) {
        log_outcome(call, asked, address, result);
    }
    Ok(())
}

/// What the kernel has made of a bind. One that it refuses to an address that isn't assigned is the
/// program's affair.
#[cold]
fn log_outcome(
    call: &Call<impl Socket, impl Host>,
    asked: SocketAddr,
    address: IpAddr,
    result: Result<(), Errno>,
) {
    let family = Family::of(address);
    let is_assigned = |policy: &Policy<'_>| {
        !policy.family(family).is_unassigned() && address != family.loopback()
    };
    match result {
        Ok(()) => log::bound(call, asked, address),
        Err(errno) if address != asked.ip() || call.host.latched().is_some_and(is_assigned) => {
            log::not_bound(call, asked, address, errno);
        }
        Err(errno) => log::not_passed(call, asked, errno),
    }
}

/// Whether the kernel reads an address of another family as IPv4: a raw socket's `raw_bind`
/// (net/ipv4/raw.c) doesn't look at the family. Not queried while nothing is assigned, nor for
/// 0.0.0.0, to which a raw socket is bound from the beginning.
fn is_ipv4_by_its_socket(call: &Call<impl Socket, impl Host>, address: &Sockaddr) -> bool {
    address.is_disguised_ipv4()
        && !matches!(call.host.assignment_for_send(), Assignment::Unrestricted)
        && call.is_raw_ipv4()
}
