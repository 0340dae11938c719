//! The source of a packet, as an `IP_PKTINFO` or `IPV6_PKTINFO` control message chooses it (ip(7),
//! ipv6(7)), or the sticky option of that name: judged as a bind to it would be.

use core::ffi::c_int;
use core::mem::MaybeUninit;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipaddr_policy::rules::Chain;
use ipaddr_policy::{Request, Verdict, judge};
use libc::{IPPROTO_IPV6, IPV6_PKTINFO, in6_pktinfo};

use crate::call::Call;
use crate::cmsg::{self, Choice};
use crate::host::Host;
use crate::local::Local;
use crate::refusal::Refusal;
use crate::request;
use crate::socket::Socket;

/// What the control messages say of the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sources {
    /// Nothing.
    None,
    /// The wildcard address, which leaves it to the socket; with the place of its last four bytes.
    Wildcard(usize),
    /// An address.
    Chosen(IpAddr),
}

impl Sources {
    /// The IPv4 address that they choose.
    #[must_use]
    pub(crate) const fn ipv4(self) -> Option<Ipv4Addr> {
        match self {
            Self::Chosen(IpAddr::V4(source)) => Some(source),
            _ => None,
        }
    }
}

/// Judges the sources that a copy of control messages chooses, and returns what the last of them
/// comes to: it is the one that counts. 0.0.0.0, which has the kernel choose whatever the socket is
/// bound to, becomes the assigned address there.
///
/// # Errors
/// `EPERM` for an address that may not be used, and where there is a policy that can't be used; the
/// errno of a rule that refuses the socket's port with it.
pub fn judge_copy(
    call: &Call<impl Socket, impl Host>,
    control: &mut [u8],
) -> Result<Sources, Refusal> {
    let mut sources = Sources::None;
    let mut at = 0;
    while let Some(source) = cmsg::next_source(control, &mut at) {
        let instead = judge_address(call, source.address)?;
        if let Some(IpAddr::V4(instead)) = instead {
            let place = control.get_mut(source.ipv4_at..);
            if let Some(bytes) = place.and_then(<[u8]>::first_chunk_mut) {
                *bytes = instead.octets();
            }
        }
        sources = comes_to(source, instead);
    }
    Ok(sources)
}

/// The same of control messages that can't be changed; and whether they would have to be.
///
/// # Errors
/// As [`judge_copy`].
pub fn judge_in_place(
    call: &Call<impl Socket, impl Host>,
    control: &[u8],
) -> Result<(Sources, bool), Refusal> {
    let mut sources = Sources::None;
    let mut has_to_change = false;
    let mut at = 0;
    while let Some(source) = cmsg::next_source(control, &mut at) {
        let instead = judge_address(call, source.address)?;
        has_to_change |= matches!(instead, Some(IpAddr::V4(_)));
        sources = comes_to(source, instead);
    }
    Ok((sources, has_to_change))
}

fn comes_to(source: cmsg::Source, instead: Option<IpAddr>) -> Sources {
    match (instead, source.address) {
        (Some(IpAddr::V4(instead)), _) => Sources::Chosen(instead.into()),
        (_, address) if address.is_unspecified() => Sources::Wildcard(source.ipv4_at),
        (_, address) => Sources::Chosen(address),
    }
}

/// Has control messages, which are the first `len` bytes of `room` and were judged to be `sources`,
/// choose `source`. Returns how many bytes they are then, `None` where there is no room.
pub fn give(
    room: &mut [MaybeUninit<u8>],
    len: usize,
    sources: Sources,
    source: IpAddr,
) -> Option<usize> {
    if let (Sources::Wildcard(ipv4_at), IpAddr::V6(v6)) = (sources, source) {
        // Of an IPv6 address.
        put(room, ipv4_at.checked_sub(12)?, &v6.octets())?;
        return Some(len);
    }
    let at = len.next_multiple_of(size_of::<usize>());
    let choice = Choice::new(source);
    // Behind a last message without its padding.
    put(
        room,
        len,
        [0; size_of::<usize>()].get(..at.checked_sub(len)?)?,
    )?;
    put(room, at, choice.bytes())?;
    at.checked_add(choice.bytes().len())
}

fn put(room: &mut [MaybeUninit<u8>], at: usize, bytes: &[u8]) -> Option<()> {
    let slots = room.get_mut(at..at.checked_add(bytes.len())?)?;
    for (slot, byte) in slots.iter_mut().zip(bytes) {
        slot.write(*byte);
    }
    Some(())
}

/// Whether an option of setsockopt(2) chooses a source: the sticky `IPV6_PKTINFO`.
#[must_use]
pub const fn is_sticky(level: c_int, name: c_int) -> bool {
    level == IPPROTO_IPV6 && name == IPV6_PKTINFO
}

/// The value of such an option: as many bytes as the kernel reads of a struct in6_pktinfo.
pub type Sticky = [u8; size_of::<in6_pktinfo>()];

/// Judges the source that such an option chooses.
///
/// # Errors
/// As [`judge_copy`].
pub fn judge_sticky(call: &Call<impl Socket, impl Host>, value: &Sticky) -> Result<(), Refusal> {
    let [address @ .., _, _, _, _] = *value;
    let source = IpAddr::V6(Ipv6Addr::from_octets(address)).to_canonical();
    judge_address(call, source).map(|_| ())
}

/// A source that is chosen for a packet is judged as a bind to it would be. Returns the address
/// that a wildcard becomes: of 0.0.0.0 the kernel makes what the route says, whatever the socket is
/// bound to. (Of `::` it makes what the socket is bound to, so the caller lets it be.)
fn judge_address(
    call: &Call<impl Socket, impl Host>,
    source: IpAddr,
) -> Result<Option<IpAddr>, Refusal> {
    let Some(policy) = call.host.assignment_for_send().assigned() else {
        return Ok(None);
    };
    let policy = policy.ok();
    let request = |policy, port| Request::Bind {
        local: SocketAddr::new(source, port),
        protocol: request::protocol(call, policy, Chain::Bind),
        dual_stack: false,
    };
    // The usual one needs no query, a server's reply from the address that a request was sent to: on a
    // socket of another family it passes too, and without rules the port doesn't matter.
    if let Some(policy) = policy
        && !policy.has_rules(Chain::Bind)
        && judge(policy, request(policy, 0)) == Verdict::Pass
    {
        return Ok(None);
    }
    let port = if call.host.is_confined() {
        0
    } else {
        match Local::of(call)? {
            Local::NotInternet => return Ok(None),
            Local::Unbound(_) => 0,
            Local::Bound(local) => local.port(),
        }
    };
    let asked = SocketAddr::new(source, port);
    let policy = policy.ok_or_else(|| Refusal::unusable(call, asked))?;
    let request = request(policy, port);
    match judge(policy, request) {
        Verdict::Deny(errno) => Err(Refusal::judged(call, policy, request, errno)),
        Verdict::Rewrite(assigned) => Ok(Some(assigned)),
        Verdict::Pass => Ok(None),
    }
}
