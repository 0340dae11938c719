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
    // Without the library, or without an assignment so far, a process has nothing to keep.
    let without = Shim::without().cgroup(&group).on_demand();
    let free = Shim::policy(Ctl::new().0.path()).cgroup(&inner).on_demand();
    let mut other = shim.cgroup(&inner).on_demand();
    assert_eq!(other.bind_wildcard(), "127.0.0.2");
    let said = ctl.run(["remove", "--yes", &cgroup]).fine();
    let two = format!("2 processes are running in {cgroup}: they keep what they have latched\n");
    assert!(said.ends_with(&two), "{said}");
    assert_eq!(process.bind_wildcard(), "127.0.0.2");
    drop((process, other, without, free));
    drop(inner);
}

/// Inside the cgroup some have lists of their own, and some have not.
#[test]
fn what_levels_inside_lose() {
    let ctl = Ctl::new();
    ctl.line("assign / 127.0.0.0/8").fine();
    ctl.line("assign /web 127.0.0.2 127.0.0.3").fine();
    ctl.line("assign /web/a 127.0.0.2").fine();
    ctl.line("assign /web/a/b 127.0.0.2").done();
    ctl.line("assign /web/c none").fine();
    fs::remove_file(ctl.path("web/c/ipaddr.ipv4")).expect("ours");
    ctl.0.write("web", "rules", "-A BIND -j ACCEPT\n");
    fs::create_dir(ctl.path("web/empty")).expect("a directory");
    ctl.line("assign /website 127.0.0.4").fine();
    let said = ctl.line("remove /web");
    let path = ctl.0.path().display();
    let expected = format!(
        "would remove {path}/web/ipaddr.ipv4
would remove {path}/web/ipaddr.rules
/web/a loses the limit of {path}/web/ipaddr.ipv4
/web/c loses what {path}/web/ipaddr.ipv4 assigns: IPv4 is 127.0.0.0/8 (wildcards are refused) then
/web/a loses the limit of {path}/web/ipaddr.rules
/web/a/b loses the limit of {path}/web/ipaddr.rules
/web/c loses the limit of {path}/web/ipaddr.rules
Nothing was removed; with --yes it is.
"
    );
    assert_eq!(said.out, expected);
    let removed = ctl.line("remove --yes /web").fine();
    assert!(removed.contains("IPv4 is 127.0.0.0/8"), "{removed}");
    let shown = ctl.line("show /web/c").fine();
    assert!(
        shown.contains("IPv4: 127.0.0.0/8 (wildcards are refused)"),
        "{shown}"
    );
    // Nothing is left that would assign it something.
    let said = ctl.line("remove /");
    let none = format!(
        "/web/c loses what {path}/ipaddr.ipv4 assigns: IPv4 is 0.0.0.0 (unassigned) then\n"
    );
    assert!(said.out.contains(&none), "{said:?}");
}
