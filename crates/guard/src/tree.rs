//! The guarded tree of processes: what all threads of the supervisor share.

use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::failure::Failure;
use crate::log::Log;
use crate::policies::Policies;
use crate::sys::socket;
use crate::target::process::Processes;
use crate::target::rights::Rights;

/// What all threads of the supervisor share.
#[derive(Debug)]
pub struct Tree {
    /// The policies.
    pub policies: Policies,
    /// The log.
    pub log: Log,
    /// The processes that have made a call.
    pub processes: Arc<Processes>,
    /// What the supervisor may do.
    pub rights: Rights,
    /// The supervisor's network namespace, by `SO_NETNS_COOKIE`.
    pub namespace: u64,
    /// Whether a quiet bind may have left a socket bound.
    pub has_left_bound: AtomicBool,
    /// Whether a program may have chosen a source that a quiet bind would replace.
    pub has_chosen_source: AtomicBool,
    /// Whether a program may have set `IP_BIND_ADDRESS_NO_PORT`. Until then it is a quiet bind's.
    pub has_set_no_port: AtomicBool,
    /// Whether a set of Landlock rules for the network may have been made.
    pub has_network_rules: AtomicBool,
}

impl Tree {
    /// # Errors
    /// The network namespace can't be told.
    pub fn new(policies: Policies, log: Log) -> Result<Self, Failure> {
        Ok(Self {
            policies,
            log,
            processes: Arc::default(),
            rights: Rights::own(),
            namespace: own_namespace()?,
            has_left_bound: AtomicBool::new(false),
            has_chosen_source: AtomicBool::new(false),
            has_set_no_port: AtomicBool::new(false),
            has_network_rules: AtomicBool::new(false),
        })
    }
}

fn own_namespace() -> Result<u64, Failure> {
    let failed = |why: String| Failure::Refused(format!("SO_NETNS_COOKIE: {why}"));
    let socket = UnixDatagram::unbound().map_err(|error| failed(error.to_string()))?;
    socket::namespace(socket.as_fd()).map_err(|errno| failed(format!("errno {}", errno.0)))
}
