//! What a process has latched, read in its memory: the library's data hold a mark, and behind it a
//! pointer and the library's version, see [`ipaddr_policy::latch::MARK`].

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use ipaddr_policy::latch::{MARK, VERSION_LEN, VERSION_NAME};

use crate::process::{Mapping, Process};

/// Whether a process has the library, and what it has latched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Library {
    /// It hasn't the library.
    NotLoaded,
    /// It has, and nothing is latched yet.
    Free,
    /// It has, and this is latched: what [`ipaddr_policy::latch::Latch`] writes.
    Latched(Vec<u8>),
    /// It has, and what is latched can't be told, for this reason.
    Hidden(String),
    /// Whether it has the library can't be told, for this reason.
    Unknown(String),
}

/// More than any latch, in bytes.
const MOST: usize = 256 << 10;

const PAGE: u64 = 4096;

/// Looks into a process; with the version of the library, if it has one and that says it.
pub fn look(process: Process) -> (Library, Option<String>) {
    let mappings = match process.mappings() {
        Ok(mappings) => mappings,
        Err(error) => return (Library::Unknown(format!("its maps: {error}")), None),
    };
    if mappings.is_empty() {
        let why = "it has no memory any more".to_owned();
        return (Library::Unknown(why), None);
    }
    if !mappings.iter().any(Mapping::is_of_library) {
        return (Library::NotLoaded, None);
    }
    match find(process, &mappings) {
        Ok(Some(Mark { text: 0, version })) => (Library::Free, version),
        Ok(Some(mark)) => match text(process, mark.text) {
            Ok(text) => (Library::Latched(text), mark.version),
            Err(error) => (
                Library::Hidden(format!("its memory: {error}")),
                mark.version,
            ),
        },
        Ok(None) => {
            let why = "no mark in its library, which may be an older one".to_owned();
            (Library::Hidden(why), None)
        }
        Err(error) => (Library::Hidden(format!("its memory: {error}")), None),
    }
}

/// What stands behind the mark.
struct Mark {
    /// The address of the latch's text, 0 if there is none.
    text: u64,
    /// An older library hasn't it.
    version: Option<String>,
}

impl Mark {
    fn read(behind: &[u8]) -> Option<Self> {
        let (pointer, rest) = behind.split_first_chunk()?;
        Some(Self {
            text: u64::from_ne_bytes(*pointer),
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

/// The mark, if there is one.
fn find(process: Process, mappings: &[Mapping]) -> io::Result<Option<Mark>> {
    let memory = File::open(process.path("mem"))?;
    let data = mappings
        .iter()
        .filter(|mapping| mapping.is_writable && mapping.is_of_library());
    for mapping in data {
        let mut bytes = vec![0; usize::try_from(mapping.end - mapping.start).unwrap_or(0)];
        memory.read_exact_at(&mut bytes, mapping.start)?;
        let found = bytes.chunks_exact(8).enumerate().find_map(|(at, _)| {
            let behind = bytes.get(8 * at..)?.strip_prefix(&MARK)?;
            Mark::read(behind)
        });
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// The bytes from `address` up to a NUL.
fn text(process: Process, mut address: u64) -> io::Result<Vec<u8>> {
    let memory = File::open(process.path("mem"))?;
    let mut text = Vec::new();
    while text.len() < MOST {
        // Up to a page's end: what is behind may not be mapped.
        let mut page = vec![0; usize::try_from(PAGE - address % PAGE).unwrap_or(0)];
        memory.read_exact_at(&mut page, address)?;
        address += page.len() as u64;
        if let Some(end) = page.iter().position(|&byte| byte == 0) {
            page.truncate(end);
            text.append(&mut page);
            return Ok(text);
        }
        text.append(&mut page);
    }
    Err(io::Error::other("the text of the latch has no end"))
}
