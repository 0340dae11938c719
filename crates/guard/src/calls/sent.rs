//! A datagram that the supervisor sends, because it has to be changed and another's memory isn't for
//! it to change.

use std::ffi::c_int;
use std::net::IpAddr;

use ipaddr_policy::errno::{EPERM, Errno};
use ipaddr_socket::cmsg::{self, Choice};
use ipaddr_socket::host::{Host, Level};
use ipaddr_socket::pktinfo::Sources;
use ipaddr_socket::sockaddr::Sockaddr;
use ipaddr_socket::socket::Socket;

use super::{Judge, Outcome};
use crate::notify::call::Call;
use crate::target::host::Caller;
use crate::target::socket::Duplicate;

/// A send as the rules see it.
pub type Named<'c, 'a> = ipaddr_socket::Call<'c, Duplicate<'a>, Caller<'c>>;

/// A copy of a message, judged.
pub struct Copied {
    /// Where to; a connected socket needs none.
    pub remote: Option<Sockaddr>,
    /// What.
    pub data: Vec<u8>,
    /// The control messages, as they were judged.
    pub control: Vec<u8>,
    /// What these choose.
    pub sources: Sources,
    /// The source that it has to be given.
    pub source: Option<IpAddr>,
}

impl Copied {
    /// The control messages that it is sent with.
    fn final_control(&self) -> Vec<u8> {
        let mut control = self.control.clone();
        match (self.sources, self.source) {
            (_, None) => {}
            // One of them says ::, with its last four bytes there: it becomes the source.
            (Sources::Wildcard(last), Some(IpAddr::V6(source))) => {
                let first = last.saturating_sub(12);
                if let Some(bytes) = control.get_mut(first..first + 16) {
                    bytes.copy_from_slice(&source.octets());
                }
            }
            (_, Some(source)) => {
                control.resize(control.len().next_multiple_of(size_of::<usize>()), 0);
                control.extend(Choice::new(source).bytes());
            }
        }
        control
    }
}

impl Judge<'_> {
    /// Sends it, and says how many bytes that was.
    ///
    /// # Errors
    /// Those of sendmsg(2); `EPERM` for what the program may not have sent by itself, and for streams.
    pub fn send_copied(
        &self,
        call: &Call,
        named: &Named<'_, '_>,
        copied: &Copied,
        flags: c_int,
    ) -> Result<u32, Outcome> {
        // Others are judged by the rights of whoever sends: SO_MARK, say.
        let is_ours = named.socket.is_datagram() && cmsg::has_only_sources(&copied.control);
        if !is_ours || flags & libc::MSG_ZEROCOPY != 0 {
            return Err(not_sent(named));
        }
        let control = copied.final_control();
        loop {
            self.check_still_waits(call)?;
            let remote = copied.remote.as_ref();
            match named.socket.send(remote, &copied.data, &control, flags) {
                Ok(sent) => return Ok(u32::try_from(sent).unwrap_or(u32::MAX)),
                Err(Errno(libc::EAGAIN)) if waits(named, flags) => {
                    if !self.may_wait {
                        return Err(Outcome::Later);
                    }
                    named.socket.wait_for_room();
                }
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}

fn waits(named: &Named<'_, '_>, flags: c_int) -> bool {
    flags & libc::MSG_DONTWAIT == 0 && !named.socket.is_nonblocking()
}

#[cold]
fn not_sent(named: &Named<'_, '_>) -> Outcome {
    if named.host.wants(Level::Error) {
        let number = named.socket.number().unsigned_abs();
        let why = ": EPERM, it has to be given a source, and has other control messages than that";
        named.host.log(&(named.name, " fd ", number, why));
    }
    Errno(EPERM).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copied(control: &[u8], sources: Sources, source: &str) -> Copied {
        Copied {
            remote: None,
            data: Vec::new(),
            control: control.to_vec(),
            sources,
            source: Some(source.parse().expect("an address")),
        }
    }

    fn chosen(control: &[u8]) -> Option<IpAddr> {
        let mut at = 0;
        let source = cmsg::next_source(control, &mut at)?;
        assert_eq!(cmsg::next_source(control, &mut at), None, "one source");
        Some(source.address)
    }

    #[test]
    fn a_message_gets_the_source() {
        for source in ["127.0.0.2", "fd00::2"] {
            let control = copied(&[], Sources::None, source).final_control();
            assert_eq!(chosen(&control), source.parse().ok());
            assert!(cmsg::has_only_sources(&control));
        }
    }

    #[test]
    fn one_that_leaves_it_to_the_socket_names_it() {
        let wildcard = Choice::new("::".parse().expect("an address"));
        let mut at = 0;
        let place = cmsg::next_source(wildcard.bytes(), &mut at).expect("a source");
        let sources = Sources::Wildcard(place.ipv4_at);
        let control = copied(wildcard.bytes(), sources, "fd00::2").final_control();
        assert_eq!(chosen(&control), "fd00::2".parse().ok());
    }

    #[test]
    fn other_control_messages_are_seen() {
        let mut control = Choice::new("127.0.0.2".parse().expect("an address"))
            .bytes()
            .to_vec();
        assert!(cmsg::has_only_sources(&control) && cmsg::has_only_sources(&[]));
        // Its type becomes IP_TTL's.
        control[12] = libc::IP_TTL as u8;
        assert!(!cmsg::has_only_sources(&control));
    }
}
