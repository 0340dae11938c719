//! The levels of a process's policy, from the root inward: the policy directory's, which mirrors the
//! cgroup tree, then the process's own variables. Each narrows what the levels around it allow.
//!
//! What the process had before execve(2), its latch, is no level among them. The levels are read as
//! a new process reads them, with the same conflicts between them, and only what all of them come to
//! is held against the latch, family by family ([`Assignment::hold_to`]):
//!
//! | the levels allow | the process has |
//! | --- | --- |
//! | nothing is assigned there | the latch |
//! | all of the latch, or more | the latch, its primary address too |
//! | a part of the latch | that part |
//! | anything else | a conflict: no policy that can be used |
//!
//! Whatever comes out of this and is carried over the next execve(2) comes out of that unchanged: it
//! is a part of the levels, or they are it. Holding each level against the latch on its own would
//! not do: a file that allows more than the latch and less than its own directory would be a
//! conflict, though the variable that has made the latch narrower is still there. A process that is
//! moved gets the levels of its new cgroup, less what it didn't have before.
//!
//! Rules for ports and peers aren't carried, only the cgroups that they are of. Those of the latch
//! come first, as outer levels, except where the process's own cgroup has them anyhow; so the order
//! is the same after each execve(2).
//!
//! The files are read by whoever calls: [`Files`].

use core::iter;
use core::net::IpAddr;

use crate::family::Family;
use crate::list::{self, Separator};
use crate::policy::{Assignment, Held, Policy};
use crate::rules::{Builder, RuleSet};
use crate::text::{Printable, Sink, Text};
use crate::trust::FileProblem;
use crate::{cgroup, latch};

/// The families, in the order in which a level is read.
const FAMILIES: [Family; 2] = [Family::Ipv4, Family::Ipv6];

/// The files that a level may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileName {
    /// `ipaddr.ipv4`, `ipaddr.ipv6`: a list of what may be used.
    List(Family),
    /// `ipaddr.rules`: rules for ports and peers.
    Rules,
}

impl FileName {
    /// All of them, in the order in which a level is read.
    pub const ALL: [Self; 3] = [
        Self::List(Family::Ipv4),
        Self::List(Family::Ipv6),
        Self::Rules,
    ];

    /// The name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::List(Family::Ipv4) => "ipaddr.ipv4",
            Self::List(Family::Ipv6) => "ipaddr.ipv6",
            Self::Rules => "ipaddr.rules",
        }
    }

    /// How many bytes such a file has to be shorter than.
    #[must_use]
    pub const fn limit(self) -> u32 {
        match self {
            Self::List(_) => 64 << 10,
            Self::Rules => 256 << 10,
        }
    }
}

/// A file of one level.
#[derive(Clone, Copy, Debug)]
pub struct LevelFile<'a> {
    /// The policy directory.
    pub directory: &'a [u8],
    /// The path of the cgroup.
    pub cgroup: &'a [u8],
    /// How many of the cgroup's levels the path goes down; 0 is the root cgroup.
    pub depth: usize,
    /// Which one.
    pub name: FileName,
}

impl<'a> LevelFile<'a> {
    /// The path of the folder that it lies in, in parts.
    pub fn folder(&self) -> impl Iterator<Item = &'a [u8]> {
        let levels = cgroup::levels(self.cgroup).take(self.depth);
        iter::once(self.directory).chain(levels.flat_map(|level| [b"/", level]))
    }

    /// Its path, in parts.
    pub fn path(&self) -> impl Iterator<Item = &'a [u8]> {
        let name = self.name.as_str();
        self.folder().chain([b"/", name.as_bytes()])
    }
}

impl Text for LevelFile<'_> {
    fn write(&self, out: &mut impl Sink) {
        for part in self.path() {
            Printable(part).write(out);
        }
    }
}

/// A file that can't be used.
#[derive(Clone, Copy, Debug)]
pub struct BadFile<'a>(pub LevelFile<'a>, pub FileProblem);

impl Text for BadFile<'_> {
    /// The file, what is wrong and what was expected.
    fn write(&self, out: &mut impl Sink) {
        let Self(file, problem) = self;
        match problem {
            FileProblem::TooLarge => {
                let limit = file.name.limit();
                (file, ": is too large: expected less than ", limit, " bytes").write(out);
            }
            problem => {
                let expected = Expected {
                    problem,
                    kind: "file",
                    regular_kind: "regular file",
                    mode: "0644",
                };
                (file, expected).write(out);
            }
        }
    }
}

/// The directory of a level, which can't be used.
#[derive(Clone, Copy, Debug)]
pub struct BadDirectory<'a>(pub LevelFile<'a>, pub FileProblem);

impl Text for BadDirectory<'_> {
    /// The directory, what is wrong and what was expected.
    fn write(&self, out: &mut impl Sink) {
        let Self(file, problem) = self;
        for part in file.folder() {
            Printable(part).write(out);
        }
        let expected = Expected {
            problem,
            kind: "directory",
            regular_kind: "directory",
            mode: "0755",
        };
        expected.write(out);
    }
}

/// What is wrong with a file or a directory, and what was expected.
struct Expected<'a> {
    problem: &'a FileProblem,
    kind: &'static str,
    regular_kind: &'static str,
    mode: &'static str,
}

impl Text for Expected<'_> {
    fn write(&self, out: &mut impl Sink) {
        match *self.problem {
            FileProblem::Unreadable(errno) => {
                (": ", errno, ": expected a readable ", self.kind).write(out);
            }
            FileProblem::LeadsNowhere => {
                let expected = ": is a symbolic link that leads nowhere: expected a ";
                (expected, self.regular_kind).write(out);
            }
            FileProblem::WrongKind | FileProblem::TooLarge => {
                (": is something else: expected a ", self.regular_kind).write(out);
            }
            FileProblem::WorldWritable => {
                (": is world-writable: expected a mode like ", self.mode).write(out);
            }
            FileProblem::Owner(owner) => {
                let expected = ": expected root or the owner of the policy directory";
                (": is owned by user ", owner, expected).write(out);
            }
        }
    }
}

/// Reads files.
pub trait Files {
    /// The text of a file; `None` if there is nothing of that name in the directory, not even a
    /// symbolic link. Only called where [`Files::has_directory`] says that there is the directory.
    ///
    /// # Errors
    /// The file is there and can't be used.
    fn read(&mut self, file: &LevelFile<'_>) -> Result<Option<&[u8]>, FileProblem>;

    /// Whether there is the directory of a file: false only if there is nothing of that name, not
    /// even a symbolic link.
    ///
    /// # Errors
    /// It is there, and what lies in it can't be used, nor what doesn't be taken for absent.
    fn has_directory(&mut self, file: &LevelFile<'_>) -> Result<bool, FileProblem>;
}

/// Takes messages.
pub trait Mistakes {
    /// Takes one, in the form `PLACE: what is wrong: what was expected`.
    fn take(&self, why: &impl Text);
}

/// There is a policy that can't be used; why has been said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unusable;

/// What a policy is made of, besides the files.
#[derive(Clone, Copy, Debug, Default)]
pub struct Given<'a> {
    /// The policy directory, if there is one, and the path of the process's cgroup.
    pub cgroup: Option<(&'a [u8], &'a [u8])>,
    /// `$IPADDR_LATCH`: what the process had before execve(2), see [`crate::latch`].
    pub latch: Option<&'a [u8]>,
    /// `$IPADDR_IPV4`
    pub ipv4: Option<&'a [u8]>,
    /// `$IPADDR_IPV6`
    pub ipv6: Option<&'a [u8]>,
    /// `$IPADDR_REQUIRE`, see [`is_required`].
    pub require: Option<&'a [u8]>,
}

/// Whether `$IPADDR_REQUIRE` with this value makes a policy that assigns nothing one that can't be
/// used. Only `1` may say so, but what isn't `0` or empty is a mistake, and so refused as well.
#[must_use]
pub const fn is_required(require: &[u8]) -> bool {
    !matches!(require, b"" | b"0")
}

/// What has been read besides the assignments.
#[derive(Debug)]
pub struct Levels<'a, 'r> {
    /// The rules for ports and peers, if there are any.
    pub rules: Option<RuleSet<'r>>,
    /// Where each family's assignment comes from, IPv4 first; the line is the assignment's own.
    pub limits: [Option<Place<'a>>; 2],
}

/// Reads every level into `policy`, whose rules are left to the caller; `level` is memory for one.
///
/// # Errors
/// The first mistake, which `mistakes` has been told; `policy` must not be used then.
pub fn read<'a, 'r>(
    given: &Given<'a>,
    files: &mut impl Files,
    mistakes: &impl Mistakes,
    level: &mut Assignment,
    policy: &mut Policy<'_>,
    mut rules: Builder<'r>,
) -> Result<Levels<'a, 'r>, Unusable> {
    policy.rules = None;
    check_require(given, mistakes)?;
    let narrowing = Narrowing {
        mistakes,
        level,
        policy,
        limits: [None; 2],
    };
    let mut reading = Reading {
        files,
        narrowing,
        rules: &mut rules,
        carried: Carried {
            latch: given.latch.unwrap_or(&[]),
            own: given.cgroup.map_or(&[], |(_, own)| own),
            depth: 0,
        },
    };
    for family in FAMILIES {
        reading.narrowing.policy.family_mut(family).clear();
    }
    if let Some((directory, own)) = given.cgroup {
        reading.read_latched_rules(directory)?;
        let last = cgroup::levels(own).count();
        for depth in 0..=last {
            // Below a directory that isn't there is nothing.
            if !reading.read_level(directory, own, depth)? {
                break;
            }
        }
    }
    reading.read_variables(given)?;
    reading.hold_to_latch(given)?;
    let (carried, limits) = (reading.carried, reading.narrowing.limits);
    let rules = finish(rules, &carried, mistakes)?;
    if rules.is_none() && policy.is_unassigned() {
        check_unassigned(given, mistakes)?;
    }
    Ok(Levels { rules, limits })
}

fn check_require(given: &Given<'_>, mistakes: &impl Mistakes) -> Result<(), Unusable> {
    match given.require {
        None | Some(b"" | b"0" | b"1") => Ok(()),
        Some(text) => {
            let why = ("IPADDR_REQUIRE: \"", Printable(text), "\": expected 1 or 0");
            Err(say(mistakes, &why))
        }
    }
}

/// Where nothing is assigned: whether that may be so.
fn check_unassigned(given: &Given<'_>, mistakes: &impl Mistakes) -> Result<(), Unusable> {
    let place = if given.require.is_some_and(is_required) {
        "IPADDR_REQUIRE"
    } else if given.latch == Some(latch::REQUIRED) {
        "IPADDR_LATCH:1"
    } else {
        return Ok(());
    };
    let what = (place, ": nothing is assigned");
    Err(match given.cgroup {
        None => {
            let expected = ": expected IPADDR_IPV4, IPADDR_IPV6 or a policy directory";
            say(mistakes, &(what, expected))
        }
        Some((directory, own)) => {
            let place = (" to cgroup ", Printable(own), " in ", Printable(directory));
            let expected =
                ": expected a file of it or of a cgroup around it, IPADDR_IPV4 or IPADDR_IPV6";
            say(mistakes, &(what, place, expected))
        }
    })
}

/// The rules that have been read, with the cgroups that they are of. Those of the latch are kept where
/// their files are gone by now, because the files may come back.
fn finish<'r>(
    rules: Builder<'r>,
    carried: &Carried<'_>,
    mistakes: &impl Mistakes,
) -> Result<Option<RuleSet<'r>>, Unusable> {
    if rules.is_empty() && latch::cgroups(carried.latch).next().is_none() {
        return Ok(None);
    }
    let finished = rules.finish(carried);
    finished.map(Some).ok_or_else(|| {
        let why = "IPADDR_LATCH: has no room for the names of all cgroups with rules: expected fewer \
                   moves between cgroups with rules, or shorter names";
        say(mistakes, &why)
    })
}

/// What there is while the levels are gone through.
struct Reading<'a, 'n, 'p, 'r, F, M> {
    files: &'n mut F,
    narrowing: Narrowing<'a, 'n, 'p, M>,
    rules: &'n mut Builder<'r>,
    carried: Carried<'a>,
}

impl<'a, F: Files, M: Mistakes> Reading<'a, '_, '_, '_, F, M> {
    /// The rules of the cgroups that the process had before execve(2), those aside that it will
    /// have anyhow.
    fn read_latched_rules(&mut self, directory: &'a [u8]) -> Result<(), Unusable> {
        let latch = self.carried.latch;
        for (number, cgroup) in latch::cgroups(latch).enumerate() {
            for depth in 1..=cgroup::levels(cgroup).count() {
                let is_read = |other| cgroup::have_common_levels(cgroup, other, depth);
                if is_read(self.carried.own) || latch::cgroups(latch).take(number).any(is_read) {
                    continue;
                }
                let file = LevelFile {
                    directory,
                    cgroup,
                    depth,
                    name: FileName::Rules,
                };
                if !self.has_directory(&file)? {
                    break;
                }
                self.read_rules(&file)?;
            }
        }
        Ok(())
    }

    /// The files of one level, and whether there is its directory.
    fn read_level(
        &mut self,
        directory: &'a [u8],
        own: &'a [u8],
        depth: usize,
    ) -> Result<bool, Unusable> {
        let of_level = |name| LevelFile {
            directory,
            cgroup: own,
            depth,
            name,
        };
        let file = of_level(FileName::Rules);
        if !self.has_directory(&file)? {
            return Ok(false);
        }
        for family in FAMILIES {
            let file = of_level(FileName::List(family));
            if let Some(text) = read_file(self.files, self.narrowing.mistakes, &file)? {
                self.narrowing.narrow(family, Place::File(file), text)?;
            }
        }
        if self.read_rules(&file)? {
            self.narrowing.check_sources(&file, self.rules)?;
            self.carried.depth = depth;
        }
        Ok(true)
    }

    fn has_directory(&mut self, file: &LevelFile<'_>) -> Result<bool, Unusable> {
        self.files
            .has_directory(file)
            .map_err(|problem| say(self.narrowing.mistakes, &BadDirectory(*file, problem)))
    }

    /// A file of rules, if it is there.
    fn read_rules(&mut self, file: &LevelFile<'a>) -> Result<bool, Unusable> {
        let mistakes = self.narrowing.mistakes;
        let Some(text) = read_file(self.files, mistakes, file)? else {
            return Ok(false);
        };
        let read = self.rules.read(file, text);
        read.map_err(|error| say(mistakes, &(file, ":", error)))?;
        Ok(true)
    }

    fn read_variables(&mut self, given: &Given<'a>) -> Result<(), Unusable> {
        for (family, variable) in [(Family::Ipv4, given.ipv4), (Family::Ipv6, given.ipv6)] {
            if let Some(text) = variable {
                self.narrowing
                    .narrow(family, Place::Variable(family), text)?;
            }
        }
        Ok(())
    }

    /// Holds what the levels come to against what the process had before execve(2).
    fn hold_to_latch(&mut self, given: &Given<'a>) -> Result<(), Unusable> {
        let Some(latch) = given.latch else {
            return Ok(());
        };
        // Rules are not in the latch itself, and their files are not where they were.
        let has_rules = latch == latch::ONLY_RULES || latch::cgroups(latch).next().is_some();
        if given.cgroup.is_none() && has_rules {
            let why = "IPADDR_LATCH:1: holds rules: expected the policy directory that they are in";
            return Err(say(self.narrowing.mistakes, &why));
        }
        for family in FAMILIES {
            let Narrowing {
                mistakes,
                level,
                policy,
                limits,
            } = &mut self.narrowing;
            Place::Latch.parse(latch, family, level, *mistakes)?;
            let read = policy.family_mut(family);
            let line = read.line;
            let limit = slot(limits, family);
            match (read.hold_to(level, family), *limit) {
                (Ok(Held::Latch), _) => *limit = Some(Place::Latch),
                (Ok(Held::Levels), _) => {}
                (Err(address), Some(place)) => {
                    let line = self.line_of(place, given, address).unwrap_or(line);
                    let outer = Outer(Place::Latch, 1);
                    let why = (place, ":", line, ": ", address, outer);
                    return Err(say(self.narrowing.mistakes, &why));
                }
                // Nothing that isn't assigned is in conflict.
                (Err(_), None) => return Err(Unusable),
            }
        }
        Ok(())
    }

    /// The line of a list that asks for `address`. Its text is gone by now, so it is read again.
    fn line_of(&mut self, place: Place<'_>, given: &Given<'_>, address: IpAddr) -> Option<u32> {
        let text = match place {
            Place::File(file) => self.files.read(&file).ok()??,
            Place::Variable(Family::Ipv4) => given.ipv4?,
            Place::Variable(Family::Ipv6) => given.ipv6?,
            Place::Latch => given.latch?,
        };
        Some(place.line_of(text, address)).filter(|&line| line != 0)
    }
}

fn read_file<'f>(
    files: &'f mut impl Files,
    mistakes: &impl Mistakes,
    file: &LevelFile<'_>,
) -> Result<Option<&'f [u8]>, Unusable> {
    files
        .read(file)
        .map_err(|problem| say(mistakes, &BadFile(*file, problem)))
}

fn say(mistakes: &impl Mistakes, why: &impl Text) -> Unusable {
    mistakes.take(why);
    Unusable
}

/// The cgroups whose rules have to be carried over execve(2).
struct Carried<'a> {
    /// What was carried before.
    latch: &'a [u8],
    own: &'a [u8],
    /// How far down the process's own cgroup has rules.
    depth: usize,
}

impl Text for Carried<'_> {
    /// As [`latch::cgroups`] reads them.
    fn write(&self, out: &mut impl Sink) {
        let mut separator = "";
        for cgroup in latch::cgroups(self.latch) {
            let depth = cgroup::levels(cgroup).count();
            if depth > self.depth || !cgroup::have_common_levels(cgroup, self.own, depth) {
                separator.write(out);
                write_levels(cgroup, depth, out);
                separator = "/";
            }
        }
        if self.depth > 0 {
            separator.write(out);
            write_levels(self.own, self.depth, out);
        }
    }
}

fn write_levels(cgroup: &[u8], depth: usize, out: &mut impl Sink) {
    for level in cgroup::levels(cgroup).take(depth) {
        out.put(b"/");
        out.put(level);
    }
}

/// The assignments while the levels are gone through.
struct Narrowing<'a, 'n, 'p, M> {
    mistakes: &'n M,
    level: &'n mut Assignment,
    policy: &'n mut Policy<'p>,
    /// Where each family's assignment comes from.
    limits: [Option<Place<'a>>; 2],
}

impl<'a, M: Mistakes> Narrowing<'a, '_, '_, M> {
    fn narrow(&mut self, family: Family, place: Place<'a>, text: &[u8]) -> Result<(), Unusable> {
        place.parse(text, family, self.level, self.mistakes)?;
        let effective = self.policy.family_mut(family);
        let outer_line = effective.line;
        let narrowed = effective.narrow(self.level, family);
        let limit = slot(&mut self.limits, family);
        match (narrowed, *limit) {
            (Ok(()), _) => {
                if !self.level.is_unassigned() {
                    *limit = Some(place);
                }
                Ok(())
            }
            (Err(address), Some(limit)) => {
                let line = place.line_of(text, address);
                let outer = Outer(limit, outer_line);
                let why = (place, ":", line, ": ", address, outer);
                Err(say(self.mistakes, &why))
            }
            // Nothing lies outside of no limit.
            (Err(_), None) => Err(Unusable),
        }
    }

    /// A source that SNAT gives has to be one that the level may use.
    fn check_sources(&self, file: &LevelFile<'_>, rules: &Builder<'_>) -> Result<(), Unusable> {
        for (source, line) in rules.last_sources() {
            let family = Family::of(source);
            let assignment = self.policy.family(family);
            if let ([ipv4, ipv6], false) = (self.limits, assignment.allows(source)) {
                let limit = match family {
                    Family::Ipv4 => ipv4,
                    Family::Ipv6 => ipv6,
                };
                let outer = limit.map(|limit| Outer(limit, assignment.line));
                let why = (file, ":", line, ": ", source, outer.ok_or(Unusable)?);
                return Err(say(self.mistakes, &why));
            }
        }
        Ok(())
    }
}

/// What an address is outside of.
struct Outer<'a>(Place<'a>, u32);

impl Text for Outer<'_> {
    fn write(&self, out: &mut impl Sink) {
        let Self(limit, line) = self;
        let expected = " allows: expected that or a part of it";
        (" is outside what ", limit, ":", *line, expected).write(out);
    }
}

fn slot<T>([ipv4, ipv6]: &mut [T; 2], family: Family) -> &mut T {
    match family {
        Family::Ipv4 => ipv4,
        Family::Ipv6 => ipv6,
    }
}

/// Where a list stands.
#[derive(Clone, Copy, Debug)]
pub enum Place<'a> {
    /// In a file.
    File(LevelFile<'a>),
    /// In `$IPADDR_IPV4` or `$IPADDR_IPV6`.
    Variable(Family),
    /// In `$IPADDR_LATCH`: what the process had before execve(2).
    Latch,
}

impl Place<'_> {
    fn parse(
        &self,
        text: &[u8],
        family: Family,
        assignment: &mut Assignment,
        mistakes: &impl Mistakes,
    ) -> Result<(), Unusable> {
        let Some(separator) = self.separator() else {
            return latch::parse(text, family, assignment).map_err(|_| {
                let expected = ": expected what this library has written there";
                say(mistakes, &(self, ":1: \"", Printable(text), "\"", expected))
            });
        };
        list::parse(text, separator, family, assignment)
            .map_err(|error| say(mistakes, &(self, ":", error)))
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
