//! Real programs: each listens on the assigned address only, is reached there, is refused
//! elsewhere, and connects from it.
//!
//! Each test has addresses of its own in 127.77/16, which are all on the loopback interface.

mod command;
mod curl;
mod erlang;
mod java;
mod listeners;
mod nginx;
mod node;
mod observer;
mod perl;
mod php;
mod python;
mod redis;
mod server;
mod wrapped;

use shim_tests::ports;
