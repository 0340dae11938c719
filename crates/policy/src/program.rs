//! Whether a preloaded library reaches what execve(2) makes of a file, as far as the file tells.
//!
//! The dynamic linker loads the library, so a program without one is not reached, nor one that the
//! kernel starts with `AT_SECURE`, for which the linker ignores `LD_PRELOAD`. A Go program is reached
//! in vain: its runtime makes system calls without libc, also where cgo has it linked dynamically.

use core::ffi::CStr;

use crate::text::{Sink, Text};

/// How much of a file the kernel reads to tell what it is: `BINPRM_BUF_SIZE` of
/// include/uapi/linux/binfmts.h.
pub const HEAD: usize = 256;

/// The beginning of a file, and a NUL behind the name of its interpreter.
pub type Head = [u8; HEAD + 1];

/// How many interpreters in a row the kernel follows (`exec_binprm` of fs/exec.c).
pub const INTERPRETERS: usize = 5;

/// The bytes of a file, read where they are needed.
pub trait Contents {
    /// Fills `buffer` from `offset` on, in bytes, and returns how many there were; fewer than
    /// `buffer` takes only at the end of the file, or where it can't be read.
    fn read(&mut self, offset: u64, buffer: &mut [u8]) -> usize;
}

/// What a file is that has nothing against being covered in itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program<'a> {
    /// A program with a dynamic linker, or a dynamic linker.
    Dynamic,
    /// A script, which is covered if its interpreter is.
    Script(&'a CStr),
}

/// Why a file isn't covered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The kernel can't execute it by itself.
    Unknown,
    /// A script that names no interpreter, or one whose name is cut off at [`HEAD`] bytes.
    NoInterpreter,
    /// An ELF file that ends before its headers do.
    CutShort,
    /// An ELF file of another class, byte order or machine.
    OtherMachine,
    /// A program without a dynamic linker, static-pie ones too.
    Static,
    /// A Go program.
    Go,
    /// Set-user-ID or set-group-ID.
    SetId,
    /// It has file capabilities, see capabilities(7).
    Capabilities,
    /// The process that executes it has other effective than real IDs.
    EffectiveIds,
    /// More than [`INTERPRETERS`] scripts in a row.
    TooManyInterpreters,
    /// It can be executed, but not read.
    Unreadable,
}

impl Reason {
    /// Whether the kernel executes such a file all the same.
    #[must_use]
    pub const fn is_executed(self) -> bool {
        !matches!(
            self,
            Self::Unknown | Self::NoInterpreter | Self::CutShort | Self::TooManyInterpreters
        )
    }
}

impl Text for Reason {
    fn write(&self, out: &mut impl Sink) {
        match self {
            Self::Unknown => "it is neither an ELF program nor a script with a #! line",
            Self::NoInterpreter => "its #! line names nothing",
            Self::CutShort => "its ELF header is cut short",
            Self::OtherMachine => "it is for another machine than the library",
            Self::Static => "it is statically linked",
            Self::Go => "it is a Go program, whose runtime makes system calls without libc",
            Self::SetId => "it is set-uid or set-gid",
            Self::Capabilities => "it has file capabilities",
            Self::EffectiveIds => {
                "the effective user or group of who executes it is not the real one"
            }
            Self::TooManyInterpreters => "there are too many interpreters in a row",
            Self::Unreadable => "it may not be read, so nobody can tell whether it is covered",
        }
        .write(out);
    }
}

/// Looks into a file.
///
/// # Errors
/// Why it isn't covered.
pub fn inspect<'a>(file: &mut impl Contents, head: &'a mut Head) -> Result<Program<'a>, Reason> {
    let (buffer, _) = head.split_at_mut(HEAD);
    let len = file.read(0, buffer);
    // What an earlier file has left there.
    head.iter_mut().skip(len).for_each(|byte| *byte = 0);
    if head.starts_with(b"#!") {
        return interpreter(head).map(Program::Script);
    }
    if !head.starts_with(b"\x7fELF") {
        return Err(Reason::Unknown);
    }
    Elf::read(head, len)?.inspect(file)?;
    Ok(Program::Dynamic)
}

/// As `load_script` of fs/binfmt_script.c.
fn interpreter(head: &mut Head) -> Result<&CStr, Reason> {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = 2 + head
        .iter()
        .skip(2)
        .take_while(|byte| is_space(byte))
        .count();
    let name = head.get(start..HEAD).unwrap_or_default();
    let ends = |byte: &u8| is_space(byte) || matches!(byte, b'\n' | 0);
    let len = name.iter().position(ends).ok_or(Reason::NoInterpreter)?;
    *head.get_mut(start + len).ok_or(Reason::NoInterpreter)? = 0;
    let name = head.get(start..).unwrap_or_default();
    match CStr::from_bytes_until_nul(name) {
        Ok(name) if !name.is_empty() => Ok(name),
        _ => Err(Reason::NoInterpreter),
    }
}

/// Of the ELF header, see elf(5).
struct Elf {
    is_shared: bool,
    /// `e_phoff` and `e_phnum`.
    segments: (u64, u16),
    /// Where the section header of the sections' names is.
    names: Option<u64>,
}

#[cfg(target_arch = "x86_64")]
const MACHINE: u16 = 62;
#[cfg(target_arch = "aarch64")]
const MACHINE: u16 = 183;

const HEADER_LEN: usize = 64;
const SEGMENT_LEN: usize = 56;
const SECTION_LEN: u16 = 64;
const ET_DYN: u16 = 3;
const PT_DYNAMIC: u32 = 2;
const PT_INTERP: u32 = 3;
const PT_NOTE: u32 = 4;

/// Of a program header, in bytes.
struct Segment {
    kind: u32,
    offset: u64,
    len: u64,
}

/// What the program headers tell.
#[derive(Default)]
struct Found {
    has_interpreter: bool,
    is_go: bool,
    dynamic: Option<(u64, u64)>,
}

/// How much of a table is read at once, in bytes: a multiple of an entry's size, and little, for
/// the stack may be a signal handler's.
const CHUNK: usize = 18 * SEGMENT_LEN;

/// More than the names of all sections take, in bytes.
const NAMES_MOST: u64 = 256 << 10;

impl Elf {
    fn read(head: &Head, len: usize) -> Result<Self, Reason> {
        if len < HEADER_LEN {
            return Err(Reason::CutShort);
        }
        // ELFCLASS64, ELFDATA2LSB.
        if head.get(4..6) != Some(&[2, 1]) || half(head, 18) != MACHINE {
            return Err(Reason::OtherMachine);
        }
        // The kernel refuses another size of a program header; of a section header nobody makes one.
        if usize::from(half(head, 54)) != SEGMENT_LEN {
            return Err(Reason::Unknown);
        }
        let sections = (half(head, 58) == SECTION_LEN).then_some(long(head, 40));
        let index = u64::from(half(head, 62));
        Ok(Self {
            is_shared: half(head, 16) == ET_DYN,
            segments: (long(head, 32), half(head, 56)),
            names: sections
                .filter(|&offset| offset != 0)
                .and_then(|offset| offset.checked_add(index * u64::from(SECTION_LEN))),
        })
    }

    fn inspect(&self, file: &mut impl Contents) -> Result<(), Reason> {
        let found = self.segments(file)?;
        let is_linker = |(offset, len)| is_dynamic_linker(file, offset, len);
        if !found.has_interpreter {
            let is_linker = self.is_shared && found.dynamic.is_some_and(is_linker);
            return if is_linker {
                Ok(())
            } else {
                Err(Reason::Static)
            };
        }
        if found.is_go || self.has_section_of_go(file) {
            return Err(Reason::Go);
        }
        Ok(())
    }

    fn segments(&self, file: &mut impl Contents) -> Result<Found, Reason> {
        let mut found = Found::default();
        let (offset, count) = self.segments;
        let len = u64::from(count) * SEGMENT_LEN as u64;
        each_entry::<SEGMENT_LEN, _>(file, offset, len, |file, entry| {
            let segment = Segment {
                kind: word(entry, 0),
                offset: long(entry, 8),
                len: long(entry, 32),
            };
            match segment.kind {
                PT_INTERP => found.has_interpreter = true,
                PT_DYNAMIC => found.dynamic = Some((segment.offset, segment.len)),
                PT_NOTE => found.is_go |= has_note_of_go(file, segment.offset, segment.len),
                _ => {}
            }
            true
        })
        .map_err(|CutShort| Reason::CutShort)?;
        Ok(found)
    }

    /// Whether there is a section that the Go linker makes in every program. (It also makes a note,
    /// which `-ldflags=-buildid=` leaves out.)
    fn has_section_of_go(&self, file: &mut impl Contents) -> bool {
        const NAME: &[u8] = b"\0.go.buildinfo\0";
        let mut header = [0; SECTION_LEN as usize];
        let Some(at) = self.names else {
            return false;
        };
        if file.read(at, &mut header) < header.len() {
            return false;
        }
        let (mut offset, mut rest) = (long(&header, 24), long(&header, 32).min(NAMES_MOST));
        let mut buffer = [0; CHUNK];
        while rest >= NAME.len() as u64 {
            let len = rest.min(CHUNK as u64);
            let buffer = buffer.get_mut(..len as usize).unwrap_or_default();
            let read = file.read(offset, buffer);
            let names = buffer.get(..read).unwrap_or_default();
            if names.windows(NAME.len()).any(|name| name == NAME) {
                return true;
            }
            if read < buffer.len() || rest <= CHUNK as u64 {
                return false;
            }
            // The name may lie across the end of this chunk.
            let done = (CHUNK - NAME.len()) as u64;
            rest -= done;
            let Some(next) = offset.checked_add(done) else {
                return false;
            };
            offset = next;
        }
        false
    }
}

/// Whether a shared object without `PT_INTERP` is one of the libraries that can be executed, which
/// are the dynamic linkers, and no static-pie program: it exports symbols and isn't marked as a
/// program.
fn is_dynamic_linker(file: &mut impl Contents, offset: u64, len: u64) -> bool {
    const DT_HASH: u64 = 4;
    const DT_GNU_HASH: u64 = 0x6fff_fef5;
    const DT_FLAGS_1: u64 = 0x6fff_fffb;
    const DF_1_PIE: u64 = 0x0800_0000;
    let mut has_symbols = false;
    let mut is_program = false;
    let read = each_entry::<16, _>(file, offset, len, |_, entry| {
        match long(entry, 0) {
            0 => return false,
            DT_HASH | DT_GNU_HASH => has_symbols = true,
            DT_FLAGS_1 => is_program = long(entry, 8) & DF_1_PIE != 0,
            _ => {}
        }
        true
    });
    read.is_ok() && has_symbols && !is_program
}

/// Whether a segment of notes has the build ID of the Go linker.
fn has_note_of_go(file: &mut impl Contents, offset: u64, len: u64) -> bool {
    const NT_GO_BUILD_ID: u32 = 4;
    let mut buffer = [0; CHUNK];
    let len = len.min(CHUNK as u64) as usize;
    let buffer = buffer.get_mut(..len).unwrap_or_default();
    let read = file.read(offset, buffer);
    let mut rest = buffer.get(..read).unwrap_or_default();
    // A name and a description, each padded to four bytes, behind their sizes and the type.
    while let Some((header, behind)) = rest.split_at_checked(12) {
        let padded = |at| (word(header, at) as usize).checked_next_multiple_of(4);
        let (Some(name_len), Some(description_len)) = (padded(0), padded(4)) else {
            return false;
        };
        let Some((name, behind)) = behind.split_at_checked(name_len) else {
            return false;
        };
        if name == b"Go\0\0" && word(header, 8) == NT_GO_BUILD_ID {
            return true;
        }
        rest = behind.get(description_len..).unwrap_or_default();
    }
    false
}

/// A table ends before its entries do.
struct CutShort;

/// Calls `each` with every entry of a table of `len` bytes, until it returns false.
fn each_entry<const LEN: usize, C: Contents>(
    file: &mut C,
    mut offset: u64,
    len: u64,
    mut each: impl FnMut(&mut C, &[u8]) -> bool,
) -> Result<(), CutShort> {
    let mut buffer = [0; CHUNK];
    let chunk = CHUNK - CHUNK % LEN;
    let mut rest = len - len % LEN as u64;
    while rest > 0 {
        let len = rest.min(chunk as u64) as usize;
        let buffer = buffer.get_mut(..len).unwrap_or_default();
        if file.read(offset, buffer) < len {
            return Err(CutShort);
        }
        for entry in buffer.chunks_exact(LEN) {
            if !each(file, entry) {
                return Ok(());
            }
        }
        rest -= len as u64;
        offset = offset.checked_add(len as u64).ok_or(CutShort)?;
    }
    Ok(())
}

/// A number of two, four or eight bytes at an offset; 0 where there are no such bytes.
fn half(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(number(bytes, at))
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(number(bytes, at))
}

fn long(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(number(bytes, at))
}

fn number<const LEN: usize>(bytes: &[u8], at: usize) -> [u8; LEN] {
    let bytes = bytes.get(at..).and_then(<[u8]>::first_chunk);
    bytes.copied().unwrap_or([0; LEN])
}

/// By which the kernel tells whether a program gains privileges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// `st_mode`
    pub mode: u32,
    /// `st_uid`
    pub owner: u32,
    /// `st_gid`
    pub group: u32,
    /// Whether there is an attribute `security.capability`.
    pub has_capabilities: bool,
    /// Whether the file system is mounted with nosuid: neither the set-ID bits nor the capabilities
    /// have an effect.
    pub is_on_nosuid: bool,
    /// Whether the process has set `PR_SET_NO_NEW_PRIVS`: the set-ID bits have none.
    pub has_no_new_privileges: bool,
}

/// The IDs of the process that executes a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ids {
    /// getuid(2)
    pub user: u32,
    /// geteuid(2)
    pub effective_user: u32,
    /// getgid(2)
    pub group: u32,
    /// getegid(2)
    pub effective_group: u32,
}

impl Attributes {
    /// Whether it has what may make the kernel set `AT_SECURE`.
    #[must_use]
    pub const fn may_gain(&self) -> bool {
        const S_ISUID: u32 = 0o4000;
        const S_ISGID: u32 = 0o2000;
        self.has_capabilities || self.mode & (S_ISUID | S_ISGID) != 0
    }

    /// Whether the program is started with `AT_SECURE`, as `bprm_creds_from_file` of fs/exec.c and
    /// `cap_bprm_creds_from_file` of security/commoncap.c decide; security modules may set it for
    /// more.
    ///
    /// # Errors
    /// It is, for this reason.
    pub const fn judge(&self, ids: &Ids) -> Result<(), Reason> {
        const S_ISUID: u32 = 0o4000;
        const SET_GID: u32 = 0o2010;
        let bits = !self.is_on_nosuid && !self.has_no_new_privileges;
        // The group is taken on only where it may execute the file.
        let sets_user = bits && self.mode & S_ISUID != 0;
        let sets_group = bits && self.mode & SET_GID == SET_GID;
        if (sets_user && self.owner != ids.user) || (sets_group && self.group != ids.group) {
            return Err(Reason::SetId);
        }
        if (!sets_user && ids.effective_user != ids.user)
            || (!sets_group && ids.effective_group != ids.group)
        {
            return Err(Reason::EffectiveIds);
        }
        // Root has them all anyway.
        if self.has_capabilities && !self.is_on_nosuid && ids.user != 0 {
            return Err(Reason::Capabilities);
        }
        Ok(())
    }
}
