//! What an executable file is, and who gains privileges by it.

use ipaddr_policy::program::{Attributes, Contents, HEAD, Head, Ids, Program, Reason, inspect};
use proptest::prelude::*;

struct Bytes(Vec<u8>);

impl Contents for Bytes {
    fn read(&mut self, offset: u64, buffer: &mut [u8]) -> usize {
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let there = self.0.get(from..).unwrap_or_default();
        let count = there.len().min(buffer.len());
        buffer[..count].copy_from_slice(&there[..count]);
        count
    }
}

/// What is said of a file; of a script, its interpreter.
fn said(bytes: &[u8]) -> Result<Option<String>, Reason> {
    let mut head: Head = [0xff; HEAD + 1];
    inspect(&mut Bytes(bytes.to_vec()), &mut head).map(|program| match program {
        Program::Dynamic => None,
        Program::Script(name) => Some(name.to_str().expect("UTF-8").to_owned()),
    })
}

#[test]
fn interpreters_as_the_kernel_reads_them() {
    for (script, interpreter) in [
        ("#!/bin/sh\necho", "/bin/sh"),
        ("#! \t/bin/sh -e\n", "/bin/sh"),
        ("#!/usr/bin/env\tpython3 -u\n", "/usr/bin/env"),
        ("#!sh", "sh"),
    ] {
        assert_eq!(said(script.as_bytes()), Ok(Some(interpreter.to_owned())));
    }
    let longest = format!("#!/{}", "a".repeat(HEAD - 4));
    for script in [
        "#!",
        "#!  \n/bin/sh",
        &format!("{longest}aa"),
        &format!("{longest}a"),
    ] {
        assert_eq!(
            said(script.as_bytes()),
            Err(Reason::NoInterpreter),
            "{script}"
        );
    }
    assert_eq!(
        said(format!("{longest}\n").as_bytes()),
        Ok(Some(longest[2..].to_owned()))
    );
    for other in ["", "#", "text", "MZ", " #!/bin/sh\n"] {
        assert_eq!(said(other.as_bytes()), Err(Reason::Unknown), "{other}");
    }
}

const EM: u16 = if cfg!(target_arch = "x86_64") {
    62
} else {
    183
};
const PT_DYNAMIC: u32 = 2;
const PT_INTERP: u32 = 3;
const PT_NOTE: u32 = 4;

/// An ELF file: its program headers with what is in the segments, and the names of its sections.
struct File {
    kind: u16,
    segments: Vec<(u32, Vec<u8>)>,
    sections: Vec<u8>,
}

impl File {
    fn dynamic() -> Self {
        Self {
            kind: 3,
            segments: vec![(6, vec![]), (PT_INTERP, b"/lib64/ld.so\0".to_vec())],
            sections: b"\0.interp\0.text\0.shstrtab\0".to_vec(),
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut out = b"\x7fELF\x02\x01\x01".to_vec();
        out.resize(64, 0);
        let mut put = |at: usize, bytes: &[u8]| out[at..][..bytes.len()].copy_from_slice(bytes);
        put(16, &self.kind.to_le_bytes());
        put(18, &EM.to_le_bytes());
        put(32, &64_u64.to_le_bytes());
        put(54, &56_u16.to_le_bytes());
        put(56, &(self.segments.len() as u16).to_le_bytes());
        let mut offset = 64 + 56 * self.segments.len();
        let mut behind: Vec<u8> = Vec::new();
        for (kind, bytes) in &self.segments {
            let mut header = vec![0; 56];
            header[..4].copy_from_slice(&kind.to_le_bytes());
            header[8..16].copy_from_slice(&(offset as u64).to_le_bytes());
            header[32..40].copy_from_slice(&(bytes.len() as u64).to_le_bytes());
            out.extend(header);
            behind.extend(bytes);
            offset += bytes.len();
        }
        out.extend(behind);
        let names = out.len() as u64;
        out.extend(&self.sections);
        // Two section headers: none, and that of the names.
        let headers = out.len() as u64;
        let mut header = vec![0; 128];
        header[64 + 24..][..8].copy_from_slice(&names.to_le_bytes());
        header[64 + 32..][..8].copy_from_slice(&(self.sections.len() as u64).to_le_bytes());
        out.extend(header);
        out[40..48].copy_from_slice(&headers.to_le_bytes());
        out[58..60].copy_from_slice(&64_u16.to_le_bytes());
        out[62..64].copy_from_slice(&1_u16.to_le_bytes());
        out
    }

    fn said(&self) -> Result<Option<String>, Reason> {
        said(&self.bytes())
    }
}

fn tags(tags: &[(u64, u64)]) -> Vec<u8> {
    let pairs = tags.iter().flat_map(|&(tag, value)| [tag, value]);
    pairs.flat_map(u64::to_le_bytes).collect()
}

#[test]
fn dynamic_and_static_programs() {
    assert_eq!(File::dynamic().said(), Ok(None));
    let mut file = File::dynamic();
    file.segments.truncate(1);
    assert_eq!(file.said(), Err(Reason::Static));
    // The linker is found behind many others, too.
    file.segments.resize(70, (1, vec![]));
    file.segments.push((PT_INTERP, b"/lib64/ld.so\0".to_vec()));
    assert_eq!(file.said(), Ok(None));
}

#[test]
fn a_dynamic_linker_is_no_static_pie() {
    const HASH: (u64, u64) = (0x6fff_fef5, 0x100);
    const END: (u64, u64) = (0, 0);
    for (dynamic, expected) in [
        (tags(&[HASH, (0x6fff_fffb, 1), END]), Ok(None)),
        (tags(&[(4, 0x100), END]), Ok(None)),
        (
            tags(&[HASH, (0x6fff_fffb, 0x0800_0001), END]),
            Err(Reason::Static),
        ),
        (tags(&[(5, 0x100), END, HASH]), Err(Reason::Static)),
        (vec![], Err(Reason::Static)),
    ] {
        let mut file = File {
            kind: 3,
            segments: vec![(PT_DYNAMIC, dynamic)],
            sections: vec![0],
        };
        assert_eq!(file.said(), expected);
        file.kind = 2;
        assert_eq!(file.said(), Err(Reason::Static));
    }
}

fn note(name: &[u8], kind: u32, description: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for number in [name.len() as u32, description.len() as u32, kind] {
        out.extend(number.to_le_bytes());
    }
    for part in [name, description] {
        out.extend(part);
        out.resize(out.len().next_multiple_of(4), 0);
    }
    out
}

#[test]
fn go_programs() {
    let gnu = note(b"GNU\0", 3, &[7; 20]);
    let go = note(b"Go\0\0", 4, b"abc/def");
    for (notes, expected) in [
        (go.clone(), Err(Reason::Go)),
        ([gnu.clone(), go.clone()].concat(), Err(Reason::Go)),
        (gnu.clone(), Ok(None)),
        (note(b"Go\0\0", 1, b""), Ok(None)),
        (go[..12].to_vec(), Ok(None)),
        (vec![0xff; 40], Ok(None)),
    ] {
        let mut file = File::dynamic();
        file.segments.push((PT_NOTE, notes));
        assert_eq!(file.said(), expected);
    }
    for (sections, expected) in [
        (b"\0.text\0.go.buildinfo\0.data\0".to_vec(), Err(Reason::Go)),
        (b"\0.text\0.go.buildinfos\0".to_vec(), Ok(None)),
        (b"\0a.go.buildinfo\0".to_vec(), Ok(None)),
    ] {
        let mut file = File::dynamic();
        file.sections = sections;
        assert_eq!(file.said(), expected);
    }
    // Wherever it is.
    for before in (900..1_100).chain([5_000, 100_000]) {
        let mut file = File::dynamic();
        file.sections = [&vec![b'a'; before], b"\0.go.buildinfo\0".as_slice(), b"b\0"].concat();
        assert_eq!(file.said(), Err(Reason::Go), "{before}");
    }
}

#[test]
fn what_is_of_another_machine_or_cut_short() {
    let bytes = File::dynamic().bytes();
    for (at, value) in [(4, 1), (5, 2), (18, 22)] {
        let mut other = bytes.clone();
        other[at] = value;
        assert_eq!(said(&other), Err(Reason::OtherMachine));
    }
    for len in [4, 30, 63, 64, 100, 64 + 2 * 56 - 1] {
        assert_eq!(said(&bytes[..len]), Err(Reason::CutShort), "{len}");
    }
}

#[test]
fn who_gains_privileges() {
    let user = Ids {
        user: 1000,
        effective_user: 1000,
        group: 100,
        effective_group: 100,
    };
    let file = |mode, owner, group| Attributes {
        mode,
        owner,
        group,
        ..Attributes::default()
    };
    let capable = Attributes {
        has_capabilities: true,
        ..file(0o755, 0, 0)
    };
    let nosuid = |file| Attributes {
        is_on_nosuid: true,
        ..file
    };
    let no_new = |file| Attributes {
        has_no_new_privileges: true,
        ..file
    };
    let root = Ids::default();
    let lowered = Ids {
        effective_user: 33,
        ..root
    };
    for (file, ids, expected) in [
        (file(0o755, 0, 0), user, Ok(())),
        (file(0o4755, 0, 0), user, Err(Reason::SetId)),
        (file(0o4755, 1000, 0), user, Ok(())),
        (file(0o4755, 0, 0), root, Ok(())),
        (file(0o2755, 0, 0), user, Err(Reason::SetId)),
        (file(0o2755, 0, 100), user, Ok(())),
        // Without the right to execute it, the bit says something else.
        (file(0o2745, 0, 0), user, Ok(())),
        (nosuid(file(0o6755, 0, 0)), user, Ok(())),
        (no_new(file(0o6755, 0, 0)), user, Ok(())),
        (capable, user, Err(Reason::Capabilities)),
        (no_new(capable), user, Err(Reason::Capabilities)),
        (nosuid(capable), user, Ok(())),
        (capable, root, Ok(())),
        (file(0o755, 0, 0), lowered, Err(Reason::EffectiveIds)),
        (file(0o4755, 0, 0), lowered, Ok(())),
    ] {
        assert_eq!(file.judge(&ids), expected, "{file:?} {ids:?}");
    }
}

proptest! {
    /// Whatever is in it, and wherever a number points to.
    #[test]
    fn no_file_is_too_odd(
        changes in prop::collection::vec((0..600_usize, any::<u8>()), 0..30),
        len in 0..700_usize,
    ) {
        let mut file = File::dynamic();
        file.segments.push((PT_NOTE, note(b"GNU\0", 3, &[7; 20])));
        file.segments.push((PT_DYNAMIC, tags(&[(5, 1), (0, 0)])));
        let mut bytes = file.bytes();
        for (at, value) in changes {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
        }
        bytes.truncate(len);
        let _ = said(&bytes);
    }
}
