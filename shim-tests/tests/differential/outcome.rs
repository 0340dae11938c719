//! What a call comes to, predicted or found.

use std::net::IpAddr;

use crate::kernel::Answer;
use crate::socket::Port;

/// What one call comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub result: Answer<i64>,
    /// As getsockname(2) tells it afterwards; of a slot without a socket, nothing.
    pub local: Option<(IpAddr, Port)>,
    /// The source that the peer sees, if anything reaches it.
    pub seen: Option<IpAddr>,
}
