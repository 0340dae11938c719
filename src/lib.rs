//! `libipaddr.so`: preloaded, it gives a program the IP address of its cgroup and no other.
//!
//! | module | idea |
//! | --- | --- |
//! | [`abi`] | how a symbol gets in and out: the frame, the next function, syscall(2) by number |
//! | [`hooks`] | what the exported functions do, one file a call |
//! | [`process`] | this process: its assignment, the environment, what exec carries, its sockets, the log |
//! | [`sys`] | system calls without libc, errno, memory, files |
//!
//! The path of a call: [`hooks::bind`] reads the arguments, and [`ipaddr_socket::bind`] decides what becomes
//! of them: it has the process's policy from [`process::assignment`], and [`ipaddr_policy::judge`]
//! judges. [`abi::next`] is libc's own function, which [`abi::exports`] calls.
//!
//! This code runs inside programs that don't expect it, in any thread, in signal handlers, and between
//! fork and exec. So on the path of a call there is no allocation, no lock and no stdio, and no descriptor
//! is kept. The next functions are looked up at load.
//!
//! No path leads to a panic: the compiler sees that none does, and leaves the handler out of the
//! library (a test looks for it there).

// Where a panic aborts, as in a release build, there is no std. Where it unwinds, as in a debug build,
// which is checked and never installed, there is: without std nothing can unwind.
#![cfg_attr(panic = "abort", no_std)]
#![deny(unsafe_code)]

#[expect(
    unsafe_code,
    reason = "the entry code, and calls of functions found by name"
)]
mod abi;
#[expect(unsafe_code, reason = "arguments are pointers of the program's")]
mod hooks;
#[expect(
    unsafe_code,
    reason = "the environment and the auxiliary vector are the program's memory; sockets by way of libc"
)]
mod process;
#[expect(unsafe_code, reason = "system calls")]
mod sys;

use sys::errno::{Errno, ThreadErrno};

/// At load, before main: looks up the next functions, reads the environment, and queries the assignment
/// for the first time, so that a process keeps what it was started with.
#[ctor::ctor(unsafe)]
fn load() {
    let errno = Errno::get();
    sys::user_memory::note_stack();
    abi::next::resolve();
    process::assignment::load();
    process::coverage::check_command(process::settings::get());
    errno.set();
}
