//! A process with a seccomp filter of its own: no option is read or set, no address queried.

use ipaddr_policy::Policy;
use ipaddr_policy::errno::Errno;
use ipaddr_socket::confined::{Found, survey};
use ipaddr_socket::pktinfo::Sources;
use ipaddr_socket::{After, Refusal, connect, listen, send};

use crate::support::mock::Mock;
use crate::support::process::Process;
use crate::support::real::Real;
use crate::support::{EPERM, policy, sockaddr};

fn confined(ipv4: &str) -> Process {
    Process {
        is_confined: true,
        ..Process::ipv4(ipv4)
    }
}

#[test]
fn a_connect_binds_and_does_nothing_else() {
    let process = confined("10.0.0.5");
    let socket = Mock::default();
    let call = process.call("connect", &socket);
    let after = connect::before(&call, &sockaddr("[::ffff:192.0.2.7]:80"));
    assert_eq!(after, Ok(After::Nothing));
    assert_eq!(socket.calls(), ["bind 10.0.0.5:0"]);
}

#[test]
fn a_socket_that_is_bound_is_believed_to_be_bound_well() {
    let process = confined("10.0.0.5");
    // As IPv4, and as v4-mapped.
    let socket = Mock {
        binds: vec![Err(libc::EINVAL), Err(libc::EINVAL)].into(),
        ..Mock::default()
    };
    let call = process.call("sendto", &socket);
    let mut remote = sockaddr("192.0.2.7:53");
    let after = send::before(&call, 0, &mut remote, Sources::None);
    assert_eq!(after, Ok(After::Nothing));
    assert_eq!(socket.calls(), ["bind 10.0.0.5:0", "bind 10.0.0.5:0"]);
}

#[test]
fn unless_one_may_have_come_from_elsewhere() {
    let process = Process {
        may_have_foreign: true,
        ..confined("10.0.0.5")
    };
    let socket = Mock {
        binds: vec![Err(libc::EINVAL), Err(libc::EINVAL)].into(),
        ..Mock::default()
    };
    let call = process.call("connect", &socket);
    assert_eq!(
        connect::before(&call, &sockaddr("192.0.2.7:80")),
        Err(EPERM)
    );
}

#[test]
fn nothing_is_bound_where_all_are_known_to_be() {
    let process = Process {
        all_are_bound: true,
        ..confined("10.0.0.5")
    };
    let socket = Mock::default();
    let call = process.call("connect", &socket);
    let after = connect::before(&call, &sockaddr("192.0.2.7:80"));
    assert_eq!(after, Ok(After::Nothing));
    let call = process.call("listen", &socket);
    assert_eq!(listen::before(&call), Ok(After::Nothing));
    assert!(socket.calls().is_empty());
}

/// Which family the socket is of only the bind tells.
#[test]
fn a_listen_binds_too() {
    let process = confined("10.0.0.5");
    let socket = Mock {
        binds: vec![Err(libc::EINVAL)].into(),
        ..Mock::default()
    };
    let call = process.call("listen", &socket);
    assert_eq!(listen::before(&call), Ok(After::Nothing));
    assert_eq!(socket.calls(), ["bind 10.0.0.5:0", "bind 10.0.0.5:0"]);
}

#[test]
fn what_the_bind_says_is_the_answer() {
    let process = confined("10.0.0.5");
    let socket = Mock {
        binds: vec![Err(libc::EADDRNOTAVAIL)].into(),
        ..Mock::default()
    };
    let call = process.call("connect", &socket);
    let refused = connect::before(&call, &sockaddr("192.0.2.7:80"));
    assert_eq!(refused, Err(Refusal(Errno(libc::EADDRNOTAVAIL))));
}

#[test]
fn the_survey_tells_sockets_apart() {
    let process = Process::unassigned();
    let policy = policy("127.0.0.5", "", "");
    let found = |socket: &Real, policy: &Policy<'_>| survey(&process.call("", socket), policy);
    let bound = |address| Real::tcp().bound(&sockaddr(address));
    assert_eq!(found(&Real::tcp(), &policy), Found::Unbound);
    assert_eq!(found(&bound("127.0.0.5:0"), &policy), Found::Fine);
    assert_eq!(found(&bound("127.0.0.7:0"), &policy), Found::Foreign);
    assert_eq!(
        found(&bound("127.0.0.7:0").listening(), &policy),
        Found::Fine
    );
    let unix = Real::new(libc::AF_UNIX, libc::SOCK_STREAM);
    assert_eq!(found(&unix, &policy), Found::Fine);
}

/// Of a network no address is the primary one: only a socket that is bound already may connect. The
/// bind to loopback, which is always allowed, tells which it is.
#[test]
fn without_a_primary_address_only_bound_sockets_connect() {
    let process = confined("10.0.0.0/24");
    let unbound = Mock::default();
    let call = process.call("connect", &unbound);
    assert_eq!(
        connect::before(&call, &sockaddr("192.0.2.7:80")),
        Err(EPERM)
    );
    assert_eq!(unbound.calls(), ["bind 127.0.0.1:0"]);

    let bound = Mock {
        binds: vec![Err(libc::EINVAL), Err(libc::EINVAL)].into(),
        ..Mock::default()
    };
    let call = process.call("connect", &bound);
    let after = connect::before(&call, &sockaddr("192.0.2.7:80"));
    assert_eq!(after, Ok(After::Nothing));
}

#[test]
fn a_listen_of_a_forbidden_family_is_refused() {
    let process = confined("none");
    let socket = Mock::default();
    let call = process.call("listen", &socket);
    assert_eq!(listen::before(&call), Err(EPERM));
}
