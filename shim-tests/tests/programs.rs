//! Real programs: each listens on the assigned address only, is reached there, is refused
//! elsewhere, and connects from it.
//!
//! Each test has addresses of its own in 127.77/16, which are all on the loopback interface.

#[path = "programs/command.rs"]
mod command;
#[path = "programs/curl.rs"]
mod curl;
#[path = "programs/erlang.rs"]
mod erlang;
#[path = "programs/java.rs"]
mod java;
#[path = "programs/listeners.rs"]
mod listeners;
#[path = "programs/nginx.rs"]
mod nginx;
#[path = "programs/node.rs"]
mod node;
#[path = "programs/observer.rs"]
mod observer;
#[path = "programs/perl.rs"]
mod perl;
#[path = "programs/php.rs"]
mod php;
#[path = "programs/python.rs"]
mod python;
#[path = "programs/redis.rs"]
mod redis;
#[path = "programs/server.rs"]
mod server;
#[path = "programs/wrapped.rs"]
mod wrapped;

use shim_tests::ports;
