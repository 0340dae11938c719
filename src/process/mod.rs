//! The state of this process: its assignment and the latch, the settings from the environment, what
//! execve(2) carries, the fast path for datagrams, the log.

pub mod assignment;
pub mod coverage;
pub mod datagrams;
pub mod exec;
pub mod latch_text;
pub mod level_file;
pub mod levels;
pub mod loaded;
pub mod log;
pub mod log_output;
pub mod settings;
pub mod unusable;
