//! What is mapped in the memory of a process.

/// The file name of the library.
pub const LIBRARY: &[u8] = b"libipaddr.so";

/// A line of `/proc/PID/maps`, see proc_pid_maps(5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// The address of the first byte.
    pub start: u64,
    /// The address behind the last byte.
    pub end: u64,
    /// Whether the process may read and write there.
    pub is_writable: bool,
    /// The file that is mapped, ` (deleted)` behind the path of one that is removed; empty for an
    /// anonymous mapping.
    pub path: Vec<u8>,
}

impl Mapping {
    /// Whether it is of the library, even of one that has been replaced or removed since.
    #[must_use]
    pub fn is_of_library(&self) -> bool {
        let path = self.path.strip_suffix(b" (deleted)").unwrap_or(&self.path);
        path.rsplit(|&byte| byte == b'/').next() == Some(LIBRARY)
    }
}

/// The lines of `/proc/PID/maps`.
pub(super) fn parse(text: &[u8]) -> Vec<Mapping> {
    text.split(|&byte| byte == b'\n')
        .filter_map(parse_line)
        .collect()
}

fn parse_line(line: &[u8]) -> Option<Mapping> {
    let mut fields = line.splitn(6, |&byte| byte == b' ');
    let range = str::from_utf8(fields.next()?).ok()?;
    let (start, end) = range.split_once('-')?;
    let permissions = fields.next()?;
    Some(Mapping {
        start: u64::from_str_radix(start, 16).ok()?,
        end: u64::from_str_radix(end, 16).ok()?,
        is_writable: permissions.starts_with(b"rw"),
        path: fields.nth(3)?.trim_ascii_start().to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let text = b"\
7f01a000-7f01b000 rw-p 00002000 08:01 131 /usr/lib/my libs/libipaddr.so (deleted)\n\
7f01b000-7f01c000 r--p 00000000 00:00 0 \n";
        let [library, anonymous] = &parse(text)[..] else {
            panic!("two mappings");
        };
        assert_eq!((library.start, library.end), (0x7f01_a000, 0x7f01_b000));
        assert!(library.is_writable && library.is_of_library());
        assert!(!anonymous.is_writable && !anonymous.is_of_library());
        assert!(anonymous.path.is_empty());
    }

    #[test]
    fn names_that_are_not_the_librarys() {
        for path in ["/usr/lib/libipaddr.so.bak", "/usr/lib/xlibipaddr.so", ""] {
            let mapping = Mapping {
                start: 0,
                end: 0,
                is_writable: false,
                path: path.into(),
            };
            assert!(!mapping.is_of_library(), "{path}");
        }
    }
}
