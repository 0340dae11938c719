//! The guard: programs that the library doesn't reach, and how the guard itself behaves.
//!
//! What becomes of each call is tested by the library's own tests, which run under the guard too:
//! see `FrontEnd` in `shim_tests::shim`.
//!
//! | module | idea |
//! | --- | --- |
//! | [`guarded`] | a command under the guard |
//! | [`programs`] | static programs, set-uid ones, and others that the library doesn't reach |
//! | [`calls`] | calls that the library doesn't see, and those that need more than the rules |
//! | [`peers`] | rules of ACCEPT |
//! | [`processes`] | threads, signals, daemons, exit statuses |
//! | [`policies`] | late assignments, cgroups, refusals |

mod calls;
mod guarded;
mod peers;
mod policies;
mod processes;
mod programs;
