//! The levels of a process's policy, from the root inward: the policy directory's, which mirrors the
//! cgroup tree, then the process's own variables. Each narrows what the levels around it allow.
//!
//! What the process had before execve(2), its latch, is no level among them. The levels are read as
//! a new process reads them, with the same conflicts between them, and only what all of them come to
//! is checked against the latch, family by family ([`Assignment::check_against`]):
//!
//! | the levels allow | the process has |
//! | --- | --- |
//! | nothing is assigned there | the latch |
//! | all of the latch, or more | the latch, its primary address too |
//! | a part of the latch | that part |
//! | anything else | a conflict: no policy that can be used |
//!
//! Whatever comes out of this and is carried over the next execve(2) comes out of that unchanged: it
//! is a part of the levels, or they are it. To check each level against the latch on its own would
//! not do: a file that allows more than the latch and less than its own directory would be a
//! conflict, though the variable that has made the latch narrower is still there. A process that is
//! moved gets the levels of its new cgroup, less what it didn't have before.
//!
//! Rules for ports and peers aren't carried, only the cgroups that they are of. Those of the latch
//! come first, as outer levels, except where the process's own cgroup has them anyhow; so the order
//! is the same after each execve(2).
//!
//! | module | idea |
//! | --- | --- |
//! | [`files`] | the files of the levels; the caller reads them |
//! | [`given`] | what a policy is made of, besides the files |
//! | [`place`] | where a mistake or an assignment is written |
//! | [`error`] | why a policy can't be used |
//! | `fault` | the same, while files are still being read |
//! | `narrowing` | the assignments, while the levels are read |
//! | `carried` | the cgroups whose rules execve(2) carries |
//! | [`mod@read`] | reads the levels, from the root inward |
//!
//! [`Assignment::check_against`]: crate::Assignment::check_against
#![expect(
    clippy::result_large_err,
    reason = "there is no heap to box an error in, and a read makes one at most"
)]

mod carried;
pub mod error;
mod fault;
pub mod files;
pub mod given;
mod narrowing;
pub mod place;
pub mod read;

pub use error::{Error, Kind};
pub use files::{FileName, Files, LevelFile};
pub use given::{Given, is_required};
pub use place::Place;
pub use read::{Levels, read};
