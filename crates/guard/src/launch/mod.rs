//! Three processes: the parent, which waits; the supervisor, its child, which answers calls; and the
//! command, the supervisor's child.
//!
//! The supervisor is an ancestor of all that the command starts, because only an ancestor may take a
//! process's descriptors where `kernel.yama.ptrace_scope` is 1: so orphans become its children, and it
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
