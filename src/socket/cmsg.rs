//! The control messages of sendmsg(2) and recvmsg(2), see cmsg(3): which source they choose, and
//! whether they bring descriptors.
//!
//! Whoever calls says how the bytes are read, so that nothing here trusts a pointer.

use core::mem::size_of;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::ptr;

use libc::{
    IP_PKTINFO, IPPROTO_IP, IPPROTO_IPV6, IPV6_PKTINFO, SCM_RIGHTS, SOL_SOCKET, c_int, cmsghdr,
    msghdr,
};

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
/// `IPV6_PKTINFO` (ipv6(7)). `read` returns the bytes from an offset on, zeros behind the end.
pub fn sources(
    len: usize,
    read: impl Fn(usize) -> [u8; LOOKED_AT],
) -> impl Iterator<Item = Source> {
    messages(len, read).filter_map(|message| match (message.level, message.kind) {
        // ipi_ifindex, ipi_spec_dst, ipi_addr
        (IPPROTO_IP, IP_PKTINFO) if message.data_len >= 12 => {
            let source: [u8; 4] = field(&message.bytes, HEADER + 4);
            Some(Source {
                address: IpAddr::V4(Ipv4Addr::from_octets(source)),
                ipv4_at: message.data_at + 4,
            })
        }
        // ipi6_addr, ipi6_ifindex
        (IPPROTO_IPV6, IPV6_PKTINFO | IPV6_2292PKTINFO) if message.data_len >= 20 => {
            let source: [u8; 16] = field(&message.bytes, HEADER);
            Some(Source {
                address: IpAddr::V6(Ipv6Addr::from_octets(source)).to_canonical(),
                ipv4_at: message.data_at + 12,
            })
        }
        _ => None,
    })
}

/// A control message that chooses a source, as `sources` reads it.
#[repr(C, align(8))]
pub struct Choice {
    bytes: [u8; Self::MOST],
    len: usize,
}

impl Choice {
    /// The longest, with struct in6_pktinfo.
    const MOST: usize = (HEADER + 20).next_multiple_of(ALIGNMENT);

    /// The source `address`, on whatever interface.
    pub fn new(address: IpAddr) -> Self {
        let mut choice = Self {
            bytes: [0; Self::MOST],
            len: 0,
        };
        let data_len: usize = match address {
            IpAddr::V4(v4) => {
                choice.put(HEADER + 4, v4.octets());
                choice.describe(IPPROTO_IP, IP_PKTINFO);
                12
            }
            IpAddr::V6(v6) => {
                choice.put(HEADER, v6.octets());
                choice.describe(IPPROTO_IPV6, IPV6_PKTINFO);
                20
            }
        };
        choice.put(0, (HEADER + data_len).to_ne_bytes());
        choice.len = (HEADER + data_len).next_multiple_of(ALIGNMENT);
        choice
    }

    /// What it consists of, padding included.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(&[])
    }

    fn describe(&mut self, level: c_int, kind: c_int) {
        self.put(size_of::<usize>(), level.to_ne_bytes());
        self.put(size_of::<usize>() + 4, kind.to_ne_bytes());
    }

    fn put<const N: usize>(&mut self, at: usize, field: [u8; N]) {
        if let Some(slot) = self.bytes.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
            *slot = field;
        }
    }
}

/// Whether the control messages in `len` bytes bring descriptors, see `SCM_RIGHTS` in unix(7).
pub fn has_descriptors(len: usize, read: impl Fn(usize) -> [u8; LOOKED_AT]) -> bool {
    messages(len, read).any(|message| (message.level, message.kind) == (SOL_SOCKET, SCM_RIGHTS))
}

/// The control messages of a message: where they stand, and how many bytes they take.
pub fn of(message: &msghdr) -> (*const u8, usize) {
    // In musl the length is an int and padding that need not be zero.
    let len = message.msg_controllen & 0xffff_ffff;
    (message.msg_control.cast_const().cast(), len)
}

/// Reads control messages where they stand.
///
/// # Safety
/// `len` bytes can be read at `control`, for as long as the reader is used.
pub unsafe fn reader(control: *const u8, len: usize) -> impl Fn(usize) -> [u8; LOOKED_AT] {
    move |at| {
        let mut bytes = [0; LOOKED_AT];
        let count = LOOKED_AT.min(len.saturating_sub(at));
        // SAFETY: `at + count` is no more than `len`, or `count` is 0.
        unsafe { ptr::copy_nonoverlapping(control.wrapping_add(at), bytes.as_mut_ptr(), count) };
        bytes
    }
}

struct Message {
    level: c_int,
    kind: c_int,
    data_at: usize,
    data_len: usize,
    bytes: [u8; LOOKED_AT],
}

/// Each control message, up to the first that the kernel refuses as malformed.
fn messages(len: usize, read: impl Fn(usize) -> [u8; LOOKED_AT]) -> impl Iterator<Item = Message> {
    let mut at = 0;
    core::iter::from_fn(move || {
        let left = len.checked_sub(at).filter(|&left| left >= HEADER)?;
        let bytes = read(at);
        // In musl the length is an int and padding that need not be zero.
        let count = usize::try_from(u32::from_ne_bytes(field(&bytes, LEN))).ok()?;
        if !(HEADER..=left).contains(&count) {
            return None;
        }
        let message = Message {
            level: c_int::from_ne_bytes(field(&bytes, size_of::<usize>())),
            kind: c_int::from_ne_bytes(field(&bytes, size_of::<usize>() + 4)),
            data_at: at + HEADER,
            data_len: count - HEADER,
            bytes,
        };
        at = at.saturating_add(count.next_multiple_of(ALIGNMENT));
        Some(message)
    })
}

/// Where the low half of cmsg_len lies.
const LEN: usize = if cfg!(target_endian = "big") { 4 } else { 0 };

fn field<const N: usize>(bytes: &[u8; LOOKED_AT], at: usize) -> [u8; N] {
    let field = bytes.get(at..).and_then(<[u8]>::first_chunk);
    field.copied().unwrap_or([0; N])
}
