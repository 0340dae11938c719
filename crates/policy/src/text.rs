//! Messages, written piece by piece into whatever takes bytes.
//!
//! Not `core::fmt`: its dynamic calls keep the compiler from seeing that nothing behind them
//! panics, and the library may have no panic path. Tools get to `core::fmt` by [`Shown`].
//!
//! A message is a tuple of its pieces: `(path, ":", line, ": ", error)`.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What takes bytes; too many of them are its own affair.
pub trait Sink {
    /// Takes the next bytes.
    fn put(&mut self, bytes: &[u8]);
}

/// A decimal number without a sign; none if it is too large. Nothing at all is 0.
#[must_use]
pub fn decimal(text: &[u8]) -> Option<u64> {
    text.iter().try_fold(0_u64, |number, &byte| {
        let digit = byte.checked_sub(b'0').filter(|&digit| digit < 10)?;
        number.checked_mul(10)?.checked_add(digit.into())
    })
}

/// A buffer to write text into. What doesn't fit makes it too long, which [`Buffer::text`] notices.
#[derive(Debug)]
pub struct Buffer<'a> {
    bytes: &'a mut [u8],
    len: usize,
}

impl<'a> Buffer<'a> {
    /// An empty one.
    pub const fn new(bytes: &'a mut [u8]) -> Self {
        Self { bytes, len: 0 }
    }

    /// What was written; `None` if it didn't fit.
    #[must_use]
    pub fn text(self) -> Option<&'a mut [u8]> {
        self.bytes.get_mut(..self.len)
    }
}

impl Sink for Buffer<'_> {
    fn put(&mut self, bytes: &[u8]) {
        let end = self.len.saturating_add(bytes.len());
        if let Some(slot) = self.bytes.get_mut(self.len..end) {
            for (to, from) in slot.iter_mut().zip(bytes) {
                *to = *from;
            }
        }
        self.len = end;
    }
}

/// What can be written into a message.
pub trait Text {
    /// Writes it.
    fn write(&self, out: &mut impl Sink);
}

impl<T: Text + ?Sized> Text for &T {
    fn write(&self, out: &mut impl Sink) {
        (**self).write(out);
    }
}

impl Text for str {
    fn write(&self, out: &mut impl Sink) {
        out.put(self.as_bytes());
    }
}

impl Text for u32 {
    fn write(&self, out: &mut impl Sink) {
        let mut rest = *self;
        let mut divisor = 1_000_000_000;
        while divisor > 1 && rest < divisor {
            divisor /= 10;
        }
        while divisor > 0 {
            #[expect(clippy::cast_possible_truncation, reason = "one decimal digit")]
            out.put(&[b'0' + (rest / divisor) as u8]);
            rest %= divisor;
            divisor /= 10;
        }
    }
}

impl Text for Ipv4Addr {
    fn write(&self, out: &mut impl Sink) {
        let [a, b, c, d] = self.octets().map(u32::from);
        (a, ".", b, ".", c, ".", d).write(out);
    }
}

impl Text for Ipv6Addr {
    fn write(&self, out: &mut impl Sink) {
        if let Some(mapped) = self.to_ipv4_mapped() {
            return ("::ffff:", mapped).write(out);
        }
        let groups = self.segments();
        let gap = longest_zeros(&groups);
        let mut colon = false;
        for (index, group) in (0..).zip(groups) {
            if gap.contains(&index) {
                if index == gap.start {
                    out.put(b"::");
                }
                colon = false;
            } else {
                if colon {
                    out.put(b":");
                }
                Hex(group).write(out);
                colon = true;
            }
        }
    }
}

/// The first longest run of two or more zero groups, which `::` stands for (RFC 5952, section
/// 4.2); else an empty range.
fn longest_zeros(groups: &[u16; 8]) -> core::ops::Range<usize> {
    let mut longest = 0..0;
    let mut run = 0..0;
    for (index, group) in (0..).zip(groups) {
        if *group != 0 {
            run = index + 1..index + 1;
            continue;
        }
        run.end = index + 1;
        if run.len() > longest.len() {
            longest = run.clone();
        }
    }
    if longest.len() > 1 { longest } else { 0..0 }
}

/// A group of an IPv6 address.
struct Hex(u16);

impl Text for Hex {
    fn write(&self, out: &mut impl Sink) {
        let mut shift = 12;
        while shift > 0 && self.0 >> shift == 0 {
            shift -= 4;
        }
        loop {
            let digit = (self.0 >> shift & 0xf) as u8;
            let letter = if digit < 10 { b'0' } else { b'a' - 10 };
            out.put(&[letter + digit]);
            if shift == 0 {
                return;
            }
            shift -= 4;
        }
    }
}

impl Text for IpAddr {
    fn write(&self, out: &mut impl Sink) {
        match self {
            Self::V4(address) => address.write(out),
            Self::V6(address) => address.write(out),
        }
    }
}

impl Text for SocketAddr {
    fn write(&self, out: &mut impl Sink) {
        let port = u32::from(self.port());
        match self.ip() {
            IpAddr::V4(address) => (address, ":", port).write(out),
            IpAddr::V6(address) => ("[", address, "]:", port).write(out),
        }
    }
}

/// Text that came from a file or a variable, with what could confuse a terminal as `?`.
#[derive(Clone, Copy)]
pub struct Printable<'a>(pub &'a [u8]);

impl Text for Printable<'_> {
    fn write(&self, out: &mut impl Sink) {
        for &byte in self.0 {
            let printable = byte == b' ' || byte.is_ascii_graphic();
            out.put(&[if printable { byte } else { b'?' }]);
        }
    }
}

macro_rules! tuples_are_text {
    ($(($($piece:ident)+))+) => {$(
        impl<$($piece: Text),+> Text for ($($piece,)+) {
            fn write(&self, out: &mut impl Sink) {
                #[expect(non_snake_case, reason = "a piece has the name of its type")]
                let ($($piece,)+) = self;
                $($piece.write(out);)+
            }
        }
    )+};
}

tuples_are_text! {
    (A B)
    (A B C)
    (A B C D)
    (A B C D E)
    (A B C D E F)
    (A B C D E F G)
    (A B C D E F G H)
    (A B C D E F G H I)
}

/// Any [`Text`] for `core::fmt`.
#[derive(Clone, Copy, Debug)]
pub struct Shown<T>(pub T);

impl<T: Text> fmt::Display for Shown<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Formatted(f, Ok(()));
        self.0.write(&mut out);
        out.1
    }
}

struct Formatted<'a, 'b>(&'a mut fmt::Formatter<'b>, fmt::Result);

impl Sink for Formatted<'_, '_> {
    fn put(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            // Every piece is ASCII but for what a message itself says, and that is too.
            self.1 = self
                .1
                .and_then(|()| fmt::Write::write_char(self.0, byte as char));
        }
    }
}

/// Makes errors of types that are [`Text`]: `Display` shows what that writes, so that a message is put
/// into words once. The type has its generic parameters in brackets before it.
macro_rules! text_is_error {
    ([$($generics:tt)*] $error:ty) => {
        impl<$($generics)*> core::fmt::Display for $error {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                core::fmt::Display::fmt(&$crate::text::Shown(self), f)
            }
        }

        impl<$($generics)*> core::error::Error for $error {}
    };
}

pub(crate) use text_is_error;
