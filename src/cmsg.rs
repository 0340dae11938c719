//! The control messages of sendmsg(2), see cmsg(3): which source they choose.
//!
//! Pure: whoever calls says how the bytes are read.

use core::mem::size_of;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use libc::{IP_PKTINFO, IPPROTO_IP, IPPROTO_IPV6, IPV6_PKTINFO, c_int, cmsghdr};

/// The older number of `IPV6_PKTINFO`, of RFC 2292, which Linux still takes.
const IPV6_2292PKTINFO: c_int = 2;

const HEADER: usize = size_of::<cmsghdr>();
const ALIGNMENT: usize = size_of::<usize>();

/// As much of one as is looked at: the header and a struct in6_pktinfo.
pub const LOOKED_AT: usize = HEADER + 20;

/// A source that a control message chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// The address, a v4-mapped one as the IPv4 address it is.
    pub address: IpAddr,
    /// Where the last four bytes of it are: all of an IPv4 address.
    pub ipv4_at: usize,
}

/// The sources that the control messages in `len` bytes choose with `IP_PKTINFO` (ip(7)) and
/// `IPV6_PKTINFO` (ipv6(7)). `read` returns the bytes from an offset on, zeros behind the end. What
/// the kernel refuses as malformed ends them.
pub fn sources(
    len: usize,
    read: impl Fn(usize) -> [u8; LOOKED_AT],
) -> impl Iterator<Item = Source> {
    let mut at = 0;
    core::iter::from_fn(move || {
        loop {
            let left = len.checked_sub(at).filter(|&left| left >= HEADER)?;
            let bytes = read(at);
            // In musl the length is an int and padding that need not be zero.
            let count = usize::try_from(u32::from_ne_bytes(field(&bytes, LEN))).ok()?;
            if !(HEADER..=left).contains(&count) {
                return None;
            }
            let data_at = at + HEADER;
            at = at.saturating_add(count.next_multiple_of(ALIGNMENT));
            let level = c_int::from_ne_bytes(field(&bytes, size_of::<usize>()));
            let kind = c_int::from_ne_bytes(field(&bytes, size_of::<usize>() + 4));
            let data = count - HEADER;
            match (level, kind) {
                // ipi_ifindex, ipi_spec_dst, ipi_addr
                (IPPROTO_IP, IP_PKTINFO) if data >= 12 => {
                    let source: [u8; 4] = field(&bytes, HEADER + 4);
                    return Some(Source {
                        address: IpAddr::V4(Ipv4Addr::from_octets(source)),
                        ipv4_at: data_at + 4,
                    });
                }
                // ipi6_addr, ipi6_ifindex
                (IPPROTO_IPV6, IPV6_PKTINFO | IPV6_2292PKTINFO) if data >= 20 => {
                    let source: [u8; 16] = field(&bytes, HEADER);
                    return Some(Source {
                        address: IpAddr::V6(Ipv6Addr::from_octets(source)).to_canonical(),
                        ipv4_at: data_at + 12,
                    });
                }
                _ => {}
            }
        }
    })
}

/// Where the low half of cmsg_len lies.
const LEN: usize = if cfg!(target_endian = "big") { 4 } else { 0 };

fn field<const N: usize>(bytes: &[u8; LOOKED_AT], at: usize) -> [u8; N] {
    let field = bytes.get(at..).and_then(<[u8]>::first_chunk);
    field.copied().unwrap_or([0; N])
}
