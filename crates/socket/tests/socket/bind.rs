//! bind(2)

use ipaddr_policy::errno::Errno;
use ipaddr_socket::{After, Refusal, Socket, bind};
use libc::{AF_INET6, AF_UNIX, AF_UNSPEC, IPPROTO_IPV6, IPV6_V6ONLY, SOCK_RAW};

use crate::support::mock::Mock;
use crate::support::process::Process;
use crate::support::real::Real;
use crate::support::{EPERM, at, endpoint, ip, raw_sockaddr, sockaddr};

/// What becomes of a bind of a stream to `asked`: where it is bound, or the errno.
fn bound(process: &Process, socket: &Real, asked: &str) -> Result<String, Refusal> {
    let call = process.call("bind", socket);
    let mut address = sockaddr(asked);
    let after = bind::before(&call, &mut address)?;
    let result = socket.bind(&address);
    if after.is_due(process, result.is_err()) {
        bind::after(&call, after, result)?;
    }
    result?;
    Ok(socket.local().ip().to_string())
}

#[test]
fn the_wildcard_becomes_the_assigned_address() {
    let process = Process::ipv4("127.0.0.5");
    let there = bound(&process, &Real::tcp(), "0.0.0.0:0");
    assert_eq!(there.as_deref(), Ok("127.0.0.5"));
    assert_eq!(process.lines(), ["bind fd 3 0.0.0.0:0 -> 127.0.0.5:0"]);
}

#[test]
fn the_port_is_kept() {
    let process = Process::ipv4("10.0.0.5");
    let socket = Mock::default();
    let mut address = sockaddr("0.0.0.0:8080");
    let after = bind::before(&process.call("bind", &socket), &mut address);
    assert_eq!(endpoint(&address), "10.0.0.5:8080");
    let expected = After::LogBind {
        asked: at("0.0.0.0:8080"),
        address: ip("10.0.0.5"),
    };
    assert_eq!(after, Ok(expected));
    // Nothing is asked of the kernel for it.
    assert!(socket.calls().is_empty());
}

#[test]
fn the_assigned_addresses_and_loopback_pass() {
    let process = Process::ipv4("127.0.0.5,127.0.0.6");
    for address in ["127.0.0.5", "127.0.0.6", "127.0.0.1"] {
        let there = bound(&process, &Real::tcp(), &format!("{address}:0"));
        assert_eq!(there.as_deref(), Ok(address));
    }
}

#[test]
fn any_other_address_is_refused() {
    let process = Process::ipv4("127.0.0.5");
    assert_eq!(bound(&process, &Real::tcp(), "127.0.0.7:80"), Err(EPERM));
    let line = "bind fd 3 127.0.0.7:80: EPERM, the assigned address is 127.0.0.5";
    assert_eq!(process.lines(), [line]);
}

#[test]
fn nothing_is_touched_without_an_assignment() {
    let process = Process::unassigned();
    let there = bound(&process, &Real::tcp(), "127.0.0.7:0");
    assert_eq!(there.as_deref(), Ok("127.0.0.7"));
}

#[test]
fn other_families_are_untouched() {
    let process = Process::with("10.0.0.5", "none", "");
    let mut path = raw_sockaddr(AF_UNIX, b"/tmp/socket\0");
    let socket = Mock::default();
    let call = process.call("bind", &socket);
    assert_eq!(bind::before(&call, &mut path), Ok(After::Nothing));
}

#[test]
fn a_policy_that_cannot_be_used_refuses_all() {
    let process = Process::unusable();
    assert_eq!(bound(&process, &Real::tcp(), "127.0.0.1:0"), Err(EPERM));
    let line = "bind fd 3 127.0.0.1:0: EPERM, the policy can't be used";
    assert_eq!(process.lines(), [line]);
}

#[test]
fn unspec_with_the_wildcard_is_ipv4() {
    let process = Process::ipv4("10.0.0.5");
    // A sockaddr_in of 0.0.0.0:80, but for its family.
    let mut address = raw_sockaddr(AF_UNSPEC, &[0, 80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let socket = Mock::default();
    let call = process.call("bind", &socket);
    assert!(bind::before(&call, &mut address).is_ok());
    assert_eq!(endpoint(&address), "10.0.0.5:80");
}

#[test]
fn a_mapped_address_is_ipv4() {
    let process = Process::ipv4("127.0.0.5");
    let there = bound(&process, &Real::tcp6(), "[::ffff:0.0.0.0]:0");
    assert_eq!(there.as_deref(), Ok("127.0.0.5"));
    let there = bound(&process, &Real::tcp6(), "[::ffff:127.0.0.1]:0");
    assert_eq!(there.as_deref(), Ok("127.0.0.1"));
    assert_eq!(
        bound(&process, &Real::tcp6(), "[::ffff:127.0.0.7]:0"),
        Err(EPERM)
    );
}

#[test]
fn the_ipv6_wildcard_of_both_families_becomes_ipv4() {
    let process = Process::ipv4("127.0.0.5");
    let there = bound(&process, &Real::tcp6(), "[::]:0");
    assert_eq!(there.as_deref(), Ok("127.0.0.5"));
}

#[test]
fn the_ipv6_wildcard_of_ipv6_alone_is_ipv6() {
    let socket = Real::tcp6();
    socket.set(IPPROTO_IPV6, IPV6_V6ONLY, 1);
    let process = Process::ipv4("127.0.0.5");
    assert_eq!(bound(&process, &socket, "[::]:0").as_deref(), Ok("::"));

    let socket = Real::tcp6();
    socket.set(IPPROTO_IPV6, IPV6_V6ONLY, 1);
    let process = Process::with("127.0.0.5", "::1", "");
    assert_eq!(bound(&process, &socket, "[::]:0").as_deref(), Ok("::1"));
}

/// Another thread clears `IPV6_V6ONLY` between the query and the bind.
#[test]
fn the_ipv6_wildcard_that_takes_ipv4_after_all_receives_nothing() {
    let process = Process::ipv4("127.0.0.5");
    let socket = Real::udp6();
    socket.set(IPPROTO_IPV6, IPV6_V6ONLY, 1);
    let call = process.call("bind", &socket);
    let mut address = sockaddr("[::]:0");
    let after = bind::before(&call, &mut address).expect("IPv6 isn't assigned");
    assert_eq!(after, After::CheckIpv6Only(0));
    socket.set(IPPROTO_IPV6, IPV6_V6ONLY, 0);
    let socket = socket.bound(&address);
    let call = process.call("bind", &socket);
    assert_eq!(bind::after(&call, after, Ok(())), Err(EPERM));

    let to = sockaddr(&format!("127.0.0.1:{}", socket.local().port()));
    Real::udp().send_to(&to).expect("a datagram");
    assert_eq!(socket.receive(), Err(Errno(libc::EAGAIN)));
}

#[test]
fn a_raw_socket_reads_every_family_as_ipv4() {
    let mut raw = Mock::default();
    raw.options[1].2 = SOCK_RAW;
    // A sockaddr_in of 10.0.0.7, which says AF_INET6.
    let mut address = raw_sockaddr(AF_INET6, &[0, 0, 10, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0]);
    let process = Process::ipv4("10.0.0.5");
    let call = process.call("bind", &raw);
    assert_eq!(bind::before(&call, &mut address), Err(EPERM));
    let stream = Mock::default();
    let mut address = raw_sockaddr(AF_INET6, &[0, 0, 10, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0]);
    let call = process.call("bind", &stream);
    assert_eq!(bind::before(&call, &mut address), Ok(After::Nothing));
}

#[test]
fn a_bad_descriptor_is_said_to_be_one() {
    let process = Process::ipv4("10.0.0.5");
    let mut closed = Mock::default();
    closed.options.clear();
    closed.unknown = libc::EBADF;
    let call = process.call("bind", &closed);
    let refused = bind::before(&call, &mut sockaddr("10.0.0.7:80"));
    assert_eq!(refused, Err(Refusal(Errno(libc::EBADF))));
    assert!(process.lines().is_empty());
}

#[test]
fn a_rule_refuses_a_port() {
    let rules = "-A BIND -p tcp --sport 8000:8999 -j ACCEPT\n-A BIND -j REJECT\n";
    let process = Process::with("10.0.0.5", "", rules);
    let socket = Mock::default();
    let call = process.call("bind", &socket);
    assert!(bind::before(&call, &mut sockaddr("0.0.0.0:8080")).is_ok());
    assert!(bind::before(&call, &mut sockaddr("0.0.0.0:80")).is_err());
    let lines = process.lines();
    assert_eq!(lines, ["bind fd 7 0.0.0.0:80: EPERM, by rules:2"]);
}

#[test]
fn an_assigned_address_that_the_machine_lacks_is_logged() {
    let process = Process::ipv4("192.0.2.1");
    let refused = bound(&process, &Real::tcp(), "0.0.0.0:0");
    assert_eq!(refused, Err(Refusal(Errno(libc::EADDRNOTAVAIL))));
    let line = "bind fd 3 0.0.0.0:0 -> 192.0.2.1:0: EADDRNOTAVAIL, \
                192.0.2.1 is not an address of this machine";
    assert_eq!(process.lines(), [line]);
}

#[test]
fn what_is_bound_to_a_group_lacks_a_source() {
    let process = Process::ipv4("10.0.0.5,224.0.0.7");
    let socket = Mock::default();
    let call = process.call("bind", &socket);
    assert!(bind::before(&call, &mut sockaddr("10.0.0.5:80")).is_ok());
    assert!(!process.is_sourceless.get());
    assert!(bind::before(&call, &mut sockaddr("224.0.0.7:80")).is_ok());
    assert!(process.is_sourceless.get());
}
