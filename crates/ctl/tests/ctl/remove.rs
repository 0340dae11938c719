//! `remove`: only when confirmed, and only what is the cgroup's own.

use std::fs;

use shim_tests::{Shim, skip};

use super::command::{Ctl, FOUND, SYSTEM};

#[test]
fn not_without_yes() {
    let ctl = Ctl::new();
    ctl.line("assign /web 127.0.0.2 fd00::2").fine();
    ctl.0.write("web", "rules", "-A BIND -j ACCEPT\n");
    let before = ctl.names();
    let said = ctl.line("remove /web");
    assert_eq!(said.status, FOUND, "{said:?}");
    let path = ctl.0.path().display();
    let expected = format!(
        "would remove {path}/web/ipaddr.ipv4\nwould remove {path}/web/ipaddr.ipv6\n\
         would remove {path}/web/ipaddr.rules\nNothing was removed; with --yes it is.\n"
    );
    assert_eq!(said.out, expected);
    assert_eq!(ctl.names(), before);
    let removed = ctl.line("remove --yes /web").fine();
    assert_eq!(removed.matches("removed ").count(), 3, "{removed}");
    assert_eq!(ctl.names(), [""; 0], "its directory was empty");
    ctl.line("remove --yes /web")
        .fails(SYSTEM, "there is no policy of its own");
    ctl.line("assign /web 127.0.0.3").fine();
}

#[test]
fn others_keep_theirs() {
    let ctl = Ctl::new();
    ctl.line("assign / 127.0.0.0/8").fine();
    ctl.line("assign /web 127.0.0.0/16").fine();
    ctl.line("assign /web/a 127.0.0.2").fine();
    fs::write(ctl.path("web/.ipaddr.rules.new"), "").expect("left by somebody");
    ctl.line("remove --yes /web").fine();
    assert_eq!(
        ctl.names(),
        ["ipaddr.ipv4", "web", "web/a", "web/a/ipaddr.ipv4"]
    );
    ctl.line("remove --yes /").fine();
    assert_eq!(ctl.names(), ["web", "web/a", "web/a/ipaddr.ipv4"]);
    ctl.line("remove --yes /web/a").fine();
    assert!(ctl.0.path().is_dir(), "the directory itself stays");
}

#[test]
fn processes_keep_what_they_have() {
    let Some(group) = skip::cgroup() else { return };
    let inner = group.child("inner");
    let ctl = Ctl::new();
    let cgroup = format!("/{}", group.name());
    ctl.run(["assign", &cgroup, "127.0.0.2"]).fine();
    let shim = Shim::policy(ctl.0.path());
    let mut process = shim.clone().cgroup(&group).on_demand();
    let said = ctl.run(["remove", &cgroup]);
    let one = format!("1 process is running in {cgroup}: it keeps what it has latched\n");
    assert!(said.out.contains(&one), "{said:?}");
    let other = shim.cgroup(&inner).on_demand();
    let said = ctl.run(["remove", "--yes", &cgroup]).fine();
    assert!(said.contains("2 processes are running"), "{said}");
    assert_eq!(process.bind_wildcard(), "127.0.0.2");
    drop((process, other));
    drop(inner);
}
