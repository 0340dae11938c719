//! Which cgroup a process is in, from `/proc/self/cgroup` (see cgroups(7)), and its levels.

use crate::text::{Printable, Sink, Text, text_is_error};

/// A cgroup that can't be told. `B` is bytes, borrowed from the file or owned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CgroupError<B> {
    /// No line of the file names a hierarchy.
    NoHierarchy,
    /// No v1 hierarchy has the controller that `$IPADDR_CGROUP_CONTROLLER` names.
    NoController(B),
    /// The path leads out of the cgroup namespace.
    Outside {
        /// The line of the file, from 1.
        line: u32,
        /// The path as it is written there.
        path: B,
    },
    /// The path doesn't begin with `/`.
    Malformed {
        /// The line of the file, from 1.
        line: u32,
        /// The line as it is written there.
        text: B,
    },
}

impl<B> CgroupError<B> {
    /// The line at fault, from 1; `None` if it is the file as a whole.
    pub const fn line(&self) -> Option<u32> {
        match self {
            Self::NoHierarchy | Self::NoController(_) => None,
            Self::Outside { line, .. } | Self::Malformed { line, .. } => Some(*line),
        }
    }

    /// What separates it from the name of its file in a message.
    pub const fn separator(&self) -> &'static str {
        if self.line().is_some() { ":" } else { ": " }
    }

    /// The same error, its bytes kept in another way.
    pub fn map<C>(self, keep: impl Fn(B) -> C) -> CgroupError<C> {
        match self {
            Self::NoHierarchy => CgroupError::NoHierarchy,
            Self::NoController(name) => CgroupError::NoController(keep(name)),
            Self::Outside { line, path } => {
                let path = keep(path);
                CgroupError::Outside { line, path }
            }
            Self::Malformed { line, text } => {
                let text = keep(text);
                CgroupError::Malformed { line, text }
            }
        }
    }
}

text_is_error!([B: AsRef<[u8]> + core::fmt::Debug] CgroupError<B>);

impl<B: AsRef<[u8]>> Text for CgroupError<B> {
    /// The line if one is at fault, what is written there and what was expected.
    fn write(&self, out: &mut impl Sink) {
        match self {
            Self::NoHierarchy => "names no hierarchy: expected a line like 0::/path".write(out),
            Self::NoController(name) => (
                "IPADDR_CGROUP_CONTROLLER: \"",
                Printable(name.as_ref()),
                "\": expected a controller of a cgroup v1 hierarchy",
            )
                .write(out),
            Self::Outside { line, path } => (
                *line,
                ": \"",
                Printable(path.as_ref()),
                "\": leads out of the cgroup namespace: expected a path without ..",
            )
                .write(out),
            Self::Malformed { line, text } => {
                (
                    *line,
                    ": \"",
                    Printable(text.as_ref()),
                    "\": expected ID:CONTROLLERS:/PATH",
                )
                    .write(out);
            }
        }
    }
}

/// One line of `/proc/self/cgroup`: `ID:CONTROLLERS:PATH`.
#[derive(Clone, Copy, Debug)]
pub struct Hierarchy<'a> {
    number: u32,
    text: &'a [u8],
    /// 0 is the v2 hierarchy.
    pub id: u32,
    /// Of a v1 hierarchy: its controllers, or its name as `name=systemd`, with commas between.
    pub controllers: &'a [u8],
    path: &'a [u8],
}

/// The cgroup path that decides, which is that of [`hierarchy`].
///
/// # Errors
/// No line will do, or its path can't be resolved: there may be a policy, so the caller fails
/// closed.
pub fn path<'a>(
    text: &'a [u8],
    controller: Option<&'a [u8]>,
) -> Result<&'a [u8], CgroupError<&'a [u8]>> {
    resolvable(hierarchy(text, controller)?)
}

/// The line that decides: that of `controller` if there is one; else the v2 line (`0::`), else
/// the `name=systemd` line, else that of the lowest-numbered hierarchy.
///
/// # Errors
/// No line will do.
pub fn hierarchy<'a>(
    text: &'a [u8],
    controller: Option<&'a [u8]>,
) -> Result<Hierarchy<'a>, CgroupError<&'a [u8]>> {
    let mut found: Option<(u32, Hierarchy<'a>)> = None;
    for line in lines(text) {
        let line = line?;
        // 0 is best; a hierarchy's number is above 0 and ranks behind the two named ones.
        let rank = match controller {
            Some(name) if line.has(name) => 0,
            Some(_) => continue,
            None if line.id == 0 => 0,
            None if line.has(b"name=systemd") => 1,
            None => line.id.saturating_add(1),
        };
        if found.is_none_or(|(best, _)| rank < best) {
            found = Some((rank, line));
        }
    }
    let (_, line) = found.ok_or(match controller {
        Some(name) => CgroupError::NoController(name),
        None => CgroupError::NoHierarchy,
    })?;
    Ok(line)
}

/// The names of a cgroup path's levels below the root, from the root inward.
pub fn levels(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|&byte| byte == b'/')
        .filter(|name| !name.is_empty())
}

/// Whether the first `depth` levels of two paths are the same.
#[must_use]
pub fn have_common_levels(one: &[u8], other: &[u8], depth: usize) -> bool {
    levels(other).count() >= depth && levels(one).take(depth).eq(levels(other).take(depth))
}

fn resolvable(line: Hierarchy<'_>) -> Result<&[u8], CgroupError<&[u8]>> {
    if line.path.first() != Some(&b'/') {
        return Err(CgroupError::Malformed {
            line: line.number,
            text: line.text,
        });
    }
    if levels(line.path).any(|name| name == b"..") {
        return Err(CgroupError::Outside {
            line: line.number,
            path: line.path,
        });
    }
    Ok(line.path)
}

fn lines(text: &[u8]) -> impl Iterator<Item = Result<Hierarchy<'_>, CgroupError<&[u8]>>> {
    text.split(|&byte| byte == b'\n')
        .zip(1..)
        .filter(|(text, _)| !text.is_empty())
        .map(|(text, number)| {
            Hierarchy::parse(text, number).ok_or(CgroupError::Malformed { line: number, text })
        })
}

impl<'a> Hierarchy<'a> {
    fn parse(text: &'a [u8], number: u32) -> Option<Self> {
        // A cgroup's name may hold a colon, so only the first two separate.
        let mut fields = text.splitn(3, |&byte| byte == b':');
        let id = core::str::from_utf8(fields.next()?).ok()?;
        Some(Self {
            number,
            text,
            id: id.parse().ok()?,
            controllers: fields.next()?,
            path: fields.next()?,
        })
    }

    /// Whether this v1 hierarchy has a controller; a named one is written `name=systemd`.
    fn has(&self, controller: &[u8]) -> bool {
        self.controllers
            .split(|&byte| byte == b',')
            .any(|name| name == controller)
    }
}
