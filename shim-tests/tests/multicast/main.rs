//! Multicast addresses that are assigned: what is bound to one receives, and sends from the assigned
//! address.

use shim_tests::{FrontEnd, Netns, Run, Shim, skip};

/// A namespace with two addresses of each family, and an interface that carries multicast.
fn netns() -> Option<Netns> {
    let netns = skip::netns("multicast")?;
    let veth = ["link", "add", "m0", "type", "veth", "peer", "name", "m1"];
    netns.run("ip", &veth);
    for name in ["m0", "m1"] {
        netns.run("ip", &["link", "set", name, "up"]);
    }
    for address in ["10.77.0.5/32", "10.77.0.6/32"] {
        netns.add_address(address);
    }
    for address in ["fd77::5/64", "fd77::6/64", "fd77::9/64"] {
        let add = ["address", "add", address, "dev", "m0", "nodad"];
        netns.run("ip", &add);
    }
    Some(netns)
}

const GROUP: &str = "224.0.0.251";
const IPV4: &str = "224.0.0.251,10.77.0.5,10.77.0.6";
const IPV6: &str = "ff05::fb,fd77::5,fd77::6";

struct Place(Netns);

impl Place {
    fn run(&self, shim: Shim, arguments: &[&str]) -> Run {
        shim.netns(&self.0).harness("multicast", arguments)
    }

    #[track_caller]
    fn says(&self, shim: Shim, arguments: &[&str], expected: &str) {
        let run = self.run(shim, arguments);
        assert_eq!(run.out, expected, "{arguments:?}: {}", run.err);
    }
}

/// What the rest is for: the kernel's own choice is 127.0.0.1 here.
#[test]
fn without_the_library() {
    let Some(place) = netns().map(Place) else {
        return;
    };
    for how in ["sendto", "sendmsg", "sendmmsg", "number", "connect"] {
        let arguments = [GROUP, how, "127.0.0.1"];
        place.says(Shim::without(), &arguments, "0 received 0 127.0.0.1");
        place.says(Shim::new(), &arguments, "0 received 0 127.0.0.1");
        let arguments = ["ff05::fb", how, "::1"];
        place.says(Shim::without(), &arguments, "0 received 0 ::1");
        // IPv6 isn't assigned.
        place.says(Shim::ipv4(IPV4), &arguments, "0 received 0 ::1");
    }
}

#[test]
fn a_group_that_is_not_listed() {
    let Some(place) = netns().map(Place) else {
        return;
    };
    let arguments = [GROUP, "sendto", "127.0.0.1"];
    place.says(Shim::ipv4("10.77.0.5"), &arguments, "EPERM");
    place.says(Shim::ipv4("224.0.0.0/24,!224.0.0.251"), &arguments, "EPERM");
    place.says(Shim::ipv4("none"), &arguments, "EPERM");
    place.says(Shim::ipv4("loopback"), &arguments, "EPERM");
    let arguments = ["ff05::fb", "sendto", "::1"];
    place.says(Shim::ipv6("fd77::5"), &arguments, "EPERM");
}

#[test]
fn what_is_bound_to_a_group_sends_from_the_address() {
    let Some(place) = netns().map(Place) else {
        return;
    };
    for list in [IPV4, "10.77.0.5,224.0.0.0/4", "224.0.0.0/24,10.77.0.5/32"] {
        for how in ["sendto", "sendmsg", "sendmmsg"] {
            for how in [how.to_owned(), format!("many:{how}")] {
                let arguments = [GROUP, &how, "127.0.0.1"];
                let expected = "0 received 0 10.77.0.5";
                place.says(Shim::ipv4(list), &arguments, expected);
            }
        }
        // A connection can't be given a source.
        for how in ["connect", "many:connect"] {
            let arguments = [GROUP, how, "127.0.0.1"];
            place.says(Shim::ipv4(list), &arguments, "0 received EPERM");
        }
        // By syscall(2) only the guard can do it.
        let expected = match FrontEnd::of_tests() {
            FrontEnd::Library => "0 received EPERM",
            FrontEnd::Guard => "0 received 0 10.77.0.5",
        };
        for how in ["number", "many:number"] {
            let arguments = [GROUP, how, "127.0.0.1"];
            place.says(Shim::ipv4(list), &arguments, expected);
        }
    }
    for how in ["sendto", "sendmsg", "sendmmsg"] {
        let arguments = ["ff05::fb", how, "::1"];
        place.says(Shim::ipv6(IPV6), &arguments, "0 received 0 fd77::5");
    }
    let arguments = ["ff05::1", "connect", "::1"];
    let list = "fd77::5,ff05::/16";
    place.says(Shim::ipv6(list), &arguments, "0 received EPERM");
    if !skip::for_library("it refuses the bind that the test makes by itself") {
        return;
    }
    // The kernel binds the socket to the interface of such a group.
    let list = "ff02::fb,fd77::5";
    let arguments = ["ff02::fb", "sendto", "fd77::9"];
    place.says(Shim::ipv6(list), &arguments, "0 received 0 fd77::5");
}

/// A source that the program chooses stays, if it may; one that it leaves to the socket doesn't.
#[test]
fn a_chosen_source() {
    let Some(place) = netns().map(Place) else {
        return;
    };
    for how in ["sendmsg", "sendmmsg"] {
        for (source, expected) in [
            ("10.77.0.6", "0 received 0 10.77.0.6"),
            ("127.0.0.1", "0 received 0 127.0.0.1"),
            ("0.0.0.0", "0 received 0 10.77.0.5"),
            ("10.77.0.7", "0 received EPERM"),
        ] {
            let arguments = [GROUP, how, "127.0.0.1", source];
            place.says(Shim::ipv4(IPV4), &arguments, expected);
        }
        for (source, expected) in [
            ("fd77::6", "0 received 0 fd77::6"),
            ("::", "0 received 0 fd77::5"),
            ("fd77::7", "0 received EPERM"),
        ] {
            let arguments = ["ff05::fb", how, "::1", source];
            place.says(Shim::ipv6(IPV6), &arguments, expected);
        }
    }
}

/// A group is never the primary, so where there is nothing else wildcards are refused, and sends.
#[test]
fn groups_only() {
    if !skip::for_library("it refuses the datagram that the test sends by itself") {
        return;
    }
    let Some(place) = netns().map(Place) else {
        return;
    };
    for how in ["sendto", "sendmsg", "connect"] {
        let arguments = [GROUP, how, "127.0.0.1"];
        place.says(Shim::ipv4(GROUP), &arguments, "0 received EPERM");
    }
    let run = Shim::ipv4(GROUP).harness("bind", &["udp4", "0.0.0.0", "0"]);
    assert_eq!(run.words()[0], "EPERM", "{run:?}");
    let run = Shim::ipv4(GROUP).harness("connect", &["udp4", "127.0.0.1", "9"]);
    assert_eq!(run.words()[0], "EPERM", "{run:?}");
    // Over exec the primary stays one from which packets may come.
    let bind = shim_tests::harness("bind");
    let arguments = [
        "-c",
        "exec \"$0\" udp4 0.0.0.0 0",
        bind.to_str().expect("UTF-8"),
    ];
    let shim = Shim::ipv4("224.0.0.251,127.0.0.2");
    let run = shim.run("sh", &arguments);
    assert_eq!(run.words()[..2], ["0", "127.0.0.2"], "{run:?}");
}

/// Bound by somebody else, to a group that isn't listed: as with any other address.
#[test]
fn bound_behind_the_library() {
    if !skip::for_library("it judges system calls that pass no library") {
        return;
    }
    let to = ["udp4", "127.0.0.1", "9", GROUP];
    let run = Shim::ipv4("127.0.0.2").harness("connect_raw_bound", &to);
    assert_eq!(run.words()[..2], ["EPERM", GROUP], "{run:?}");
    let run = Shim::ipv4("127.0.0.2,224.0.0.251").harness("connect_raw_bound", &to);
    assert_eq!(run.words()[..2], ["EPERM", GROUP], "{run:?}");
}

/// The same with the limited broadcast address, and a stream.
#[test]
fn others_that_packets_cannot_come_from() {
    let shim = Shim::ipv4("127.0.0.2,255.255.255.255,224.0.0.251");
    for (kind, local) in [
        ("udp4", "255.255.255.255"),
        ("tcp4", "255.255.255.255"),
        ("tcp4", GROUP),
    ] {
        let arguments = [kind, "127.0.0.1", "9", local, "0"];
        let run = shim.harness("connect", &arguments);
        assert_eq!(run.words()[..2], ["EPERM", local], "{kind}: {run:?}");
    }
}
