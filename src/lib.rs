//! `libipaddr.so`: preloaded, it gives a program the IP address of its cgroup and no other.
//!
//! The exported functions ([`bind`], [`connect`], [`listen`], [`accept`], [`send`], and [`by_number`] for
//! syscall(2)) each read who asks ([`assignment`]), judge
//! (the rules are in the crate `ipaddr-policy`) and act ([`real`] is libc's own function, called by
//! [`entry`]).
//!
//! This code runs inside programs that never asked for it, in any thread, in signal handlers, and
//! between fork and exec. So on the way of a call there is no allocation, no lock and no stdio, and
//! no descriptor is kept. The functions behind ours are looked up at load.
//!
//! No path leads to a panic: the compiler sees that none does, and leaves the handler out of the
//! library (a test looks for it there).

// A debug build has std, because one of the whole workspace, clippy's or the tests', turns on the
// std features of the crates that this one shares with the others, and there is only one panic
// handler to a library.
#![cfg_attr(not(debug_assertions), no_std)]
#![warn(missing_docs)]

mod accept;
mod assignment;
mod bind;
mod by_number;
mod cmsg;
mod confined;
mod connect;
mod coverage;
mod datagrams;
mod descriptors;
mod dlfcn;
mod entry;
mod errno;
mod exec;
mod execute;
mod file;
mod forward;
mod ipv6_only;
mod latch_text;
mod level_file;
mod levels;
mod listen;
mod loaded;
mod local;
mod log;
mod log_output;
mod memory;
mod message;
mod objects;
mod protocol;
mod quiet;
mod real;
mod refusal;
mod resvport;
#[cfg(not(debug_assertions))]
mod runtime;
mod seccomp;
mod send;
mod setsockopt;
mod settings;
mod sharing;
mod sockaddr;
mod socket;
mod source;
mod syscall;
mod user_memory;

/// At load, before main: look up the real functions, read the environment, and take the first
/// look for an assignment, so that a process keeps what it was started with.
#[ctor::ctor(unsafe)]
fn load() {
    let errno = errno::Errno::get();
    user_memory::note_stack();
    real::resolve();
    assignment::load();
    coverage::check_command(settings::get());
    errno.set();
}
