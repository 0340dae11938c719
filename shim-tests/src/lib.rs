//! What the tests share.
//!
//! | module | idea |
//! | --- | --- |
//! | [`artifacts`] | libipaddr.so and the programs of the C harness |
//! | [`shim`] | a program under the library, with just the environment that a test says |
//! | [`cgroup`] | real cgroups that go away with their test |
//! | [`netns`] | network namespaces of a test's own |
//! | [`policy_dir`] | policy directories |
//! | [`ports`] | ports that are free |
//! | [`peer`] | sockets of the test's own, without the library: what a peer sees |
//! | [`reference`] | the same rules in the kernel, as cgroup-BPF programs |
//! | [`services`] | many services at once, each in a cgroup with an address of its own |
//! | [`memory`] | what a process has of memory, from its smaps |
//! | [`script`] | tests that are written in shell |
//! | [`go`] | static programs of Go |
//! | [`covered`] | the calls that the library hooks, from its own table |
//! | [`uncovered`] | the symbols of libc that it doesn't hook, and why |
//! | [`glibc`] | which glibc a program or a library needs |
//! | [`skip`] | what can't be tested here, said and counted |

pub mod artifacts;
pub mod cgroup;
pub mod covered;
pub mod glibc;
pub mod go;
pub mod memory;
pub mod netns;
pub mod peer;
pub mod policy_dir;
pub mod ports;
pub mod reference;
pub mod script;
pub mod services;
pub mod shim;
pub mod skip;
pub mod uncovered;

pub use artifacts::{guard, harness, library};
pub use cgroup::Cgroup;
pub use netns::Netns;
pub use policy_dir::PolicyDir;
pub use reference::Reference;
pub use services::Services;
pub use shim::{FrontEnd, Run, Shim};
