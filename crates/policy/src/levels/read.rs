//! Reads the levels, from the root inward.

use core::net::IpAddr;

use super::carried::Carried;
use super::error::{Error, Kind};
use super::fault::Fault;
use super::files::{FileName, Files, LevelFile};
use super::given::{Given, is_required};
use super::narrowing::{self, Narrowing};
use super::place::Place;
use crate::family::{Family, PerFamily};
use crate::policy::{Assignment, Policy};
use crate::rules::{Builder, RuleSet};
use crate::{cgroup, latch};

/// What has been read besides the assignments.
#[derive(Debug)]
pub struct Levels<'a, 'r> {
    /// The rules for ports and peers, if there are any.
    pub rules: Option<RuleSet<'r>>,
    /// Where each family's assignment comes from; the line is the assignment's own.
    pub limits: PerFamily<Option<Place<&'a [u8]>>>,
}

/// Reads every level into `policy`, whose rules are left to the caller; `level` is memory for one.
///
/// # Errors
/// The first mistake; `policy` must not be used then.
pub fn read<'a, 'r>(
    given: &Given<'a>,
    files: &'a mut impl Files,
    level: &mut Assignment,
    policy: &mut Policy<'_>,
    mut rules: Builder<'r>,
) -> Result<Levels<'a, 'r>, Error<&'a [u8]>> {
    policy.rules = None;
    for family in Family::ALL {
        policy.family_mut(family).clear();
    }
    check_require(given)?;
    let mut reading = Reading {
        given,
        files: &mut *files,
        narrowing: Narrowing {
            level,
            policy,
            limits: PerFamily::default(),
        },
        rules: &mut rules,
        carried: Carried {
            latch: given.latch.unwrap_or(&[]),
            own: given.cgroup.map_or(&[], |(_, own)| own),
            depth: 0,
        },
    };
    let read = reading.read();
    let Reading {
        narrowing, carried, ..
    } = reading;
    let limits = narrowing.limits;
    read.map_err(|fault| fault.in_text(files.text()))?;
    let rules = finish(rules, &carried)?;
    if rules.is_none() && policy.is_unassigned() {
        check_unassigned(given)?;
    }
    Ok(Levels { rules, limits })
}

fn check_require<'a>(given: &Given<'a>) -> Result<(), Error<&'a [u8]>> {
    match given.require {
        None | Some(b"" | b"0" | b"1") => Ok(()),
        Some(text) => Err(Error {
            place: Place::Require,
            line: 0,
            kind: Kind::BadRequire { text },
        }),
    }
}

/// Where nothing is assigned: whether that may be so.
fn check_unassigned<'a>(given: &Given<'a>) -> Result<(), Error<&'a [u8]>> {
    let (place, line) = if given.require.is_some_and(is_required) {
        (Place::Require, 0)
    } else if given.latch == Some(latch::REQUIRED) {
        (Place::Latch, 1)
    } else {
        return Ok(());
    };
    let cgroup = given.cgroup;
    Err(Error {
        place,
        line,
        kind: Kind::NothingAssigned { cgroup },
    })
}

/// The rules that have been read, with the cgroups that they are of. Those of the latch are kept where
/// their files are gone by now, because the files may come back.
fn finish<'a, 'r>(
    rules: Builder<'r>,
    carried: &Carried<'_>,
) -> Result<Option<RuleSet<'r>>, Error<&'a [u8]>> {
    if rules.is_empty() && carried.is_new() {
        return Ok(None);
    }
    rules.finish(carried).map(Some).ok_or(Error {
        place: Place::Latch,
        line: 0,
        kind: Kind::LatchIsFull,
    })
}

/// What there is while the levels are read.
struct Reading<'g, 'a, 'n, 'p, 'r, F> {
    given: &'g Given<'a>,
    files: &'n mut F,
    narrowing: Narrowing<'a, 'n, 'p>,
    rules: &'n mut Builder<'r>,
    carried: Carried<'a>,
}

impl<'a, F: Files> Reading<'_, 'a, '_, '_, '_, F> {
    fn read(&mut self) -> Result<(), Fault<'a>> {
        if let Some((directory, own)) = self.given.cgroup {
            self.read_latched_rules(directory)?;
            let last = cgroup::levels(own).count();
            for depth in 0..=last {
                // Below a directory that isn't there is nothing.
                if !self.read_level(directory, own, depth)? {
                    break;
                }
            }
        }
        self.read_variables()?;
        Ok(self.check_against_latch()?)
    }

    /// The rules of the cgroups that the process had before execve(2), except those that it will
    /// have anyhow.
    fn read_latched_rules(&mut self, directory: &'a [u8]) -> Result<(), Fault<'a>> {
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
                if !self.has_directory(file)? {
                    break;
                }
                self.read_rules(file)?;
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
    ) -> Result<bool, Fault<'a>> {
        let of_level = |name| LevelFile {
            directory,
            cgroup: own,
            depth,
            name,
        };
        let rules = of_level(FileName::Rules);
        if !self.has_directory(rules)? {
            return Ok(false);
        }
        for family in Family::ALL {
            let file = of_level(FileName::List(family));
            if self.read_file(file)? {
                let text = self.files.text();
                self.narrowing.narrow(family, Place::File(file), text)?;
            }
        }
        if self.read_rules(rules)? {
            self.narrowing.check_sources(rules, self.rules)?;
            self.carried.depth = depth;
        }
        Ok(true)
    }

    /// A file of rules, if it is there.
    fn read_rules(&mut self, file: LevelFile<&'a [u8]>) -> Result<bool, Fault<'a>> {
        let is_there = self.read_file(file)?;
        if is_there {
            let text = self.files.text();
            let read = self.rules.read(&file, text);
            read.map_err(|error| Fault::of_rules(Place::File(file), error, text))?;
        }
        Ok(is_there)
    }

    fn read_file(&mut self, file: LevelFile<&'a [u8]>) -> Result<bool, Error<&'a [u8]>> {
        let read = self.files.read(&file);
        read.map_err(|problem| Error::unusable(Place::File(file), problem))
    }

    fn has_directory(&mut self, file: LevelFile<&'a [u8]>) -> Result<bool, Error<&'a [u8]>> {
        let found = self.files.has_directory(&file);
        found.map_err(|problem| Error::unusable(Place::Directory(file), problem))
    }

    fn read_variables(&mut self) -> Result<(), Error<&'a [u8]>> {
        for family in Family::ALL {
            if let Some(text) = *self.given.lists.get(family) {
                let place = Place::Variable(family);
                let narrowed = self.narrowing.narrow(family, place, text);
                narrowed.map_err(|fault| fault.in_text(text))?;
            }
        }
        Ok(())
    }

    /// Checks what the levels come to against what the process had before execve(2).
    fn check_against_latch(&mut self) -> Result<(), Error<&'a [u8]>> {
        let Some(latch) = self.given.latch else {
            return Ok(());
        };
        let of_latch = |kind| Error {
            place: Place::Latch,
            line: 1,
            kind,
        };
        // Rules are not in the latch itself, and their files are not where they were.
        let has_rules = latch == latch::ONLY_RULES || latch::cgroups(latch).next().is_some();
        if self.given.cgroup.is_none() && has_rules {
            return Err(of_latch(Kind::LatchHasRules));
        }
        for family in Family::ALL {
            let parsed = latch::parse(latch, family, self.narrowing.level);
            parsed.map_err(|latch::Malformed| of_latch(Kind::BadLatch { text: latch }))?;
            let (files, given) = (&mut *self.files, self.given);
            let line_of = |place, address| line_of(files, given, place, address);
            self.narrowing.check_against_latch(family, line_of)?;
        }
        Ok(())
    }
}

/// The line of a list that allows `address`. Of a file the text is gone by now, so it is read
/// again.
fn line_of(
    files: &mut impl Files,
    given: &Given<'_>,
    place: Place<&[u8]>,
    address: IpAddr,
) -> Option<u32> {
    let text = match place {
        Place::File(file) => files.read(&file).ok()?.then(|| files.text())?,
        Place::Variable(family) => (*given.lists.get(family))?,
        Place::Directory(_) | Place::Latch | Place::Require => return None,
    };
    Some(narrowing::line_of(place, text, address)).filter(|&line| line != 0)
}
