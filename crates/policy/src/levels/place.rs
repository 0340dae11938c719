//! Where a mistake or an assignment is written.

use super::files::LevelFile;
use crate::family::Family;
use crate::text::{Printable, Sink, Text};

/// Where a mistake or an assignment is written. `B` is bytes, borrowed or owned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place<B> {
    /// In a file.
    File(LevelFile<B>),
    /// The directory of this file, whichever it is.
    Directory(LevelFile<B>),
    /// In `$IPADDR_IPV4` or `$IPADDR_IPV6`.
    Variable(Family),
    /// In `$IPADDR_LATCH`: what the process had before execve(2).
    Latch,
    /// In `$IPADDR_REQUIRE`.
    Require,
}

impl<B> Place<B> {
    /// The same place, its bytes kept in another way.
    pub fn map<C>(self, keep: impl Fn(B) -> C) -> Place<C> {
        match self {
            Self::File(file) => Place::File(file.map(keep)),
            Self::Directory(file) => Place::Directory(file.map(keep)),
            Self::Variable(family) => Place::Variable(family),
            Self::Latch => Place::Latch,
            Self::Require => Place::Require,
        }
    }
}

impl<B: AsRef<[u8]>> Text for Place<B> {
    /// The path of the file or directory, or the name of the variable.
    fn write(&self, out: &mut impl Sink) {
        match self {
            Self::File(file) => file.write(out),
            Self::Directory(file) => {
                for part in file.directory() {
                    Printable(part).write(out);
                }
            }
            Self::Variable(Family::Ipv4) => "IPADDR_IPV4".write(out),
            Self::Variable(Family::Ipv6) => "IPADDR_IPV6".write(out),
            Self::Latch => "IPADDR_LATCH".write(out),
            Self::Require => "IPADDR_REQUIRE".write(out),
        }
    }
}
