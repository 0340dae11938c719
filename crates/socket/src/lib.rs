//! What becomes of a call on one socket, by the rules of `ipaddr-policy`: whichever process the socket
//! is of, and however it is reached.
//!
//! | module | idea |
//! | --- | --- |
//! | [`bind`], [`connect`], [`listen`], [`accept`], [`send`] | one call each: `before` judges it, and binds the socket if that is needed; `after` sees what the kernel has answered |
//! | [`pktinfo`] | the source that a control message or an option chooses |
//! | `source` | what connect, listen and the sends have in common |
//! | `quiet` | the quiet bind, and its end |
//! | `ipv6_only` | `::` on a socket that takes IPv6 alone, and may not stay so |
//! | [`confined`] | the same in a process with a seccomp filter of its own |
//! | [`advance`] | a datagram socket that is bound before anybody sends on it |
//! | `request` | a call as a request to the rules |
//! | `local`, `options` | what the kernel says of a socket, and the options that are set on it |
//! | [`call`], [`mod@socket`], [`host`] | a call: its name, its socket and its process, which are traits |
//! | [`after`], [`refusal`] | what comes of a call: something left to do, or an errno |
//! | `log` | what the log says of a call |
//! | [`sockaddr`] | a caller's sockaddr, copied, read and changed |
//! | [`cmsg`] | the control messages of sendmsg(2) and recvmsg(2) |
//!
//! Nothing here allocates, takes a lock or panics: the shim runs this code inside the calls of a
//! program, in signal handlers too. And nothing is remembered here from one call to the next: what is
//! known of a process its [`Host`] knows.
#![no_std]
#![forbid(unsafe_code)]

pub mod accept;
pub mod advance;
pub mod after;
pub mod bind;
pub mod call;
pub mod cmsg;
pub mod confined;
pub mod connect;
pub mod host;
mod ipv6_only;
pub mod listen;
mod local;
mod log;
mod options;
pub mod pktinfo;
mod quiet;
pub mod refusal;
mod request;
pub mod send;
pub mod sockaddr;
pub mod socket;
mod source;

pub use after::After;
pub use call::Call;
pub use host::{Assignment, Host, Level};
pub use refusal::Refusal;
pub use socket::Socket;
