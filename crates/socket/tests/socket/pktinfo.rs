//! Sources that control messages and options choose.

use std::mem::MaybeUninit;
use std::net::Ipv6Addr;

use ipaddr_socket::cmsg::{Choice, next_source};
use ipaddr_socket::pktinfo::{self, Sources};

use crate::support::mock::Mock;
use crate::support::process::Process;
use crate::support::{EPERM, ip};

/// A control message that chooses this source.
fn choosing(source: &str) -> Vec<u8> {
    Choice::new(ip(source)).bytes().to_vec()
}

/// A socket that is bound to the assigned address.
fn socket() -> Mock {
    Mock {
        local: Ok("10.0.0.5:53"),
        ..Mock::default()
    }
}

#[test]
fn an_assigned_source_passes_without_a_query() {
    let process = Process::ipv4("10.0.0.5");
    let socket = socket();
    let call = process.call("sendmsg", &socket);
    let mut control = choosing("10.0.0.5");
    let sources = pktinfo::judge_copy(&call, &mut control);
    assert_eq!(sources, Ok(Sources::Chosen(ip("10.0.0.5"))));
    assert!(socket.calls().is_empty());
}

#[test]
fn any_other_source_is_refused() {
    let process = Process::ipv4("10.0.0.5");
    let socket = socket();
    let call = process.call("sendmsg", &socket);
    assert_eq!(
        pktinfo::judge_copy(&call, &mut choosing("10.0.0.7")),
        Err(EPERM)
    );
    assert_eq!(
        pktinfo::judge_in_place(&call, &choosing("10.0.0.7")),
        Err(EPERM)
    );
    let line = "sendmsg fd 7 10.0.0.7:53: EPERM, the assigned address is 10.0.0.5";
    assert_eq!(process.lines(), [line, line]);
}

/// Of 0.0.0.0 the kernel makes what the route says.
#[test]
fn the_wildcard_becomes_the_assigned_address() {
    let process = Process::ipv4("10.0.0.5");
    let socket = socket();
    let call = process.call("sendmsg", &socket);
    let mut control = choosing("0.0.0.0");
    let sources = pktinfo::judge_copy(&call, &mut control);
    assert_eq!(sources, Ok(Sources::Chosen(ip("10.0.0.5"))));
    let written = next_source(&control, &mut 0).map(|source| source.address);
    assert_eq!(written, Some(ip("10.0.0.5")));

    let in_place = pktinfo::judge_in_place(&call, &choosing("0.0.0.0"));
    assert_eq!(in_place, Ok((Sources::Chosen(ip("10.0.0.5")), true)));
}

#[test]
fn the_last_source_counts_and_all_are_judged() {
    let process = Process::ipv4("10.0.0.5,10.0.0.6");
    let socket = socket();
    let call = process.call("sendmsg", &socket);
    let mut control = choosing("10.0.0.5");
    control.extend(choosing("10.0.0.6"));
    let sources = pktinfo::judge_copy(&call, &mut control);
    assert_eq!(sources, Ok(Sources::Chosen(ip("10.0.0.6"))));
    let mut control = choosing("10.0.0.7");
    control.extend(choosing("10.0.0.6"));
    assert_eq!(pktinfo::judge_copy(&call, &mut control), Err(EPERM));
}

#[test]
fn nothing_is_judged_without_an_assignment() {
    let process = Process::unassigned();
    let socket = socket();
    let call = process.call("sendmsg", &socket);
    let sources = pktinfo::judge_copy(&call, &mut choosing("10.0.0.7"));
    assert_eq!(sources, Ok(Sources::Chosen(ip("10.0.0.7"))));
    assert!(socket.calls().is_empty());
}

#[test]
fn a_source_is_given_behind_what_is_there() {
    let mut room = [MaybeUninit::uninit(); 64];
    let len = pktinfo::give(&mut room, 0, Sources::None, ip("10.0.0.5"));
    assert_eq!(len, Some(choosing("10.0.0.5").len()));
    let both = pktinfo::give(&mut room, 32, Sources::None, ip("10.0.0.5"));
    assert_eq!(both, Some(64));
    // And not where there is no room.
    let none = pktinfo::give(&mut room, 40, Sources::None, ip("10.0.0.5"));
    assert_eq!(none, None);
}

#[test]
fn the_sticky_option_is_judged_likewise() {
    assert!(pktinfo::is_sticky(libc::IPPROTO_IPV6, libc::IPV6_PKTINFO));
    assert!(!pktinfo::is_sticky(libc::IPPROTO_IP, libc::IPV6_PKTINFO));
    let process = Process::with("", "2001:db8::5", "");
    let socket = Mock {
        local: Ok("[2001:db8::5]:53"),
        ..Mock::default()
    };
    let call = process.call("setsockopt", &socket);
    let value = |address: &str| {
        let mut value = [0; 20];
        let address: Ipv6Addr = address.parse().expect("an address");
        value[..16].copy_from_slice(&address.octets());
        value
    };
    assert_eq!(pktinfo::judge_sticky(&call, &value("2001:db8::5")), Ok(()));
    assert_eq!(
        pktinfo::judge_sticky(&call, &value("2001:db8::7")),
        Err(EPERM)
    );
}
