//! Which system calls are judged, and which are refused outright. Everything else runs at full speed:
//! read(2) and write(2) above all.
//!
//! | module | idea |
//! | --- | --- |
//! | [`rule`] | what becomes of one system call, by its number and its arguments |
//! | [`program`] | rules as a program of the kernel's, see seccomp(2) |

pub mod program;
pub mod rule;

use libc::{c_long, sock_filter};

use rule::{Action, Condition, Rule};

/// A call that another address could leave by, and that the guard can't judge.
const REFUSED: Action = Action::Refuse(libc::ENOSYS);

/// `IPPROTO_SMC` of linux/in.h.
const IPPROTO_SMC: u32 = 256;

/// `AF_SMC` of linux/socket.h.
const AF_SMC: u32 = 43;

/// The filter. accept(2) isn't in it: rules for peers are the kernel's, see [`crate::peers`].
#[must_use]
pub fn filter() -> Vec<sock_filter> {
    program::assemble(&rules())
}

/// What the filter is made of, and the profile for OCI runtimes too.
#[must_use]
pub fn rules() -> Vec<Rule> {
    let mut rules = vec![
        Rule::always(libc::SYS_bind, Action::Judge),
        Rule::always(libc::SYS_connect, Action::Judge),
        Rule::always(libc::SYS_listen, Action::Judge),
        // With a destination; send(2) and write(2) have none.
        Rule::only(libc::SYS_sendto, [Condition::IsNotNull(4)], Action::Judge),
        Rule::always(libc::SYS_sendmsg, Action::Judge),
        Rule::always(libc::SYS_sendmmsg, Action::Judge),
        // The one option that chooses a source.
        Rule::only(
            libc::SYS_setsockopt,
            [
                Condition::Is(1, libc::IPPROTO_IPV6.cast_unsigned()),
                Condition::Is(2, libc::IPV6_PKTINFO.cast_unsigned()),
            ],
            Action::Judge,
        ),
        // One that quiet binds use: from then on it may be the program's.
        Rule::only(
            libc::SYS_setsockopt,
            [
                Condition::Is(1, libc::IPPROTO_IP.cast_unsigned()),
                Condition::Is(2, libc::IP_BIND_ADDRESS_NO_PORT.cast_unsigned()),
            ],
            Action::Judge,
        ),
        // A process that restricts itself for the network: from then on no call may be made for it,
        // because its domain wouldn't see it.
        Rule::always(libc::SYS_landlock_create_ruleset, Action::Judge),
        Rule::always(libc::SYS_landlock_restrict_self, Action::Judge),
        // A ring binds and connects without a call. One that is inherited needs no setup.
        Rule::always(libc::SYS_io_uring_setup, REFUSED),
        Rule::always(libc::SYS_io_uring_enter, REFUSED),
        Rule::always(libc::SYS_io_uring_register, REFUSED),
    ];
    rules.extend(unsupported_sockets());
    rules
}

/// Sockets that reach IPv4 and IPv6 from addresses that are chosen by other calls, or by none: MPTCP's
/// further connections, SCTP's `sctp_bindx`, SMC's TCP connection. They are refused as by a kernel
/// without these protocols, where programs take TCP.
fn unsupported_sockets() -> impl Iterator<Item = Rule> {
    let number: c_long = libc::SYS_socket;
    let protocols = [
        libc::IPPROTO_MPTCP.cast_unsigned(),
        libc::IPPROTO_SCTP.cast_unsigned(),
        IPPROTO_SMC,
    ];
    let families = [
        AF_SMC,
        libc::AF_RDS.cast_unsigned(),
        libc::AF_RXRPC.cast_unsigned(),
    ];
    let internet = [libc::AF_INET, libc::AF_INET6].map(i32::cast_unsigned);
    let of_protocol = internet.into_iter().flat_map(move |family| {
        protocols.map(|protocol| {
            Rule::only(
                number,
                [Condition::Is(0, family), Condition::Is(2, protocol)],
                Action::Refuse(libc::EPROTONOSUPPORT),
            )
        })
    });
    // Without a protocol this type is SCTP.
    let of_type = internet.into_iter().map(move |family| {
        Rule::only(
            number,
            [
                Condition::Is(0, family),
                Condition::IsMasked(1, 0xf, libc::SOCK_SEQPACKET.cast_unsigned()),
            ],
            Action::Refuse(libc::ESOCKTNOSUPPORT),
        )
    });
    let of_family = families.into_iter().map(move |family| {
        Rule::only(
            number,
            [Condition::Is(0, family)],
            Action::Refuse(libc::EAFNOSUPPORT),
        )
    });
    of_protocol.chain(of_type).chain(of_family)
}

#[cfg(test)]
pub mod evaluate;
#[cfg(test)]
mod tests;
