//! The rules of libipaddr, without a system call in them.
//!
//! | module | idea |
//! | --- | --- |
//! | [`address`] | reads addresses |
//! | [`family`] | IPv4 and IPv6 |
//! | [`list`] | the text of `ipaddr.ipv4` / `ipaddr.ipv6`: addresses, networks, `!`-exclusions |
//! | [`network`] | an address and the length of its prefix |
//! | [`ranges`] | a set of addresses: what a list comes to |
//! | [`cgroup`] | `/proc/self/cgroup` and the levels of a cgroup path |
//! | [`rules`] | the text of `ipaddr.rules`: rules for ports and peers |
//! | [`levels`] | all levels read, from the root inward |
//! | [`policy`] | what they come to |
//! | [`latch`] | a policy as text, carried over exec |
//! | [`mark`] | by what others find that text in a process's memory |
//! | [`mod@judge`] | what a policy says to a bind, a connect or an accept |
//! | [`program`] | whether a preloaded library reaches a program, by its file |
//! | [`errno`] | error numbers, as messages say them |
//! | [`trust`] | which files and directories of a policy directory can be trusted |
//! | [`text`] | messages |
//!
//! Nothing here allocates: the library runs this code inside bind(2) and connect(2), which a program
//! may call from a signal handler. So the sets have a fixed capacity and are filled in place.
#![no_std]
#![forbid(unsafe_code)]

pub mod address;
pub mod cgroup;
pub mod errno;
pub mod family;
pub mod judge;
pub mod latch;
pub mod levels;
pub mod list;
pub mod mark;
pub mod network;
pub mod policy;
pub mod program;
pub mod ranges;
pub mod rules;
pub mod text;
pub mod trust;

pub use family::{Family, PerFamily};
pub use judge::{Request, Verdict, judge};
pub use list::ParseError;
pub use policy::{Assignment, Policy};
