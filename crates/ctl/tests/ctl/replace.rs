//! `assign --replace`: another list in the place of one that is there, and who keeps the old one.

use std::fs;
use std::os::unix::fs::chown;
use std::process::Command;

use shim_tests::{Shim, skip};

use super::command::{Ctl, EPERM, Nobody, PROGRAM, SYSTEM, Said, UNUSABLE};

#[test]
fn another_list_in_its_place() {
    let ctl = Ctl::new();
    ctl.line("assign /web 127.0.0.2 fd00::2").fine();
    let file = ctl.path("web/ipaddr.ipv4");
    ctl.line("assign /web 127.0.0.3").fails(
        EPERM,
        &format!(
            "EPERM: {}:1: IPv4 is assigned already: 127.0.0.2: expected --replace to change it\n",
            file.display()
        ),
    );
    let said = ctl.line("assign --replace /web 127.0.0.3 127.0.0.4").fine();
    assert_eq!(said, format!("{}: 127.0.0.3, 127.0.0.4\n", file.display()));
    let text = ctl.text("web/ipaddr.ipv4");
    assert_eq!(text.as_deref(), Some("127.0.0.3\n127.0.0.4\n"));
    assert_eq!(ctl.text("web/ipaddr.ipv6").as_deref(), Some("fd00::2\n"));
    let names = ["web", "web/ipaddr.ipv4", "web/ipaddr.ipv6"];
    assert_eq!(ctl.names(), names, "and nothing else");
    // Both at once, and where there is nothing yet.
    ctl.line("assign --replace /web 127.0.0.5 none").fine();
    assert_eq!(ctl.text("web/ipaddr.ipv6").as_deref(), Some("none\n"));
    ctl.line("assign --replace /new 127.0.0.6").fine();
    assert_eq!(ctl.text("new/ipaddr.ipv4").as_deref(), Some("127.0.0.6\n"));
}

#[test]
fn what_cant_be_used_as_it_is() {
    let ctl = Ctl::new();
    ctl.0.write("web", "ipv4", "127.0.0.x\n");
    ctl.line("assign --replace /web 127.0.0.2").fine();
    // Another file's mistake is nothing that a new list could mend.
    ctl.0.write("web", "ipv6", "fd00::x\n");
    ctl.line("assign --replace /web 127.0.0.3")
        .fails(UNUSABLE, "web/ipaddr.ipv6:1: \"fd00::x\"");
    ctl.line("assign --replace /web 127.0.0.3 fd00::3").fine();
    // Who may have written it is to be settled first.
    ctl.0.write("web", "ipv4", "127.0.0.9\n");
    let chmod = Command::new("chmod")
        .arg("o+w")
        .arg(ctl.path("web/ipaddr.ipv4"))
        .status();
    assert!(chmod.expect("chmod starts").success());
    ctl.line("assign --replace /web 127.0.0.3")
        .fails(UNUSABLE, "web/ipaddr.ipv4: is world-writable");
    assert_eq!(ctl.text("web/ipaddr.ipv4").as_deref(), Some("127.0.0.9\n"));
}

#[test]
fn conflicts() {
    let ctl = Ctl::new();
    ctl.0.write("", "ipv4", "127.0.0.0/24\n");
    ctl.0.write("web", "ipv4", "127.0.0.2\n127.0.0.3\n");
    ctl.0.write("web/a", "ipv4", "127.0.0.3\n");
    let above = format!(
        "EPERM: {0}/web/ipaddr.ipv4:1: 127.0.1.2 is outside what {0}/ipaddr.ipv4:1 allows",
        ctl.0.path().display()
    );
    ctl.line("assign --replace /web 127.0.1.2")
        .fails(EPERM, &above);
    let below = format!(
        "EPERM: {0}/web/a/ipaddr.ipv4:1: 127.0.0.3 is outside what {0}/web/ipaddr.ipv4:1 allows",
        ctl.0.path().display()
    );
    ctl.line("assign --replace /web 127.0.0.2")
        .fails(EPERM, &below);
    let text = ctl.text("web/ipaddr.ipv4");
    assert_eq!(text.as_deref(), Some("127.0.0.2\n127.0.0.3\n"), "as before");
    // A conflict that there is already, and that the new list ends.
    fs::write(ctl.path("web/ipaddr.ipv4"), "127.0.1.2\n").expect("ours");
    ctl.line("assign --replace /web 127.0.0.3").fine();
}

/// rename(2) doesn't replace a file that is a mount.
#[test]
fn what_fails_halfway_is_undone() {
    if !skip::root_for("mounts") || !skip::command("unshare") {
        return;
    }
    let ctl = Ctl::new();
    ctl.0.write("web", "ipv4", "127.0.0.2\n");
    let mount = ctl.0.write("web", "ipv6", "fd00::2\n");
    let before = ctl.names();
    let script =
        "mount --bind \"$1\" \"$1\" && exec \"$0\" assign --replace /web 127.0.0.3 fd00::3";
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", script, PROGRAM]);
    command.arg(&mount).env("IPADDR_POLICY_DIR", ctl.0.path());
    let said = Said::of(&command.output().expect("it starts"));
    said.fails(SYSTEM, &mount.display().to_string());
    assert_eq!(ctl.names(), before);
    assert_eq!(ctl.text("web/ipaddr.ipv4").as_deref(), Some("127.0.0.2\n"));
    assert_eq!(ctl.text("web/ipaddr.ipv6").as_deref(), Some("fd00::2\n"));
}

/// Those that have latched something else than they would get, with their units.
#[test]
fn who_keeps_the_old_one() {
    let Some(group) = skip::cgroup() else { return };
    let (service, beside) = (group.child("web-b.service"), group.child("beside"));
    let ctl = Ctl::new();
    ctl.0
        .write(service.name(), "ipv4", "127.0.0.2\n127.0.0.3\n");
    ctl.0.write(beside.name(), "ipv4", "127.0.0.2\n127.0.0.3\n");
    let elsewhere = Ctl::new();
    elsewhere
        .0
        .write(service.name(), "ipv4", "127.0.0.2\n127.0.0.3\n");
    let shim = Shim::policy(ctl.0.path()).cgroup(&service);
    let mut both = shim.clone().on_demand();
    let mut narrowed = shim.clone().var("IPADDR_IPV4", "127.0.0.3").on_demand();
    let mut others = [
        shim.clone().cgroup(&beside).on_demand(),
        Shim::policy(elsewhere.0.path())
            .cgroup(&service)
            .on_demand(),
    ];
    // By then they have read their policy.
    assert_eq!(both.bind_wildcard(), "127.0.0.2");
    assert_eq!(narrowed.bind_wildcard(), "127.0.0.3");
    assert!(
        others
            .iter_mut()
            .all(|other| other.bind_wildcard() == "127.0.0.2")
    );
    let without = Shim::without().cgroup(&service).on_demand();

    let file = ctl.path(service.name()).join("ipaddr.ipv4");
    let replace = |addresses: &str| {
        let line = format!("assign --replace /{} {addresses}", service.name());
        let said = ctl.line(&line).done();
        let list = addresses.replace(' ', ", ");
        let first = format!("{}: {list}\n", file.display());
        said.strip_prefix(&first).expect(&said).to_owned()
    };
    let heading = "These processes keep what they have until they are restarted:\n";
    let keeps = format!(
        "  {} on_demand (web-b.service): 127.0.0.2, 127.0.0.3 (wildcards become 127.0.0.2)\n",
        both.pid()
    );
    let refused = "Programs that they execute until then are refused everything.\n";
    let said = replace("127.0.0.3 127.0.0.4");
    assert_eq!(said, format!("{heading}{keeps}{refused}"));
    assert_eq!(both.bind_wildcard(), "127.0.0.2", "it does");
    // More than it has, so there is no conflict.
    let said = replace("127.0.0.3 127.0.0.4 127.0.0.2");
    assert_eq!(said, format!("{heading}{keeps}"));
    // The same addresses, another one for wildcards.
    assert_eq!(replace("127.0.0.3 127.0.0.2"), format!("{heading}{keeps}"));
    assert_eq!(replace("127.0.0.2 127.0.0.3"), "", "all is as it was");
    // Of the other family they have nothing for life.
    let line = format!("assign --replace /{} fd00::2", service.name());
    let said = ctl.line(&line).fine();
    assert!(said.contains(&keeps) && said.lines().count() == 4, "{said}");
    drop((both, narrowed, others, without));
    drop((service, beside));
}

/// Processes of others: that they may keep something is said, by `remove` too.
#[test]
fn as_another_user() {
    let Some(group) = skip::cgroup() else { return };
    if !skip::command("setpriv") {
        return;
    }
    let ctl = Ctl::new();
    let file = ctl.0.write(group.name(), "ipv4", "127.0.0.2\n");
    let own = ctl.path(group.name());
    for path in [ctl.0.path(), &own, &file] {
        chown(path, Some(65534), None).expect("we are root");
    }
    let mut process = Shim::policy(ctl.0.path()).cgroup(&group).on_demand();
    assert_eq!(process.bind_wildcard(), "127.0.0.2");
    let cgroup = format!("/{}", group.name());
    let nobody = Nobody::new();
    let run = |line: &str| nobody.line(&ctl, line).fine();
    let replaced = run(&format!("assign --replace {cgroup} 127.0.0.3"));
    let unknown = format!(
        "\n  {} on_demand: ? (its maps: Permission denied (os error 13))\n",
        process.pid()
    );
    assert!(replaced.ends_with(&unknown), "{replaced}");
    let removed = run(&format!("remove --yes {cgroup}"));
    let unknown =
        format!("\n1 process in {cgroup} can't be inspected: what it has latched is unknown\n");
    assert!(removed.ends_with(&unknown), "{removed}");
    drop(process);
}
