//! What becomes of a call on one socket, by the rules of `ipaddr-policy`: whichever process the socket
//! is of, and however it is reached.
//!
//! | module | idea |
//! | --- | --- |
//! | [`sockaddr`] | a caller's sockaddr, copied, read and changed |
//! | [`cmsg`] | the control messages of sendmsg(2) and recvmsg(2) |
//!
//! Nothing here allocates, takes a lock or panics: the shim runs this code inside the calls of a
//! program, in signal handlers too.
#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod cmsg;
pub mod sockaddr;
