//! What the tools of libipaddr read of a machine: policy files, cgroups and processes.
//!
//! It has no command line and prints nothing. Each error is a type with the place and the system's
//! reason; its `Display` is the message.
//!
//! | module | idea |
//! | --- | --- |
//! | [`settings`] | where the policies are, and which hierarchy decides a process's cgroup |
//! | [`cgroup_path`] | the path of a cgroup, and its directory in the policy directory |
//! | [`hierarchy`] | which cgroups there are |
//! | [`level_files`] | the files of a policy's levels, each checked before it is used |
//! | [`tree`] | the directories of a policy directory |
//! | [`reader`] | reads a policy, by the library's own code (`ipaddr-policy`) |
//! | [`process`] | processes: cgroup, environment, mappings, program |
//! | [`library`] | whether a process has the library, and what it has latched |
//! | [`guard`] | whether a process runs under ipaddr-guard, and what that has latched |
//! | [`subject`] | the policy of a cgroup or of a process |
//! | [`error`] | what can't be read, and why |
//!
//! The policy of a process, by its cgroup and the files alone:
//!
//! ```
//! use ipaddr_host::level_files::Disk;
//! use ipaddr_host::process::Process;
//! use ipaddr_host::reader::Reader;
//! use ipaddr_host::settings;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let directory = settings::policy_directory(None)?;
//! let cgroup = Process::current().cgroup(settings::cgroup_controller().as_deref())?;
//! let given = cgroup.given(&directory);
//! let is_free = Reader::default().read(&given, &mut Disk::default(), |policy, _| {
//!     policy.is_unassigned()
//! })?;
//! # let _ = is_free;
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

pub mod cgroup_path;
pub mod error;
pub mod guard;
pub mod hierarchy;
pub mod level_files;
pub mod library;
pub mod process;
pub mod reader;
pub mod settings;
pub mod subject;
pub mod tree;
