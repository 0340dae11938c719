//! A caller's sockaddr, copied once. What is judged is what the kernel gets: another thread may
//! write to the caller's buffer meanwhile, and it is never written by us.

use core::ffi::c_int;
use core::mem::{MaybeUninit, offset_of, size_of};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use libc::{sa_family_t, sockaddr, sockaddr_in, sockaddr_in6, sockaddr_storage, socklen_t};

const CAPACITY: usize = size_of::<sockaddr_storage>();

const IN_LEN: usize = size_of::<sockaddr_in>();
const IN6_LEN: usize = size_of::<sockaddr_in6>();

/// The shortest sockaddr_in6 that the kernel takes: `SIN6_LEN_RFC2133`, without the scope id.
const IN6_LEN_MIN: usize = 24;

const IN_ADDR: usize = offset_of!(sockaddr_in, sin_addr);
const IN6_ADDR: usize = offset_of!(sockaddr_in6, sin6_addr);
/// sin_port and sin6_port lie at the same place, in network byte order.
const PORT: usize = offset_of!(sockaddr_in, sin_port);
const _: () = assert!(PORT == offset_of!(sockaddr_in6, sin6_port));

/// A socket address of any family, as long as its caller said.
#[repr(C, align(8))]
pub struct Sockaddr {
    bytes: [u8; CAPACITY],
    len: socklen_t,
}

impl Sockaddr {
    /// Room for one that the kernel is to write.
    pub const fn empty() -> Self {
        Self {
            bytes: [0; CAPACITY],
            len: CAPACITY as socklen_t,
        }
    }

    /// How many bytes a caller's is. `None` for a length that the kernel refuses.
    #[must_use]
    pub fn size(len: socklen_t) -> Option<usize> {
        let count = usize::try_from(len).ok()?;
        (size_of::<sa_family_t>()..=CAPACITY)
            .contains(&count)
            .then_some(count)
    }

    /// Copies the caller's into `slot`. `None` for a length that the kernel refuses: then the kernel
    /// is to be asked, and does so.
    pub fn read<'a>(slot: &'a mut MaybeUninit<Self>, caller: &[u8]) -> Option<&'a mut Self> {
        let len = socklen_t::try_from(caller.len()).ok()?;
        Self::size(len)?;
        let sockaddr = slot.write(Self {
            bytes: [0; CAPACITY],
            len,
        });
        // The two usual lengths are constants here, which spares a call of memcpy.
        match (caller.first_chunk(), caller.first_chunk()) {
            (_, Some(whole)) if caller.len() == IN6_LEN => sockaddr.put::<IN6_LEN>(0, *whole),
            (Some(whole), _) if caller.len() == IN_LEN => sockaddr.put::<IN_LEN>(0, *whole),
            _ => {
                for (slot, byte) in sockaddr.bytes.iter_mut().zip(caller) {
                    *slot = *byte;
                }
            }
        }
        Some(sockaddr)
    }

    /// As bind(2) and connect(2) take it.
    pub const fn as_in(&self) -> (*const sockaddr, socklen_t) {
        (self.bytes.as_ptr().cast(), self.len)
    }

    /// As getsockname(2) takes it.
    pub const fn as_out(&mut self) -> (*mut sockaddr, *mut socklen_t) {
        (self.bytes.as_mut_ptr().cast(), &raw mut self.len)
    }

    /// The address family in host byte order, `AF_INET` and so on.
    pub const fn family(&self) -> c_int {
        sa_family_t::from_ne_bytes([self.bytes[0], self.bytes[1]]) as c_int
    }

    /// The IPv4 or IPv6 endpoint, a v4-mapped address as the IPv4 address it is. `None` for other
    /// families, and for lengths that the kernel refuses.
    pub fn endpoint(&self) -> Option<SocketAddr> {
        let address = match self.family() {
            libc::AF_INET if self.holds(IN_LEN) => IpAddr::V4(self.ipv4()),
            libc::AF_INET6 if self.holds(IN6_LEN_MIN) => IpAddr::V6(self.ipv6()).to_canonical(),
            _ => return None,
        };
        Some(SocketAddr::new(address, self.port()))
    }

    /// As [`Self::endpoint`], for bind(2), where Linux also takes `AF_UNSPEC` with 0.0.0.0 for
    /// `AF_INET` (see `__inet_bind` in net/ipv4/af_inet.c).
    pub fn bind_endpoint(&self) -> Option<SocketAddr> {
        let unspec =
            self.family() == libc::AF_UNSPEC && self.holds(IN_LEN) && self.ipv4().is_unspecified();
        if unspec {
            return Some(SocketAddr::new(IpAddr::V4(self.ipv4()), self.port()));
        }
        self.endpoint()
    }

    /// Whether it says another family than `AF_INET`, and holds an address all the same if it is
    /// read as a sockaddr_in.
    pub fn is_disguised_ipv4(&self) -> bool {
        self.family() != libc::AF_INET && self.holds(IN_LEN) && !self.ipv4().is_unspecified()
    }

    /// Replaces the family, `AF_INET` or `AF_INET6`, and nothing else.
    pub fn set_family(&mut self, family: c_int) {
        self.put(0, (family as sa_family_t).to_ne_bytes());
    }

    /// Replaces the address; family, port and length stay, so IPv4 in a sockaddr_in6 is v4-mapped.
    /// With `AF_UNSPEC` only 0.0.0.0 would do: it becomes the `AF_INET` that it means.
    pub fn set_address(&mut self, address: IpAddr) {
        match (self.family(), address) {
            (libc::AF_INET6, IpAddr::V4(v4)) => self.put(IN6_ADDR, v4.to_ipv6_mapped().octets()),
            (libc::AF_INET6, IpAddr::V6(v6)) => self.put(IN6_ADDR, v6.octets()),
            (_, IpAddr::V4(v4)) => {
                self.set_family(libc::AF_INET);
                self.put(IN_ADDR, v4.octets());
            }
            // No rule answers an IPv4 request with IPv6.
            (_, IpAddr::V6(_)) => {}
        }
    }

    /// The same IPv4 or IPv6 endpoint (and scope id) with port 0: left to the kernel.
    pub fn with_any_port(&self) -> Self {
        let mut sockaddr = Self {
            bytes: [0; CAPACITY],
            len: self.len.min(IN6_LEN as socklen_t),
        };
        sockaddr.put(0, self.get::<IN6_LEN>(0));
        sockaddr.put(PORT, [0, 0]);
        sockaddr
    }

    /// `source`, with port 0, as a socket of this domain takes it, to reach the endpoint in `self`
    /// (with its scope id).
    pub fn source(&self, domain: c_int, source: IpAddr) -> Self {
        let mut sockaddr = if self.family() == domain {
            self.with_any_port()
        } else {
            Self::wildcard(domain)
        };
        sockaddr.set_address(source);
        sockaddr
    }

    /// The wildcard address of `AF_INET` or `AF_INET6`, port 0.
    pub fn wildcard(family: c_int) -> Self {
        let mut sockaddr = Self::empty();
        let (family, len) = if family == libc::AF_INET6 {
            (libc::AF_INET6, IN6_LEN)
        } else {
            (libc::AF_INET, IN_LEN)
        };
        sockaddr.len = len as socklen_t;
        sockaddr.set_family(family);
        sockaddr
    }

    fn holds(&self, count: usize) -> bool {
        usize::try_from(self.len).is_ok_and(|len| len >= count)
    }

    /// Replaces the port, in host byte order.
    pub fn set_port(&mut self, port: u16) {
        self.put(PORT, port.to_be_bytes());
    }

    /// The port in host byte order.
    pub const fn port(&self) -> u16 {
        u16::from_be_bytes([self.bytes[PORT], self.bytes[PORT + 1]])
    }

    fn ipv4(&self) -> Ipv4Addr {
        Ipv4Addr::from_octets(self.get(IN_ADDR))
    }

    fn ipv6(&self) -> Ipv6Addr {
        Ipv6Addr::from_octets(self.get(IN6_ADDR))
    }

    fn get<const N: usize>(&self, at: usize) -> [u8; N] {
        let field = self.bytes.get(at..).and_then(<[u8]>::first_chunk);
        field.copied().unwrap_or([0; N])
    }

    fn put<const N: usize>(&mut self, at: usize, field: [u8; N]) {
        if let Some(slot) = self.bytes.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
            *slot = field;
        }
    }
}
