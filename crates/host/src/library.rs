//! Whether a process has the library, and what it has latched.
//!
//! Both are read from the process's memory: the library's data contain a mark, and behind it a
//! pointer and the library's version, see [`ipaddr_policy::mark`].

use std::error::Error;
use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use ipaddr_policy::mark::{MARK, VERSION_LEN, VERSION_NAME};

use crate::error::Unreadable;
use crate::process::Process;
use crate::process::mappings::Mapping;

/// Whether a process has the library, and what it has latched.
#[derive(Debug)]
pub enum Library {
    /// It doesn't have the library.
    NotLoaded,
    /// It has, and nothing is latched yet.
    Free,
    /// It has, and this is latched: what [`ipaddr_policy::latch::Latch`] writes.
    Latched(Vec<u8>),
    /// It has, and what is latched is unknown.
    Hidden(Obstacle),
    /// Whether it has the library is unknown.
    Unknown(Obstacle),
}

/// Why something about a process is unknown.
#[derive(Debug)]
pub enum Obstacle {
    /// Its mappings can't be read: `EACCES` for another user's process.
    Maps(Unreadable),
    /// It has no memory any more: it is ending.
    NoMemory,
    /// Its library has no mark.
    NoMark,
    /// Its memory can't be read: `EACCES` for another user's process.
    Memory(Unreadable),
    /// Its descriptors can't be read: `EACCES` for another user's process.
    Descriptors(Unreadable),
    /// The text of its latch doesn't end where any latch has ended.
    EndlessLatch,
}

impl Obstacle {
    /// Whether the caller may not see it: root may.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        match self {
            Self::Maps(Unreadable { error, .. })
            | Self::Memory(Unreadable { error, .. })
            | Self::Descriptors(Unreadable { error, .. }) => {
                error.kind() == io::ErrorKind::PermissionDenied
            }
            Self::NoMemory | Self::NoMark | Self::EndlessLatch => false,
        }
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Maps(Unreadable { error, .. }) => write!(f, "its maps: {error}"),
            Self::NoMemory => f.write_str("it has no memory any more"),
            Self::NoMark => f.write_str("no mark in its library, which may be an older one"),
            Self::Memory(Unreadable { error, .. }) => write!(f, "its memory: {error}"),
            Self::Descriptors(Unreadable { error, .. }) => write!(f, "its descriptors: {error}"),
            Self::EndlessLatch => f.write_str("its memory: the text of the latch has no end"),
        }
    }
}

impl Error for Obstacle {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Maps(unreadable) | Self::Memory(unreadable) | Self::Descriptors(unreadable) => {
                unreadable.source()
            }
            Self::NoMemory | Self::NoMark | Self::EndlessLatch => None,
        }
    }
}

/// What was found in a process.
#[derive(Debug)]
pub struct Inspection {
    /// The library, and the latch.
    pub library: Library,
    /// The library's version, where it is loaded and says one: `1.2.3`.
    pub version: Option<String>,
}

impl From<Library> for Inspection {
    fn from(library: Library) -> Self {
        Self {
            library,
            version: None,
        }
    }
}

/// More than any latch, in bytes.
const MAX_LATCH: usize = 256 << 10;

/// A page is no smaller, in bytes.
const PAGE: u64 = 4096;

/// Searches a process for the library.
#[must_use]
pub fn inspect(process: Process) -> Inspection {
    let mappings = match process.mappings() {
        Ok(mappings) => mappings,
        Err(unreadable) => return Library::Unknown(Obstacle::Maps(unreadable)).into(),
    };
    if mappings.is_empty() {
        return Library::Unknown(Obstacle::NoMemory).into();
    }
    if !mappings.iter().any(Mapping::is_of_library) {
        return Library::NotLoaded.into();
    }
    inspect_mark(process, &mappings, Mapping::is_of_library)
}

/// Reads what a process has latched by the mark in the data of a file, which is in its memory.
pub(crate) fn inspect_mark(
    process: Process,
    mappings: &[Mapping],
    is_of_file: impl Fn(&Mapping) -> bool,
) -> Inspection {
    match try_mark(process, mappings, is_of_file) {
        Ok(inspection) => inspection,
        Err(obstacle) => Library::Hidden(obstacle).into(),
    }
}

fn try_mark(
    process: Process,
    mappings: &[Mapping],
    is_of_file: impl Fn(&Mapping) -> bool,
) -> Result<Inspection, Obstacle> {
    let memory = Memory::open(process)?;
    let Mark { latch, version } = find_mark(&memory, mappings, is_of_file)?;
    let library = match latch {
        0 => Library::Free,
        address => memory
            .text(address)
            .map_or_else(Library::Hidden, Library::Latched),
    };
    Ok(Inspection { library, version })
}

/// What is behind the mark.
#[derive(Debug, PartialEq, Eq)]
struct Mark {
    /// The address of the latch's text, 0 if there is none.
    latch: u64,
    /// `None` for an older library, which has no version.
    version: Option<String>,
}

impl Mark {
    /// Finds it in the library's data, where the mark is aligned like a pointer.
    fn find(data: &[u8]) -> Option<Self> {
        let (words, _) = data.as_chunks::<8>();
        (0..words.len()).find_map(|word| {
            let behind = data.get(8 * word..)?.strip_prefix(&MARK)?;
            Self::parse(behind)
        })
    }

    fn parse(behind: &[u8]) -> Option<Self> {
        let (pointer, rest) = behind.split_first_chunk()?;
        Some(Self {
            latch: u64::from_ne_bytes(*pointer),
            version: rest.get(..VERSION_LEN).and_then(version),
        })
    }
}

/// `1.2.3` of `libipaddr 1.2.3` and at least one NUL.
fn version(bytes: &[u8]) -> Option<String> {
    let text = bytes.strip_prefix(VERSION_NAME.as_bytes())?;
    let end = text.iter().position(|&byte| byte == 0)?;
    let text = str::from_utf8(text.get(..end)?).ok()?;
    Some(text.escape_debug().to_string())
}

fn find_mark(
    memory: &Memory,
    mappings: &[Mapping],
    is_of_file: impl Fn(&Mapping) -> bool,
) -> Result<Mark, Obstacle> {
    let data = mappings
        .iter()
        .filter(|mapping| mapping.is_writable && is_of_file(mapping));
    for mapping in data {
        let length = usize::try_from(mapping.end - mapping.start).unwrap_or(0);
        if let Some(mark) = Mark::find(&memory.read(mapping.start, length)?) {
            return Ok(mark);
        }
    }
    Err(Obstacle::NoMark)
}

/// The memory of a process.
struct Memory {
    process: Process,
    file: File,
}

impl Memory {
    fn open(process: Process) -> Result<Self, Obstacle> {
        let path = process.path("mem");
        let opened = File::open(&path).map_err(Unreadable::at(path));
        let file = opened.map_err(Obstacle::Memory)?;
        Ok(Self { process, file })
    }

    fn read(&self, address: u64, length: usize) -> Result<Vec<u8>, Obstacle> {
        let mut bytes = vec![0; length];
        let read = self.file.read_exact_at(&mut bytes, address);
        read.map_err(Unreadable::at(self.process.path("mem")))
            .map_err(Obstacle::Memory)?;
        Ok(bytes)
    }

    /// The bytes from `address` up to a NUL.
    fn text(&self, mut address: u64) -> Result<Vec<u8>, Obstacle> {
        let mut text = Vec::new();
        while text.len() < MAX_LATCH {
            // Up to a page's end: what is behind may not be mapped.
            let length = usize::try_from(PAGE - address % PAGE).unwrap_or(0);
            let mut page = self.read(address, length)?;
            address += page.len() as u64;
            let end = page.iter().position(|&byte| byte == 0);
            page.truncate(end.unwrap_or(page.len()));
            text.append(&mut page);
            if end.is_some() {
                return Ok(text);
            }
        }
        Err(Obstacle::EndlessLatch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The mark, the pointer, and what is behind it.
    fn data(before: usize, pointer: u64, version: &[u8]) -> Vec<u8> {
        let mut data = vec![0; before];
        data.extend(MARK);
        data.extend(pointer.to_ne_bytes());
        data.extend(version);
        data.resize(data.len() + VERSION_LEN, 0);
        data
    }

    #[test]
    fn the_mark_in_the_librarys_data() {
        let version = format!("{VERSION_NAME}1.2.3");
        let mark = Mark::find(&data(16, 0x7f00, version.as_bytes())).expect("it is there");
        assert_eq!(mark.latch, 0x7f00);
        assert_eq!(mark.version.as_deref(), Some("1.2.3"));
        let older = Mark::find(&data(0, 0, b"")).expect("it is there");
        assert_eq!((older.latch, older.version), (0, None));
        assert_eq!(Mark::find(&[0; 64]), None);
    }

    #[test]
    fn a_process_without_the_library() {
        let Inspection { library, version } = inspect(Process::current());
        assert!(matches!(library, Library::NotLoaded), "{library:?}");
        assert_eq!(version, None);
    }

    #[test]
    fn a_process_that_is_not_there() {
        let library = inspect(Process { pid: u32::MAX }).library;
        let Library::Unknown(obstacle) = library else {
            panic!("{library:?}");
        };
        let expected = "its maps: No such file or directory (os error 2)";
        assert_eq!(obstacle.to_string(), expected);
    }

    #[test]
    fn text_in_memory_up_to_its_nul() {
        let mut bytes = vec![b'a'; 10_000];
        bytes.push(0);
        let memory = Memory::open(Process::current()).expect("it is ours");
        let text = memory.text(bytes.as_ptr().addr() as u64).expect("it ends");
        assert_eq!(text, &bytes[..10_000]);
    }
}
