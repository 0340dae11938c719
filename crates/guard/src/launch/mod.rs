//! Three processes: the parent, which waits; the supervisor, its child, which answers calls; and the
//! command, the supervisor's child.
//!
//! The supervisor stands above all that the command starts, because only who stands above a process
//! may take its descriptors where `kernel.yama.ptrace_scope` is 1: so it takes in orphans too, and it
//! outlives the parent as long as there are any.
//!
//! | module | idea |
//! | --- | --- |
//! | [`parent`] | waits, forwards signals, ends as the command does |
//! | [`supervisor`] | takes the listener, answers calls, reaps |
//! | [`command`] | installs the filter, and becomes the command |
//! | [`files`] | the caller's files, which only the command keeps |
//! | [`report`] | what the supervisor tells the parent |

pub mod command;
pub mod files;
pub mod parent;
pub mod report;
pub mod supervisor;
