//! The agent: an OCI runtime hands it the seccomp listener of each container (`linux.seccomp` of the
//! container's config.json has SCMP_ACT_NOTIFY and the agent's socket), and the container is restricted
//! by its cgroup's policy.
//!
//! Each container has a supervisor of its own, a process that the agent forks: what one container
//! brings about, no other notices, its memory and descriptors go with it, and an agent that is
//! started anew leaves the containers guarded.
//!
//! | module | idea |
//! | --- | --- |
//! | [`socket`] | where runtimes connect |
//! | [`handover`] | what they send: a container's state, and its listener |
//! | [`state`] | the state, as JSON |
//! | [`containers`] | which supervisor has which container |
//! | [`supervisor`] | the process that answers a container's calls |
//! | [`turns`] | the agent's loop |

mod containers;
mod handover;
mod socket;
mod state;
mod supervisor;
mod turns;

pub use turns::run;
