//! accept(2): a connection whose peer the rules refuse is reset, and never seen by the program.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use ipaddr_policy::rules::{Chain, RuleSet};
use ipaddr_policy::{Policy, Request, Verdict, judge};

use crate::after::After;
use crate::call::Call;
use crate::host::Host;
use crate::sockaddr::Sockaddr;
use crate::socket::Socket;
use crate::{log, refusal, request};

/// Whether the peer will have to be judged, by the policy that there is already: no query is made for
/// one.
pub fn before(host: &impl Host) -> After {
    let has_rules = |policy: &Policy<'_>| policy.has_rules(Chain::Accept);
    if host.latched().is_some_and(has_rules) {
        After::JudgePeer
    } else {
        After::Nothing
    }
}

/// Judges the peer of a connection, and says whether the program may have it. Otherwise whoever has
/// accepted it is to close it, which resets it.
pub fn after(connection: &Call<impl Socket, impl Host>, peer: &Sockaddr) -> bool {
    let may_come = peer_may_come(connection, peer);
    if !may_come {
        connection.set_no_linger();
    }
    may_come
}

fn peer_may_come(connection: &Call<impl Socket, impl Host>, peer: &Sockaddr) -> bool {
    let (Some(policy), Some(peer)) = (connection.host.latched(), peer.endpoint()) else {
        return true;
    };
    let request = Request::Accept {
        peer,
        local: local_end(connection, policy),
        protocol: request::protocol(connection, policy, Chain::Accept),
    };
    if let Verdict::Deny(_) = judge(policy, request) {
        refusal::log_reset(connection, policy, request);
        return false;
    }
    log::passed(connection, peer);
    true
}

/// The local end of a connection. The kernel is queried only if a rule depends on it.
fn local_end(connection: &Call<impl Socket, impl Host>, policy: &Policy<'_>) -> SocketAddr {
    policy
        .rules
        .filter(|rules: &&RuleSet<'_>| rules.needs_local_end())
        .and_then(|_| connection.socket.getsockname().ok()?.endpoint())
        .unwrap_or(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0))
}
