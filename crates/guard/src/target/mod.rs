//! The processes that are guarded: their descriptors, memory, rights and policies.
//!
//! | module | idea |
//! | --- | --- |
//! | [`status`] | `/proc/PID/status`, as far as it matters |
//! | [`process`] | a process, with its policy |
//! | [`threads`] | a thread, by a descriptor that is kept |
//! | [`memory`] | what a call's pointers point to, copied once |
//! | [`socket`] | a duplicate of one of its sockets |
//! | [`host`] | the process, as the rules see it |
//! | [`rights`] | what the process may do by itself |

pub mod host;
pub mod memory;
pub mod process;
pub mod rights;
pub mod socket;
pub mod status;
pub mod threads;
