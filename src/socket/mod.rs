//! What becomes of a call on one socket.

pub mod confined;
pub mod ipv6_only;
pub mod local;
pub mod protocol;
pub mod quiet;
pub mod refusal;
pub mod sockopt;
pub mod source;
