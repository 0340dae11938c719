//! The guard's agent: containers whose listeners an OCI runtime hands over.
//!
//! | module | idea |
//! | --- | --- |
//! | [`agent`] | an agent, and containers as the C harness makes them: a filter, and a listener handed over |
//! | [`assignments`] | which policy a container has |
//! | [`lifetimes`] | ends of containers, supervisors and agents, and many containers at once |
//! | [`handovers`] | who may hand over what, and where |
//! | [`runtimes`] | runc and crun |

mod agent;
mod assignments;
mod handovers;
mod lifetimes;
mod runtimes;
