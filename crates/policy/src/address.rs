//! Reads IPv4 and IPv6 addresses (RFC 4291, section 2.2).
//!
//! `core::net` does too, but its parser has panic paths that the compiler can't show to be dead, and
//! the library may have none. The property tests compare this code with `core::net`.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Reads an address: dotted quad without leading zeros, or IPv6 without a scope id.
#[must_use]
pub fn parse(text: &[u8]) -> Option<IpAddr> {
    if text.contains(&b':') {
        parse_ipv6(text).map(IpAddr::V6)
    } else {
        parse_ipv4(text).map(IpAddr::V4)
    }
}

/// Reads a decimal number of at most `max`, without leading zeros.
#[must_use]
pub fn parse_decimal(text: &[u8], max: u32) -> Option<u32> {
    let leading_zero = text.len() > 1 && text.first() == Some(&b'0');
    if text.is_empty() || leading_zero {
        return None;
    }
    text.iter().try_fold(0_u32, |value, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit <= 9)?;
        let value = value.checked_mul(10)?.checked_add(u32::from(digit))?;
        (value <= max).then_some(value)
    })
}

fn parse_ipv4(text: &[u8]) -> Option<Ipv4Addr> {
    let mut count = 0;
    let bits = text
        .split(|&byte| byte == b'.')
        .try_fold(0, |bits, octet| {
            count += 1;
            Some(bits << 8 | parse_decimal(octet, 255)?)
        })?;
    (count == 4).then(|| Ipv4Addr::from_bits(bits))
}

fn parse_ipv6(text: &[u8]) -> Option<Ipv6Addr> {
    let gap = text.windows(2).position(|pair| pair == b"::");
    let groups = match gap {
        None => Groups::parse(text).filter(|groups| groups.count == 8)?.bits,
        Some(at) => {
            // `::` stands for one group of zeros at least.
            let head = Groups::parse(text.get(..at)?)?;
            let tail = Groups::parse(text.get(at + 2..)?)?;
            if head.dotted || head.count + tail.count > 7 {
                return None;
            }
            head.at_the_top() | tail.bits
        }
    };
    Some(Ipv6Addr::from_bits(groups))
}

/// A run of groups between colons, right-aligned.
struct Groups {
    bits: u128,
    count: u32,
    /// The last two groups were written as an IPv4 address: nothing may follow.
    dotted: bool,
}

impl Groups {
    fn parse(text: &[u8]) -> Option<Self> {
        let mut groups = Self {
            bits: 0,
            count: 0,
            dotted: false,
        };
        if text.is_empty() {
            return Some(groups);
        }
        for group in text.split(|&byte| byte == b':') {
            if groups.dotted || groups.count > 8 {
                return None;
            }
            if group.contains(&b'.') {
                groups.dotted = true;
                groups.bits = groups.bits << 32 | u128::from(parse_ipv4(group)?.to_bits());
                groups.count += 2;
            } else {
                groups.bits = groups.bits << 16 | u128::from(parse_hex(group)?);
                groups.count += 1;
            }
        }
        (groups.count <= 8).then_some(groups)
    }

    /// The bits with the first group leftmost.
    fn at_the_top(&self) -> u128 {
        let unused = 8_u32.saturating_sub(self.count) * 16;
        self.bits.checked_shl(unused).unwrap_or(0)
    }
}

fn parse_hex(text: &[u8]) -> Option<u16> {
    if text.is_empty() || text.len() > 4 {
        return None;
    }
    text.iter().try_fold(0_u16, |value, &byte| {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            _ => return None,
        };
        Some(value << 4 | u16::from(digit))
    })
}
