//! The state of this process.
//!
//! | module | idea |
//! | --- | --- |
//! | [`assignment`] | its policy, and the latch |
//! | [`levels`], [`level_file`], [`unusable`] | the policy is read, level by level and file by file, or why it cannot be used |
//! | [`settings`] | the environment, as it was when the program started |
//! | [`exec`], [`latch_text`] | what execve(2) carries |
//! | [`host`], [`descriptor`] | the process and a socket of it, as `ipaddr-socket` reaches them |
//! | [`sockets`], [`datagrams`] | what is known of its sockets, and the fast path for datagrams |
//! | [`survey`] | all sockets are queried before a seccomp filter is installed |
//! | [`log`], [`log_output`] | the log |
//! | [`loaded`], [`coverage`] | what is said at load, and whether the library reaches a program |

pub mod assignment;
pub mod coverage;
pub mod datagrams;
pub mod descriptor;
pub mod environment;
pub mod exec;
pub mod host;
pub mod latch_text;
pub mod level_file;
pub mod levels;
pub mod loaded;
pub mod log;
pub mod log_output;
pub mod settings;
pub mod sockets;
pub mod survey;
pub mod unusable;
