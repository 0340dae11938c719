//! The protocol of a socket, for rules that ask.

use core::ffi::c_int;

use ipaddr_policy::Policy;
use ipaddr_policy::rules::{Chain, Protocol};

use crate::socket::sockopt;

/// The protocol of a socket. Asked of the kernel only if a rule of the chain depends on it.
pub fn of(fd: c_int, policy: &Policy<'_>, chain: Chain) -> Protocol {
    let asks = |rules: &ipaddr_policy::rules::RuleSet<'_>| rules.asks_protocol(chain);
    if !policy.rules.is_some_and(asks) {
        return Protocol::Other;
    }
    match sockopt::protocol(fd) {
        Ok(libc::IPPROTO_TCP | libc::IPPROTO_MPTCP) => Protocol::Tcp,
        Ok(libc::IPPROTO_UDP) => Protocol::Udp,
        _ => Protocol::Other,
    }
}
