//! The assignments, while the levels are read: each level narrows what is left by those around it.

use core::net::IpAddr;

use super::error::{Error, Kind};
use super::fault::Fault;
use super::files::LevelFile;
use super::place::Place;
use crate::family::{Family, PerFamily};
use crate::list::{self, Separator};
use crate::policy::{Assignment, Effective, Policy};
use crate::rules::Builder;

/// The assignments, while the levels are read.
pub(super) struct Narrowing<'a, 'n, 'p> {
    /// Memory for one level.
    pub level: &'n mut Assignment,
    /// What is left by the levels so far.
    pub policy: &'n mut Policy<'p>,
    /// Where each family's assignment comes from.
    pub limits: PerFamily<Option<Place<&'a [u8]>>>,
}

impl<'a> Narrowing<'a, '_, '_> {
    /// Narrows a family by the list at `place`, which is `text`.
    pub fn narrow(
        &mut self,
        family: Family,
        place: Place<&'a [u8]>,
        text: &[u8],
    ) -> Result<(), Fault<'a>> {
        list::parse(text, separator(place), family, self.level)
            .map_err(|error| Fault::of_list(place, error, text))?;
        let effective = self.policy.family_mut(family);
        let limit_line = effective.line;
        let limit = self.limits.get_mut(family);
        match (effective.narrow(self.level, family), *limit) {
            (Ok(()), _) => {
                if !self.level.is_unassigned() {
                    *limit = Some(place);
                }
                Ok(())
            }
            (Err(address), limit) => Err(outside(
                address,
                (place, line_of(place, text, address)),
                (limit.unwrap_or(place), limit_line),
            )
            .into()),
        }
    }

    /// Checks what the levels come to against the latch's assignment of the family, which is in
    /// `level`; `line_of` finds the line of an address at a place.
    pub fn check_against_latch(
        &mut self,
        family: Family,
        line_of: impl FnOnce(Place<&'a [u8]>, IpAddr) -> Option<u32>,
    ) -> Result<(), Error<&'a [u8]>> {
        let read = self.policy.family_mut(family);
        let line = read.line;
        let limit = self.limits.get_mut(family);
        match read.check_against(self.level, family) {
            Ok(Effective::Latch) => *limit = Some(Place::Latch),
            Ok(Effective::Levels) => {}
            Err(address) => {
                // Only what some level assigns can be in conflict.
                let place = limit.unwrap_or(Place::Latch);
                let line = line_of(place, address).unwrap_or(line);
                return Err(outside(address, (place, line), (Place::Latch, 1)));
            }
        }
        Ok(())
    }

    /// A source that SNAT gives has to be one that the level may use; `rules` are of `file`.
    pub fn check_sources(
        &self,
        file: LevelFile<&'a [u8]>,
        rules: &Builder<'_>,
    ) -> Result<(), Error<&'a [u8]>> {
        let place = Place::File(file);
        for (source, line) in rules.last_sources() {
            let family = Family::of(source);
            let assignment = self.policy.family(family);
            if !assignment.allows(source) {
                // What doesn't allow something is assigned by some level.
                let limit = self.limits.get(family).unwrap_or(place);
                return Err(outside(source, (place, line), (limit, assignment.line)));
            }
        }
        Ok(())
    }
}

/// The line of the list at `place`, which is `text`, that allows `address`; 0 if none does.
pub(super) fn line_of(place: Place<&[u8]>, text: &[u8], address: IpAddr) -> u32 {
    list::line_of(text, separator(place), address)
}

const fn separator(place: Place<&[u8]>) -> Separator {
    match place {
        Place::File(_) => Separator::Line,
        _ => Separator::Comma,
    }
}

fn outside<'a>(
    address: IpAddr,
    (place, line): (Place<&'a [u8]>, u32),
    (limit, limit_line): (Place<&'a [u8]>, u32),
) -> Error<&'a [u8]> {
    Error {
        place,
        line,
        kind: Kind::Outside {
            address,
            limit,
            limit_line,
        },
    }
}
