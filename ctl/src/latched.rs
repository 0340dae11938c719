//! What a process has latched, read in its memory: the library's data hold a mark and a pointer
//! behind it, see [`ipaddr_policy::latch::MARK`].

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use ipaddr_policy::latch::MARK;

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

impl Library {
    /// Looks into a process.
    pub fn of(process: Process) -> Self {
        let mappings = match process.mappings() {
            Ok(mappings) => mappings,
            Err(error) => return Self::Unknown(format!("its maps: {error}")),
        };
        if mappings.is_empty() {
            return Self::Unknown("it has no memory any more".to_owned());
        }
        if !mappings.iter().any(Mapping::is_of_library) {
            return Self::NotLoaded;
        }
        match find(process, &mappings) {
            Ok(Some(0)) => Self::Free,
            Ok(Some(address)) => match text(process, address) {
                Ok(text) => Self::Latched(text),
                Err(error) => Self::Hidden(format!("its memory: {error}")),
            },
            Ok(None) => {
                Self::Hidden("no mark in its library, which may be an older one".to_owned())
            }
            Err(error) => Self::Hidden(format!("its memory: {error}")),
        }
    }
}

/// What stands behind the mark, if there is one.
fn find(process: Process, mappings: &[Mapping]) -> io::Result<Option<u64>> {
    let memory = File::open(process.path("mem"))?;
    let data = mappings
        .iter()
        .filter(|mapping| mapping.is_writable && mapping.is_of_library());
    for mapping in data {
        let mut bytes = vec![0; usize::try_from(mapping.end - mapping.start).unwrap_or(0)];
        memory.read_exact_at(&mut bytes, mapping.start)?;
        let found = bytes.chunks_exact(8).enumerate().find_map(|(at, _)| {
            let behind = bytes.get(8 * at..)?.strip_prefix(&MARK)?;
            behind
                .first_chunk()
                .map(|pointer| u64::from_ne_bytes(*pointer))
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
