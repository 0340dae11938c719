//! sendto(2) and its like.

use ipaddr_policy::errno::Errno;
use ipaddr_socket::pktinfo::Sources;
use ipaddr_socket::{After, Refusal, connect, send};
use libc::{AF_INET, AF_UNSPEC, MSG_FASTOPEN, SOCK_DGRAM};

use crate::support::mock::Mock;
use crate::support::process::Process;
use crate::support::real::Real;
use crate::support::{EPERM, at, ip, raw_sockaddr, sockaddr};

/// Sends a datagram to a server on 127.0.0.1: where the server sees it come from.
fn source(process: &Process, socket: &Real) -> Result<String, Refusal> {
    let server = Real::udp().bound(&sockaddr("127.0.0.1:0"));
    let mut remote = sockaddr(&server.local().to_string());
    let call = process.call("sendto", socket);
    let after = send::before(&call, 0, &mut remote, Sources::None)?;
    assert_eq!(after, After::Nothing);
    socket.send_to(&remote)?;
    Ok(server.receive()?.ip().to_string())
}

fn datagram() -> Mock {
    let mut socket = Mock::default();
    socket.options[1].2 = SOCK_DGRAM;
    socket.options[2].2 = libc::IPPROTO_UDP;
    socket
}

#[test]
fn the_source_is_the_assigned_address() {
    let process = Process::ipv4("127.0.0.5");
    let socket = Real::udp();
    assert_eq!(source(&process, &socket).as_deref(), Ok("127.0.0.5"));
    // And stays it.
    assert_eq!(source(&process, &socket).as_deref(), Ok("127.0.0.5"));
    assert_eq!(process.queries.get(), 2);
}

#[test]
fn a_bound_socket_keeps_its_address() {
    let process = Process::ipv4("127.0.0.5,127.0.0.6");
    let socket = Real::udp().bound(&sockaddr("127.0.0.6:0"));
    assert_eq!(source(&process, &socket).as_deref(), Ok("127.0.0.6"));
}

#[test]
fn a_socket_that_somebody_else_has_bound_is_refused() {
    let process = Process::ipv4("127.0.0.5");
    for address in ["127.0.0.7:0", "0.0.0.0:0"] {
        let socket = Real::udp().bound(&sockaddr(address));
        assert_eq!(source(&process, &socket), Err(EPERM), "{address}");
    }
}

/// The kernel refuses a destination that is none, and gives the socket a port before it does: then
/// nobody can change any more which families it takes.
#[test]
fn a_socket_of_ipv6_alone_gets_a_port_before_the_kernel_refuses() {
    let process = Process::ipv4("127.0.0.5");
    let socket = Real::udp6();
    socket.set(libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, 1);
    let mut remote = raw_sockaddr(libc::AF_UNIX, b"/tmp/socket\0");
    let call = process.call("sendto", &socket);
    let after = send::before(&call, 0, &mut remote, Sources::None);
    assert_eq!(after, Ok(After::Nothing));
    assert_eq!(socket.local().ip(), ip("::"));
    assert_ne!(socket.local().port(), 0);
}

#[test]
fn a_policy_that_cannot_be_used_refuses_all() {
    assert_eq!(source(&Process::unusable(), &Real::udp()), Err(EPERM));
}

#[test]
fn the_socket_is_queried_before_it_is_bound() {
    let process = Process::ipv4("10.0.0.5");
    let socket = datagram();
    let call = process.call("sendto", &socket);
    let mut remote = sockaddr("192.0.2.7:53");
    assert!(send::before(&call, 0, &mut remote, Sources::None).is_ok());
    let calls = ["getsockname", "getsockopt SO_TYPE", "bind 10.0.0.5:0"];
    assert_eq!(socket.calls(), calls);
}

#[test]
fn no_check_is_needed_where_all_datagram_sockets_are_bound() {
    let mut process = Process::ipv4("10.0.0.5");
    assert!(!send::needs_no_check(&process, 0));
    process.has_bound_datagrams = true;
    assert!(send::needs_no_check(&process, 0));
    assert!(!send::needs_no_check(&process, MSG_FASTOPEN));
    assert!(send::needs_no_check(&Process::unassigned(), 0));
    assert!(!send::needs_no_check(&Process::unusable(), 0));
}

#[test]
fn rules_see_each_datagram_all_the_same() {
    let rules = "-A CONNECT -p udp --dport 53 -j ACCEPT\n-A CONNECT -j REJECT\n";
    let mut process = Process::with("10.0.0.5", "", rules);
    process.has_bound_datagrams = true;
    assert!(!send::needs_no_check(&process, 0));
    let socket = Mock {
        local: Ok("10.0.0.5:4000"),
        ..datagram()
    };
    let call = process.call("sendto", &socket);
    let mut remote = sockaddr("192.0.2.7:53");
    let after = send::before(&call, 0, &mut remote, Sources::None);
    assert_eq!(after, Ok(After::Nothing));
    assert!(socket.calls().is_empty());
    let mut remote = sockaddr("192.0.2.7:80");
    assert!(send::before(&call, 0, &mut remote, Sources::None).is_err());
}

#[test]
fn a_stream_takes_no_notice_of_a_destination() {
    let process = Process::ipv4("10.0.0.5");
    let socket = Mock::default();
    let call = process.call("sendto", &socket);
    let mut remote = sockaddr("192.0.2.7:80");
    let after = send::before(&call, 0, &mut remote, Sources::None);
    assert_eq!(after, Ok(After::Nothing));
    assert!(!socket.calls().iter().any(|call| call.starts_with("bind")));
}

#[test]
fn a_send_that_opens_a_stream_is_a_connect() {
    let process = Process::ipv4("127.0.0.5");
    let socket = Real::tcp();
    let call = process.call("sendto", &socket);
    let mut remote = sockaddr("127.0.0.1:80");
    let after = send::before(&call, MSG_FASTOPEN, &mut remote, Sources::None);
    let expected = After::EndQuietBind {
        source: ip("127.0.0.5"),
        remote: at("127.0.0.1:80"),
    };
    assert_eq!(after, Ok(expected));
    assert_eq!(socket.local().ip(), ip("127.0.0.5"));
    let refused = Err(Errno(libc::ECONNREFUSED));
    assert_eq!(connect::after(&call, expected, refused), Ok(()));
    let lines = process.lines();
    let expected = [
        "sendto fd 3 127.0.0.1:80 from 127.0.0.5",
        "sendto fd 3 127.0.0.1:80 from 127.0.0.5: ECONNREFUSED",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn unspec_is_ipv4_to_an_ipv4_datagram_socket() {
    let process = Process::ipv4("10.0.0.5");
    let socket = datagram();
    let call = process.call("sendto", &socket);
    // A sockaddr_in of 192.0.2.7:53, but for its family.
    let mut remote = raw_sockaddr(AF_UNSPEC, &[0, 53, 192, 0, 2, 7, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert!(send::before(&call, 0, &mut remote, Sources::None).is_ok());
    assert_eq!(remote.family(), AF_INET);
    assert!(socket.calls().contains(&"bind 10.0.0.5:0".to_owned()));
}

/// From 224.0.0.7 no packet can come, and the kernel would choose any address.
#[test]
fn what_is_sent_from_a_group_has_to_be_given_a_source() {
    let process = Process::ipv4("10.0.0.5,224.0.0.7");
    let socket = Mock {
        local: Ok("224.0.0.7:5000"),
        ..datagram()
    };
    let call = process.call("sendto", &socket);
    let mut remote = sockaddr("192.0.2.7:53");
    let after = send::before(&call, 0, &mut remote, Sources::None);
    assert_eq!(after, Ok(After::GiveSource(ip("10.0.0.5"))));
    // Unless a control message has chosen one.
    let chosen = Sources::Chosen(ip("10.0.0.5"));
    let after = send::before(&call, 0, &mut remote, chosen);
    assert_eq!(after, Ok(After::Nothing));
}

/// Another thread binds the socket between the query and the bind.
#[test]
fn a_socket_that_got_an_address_meanwhile_is_judged_by_it() {
    let process = Process::ipv4("10.0.0.5");
    let socket = Mock {
        local: Ok("0.0.0.0:0"),
        binds: vec![Err(libc::EINVAL)].into(),
        later: Some("10.0.0.5:4000"),
        ..datagram()
    };
    let call = process.call("sendto", &socket);
    let mut remote = sockaddr("192.0.2.7:53");
    let after = send::before(&call, 0, &mut remote, Sources::None);
    assert_eq!(after, Ok(After::Nothing));
}

#[test]
fn a_destination_of_no_family_finds_the_socket_bound() {
    let process = Process::ipv4("10.0.0.5");
    let socket = datagram();
    let call = process.call("sendto", &socket);
    let mut remote = raw_sockaddr(libc::AF_UNIX, b"/tmp/socket\0");
    assert!(send::before(&call, 0, &mut remote, Sources::None).is_ok());
    assert!(socket.calls().contains(&"bind 10.0.0.5:0".to_owned()));
}
