//! Real programs: each listens on the assigned address only, is reached there, is refused
//! elsewhere, and connects from it.
//!
//! [`servers`] and [`clients`] have one row a program; what is special to a program is in its own
//! file. Each test has addresses of its own in 127.77/16, which are all on the loopback interface.

mod clients;
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
mod program;
mod python;
mod redis;
mod rows;
mod server;
mod servers;
mod wrapped;

use shim_tests::ports;
