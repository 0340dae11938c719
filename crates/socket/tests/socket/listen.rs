//! listen(2)

use ipaddr_socket::{After, Refusal, listen};
use libc::{IPPROTO_IPV6, IPV6_V6ONLY};

use crate::support::mock::Mock;
use crate::support::process::Process;
use crate::support::real::Real;
use crate::support::{EPERM, ip, sockaddr};

/// What becomes of a listen.
fn listens(process: &Process, socket: &Real) -> Result<(), Refusal> {
    let call = process.call("listen", socket);
    let after = listen::before(&call)?;
    let result = socket.listen();
    if after.is_due(process, result.is_err()) {
        listen::after(&call, after, result)?;
    }
    Ok(result?)
}

#[test]
fn a_socket_that_is_not_bound_gets_the_assigned_address() {
    let process = Process::ipv4("127.0.0.5");
    let socket = Real::tcp();
    assert_eq!(listens(&process, &socket), Ok(()));
    assert_eq!(socket.local().ip(), ip("127.0.0.5"));
    assert_ne!(socket.local().port(), 0);
    assert_eq!(process.lines(), ["listen fd 3 0.0.0.0:0 -> 127.0.0.5:0"]);
}

#[test]
fn one_of_both_families_gets_the_ipv4_address() {
    let process = Process::ipv4("127.0.0.5");
    let socket = Real::tcp6();
    assert_eq!(listens(&process, &socket), Ok(()));
    assert_eq!(socket.local().ip(), ip("127.0.0.5"));
}

#[test]
fn one_of_ipv6_alone_is_left_to_the_kernel() {
    let process = Process::ipv4("127.0.0.5");
    let socket = Real::tcp6();
    socket.set(IPPROTO_IPV6, IPV6_V6ONLY, 1);
    assert_eq!(listens(&process, &socket), Ok(()));
    assert_eq!(socket.local().ip(), ip("::"));
}

/// Another thread clears `IPV6_V6ONLY` meanwhile: the socket doesn't listen any more.
#[test]
fn one_that_takes_ipv4_after_all_does_not_listen() {
    let process = Process::ipv4("127.0.0.5");
    let socket = Real::tcp6();
    socket.set(IPPROTO_IPV6, IPV6_V6ONLY, 1);
    let call = process.call("listen", &socket);
    let after = listen::before(&call).expect("IPv6 isn't assigned");
    assert_eq!(after, After::CheckIpv6Only(0));
    socket.set(IPPROTO_IPV6, IPV6_V6ONLY, 0);
    assert_eq!(socket.listen(), Ok(()));
    assert_eq!(listen::after(&call, after, Ok(())), Err(EPERM));
    assert_eq!(socket.option(libc::SOL_SOCKET, libc::SO_ACCEPTCONN), 0);
}

#[test]
fn an_address_that_may_be_used_is_kept() {
    let process = Process::ipv4("127.0.0.5");
    for address in ["127.0.0.5:0", "127.0.0.1:0"] {
        let socket = Real::tcp().bound(&sockaddr(address));
        let local = socket.local();
        assert_eq!(listens(&process, &socket), Ok(()));
        assert_eq!(socket.local(), local);
    }
}

#[test]
fn a_socket_that_somebody_else_has_bound_is_refused() {
    let process = Process::ipv4("127.0.0.5");
    for address in ["127.0.0.7:0", "0.0.0.0:0"] {
        let socket = Real::tcp().bound(&sockaddr(address));
        assert_eq!(listens(&process, &socket), Err(EPERM));
    }
}

#[test]
fn one_that_listens_already_goes_on() {
    let process = Process::ipv4("127.0.0.5");
    let socket = Real::tcp().bound(&sockaddr("127.0.0.7:0")).listening();
    assert_eq!(listens(&process, &socket), Ok(()));
}

#[test]
fn what_cannot_listen_is_left_to_the_kernel() {
    let process = Process::ipv4("127.0.0.5");
    let socket = Real::udp();
    let call = process.call("listen", &socket);
    assert_eq!(listen::before(&call), Ok(After::Nothing));
    assert_eq!(socket.local().ip(), ip("0.0.0.0"));
}

#[test]
fn nothing_is_asked_without_an_assignment() {
    let process = Process::unassigned();
    let socket = Mock::default();
    assert_eq!(
        listen::before(&process.call("listen", &socket)),
        Ok(After::Nothing)
    );
    assert!(socket.calls().is_empty());
}

#[test]
fn a_policy_that_cannot_be_used_refuses_all() {
    assert_eq!(listens(&Process::unusable(), &Real::tcp()), Err(EPERM));
}
