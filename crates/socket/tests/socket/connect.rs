//! connect(2)

use ipaddr_policy::errno::Errno;
use ipaddr_socket::{After, Refusal, Socket, connect};
use libc::{AF_INET, AF_UNSPEC, IP_BIND_ADDRESS_NO_PORT, IPPROTO_IP, SOCK_STREAM};

use crate::support::mock::Mock;
use crate::support::process::Process;
use crate::support::real::Real;
use crate::support::{EPERM, at, ip, raw_sockaddr, sockaddr};

/// What becomes of a connect to `remote`: the kernel's answer, or the refusal.
fn connected(process: &Process, socket: &Real, remote: &str) -> Result<(), Refusal> {
    let call = process.call("connect", socket);
    let remote = sockaddr(remote);
    let after = connect::before(&call, &remote)?;
    let result = socket.connect(&remote);
    if after.is_due(process, result.is_err()) {
        connect::after(&call, after, result)?;
    }
    Ok(result?)
}

/// A connect to nobody.
fn dissolve(process: &Process, socket: &Real) {
    let call = process.call("connect", socket);
    let nobody = raw_sockaddr(AF_UNSPEC, &[0; 14]);
    let after = connect::before(&call, &nobody).expect("it is untouched");
    assert_eq!(after, After::EndDissolved);
    let result = socket.connect(&nobody);
    assert_eq!(connect::after(&call, after, result), Ok(()));
}

/// A server on 127.0.0.1, and where it listens.
fn server() -> (Real, String) {
    let server = Real::tcp().bound(&sockaddr("127.0.0.1:0")).listening();
    let at = server.local().to_string();
    (server, at)
}

#[test]
fn the_source_is_the_assigned_address() {
    let process = Process::ipv4("127.0.0.5");
    let (server, remote) = server();
    let socket = Real::tcp();
    assert_eq!(connected(&process, &socket, &remote), Ok(()));
    let (_connection, peer) = server.accept();
    let peer = peer.endpoint().expect("an address");
    assert_eq!(peer.ip(), ip("127.0.0.5"));
    assert_eq!(peer, socket.local());
    let line = format!("connect fd 3 {remote} from 127.0.0.5");
    assert_eq!(process.lines(), [line]);
}

#[test]
fn the_quiet_bind_leaves_the_port_to_connect() {
    let process = Process::ipv4("10.0.0.5");
    let socket = Mock::default();
    let call = process.call("connect", &socket);
    let after = connect::before(&call, &sockaddr("192.0.2.7:80"));
    let expected = After::EndQuietBind {
        source: ip("10.0.0.5"),
        remote: at("192.0.2.7:80"),
    };
    assert_eq!(after, Ok(expected));
    let calls = ["setsockopt IP_BIND_ADDRESS_NO_PORT 1", "bind 10.0.0.5:0"];
    assert_eq!(socket.calls(), calls);
    // No more behind a connect that succeeds.
    assert_eq!(connect::after(&call, expected, Ok(())), Ok(()));
    assert!(socket.calls().is_empty());
}

#[test]
fn a_kernel_without_that_option_chooses_the_port_at_once() {
    let process = Process::ipv4("10.0.0.5");
    let socket = Mock {
        refused: vec![(IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, libc::ENOPROTOOPT)],
        ..Mock::default()
    };
    let call = process.call("connect", &socket);
    assert!(connect::before(&call, &sockaddr("192.0.2.7:80")).is_ok());
    assert!(socket.calls().contains(&"bind 10.0.0.5:0".to_owned()));
}

#[test]
fn a_bound_socket_keeps_its_address_and_port() {
    let process = Process::ipv4("127.0.0.5,127.0.0.6");
    let (_server, remote) = server();
    let socket = Real::tcp().bound(&sockaddr("127.0.0.6:0"));
    let local = socket.local();
    assert_eq!(connected(&process, &socket, &remote), Ok(()));
    assert_eq!(socket.local(), local);
}

#[test]
fn a_socket_that_somebody_else_has_bound_is_refused() {
    let process = Process::ipv4("127.0.0.5");
    let (_server, remote) = server();
    for address in ["127.0.0.7:0", "0.0.0.0:0"] {
        let socket = Real::tcp().bound(&sockaddr(address));
        assert_eq!(
            connected(&process, &socket, &remote),
            Err(EPERM),
            "{address}"
        );
    }
    let line = format!(
        "connect fd 3 {remote}: EPERM, the socket is bound to 127.0.0.7, \
         the assigned address is 127.0.0.5"
    );
    assert_eq!(process.lines()[0], line);
}

/// Bound without a port and with `IP_BIND_ADDRESS_NO_PORT`, so that a second bind would succeed.
#[test]
fn a_source_of_the_programs_choice_is_kept() {
    let process = Process::ipv4("127.0.0.5,127.0.0.6");
    let (server, remote) = server();
    let socket = Real::tcp();
    socket.set(IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
    let call = process.call("bind", &socket);
    let mut address = sockaddr("127.0.0.6:0");
    assert!(ipaddr_socket::bind::before(&call, &mut address).is_ok());
    let socket = socket.bound(&address);
    assert_eq!(connected(&process, &socket, &remote), Ok(()));
    let (_connection, peer) = server.accept();
    assert_eq!(peer.endpoint().map(|peer| peer.ip()), Some(ip("127.0.0.6")));
}

#[test]
fn nothing_is_touched_without_an_assignment() {
    let process = Process::unassigned();
    let socket = Mock::default();
    let call = process.call("connect", &socket);
    let after = connect::before(&call, &sockaddr("192.0.2.7:80"));
    assert_eq!(after, Ok(After::Nothing));
    assert!(socket.calls().is_empty());
}

#[test]
fn ipv6_is_untouched_where_ipv4_is_assigned() {
    let process = Process::ipv4("10.0.0.5");
    let socket = Mock::default();
    let call = process.call("connect", &socket);
    let after = connect::before(&call, &sockaddr("[2001:db8::7]:80"));
    assert_eq!(after, Ok(After::Nothing));
    assert!(socket.calls().is_empty());
}

#[test]
fn a_forbidden_family_reaches_its_loopback_address_only() {
    let process = Process::with("10.0.0.5", "none", "");
    let socket = Mock {
        local: Ok("[::]:0"),
        ..Mock::default()
    };
    let call = process.call("connect", &socket);
    let refused = connect::before(&call, &sockaddr("[2001:db8::7]:80"));
    assert_eq!(refused, Err(EPERM));
    let lines = process.lines();
    assert_eq!(
        lines,
        ["connect fd 7 [2001:db8::7]:80: EPERM, IPv6 is forbidden"]
    );
    assert!(connect::before(&call, &sockaddr("[::1]:80")).is_ok());
    assert!(socket.calls().contains(&"bind [::1]:0".to_owned()));
}

#[test]
fn a_policy_that_cannot_be_used_refuses_all() {
    let (_server, remote) = server();
    assert_eq!(
        connected(&Process::unusable(), &Real::tcp(), &remote),
        Err(EPERM)
    );
}

#[test]
fn a_mapped_destination_is_ipv4() {
    let process = Process::ipv4("127.0.0.5");
    let (server, _) = server();
    let socket = Real::tcp6();
    let remote = format!("[::ffff:127.0.0.1]:{}", server.local().port());
    assert_eq!(connected(&process, &socket, &remote), Ok(()));
    assert_eq!(socket.local().ip(), ip("127.0.0.5"));
}

/// Linux takes an AF_INET destination on an AF_INET6 datagram socket, whose source is mapped then.
#[test]
fn an_ipv4_destination_of_an_ipv6_datagram_socket_gets_a_mapped_source() {
    let process = Process::ipv4("127.0.0.5");
    let server = Real::udp().bound(&sockaddr("127.0.0.1:0"));
    let socket = Real::udp6();
    let remote = server.local().to_string();
    assert_eq!(connected(&process, &socket, &remote), Ok(()));
    assert_eq!(socket.local().ip(), ip("127.0.0.5"));
}

#[test]
fn a_failed_connect_leaves_the_address_and_not_the_option() {
    let process = Process::ipv4("127.0.0.5");
    let (server, remote) = server();
    drop(server);
    let socket = Real::tcp();
    let refused = connected(&process, &socket, &remote);
    assert_eq!(refused, Err(Refusal(Errno(libc::ECONNREFUSED))));
    assert_eq!(socket.local().ip(), ip("127.0.0.5"));
    assert_eq!(socket.option(IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT), 0);
    // And it can be connected again.
    let (_server, remote) = self::server();
    assert_eq!(connected(&process, &socket, &remote), Ok(()));
}

#[test]
fn a_connect_that_is_under_way_keeps_what_it_has() {
    let process = Process::ipv4("10.0.0.5");
    let socket = Mock::default();
    let call = process.call("connect", &socket);
    let after = connect::before(&call, &sockaddr("192.0.2.7:80")).expect("an address");
    socket.calls();
    let under_way = Err(Errno(libc::EINPROGRESS));
    assert_eq!(connect::after(&call, after, under_way), Ok(()));
    assert!(socket.calls().is_empty());
}

#[test]
fn unspec_dissolves_the_association() {
    let process = Process::ipv4("127.0.0.5");
    let server = Real::udp().bound(&sockaddr("127.0.0.1:0"));
    let socket = Real::udp();
    let remote = server.local().to_string();
    assert_eq!(connected(&process, &socket, &remote), Ok(()));
    assert_eq!(socket.option(IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT), 1);

    dissolve(&process, &socket);
    assert_eq!(socket.option(IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT), 0);
}

#[test]
fn an_assigned_address_that_the_machine_lacks_is_logged() {
    let process = Process::ipv4("192.0.2.1");
    let (_server, remote) = server();
    let refused = connected(&process, &Real::tcp(), &remote);
    assert_eq!(refused, Err(Refusal(Errno(libc::EADDRNOTAVAIL))));
    let line = format!(
        "connect fd 3 {remote} from 192.0.2.1: EADDRNOTAVAIL, \
         192.0.2.1 is not an address of this machine"
    );
    assert_eq!(process.lines(), [line]);
}

#[test]
fn a_bad_descriptor_is_said_to_be_one() {
    let process = Process::ipv4("10.0.0.5");
    let closed = Mock {
        local: Err(libc::EBADF),
        binds: vec![Err(libc::EBADF)].into(),
        ..Mock::default()
    };
    let call = process.call("connect", &closed);
    let refused = connect::before(&call, &sockaddr("192.0.2.7:80"));
    assert_eq!(refused, Err(Refusal(Errno(libc::EBADF))));
}

/// Another thread connects the socket between the quiet bind that fails and the query.
#[test]
fn a_socket_that_got_an_address_meanwhile_is_judged_by_it() {
    let process = Process::ipv4("10.0.0.5");
    let socket = Mock {
        local: Ok("10.0.0.5:4000"),
        binds: vec![Err(libc::EINVAL)].into(),
        ..Mock::default()
    };
    let call = process.call("connect", &socket);
    let after = connect::before(&call, &sockaddr("192.0.2.7:80"));
    assert_eq!(after, Ok(After::Nothing));
}

#[test]
fn a_rule_refuses_a_destination() {
    let rules = "-A CONNECT -d 127.0.0.1 -p tcp --dport 443 -j ACCEPT\n-A CONNECT -j REJECT\n";
    let process = Process::with("127.0.0.5", "", rules);
    let (_server, remote) = server();
    assert!(connected(&process, &Real::tcp(), &remote).is_err());
    let line = format!("connect fd 3 {remote}: EPERM, by rules:2");
    assert_eq!(process.lines(), [line]);
}

#[test]
fn a_rule_chooses_the_source() {
    let rules = "-A CONNECT -d 127.0.0.0/8 -j SNAT --to-source 127.0.0.6\n";
    let process = Process::with("127.0.0.5,127.0.0.6", "", rules);
    let (_server, remote) = server();
    let socket = Real::new(AF_INET, SOCK_STREAM);
    assert_eq!(connected(&process, &socket, &remote), Ok(()));
    assert_eq!(socket.local().ip(), ip("127.0.0.6"));
}

/// An IPv6 address that a failed connect has left must not keep the socket from IPv4.
#[test]
fn a_socket_that_was_left_bound_reaches_the_other_family() {
    let process = Process::with("127.0.0.5", "::1", "");
    let (server, _) = server();
    let port = server.local().port();
    let socket = Real::tcp6();
    let nobody = format!("[::1]:{port}");
    assert!(connected(&process, &socket, &nobody).is_err());
    assert_eq!(
        (&socket).getsockname().map(|it| it.family()),
        Ok(libc::AF_INET6)
    );
    let remote = format!("[::ffff:127.0.0.1]:{port}");
    assert_eq!(connected(&process, &socket, &remote), Ok(()));
    assert_eq!(socket.local().ip(), ip("127.0.0.5"));
}

/// And so does one of IPv6 that isn't assigned: the kernel would refuse it a socket of IPv4. (Of a
/// datagram socket: a stream of both families that has failed to reach IPv4 can't reach IPv6 anyway.)
#[test]
fn a_socket_that_was_left_bound_reaches_a_family_that_is_not_assigned() {
    let process = Process::ipv4("127.0.0.5");
    let socket = Real::udp6();
    assert_eq!(connected(&process, &socket, "[::ffff:127.0.0.1]:9"), Ok(()));
    assert_eq!(socket.local().ip(), ip("127.0.0.5"));
    dissolve(&process, &socket);
    assert_eq!(connected(&process, &socket, "[::1]:9"), Ok(()));
    assert_eq!(socket.local().ip(), ip("::1"));
}

/// A datagram socket that takes IPv6 alone is refused an IPv4 destination. It gets its port before
/// that, when nobody can clear `IPV6_V6ONLY` any more: also where an earlier quiet bind has left
/// `IP_BIND_ADDRESS_NO_PORT` set, of which a host may tell that the program has not.
#[test]
fn a_socket_of_ipv6_alone_gets_a_port_before_the_kernel_refuses() {
    let process = Process::ipv4("127.0.0.5");
    let socket = Mock {
        local: Ok("[::]:0"),
        binds: vec![Err(libc::EINVAL)].into(),
        options: vec![
            (libc::SOL_SOCKET, libc::SO_DOMAIN, libc::AF_INET6),
            (libc::SOL_SOCKET, libc::SO_TYPE, libc::SOCK_DGRAM),
            (libc::SOL_SOCKET, libc::SO_PROTOCOL, libc::IPPROTO_UDP),
            (libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, 1),
            (IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 0),
        ],
        ..Mock::default()
    };
    let call = process.call("connect", &socket);
    let after = connect::before(&call, &sockaddr("[::ffff:127.0.0.1]:80"));
    assert_eq!(after, Ok(After::Nothing));
    let calls = socket.calls();
    let changes: Vec<_> = calls
        .iter()
        .filter(|call| !call.starts_with("get"))
        .collect();
    let expected = [
        "setsockopt IP_BIND_ADDRESS_NO_PORT 1",
        "bind 127.0.0.5:0",
        "setsockopt IP_BIND_ADDRESS_NO_PORT 0",
        "bind [::]:0",
    ];
    assert_eq!(changes, expected, "{calls:?}");
    // And only then is it judged whether it still takes IPv6 alone.
    assert_eq!(
        calls.last().map(String::as_str),
        Some("getsockopt IPV6_V6ONLY")
    );
}
