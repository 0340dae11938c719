//! Why a policy can't be used: where, in which line, and what is wrong there.
//!
//! [`Error`] is the first mistake that was found. Whoever has to tell mistakes apart compares fields;
//! the text, `PLACE: what is wrong: expected …`, is made where it is shown.

use core::net::IpAddr;

use super::place::Place;
use crate::family::Family;
use crate::list::{ParseError, Problem};
use crate::rules::{RuleError, RuleProblem};
use crate::text::{Printable, Sink, Text, text_is_error};
use crate::trust::FileProblem;

/// Why a policy can't be used. `B` is bytes: `&[u8]` of the files and variables, or owned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error<B> {
    /// Where the mistake is.
    pub place: Place<B>,
    /// The line there, from 1; in a variable that holds a list the entry, from 1. 0 when the place as
    /// a whole is at fault.
    pub line: u32,
    /// What is wrong.
    pub kind: Kind<B>,
}

/// What can be wrong with a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind<B> {
    /// The file or the directory can't be read, or can't be trusted.
    Unusable(FileProblem),
    /// A list, see [`ParseError`].
    List {
        /// The entry at fault, as it is written there.
        entry: B,
        /// The family that was expected.
        family: Family,
        /// What is wrong with it.
        problem: Problem,
    },
    /// A file of rules, see [`RuleError`].
    Rules {
        /// The word at fault, as it is written there; empty where one is missing.
        word: B,
        /// What is wrong with it.
        problem: RuleProblem,
    },
    /// An address that a level allows and the levels around it, or the latch, don't.
    Outside {
        /// The address, the lowest if there are several.
        address: IpAddr,
        /// What doesn't allow it.
        limit: Place<B>,
        /// The line of `limit` that assigns something.
        limit_line: u32,
    },
    /// `$IPADDR_LATCH` is this, which the library doesn't write.
    BadLatch {
        /// The value.
        text: B,
    },
    /// The latch has rules, and there is no policy directory to read them from.
    LatchHasRules,
    /// There is no memory for the names of all cgroups whose rules the process has.
    LatchIsFull,
    /// `$IPADDR_REQUIRE` is neither 1 nor 0.
    BadRequire {
        /// The value.
        text: B,
    },
    /// Nothing is assigned to a process that may not go without.
    NothingAssigned {
        /// The policy directory, if there is one, and the path of the process's cgroup.
        cgroup: Option<(B, B)>,
    },
}

impl<'a> Error<&'a [u8]> {
    /// A list that can't be used, at its place.
    #[must_use]
    pub const fn of_list(place: Place<&'a [u8]>, error: ParseError<'a>) -> Self {
        Self {
            place,
            line: error.line,
            kind: Kind::List {
                entry: error.entry,
                family: error.family,
                problem: error.problem,
            },
        }
    }

    /// A file of rules that can't be used, at its place.
    #[must_use]
    pub const fn of_rules(place: Place<&'a [u8]>, error: RuleError<'a>) -> Self {
        Self {
            place,
            line: error.line,
            kind: Kind::Rules {
                word: error.word,
                problem: error.problem,
            },
        }
    }

    /// A file or a directory that can't be used.
    #[must_use]
    pub const fn unusable(place: Place<&'a [u8]>, problem: FileProblem) -> Self {
        Self {
            place,
            line: 0,
            kind: Kind::Unusable(problem),
        }
    }
}

impl<B> Error<B> {
    /// The same error, its bytes kept in another way: `error.map(<[u8]>::to_vec)` lives on when the
    /// files are gone.
    pub fn map<C>(self, keep: impl Fn(B) -> C) -> Error<C> {
        let keep = &keep;
        Error {
            place: self.place.map(keep),
            line: self.line,
            kind: match self.kind {
                Kind::Unusable(problem) => Kind::Unusable(problem),
                Kind::List {
                    entry,
                    family,
                    problem,
                } => Kind::List {
                    entry: keep(entry),
                    family,
                    problem,
                },
                Kind::Rules { word, problem } => Kind::Rules {
                    word: keep(word),
                    problem,
                },
                Kind::Outside {
                    address,
                    limit,
                    limit_line,
                } => Kind::Outside {
                    address,
                    limit: limit.map(keep),
                    limit_line,
                },
                Kind::BadLatch { text } => Kind::BadLatch { text: keep(text) },
                Kind::LatchHasRules => Kind::LatchHasRules,
                Kind::LatchIsFull => Kind::LatchIsFull,
                Kind::BadRequire { text } => Kind::BadRequire { text: keep(text) },
                Kind::NothingAssigned { cgroup } => Kind::NothingAssigned {
                    cgroup: cgroup.map(|(directory, cgroup)| (keep(directory), keep(cgroup))),
                },
            },
        }
    }
}

text_is_error!([B: AsRef<[u8]> + core::fmt::Debug] Error<B>);

impl<B: AsRef<[u8]>> Text for Error<B> {
    /// `PLACE:LINE: what is wrong: expected …`
    fn write(&self, out: &mut impl Sink) {
        (&self.place, ":").write(out);
        if self.line != 0 {
            (self.line, ":").write(out);
        }
        " ".write(out);
        match &self.kind {
            Kind::Unusable(problem) => unusable(*problem, &self.place, out),
            Kind::List {
                entry,
                family,
                problem,
            } => {
                let without_line = ParseError {
                    line: 0,
                    entry: entry.as_ref(),
                    family: *family,
                    problem: *problem,
                };
                without_line.write(out);
            }
            Kind::Rules { word, problem } => {
                let without_line = RuleError {
                    line: 0,
                    word: word.as_ref(),
                    problem: *problem,
                };
                without_line.write(out);
            }
            Kind::Outside {
                address,
                limit,
                limit_line,
            } => {
                (*address, " is outside what ", limit, ":", *limit_line).write(out);
                " allows: expected that or a part of it".write(out);
            }
            Kind::BadLatch { text } => {
                let expected = "\": expected what this library has written there";
                ("\"", Printable(text.as_ref()), expected).write(out);
            }
            Kind::LatchHasRules => {
                "holds rules: expected the policy directory that they are in".write(out);
            }
            Kind::LatchIsFull => "has no room for the names of all cgroups with rules: expected \
                                  fewer moves between cgroups with rules, or shorter names"
                .write(out),
            Kind::BadRequire { text } => {
                ("\"", Printable(text.as_ref()), "\": expected 1 or 0").write(out);
            }
            Kind::NothingAssigned { cgroup } => nothing_assigned(cgroup.as_ref(), out),
        }
    }
}

fn nothing_assigned<B: AsRef<[u8]>>(cgroup: Option<&(B, B)>, out: &mut impl Sink) {
    "nothing is assigned".write(out);
    let Some((directory, cgroup)) = cgroup else {
        return ": expected IPADDR_IPV4, IPADDR_IPV6 or a policy directory".write(out);
    };
    let (cgroup, directory) = (Printable(cgroup.as_ref()), Printable(directory.as_ref()));
    (" to cgroup ", cgroup, " in ", directory).write(out);
    ": expected a file of it or of a cgroup around it, IPADDR_IPV4 or IPADDR_IPV6".write(out);
}

/// What is wrong with a file or a directory, and what was expected.
fn unusable<B>(problem: FileProblem, place: &Place<B>, out: &mut impl Sink) {
    let (kind, regular_kind, mode) = match place {
        Place::Directory(_) => ("directory", "directory", "0755"),
        _ => ("file", "regular file", "0644"),
    };
    match (problem, place) {
        (FileProblem::TooLarge, Place::File(file)) => {
            let limit = file.name.limit();
            ("is too large: expected less than ", limit, " bytes").write(out);
        }
        (FileProblem::Unreadable(errno), _) => {
            (errno, ": expected a readable ", kind).write(out);
        }
        (FileProblem::LeadsNowhere, _) => {
            let expected = "is a symbolic link that leads nowhere: expected a ";
            (expected, regular_kind).write(out);
        }
        (FileProblem::WrongKind | FileProblem::TooLarge, _) => {
            ("is something else: expected a ", regular_kind).write(out);
        }
        (FileProblem::WorldWritable, _) => {
            ("is world-writable: expected a mode like ", mode).write(out);
        }
        (FileProblem::Owner(owner), _) => {
            let expected = ": expected root or the owner of the policy directory";
            ("is owned by user ", owner, expected).write(out);
        }
    }
}
