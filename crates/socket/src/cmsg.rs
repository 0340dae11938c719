//! The control messages of sendmsg(2) and recvmsg(2), see cmsg(3): which source they choose, and
//! whether they bring descriptors.

use core::mem::size_of;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use libc::{
    IP_PKTINFO, IPPROTO_IP, IPPROTO_IPV6, IPV6_PKTINFO, SCM_RIGHTS, SOL_SOCKET, c_int, cmsghdr,
};

/// The older number of `IPV6_PKTINFO`, of RFC 2292, which Linux still takes.
const IPV6_2292PKTINFO: c_int = 2;

const HEADER: usize = size_of::<cmsghdr>();
const ALIGNMENT: usize = size_of::<usize>();

/// A source that a control message chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// The address, a v4-mapped one as the IPv4 address it is.
    pub address: IpAddr,
    /// Where the last four bytes of it are among the control messages: all of an IPv4 address.
    pub ipv4_at: usize,
}

/// The next source, from `at` on, that the control messages choose with `IP_PKTINFO` (ip(7)) and
/// `IPV6_PKTINFO` (ipv6(7)). `at`, 0 in the beginning, is where the next call goes on.
pub fn next_source(control: &[u8], at: &mut usize) -> Option<Source> {
    while let Some(message) = next(control, at) {
        let source = message.source();
        if source.is_some() {
            return source;
        }
    }
    None
}

/// Whether the control messages choose sources and do nothing else, as the kernel reads them.
#[must_use]
pub fn has_only_sources(control: &[u8]) -> bool {
    let mut at = 0;
    core::iter::from_fn(|| next(control, &mut at)).all(|message| message.source().is_some())
}

/// Whether the control messages bring descriptors, see `SCM_RIGHTS` in unix(7).
#[must_use]
pub fn has_descriptors(control: &[u8]) -> bool {
    let mut at = 0;
    core::iter::from_fn(|| next(control, &mut at))
        .any(|message| (message.level, message.kind) == (SOL_SOCKET, SCM_RIGHTS))
}

struct Message<'a> {
    level: c_int,
    kind: c_int,
    data: &'a [u8],
    /// Where the data is among the control messages.
    data_at: usize,
}

/// The control message at `at`, if the kernel doesn't refuse it as malformed.
fn next<'a>(control: &'a [u8], at: &mut usize) -> Option<Message<'a>> {
    let left = control.get(*at..)?;
    let header: [u8; HEADER] = *left.first_chunk()?;
    // In musl the length is an int and padding that need not be zero.
    let count = usize::try_from(u32::from_ne_bytes(field(&header, LEN))).ok()?;
    let message = Message {
        level: c_int::from_ne_bytes(field(&header, LEVEL)),
        kind: c_int::from_ne_bytes(field(&header, KIND)),
        data: left.get(HEADER..count)?,
        data_at: at.saturating_add(HEADER),
    };
    *at = at.saturating_add(count.next_multiple_of(ALIGNMENT));
    Some(message)
}

impl Message<'_> {
    fn source(&self) -> Option<Source> {
        match (self.level, self.kind) {
            // ipi_ifindex, ipi_spec_dst, ipi_addr
            (IPPROTO_IP, IP_PKTINFO) if self.data.len() >= 12 => Some(Source {
                address: IpAddr::V4(Ipv4Addr::from_octets(field(self.data, 4))),
                ipv4_at: self.data_at.saturating_add(4),
            }),
            // ipi6_addr, ipi6_ifindex
            (IPPROTO_IPV6, IPV6_PKTINFO | IPV6_2292PKTINFO) if self.data.len() >= 20 => {
                Some(Source {
                    address: IpAddr::V6(Ipv6Addr::from_octets(field(self.data, 0))).to_canonical(),
                    ipv4_at: self.data_at.saturating_add(12),
                })
            }
            _ => None,
        }
    }
}

/// A control message that chooses a source, as [`next_source`] reads it.
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
        self.put(LEVEL, level.to_ne_bytes());
        self.put(KIND, kind.to_ne_bytes());
    }

    fn put<const N: usize>(&mut self, at: usize, field: [u8; N]) {
        if let Some(slot) = self.bytes.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
            *slot = field;
        }
    }
}

/// Where the low half of cmsg_len lies.
const LEN: usize = if cfg!(target_endian = "big") { 4 } else { 0 };

const LEVEL: usize = size_of::<usize>();
const KIND: usize = LEVEL + 4;

/// `N` bytes of it, zeros behind the end.
fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let field = bytes.get(at..).and_then(<[u8]>::first_chunk);
    field.copied().unwrap_or([0; N])
}
