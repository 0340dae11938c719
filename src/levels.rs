//! The levels of this process's policy, from the root inward: the policy directory's, which
//! mirrors the cgroup tree, then the process's own variables. Each narrows what is there, which is
//! at first what the process had before execve(2).

use core::ffi::CStr;
use core::net::IpAddr;

use ipaddr_policy::list::{self, Separator};
use ipaddr_policy::text::{Printable, Sink, Text};
use ipaddr_policy::{Assignment, Family, Policy, cgroup, latch};

use crate::file::File;
use crate::level_file::{LevelFile, PathBuffer, Unusable, unusable};
use crate::settings::{DEFAULT_POLICY_DIR, Settings};

const CGROUP_FILE: &CStr = c"/proc/self/cgroup";

/// Memory to read a policy in: fresh pages, because the calls may run on a small signal stack, and
/// malloc(3) is out of the question there. What isn't touched costs nothing.
///
/// Every field is made of numbers, or says of itself that zeroed bytes are a valid value.
pub struct Scratch {
    /// What has been read.
    pub policy: Policy,
    /// Whether some of it is of a level that isn't a variable of the process's own.
    pub is_to_be_carried: bool,
    level: Assignment,
    path: PathBuffer,
    cgroup: [u8; 16 << 10],
    /// Free for other use once the policy has been read.
    pub text: [u8; 64 << 10], // level_file's message about a larger file says so
}

/// The policy directory: an absolute path, because the program may change its working directory.
///
/// # Errors
/// `$IPADDR_POLICY_DIR` is something else.
pub fn directory(settings: &Settings) -> Result<&'static CStr, Unusable> {
    match settings.policy_dir {
        None => Ok(DEFAULT_POLICY_DIR),
        Some(path) if path.to_bytes().starts_with(b"/") => Ok(path),
        Some(path) => Err(unusable(&(
            "IPADDR_POLICY_DIR: \"",
            Printable(path.to_bytes()),
            "\": expected an absolute path",
        ))),
    }
}

/// Reads every level into `scratch.policy`; the directory's only if it is there.
///
/// # Errors
/// The first mistake; `scratch.policy` must not be used then.
pub fn read(
    settings: &Settings,
    has_directory: bool,
    scratch: &mut Scratch,
) -> Result<(), Unusable> {
    let directory = directory(settings)?;
    let cgroup = if has_directory {
        Some(own_cgroup(settings, &mut scratch.cgroup)?)
    } else {
        None
    };
    scratch.is_to_be_carried = false;
    let families = [(Family::Ipv4, settings.ipv4), (Family::Ipv6, settings.ipv6)];
    for (family, variable) in families {
        let mut narrowing = Narrowing {
            family,
            effective: scratch.policy.family_mut(family),
            level: &mut scratch.level,
            limit: None,
        };
        narrowing.effective.clear();
        if let Some(text) = settings.latch {
            narrowing.narrow(Place::Latch, text.to_bytes())?;
        }
        if let Some(cgroup) = cgroup {
            for depth in 0..=cgroup::levels(cgroup).count() {
                let file = LevelFile {
                    directory,
                    cgroup,
                    depth,
                    family,
                };
                if let Some(text) = file.read(&mut scratch.path, &mut scratch.text)? {
                    narrowing.narrow(Place::File(file), text)?;
                }
            }
        }
        scratch.is_to_be_carried |= narrowing.limit.is_some();
        if let Some(text) = variable {
            narrowing.narrow(Place::Variable(family), text.to_bytes())?;
        }
    }
    Ok(())
}

fn own_cgroup<'a>(settings: &Settings, buffer: &'a mut [u8]) -> Result<&'a [u8], Unusable> {
    let place = Printable(CGROUP_FILE.to_bytes());
    let length = File::open(CGROUP_FILE)
        .and_then(|file| file.read_to_end(buffer))
        .map_err(|errno| {
            unusable(&(
                place,
                ": ",
                errno,
                ": expected a readable file, for there is a policy directory",
            ))
        })?;
    let text = buffer.get(..length).unwrap_or(&[]);
    let controller = settings.cgroup_controller.map(CStr::to_bytes);
    cgroup::path(text, controller).map_err(|error| unusable(&(place, ":", error)))
}

/// One family's assignment while the levels are gone through.
struct Narrowing<'a> {
    family: Family,
    effective: &'a mut Assignment,
    level: &'a mut Assignment,
    /// Where `effective` comes from.
    limit: Option<Place<'a>>,
}

impl<'a> Narrowing<'a> {
    fn narrow(&mut self, place: Place<'a>, text: &[u8]) -> Result<(), Unusable> {
        place.parse(text, self.family, self.level)?;
        let outer_line = self.effective.line;
        let narrowed = self.effective.narrow(self.level, self.family);
        match (narrowed, self.limit) {
            (Ok(()), _) => {
                if !self.level.is_unassigned() {
                    self.limit = Some(place);
                }
                Ok(())
            }
            (Err(address), Some(limit)) => {
                let line = place.line_of(text, address);
                let inner = (place, ":", line, ": ", address, " is outside what ");
                let outer = (
                    limit,
                    ":",
                    outer_line,
                    " allows: expected that or a part of it",
                );
                Err(unusable(&(inner, outer)))
            }
            // Nothing lies outside of no limit.
            (Err(_), None) => Err(Unusable),
        }
    }
}

/// Where a list stands.
#[derive(Clone, Copy)]
enum Place<'a> {
    File(LevelFile<'a>),
    Variable(Family),
    /// What the process had before execve(2).
    Latch,
}

impl Place<'_> {
    fn parse(
        &self,
        text: &[u8],
        family: Family,
        assignment: &mut Assignment,
    ) -> Result<(), Unusable> {
        let Some(separator) = self.separator() else {
            return latch::parse(text, family, assignment).map_err(|_| {
                let expected = ": expected what this library has written there";
                unusable(&(self, ":1: \"", Printable(text), "\"", expected))
            });
        };
        list::parse(text, separator, family, assignment)
            .map_err(|error| unusable(&(self, ":", error)))
    }

    /// The line that asks for `address`.
    fn line_of(&self, text: &[u8], address: IpAddr) -> u32 {
        self.separator()
            .map_or(1, |separator| list::line_of(text, separator, address))
    }

    const fn separator(&self) -> Option<Separator> {
        match self {
            Self::File(_) => Some(Separator::Line),
            Self::Variable(_) => Some(Separator::Comma),
            Self::Latch => None,
        }
    }
}

impl Text for Place<'_> {
    fn write(&self, out: &mut impl Sink) {
        match self {
            Self::File(file) => file.write(out),
            Self::Latch => "IPADDR_LATCH".write(out),
            Self::Variable(Family::Ipv4) => "IPADDR_IPV4".write(out),
            Self::Variable(Family::Ipv6) => "IPADDR_IPV6".write(out),
        }
    }
}
