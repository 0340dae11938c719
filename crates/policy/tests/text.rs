//! Addresses in and out, against `core::net`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use ipaddr_policy::address;
use ipaddr_policy::text::{Printable, Shown};
use proptest::prelude::*;

/// Groups that are zero more often than chance has it, for the sake of `::`.
fn any_ipv6() -> impl Strategy<Value = Ipv6Addr> {
    let group = prop_oneof![3 => Just(0_u16), 1 => Just(0xffff), 2 => any::<u16>()];
    prop::array::uniform8(group).prop_map(Ipv6Addr::from)
}

#[test]
fn what_core_and_we_refuse_alike() {
    for text in [
        "",
        ":",
        ":::",
        "1",
        "1.2.3",
        "1.2.3.4.5",
        "1.2.3.256",
        "01.2.3.4",
        "1..3.4",
        " 1.2.3.4",
        "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9",
        "1::2::3",
        "::12345",
        "1:2:3:4:5:6:7::8",
        "::g",
        "1:2:3:4:5:6:7:1.2.3.4",
        "1.2.3.4::",
        "::1.2.3.4:5",
        "1:2:3:4:5:6:7:",
        ":1:2:3:4:5:6:7:8",
        "fe80::1%1",
        "[::1]",
    ] {
        assert!(text.parse::<IpAddr>().is_err(), "{text}");
        assert_eq!(address::parse(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn printable() {
    assert_eq!(Shown(Printable(b"a b\n\xff\x1b~")).to_string(), "a b???~");
}

proptest! {
    #[test]
    fn ipv4_as_core(octets in any::<[u8; 4]>(), port in any::<u16>()) {
        let address = IpAddr::from(octets);
        let text = Shown(address).to_string();
        prop_assert_eq!(&text, &address.to_string());
        prop_assert_eq!(address::parse(text.as_bytes()), Some(address));
        let endpoint = SocketAddr::new(address, port);
        prop_assert_eq!(Shown(endpoint).to_string(), endpoint.to_string());
    }

    #[test]
    fn ipv6_as_core(address in any_ipv6(), port in any::<u16>()) {
        let text = Shown(IpAddr::V6(address)).to_string();
        prop_assert_eq!(&text, &address.to_string());
        prop_assert_eq!(address::parse(text.as_bytes()), Some(IpAddr::V6(address)));
        let endpoint = SocketAddr::from(SocketAddrV6::new(address, port, 0, 0));
        prop_assert_eq!(Shown(endpoint).to_string(), endpoint.to_string());
    }

    /// Whatever looks a little like an address is read as core reads it.
    #[test]
    fn any_text_as_core(text in "[0-9a-fA-F:.]{0,40}") {
        prop_assert_eq!(address::parse(text.as_bytes()), text.parse::<IpAddr>().ok());
    }

    #[test]
    fn groups_as_core(text in "([0-9a-f]{0,4}(:|::|\\.)){0,9}([0-9a-f]{0,4}|1\\.2\\.3\\.4)") {
        prop_assert_eq!(address::parse(text.as_bytes()), text.parse::<IpAddr>().ok());
    }

    #[test]
    fn decimal_as_core(text in "[0-9]{0,12}", max in any::<u32>()) {
        let zeros = text.len() > 1 && text.starts_with('0');
        let expected = text.parse().ok().filter(|n| *n <= max && !zeros);
        prop_assert_eq!(address::parse_decimal(text.as_bytes(), max), expected);
    }

    #[test]
    fn numbers_as_core(number in any::<u32>(), bits in any::<[u8; 4]>()) {
        prop_assert_eq!(Shown(number).to_string(), number.to_string());
        let small = u32::from_be_bytes(bits) >> (bits[0] % 32);
        prop_assert_eq!(Shown(small).to_string(), small.to_string());
        prop_assert_eq!(Shown(Ipv4Addr::from(bits)).to_string(), Ipv4Addr::from(bits).to_string());
    }
}
