//! The auxiliary vector of a process.

use nix::libc;

/// The part of `/proc/PID/auxv` that is needed, see getauxval(3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Auxiliary {
    /// `AT_BASE`: the address of the dynamic linker; 0 in a static program.
    pub base: u64,
    /// `AT_SECURE`: the program has more rights than its caller, and so the dynamic linker ignores
    /// `LD_PRELOAD`.
    pub secure: bool,
}

impl Auxiliary {
    /// Pairs of 64-bit numbers in the machine's byte order: the kind and its value.
    pub(super) fn parse(bytes: &[u8]) -> Self {
        let (numbers, _) = bytes.as_chunks::<8>();
        let (pairs, _) = numbers.as_chunks::<2>();
        let mut found = Self::default();
        for pair in pairs {
            match pair.map(u64::from_ne_bytes) {
                [libc::AT_BASE, value] => found.base = value,
                [libc::AT_SECURE, value] => found.secure = value != 0,
                _ => {}
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs() {
        let numbers = [libc::AT_PAGESZ, 4096, libc::AT_BASE, 0x7f00, 23, 1, 0, 0];
        let bytes: Vec<u8> = numbers.into_iter().flat_map(u64::to_ne_bytes).collect();
        let expected = Auxiliary {
            base: 0x7f00,
            secure: true,
        };
        assert_eq!(Auxiliary::parse(&bytes), expected);
        assert_eq!(Auxiliary::parse(&bytes[..15]), Auxiliary::default());
    }
}
