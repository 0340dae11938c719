//! Networks, compared with those of ipnet.

use std::net::IpAddr;

use ipaddr_policy::Family;
use ipaddr_policy::family::number;
use ipaddr_policy::network::Network;
use ipnet::IpNet;
use proptest::prelude::*;

#[test]
fn the_shortest_and_the_longest_prefix() {
    for (address, length, first, last) in [
        ("10.0.0.5", 0, "0.0.0.0", "255.255.255.255"),
        ("10.0.0.5", 32, "10.0.0.5", "10.0.0.5"),
        ("10.0.0.5", 31, "10.0.0.4", "10.0.0.5"),
        (
            "fd00::5",
            0,
            "::",
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        ),
        ("fd00::5", 128, "fd00::5", "fd00::5"),
        ("fd00::5", 64, "fd00::", "fd00::ffff:ffff:ffff:ffff"),
    ] {
        let address: IpAddr = address.parse().expect("an address");
        let network = Network::new(address, length).expect("a network");
        let ends = (network.first().to_string(), network.last().to_string());
        assert_eq!(ends, (first.to_owned(), last.to_owned()));
    }
}

proptest! {
    #[test]
    fn as_ipnet_has_it(address in any::<IpAddr>(), length in any::<u8>()) {
        let network = Network::new(address, length);
        let expected = IpNet::new(address, length).ok();
        prop_assert_eq!(network.is_some(), expected.is_some());
        if let (Some(network), Some(expected)) = (network, expected) {
            prop_assert_eq!(network.address(), expected.addr());
            prop_assert_eq!(network.length(), expected.prefix_len());
            prop_assert_eq!(network.first(), expected.network());
            prop_assert_eq!(network.last(), expected.broadcast());
            prop_assert_eq!(network.range().first, number(expected.network()));
            prop_assert_eq!(network.range().last, number(expected.broadcast()));
            let is_one = expected.prefix_len() == expected.max_prefix_len();
            prop_assert_eq!(network.is_one_address(), is_one);
        }
        let only = Network::only(address);
        prop_assert_eq!(only.length(), Family::of(address).bits());
        prop_assert_eq!((only.first(), only.last()), (address, address));
    }
}
