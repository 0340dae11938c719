//! The exported functions, one file a call: read the arguments, judge, hand back the answer.

pub mod accept;
pub mod bind;
pub mod connect;
pub mod dlfcn;
pub mod execute;
pub mod incoming;

pub mod listen;
pub mod message;
pub mod resvport;
pub mod seccomp;
pub mod send;
pub mod setsockopt;
pub mod sharing;
