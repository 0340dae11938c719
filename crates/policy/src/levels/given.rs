//! What a policy is made of, besides the files.

use crate::family::PerFamily;

/// What a policy is made of, besides the files.
#[derive(Clone, Copy, Debug, Default)]
pub struct Given<'a> {
    /// The policy directory, if there is one, and the path of the process's cgroup.
    pub cgroup: Option<(&'a [u8], &'a [u8])>,
    /// `$IPADDR_LATCH`: what the process had before execve(2), see [`crate::latch`].
    pub latch: Option<&'a [u8]>,
    /// `$IPADDR_IPV4` and `$IPADDR_IPV6`
    pub lists: PerFamily<Option<&'a [u8]>>,
    /// `$IPADDR_REQUIRE`, see [`is_required`].
    pub require: Option<&'a [u8]>,
}

/// Whether `$IPADDR_REQUIRE` with this value makes a policy that assigns nothing one that can't be
/// used. Only `1` may say so, but what isn't `0` or empty is a mistake, and so refused as well.
#[must_use]
pub const fn is_required(require: &[u8]) -> bool {
    !matches!(require, b"" | b"0")
}
