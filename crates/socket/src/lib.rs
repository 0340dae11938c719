//! What becomes of a call on one socket, by the rules of `ipaddr-policy`: whichever process the socket
//! is of, and however it is reached.
//!
//! | module | idea |
//! | --- | --- |
//! | [`mod@socket`] | a socket, however it is reached: a trait |
//! | [`host`] | the process whose call it is: a trait |
//! | [`call`] | a call: its name, its socket and its process |
//! | [`after`] | what is left to do when the kernel has answered |
//! | [`refusal`] | a call that is not let through |
//! | [`sockaddr`] | a caller's sockaddr, copied, read and changed |
//! | [`cmsg`] | the control messages of sendmsg(2) and recvmsg(2) |
//!
//! Nothing here allocates, takes a lock or panics: the shim runs this code inside the calls of a
//! program, in signal handlers too.
#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod after;
pub mod call;
pub mod cmsg;
pub mod host;
pub mod refusal;
pub mod sockaddr;
pub mod socket;

pub use after::After;
pub use call::Call;
pub use host::{Assignment, Host, Level};
pub use refusal::Refusal;
pub use socket::Socket;
