//! Erlang: a node is known by epmd, which takes registrations from 127/8 only.

use std::process::Stdio;

use shim_tests::{PolicyDir, Shim, skip};

use crate::command::client;
use crate::server::Server;

const EPMD: u16 = 4369;

#[test]
fn erlang_registers_by_the_loopback_address() {
    if !skip::command("erl") || !skip::command("epmd") {
        return;
    }
    // Outside 127/8, as a service's address is.
    let Some(netns) = skip::netns_with(&["10.77.0.5/32"]) else {
        return;
    };
    let mut epmd = Shim::without().netns(&netns).command("epmd");
    epmd.args(["-address", "127.0.0.1"]).stdin(Stdio::null());
    let mut epmd = Server::start(&mut epmd, EPMD);
    let both = ["127.0.0.1", "::1"];
    epmd.listens_on(if skip::ipv6() { &both } else { &both[..1] });

    let policy = PolicyDir::new();
    policy.write("", "ipv4", "10.77.0.5\n");
    let register = || {
        let shim = Shim::policy(policy.path())
            .netns(&netns)
            .var("HOME", policy.path().to_str().expect("UTF-8"))
            .var("ERL_CRASH_DUMP_BYTES", "0");
        let names = "io:format(\"~p~n\", [net_adm:names()]), halt().";
        let arguments = [
            "-sname",
            "node",
            "-setcookie",
            "x",
            "-noshell",
            "-eval",
            names,
        ];
        client(&shim, "erl", &arguments)
    };
    let refused = register();
    let told = refused.err.clone() + &refused.out;
    assert!(told.contains("register/listen error"), "{refused:?}");
    let rules = "-A CONNECT -d 127.0.0.0/8 -j SNAT --to-source 127.0.0.1\n";
    policy.write("", "rules", rules);
    let registered = register();
    assert!(registered.out.contains("[{\"node\","), "{registered:?}");
}
