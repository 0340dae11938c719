//! What a process may do by itself: the supervisor may more, and doesn't for it.

use std::fs;
use std::os::unix::fs::MetadataExt;

use libc::pid_t;

use super::status::Status;

/// `CAP_NET_BIND_SERVICE` of linux/capability.h.
const NET_BIND_SERVICE: u64 = 1 << 10;

/// From which port on anybody may bind; the kernel's own default is 1024. Of the reader's network
/// namespace.
const PORT_START: &str = "/proc/sys/net/ipv4/ip_unprivileged_port_start";

/// What the supervisor may do that others may not.
#[derive(Debug)]
pub struct Rights {
    /// Whether it may bind privileged ports. If it may not, the kernel refuses for both.
    is_privileged: bool,
    /// Its user namespace: a capability in another is none here.
    namespace: Option<u64>,
}

impl Rights {
    /// The caller's.
    pub fn own() -> Self {
        let own = std::process::id().cast_signed();
        let may_bind = |status: Status| status.capabilities & NET_BIND_SERVICE != 0;
        Self {
            is_privileged: Status::of(own).is_none_or(may_bind),
            namespace: user_namespace(own),
        }
    }

    /// Whether a thread may bind this port.
    pub fn allow_port(&self, tid: pid_t, port: u16) -> bool {
        !self.is_privileged || port == 0 || port >= port_start() || self.has_privilege(tid)
    }

    fn has_privilege(&self, tid: pid_t) -> bool {
        let may_bind = |status: Status| status.capabilities & NET_BIND_SERVICE != 0;
        self.namespace.is_some()
            && user_namespace(tid) == self.namespace
            && Status::of(tid).is_some_and(may_bind)
    }
}

/// The number of the file that stands for it, see namespaces(7).
fn user_namespace(tid: pid_t) -> Option<u64> {
    let file = fs::metadata(format!("/proc/{tid}/ns/user")).ok()?;
    Some(file.ino())
}

/// Where it can't be told every port is privileged.
fn port_start() -> u16 {
    let text = fs::read_to_string(PORT_START).unwrap_or_default();
    let start = text.trim().parse::<u32>().unwrap_or(u32::MAX);
    u16::try_from(start).unwrap_or(u16::MAX)
}
