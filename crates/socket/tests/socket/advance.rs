//! Datagram sockets that are bound before anybody sends on them.

use ipaddr_policy::Policy;
use ipaddr_socket::advance::{Unsure, bind, bind_new};
use libc::{AF_INET, AF_INET6, AF_UNIX, IP_BIND_ADDRESS_NO_PORT, IPPROTO_IP, IPPROTO_IPV6};
use libc::{IPV6_V6ONLY, SOCK_CLOEXEC, SOCK_DGRAM, SOCK_RAW, SOCK_STREAM};

use crate::support::mock::Mock;
use crate::support::process::Process;
use crate::support::real::Real;
use crate::support::{ip, policy, sockaddr};

/// What becomes of a socket that is there.
fn bound(socket: &Real, policy: &Policy<'_>) -> Result<(), Unsure> {
    bind(&Process::unassigned().call("", socket), policy)
}

#[test]
fn a_datagram_socket_is_bound_without_a_port() {
    let socket = Real::udp();
    assert_eq!(bound(&socket, &policy("127.0.0.5", "", "")), Ok(()));
    assert_eq!(socket.local().to_string(), "127.0.0.5:0");
    assert_eq!(socket.option(IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT), 0);
    // The program may still choose the port.
    let socket = socket.bound(&sockaddr("127.0.0.5:0"));
    assert_ne!(socket.local().port(), 0);
}

#[test]
fn an_option_that_the_program_has_set_stays_set() {
    let socket = Real::udp();
    socket.set(IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
    assert_eq!(bound(&socket, &policy("127.0.0.5", "", "")), Ok(()));
    assert_eq!(socket.option(IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT), 1);
}

#[test]
fn a_bound_socket_stays_if_it_may_send_from_there() {
    let policy = policy("127.0.0.5,127.0.0.6", "", "");
    for (address, stays) in [("127.0.0.6:0", Ok(())), ("127.0.0.7:0", Err(Unsure))] {
        let socket = Real::udp().bound(&sockaddr(address));
        let local = socket.local();
        assert_eq!(bound(&socket, &policy), stays, "{address}");
        assert_eq!(socket.local(), local);
    }
}

#[test]
fn where_only_loopback_can_be_reached_nothing_is_sure() {
    for list in ["none", "loopback"] {
        assert_eq!(bound(&Real::udp(), &policy(list, "", "")), Err(Unsure));
    }
}

#[test]
fn an_ipv6_datagram_socket_may_not_carry_ipv4() {
    let policy = policy("127.0.0.5", "::1", "");
    assert_eq!(bound(&Real::udp6(), &policy), Err(Unsure));
    let socket = Real::udp6();
    socket.set(IPPROTO_IPV6, IPV6_V6ONLY, 1);
    let socket = socket.bound(&sockaddr("[::]:0"));
    assert_eq!(bound(&socket, &policy), Err(Unsure));
}

#[test]
fn streams_and_other_families_are_left_alone() {
    let policy = policy("127.0.0.5", "", "");
    let stream = Real::tcp();
    assert_eq!(bound(&stream, &policy), Ok(()));
    assert_eq!(stream.local().ip(), ip("0.0.0.0"));
    assert_eq!(bound(&Real::new(AF_UNIX, SOCK_DGRAM), &policy), Ok(()));
}

#[test]
fn a_new_socket_is_judged_by_the_arguments_of_socket() {
    let process = Process::ipv4("10.0.0.5");
    let socket = Mock::default();
    let call = process.call("socket", &socket);
    assert_eq!(
        bind_new(&call, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0),
        Ok(())
    );
    let calls = [
        "setsockopt IP_BIND_ADDRESS_NO_PORT 1",
        "bind 10.0.0.5:0",
        "setsockopt IP_BIND_ADDRESS_NO_PORT 0",
    ];
    assert_eq!(socket.calls(), calls);
    assert_eq!(bind_new(&call, AF_INET, SOCK_STREAM, 0), Ok(()));
    assert_eq!(bind_new(&call, AF_INET6, SOCK_DGRAM, 0), Err(Unsure));
    assert_eq!(bind_new(&call, AF_INET, SOCK_RAW, 1), Err(Unsure));
    assert!(socket.calls().is_empty());
}

/// It would choose a port now.
#[test]
fn a_kernel_that_cannot_leave_the_port_open_binds_nothing() {
    let process = Process::ipv4("10.0.0.5");
    let socket = Mock {
        refused: vec![(IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, libc::ENOPROTOOPT)],
        ..Mock::default()
    };
    let call = process.call("socket", &socket);
    assert_eq!(bind_new(&call, AF_INET, SOCK_DGRAM, 0), Err(Unsure));
    assert_eq!(socket.calls(), ["setsockopt IP_BIND_ADDRESS_NO_PORT 1"]);
}
