//! Programs under run-restricted.sh: what the README begins with.

use std::fs;

use shim_tests::{Shim, artifacts, skip};
use tempfile::TempDir;

use crate::command::client;
use crate::observer::Observer;
use crate::ports::free_port;
use crate::server::{HTTP, Server};

#[test]
fn python_http_server_by_the_wrapper() {
    if !skip::command("python3") {
        return;
    }
    let (_dir, wrapper) = wrapper();
    let port = free_port();
    let mut command = Shim::without().command(wrapper);
    command.args(["--ip", "127.77.70.1", "--", "python3", "-m", "http.server"]);
    command.arg(port.to_string());
    let mut server = Server::start(&mut command, port);
    server.serves_only("127.77.70.1", &["127.77.70.1"], HTTP);
}

#[test]
fn curl_by_the_wrapper() {
    if !skip::command("curl") {
        return;
    }
    let (_dir, wrapper) = wrapper();
    let observer = Observer::start();
    let arguments = ["--ip", "127.77.71.1", "--", "curl", "-sS", &observer.url()];
    client(&Shim::without(), &wrapper, &arguments).says("from 127.77.71.1");
}

/// The wrapper beside the library under test, where it searches first.
pub fn wrapper() -> (TempDir, String) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let wrapper = dir.path().join("run-restricted.sh");
    let original = artifacts::workspace().join("run-restricted.sh");
    fs::copy(original, &wrapper).expect("the wrapper is in the workspace");
    fs::copy(artifacts::library(), dir.path().join("libipaddr.so")).expect("the directory is ours");
    let path = wrapper.to_str().expect("UTF-8").to_owned();
    (dir, path)
}
