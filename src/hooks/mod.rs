//! What the exported functions do, one file a call or a group of them: read the arguments, judge, and
//! return the answer. The table in `src/abi/symbols.rs` says which symbol is whose.

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
