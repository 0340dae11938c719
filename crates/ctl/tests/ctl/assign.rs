//! `assign`: what is written, and what is refused before anything is.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::process::Command;

use shim_tests::skip;

use super::command::{Ctl, EINVAL, EPERM, PROGRAM, SYSTEM, Said, UNUSABLE};

#[test]
fn each_family_has_its_file() {
    let ctl = Ctl::new();
    let said = ctl.line("assign /web/a 127.0.0.2 fd00::2 127.0.3.0/24 !127.0.3.1 fd00:1::/64");
    let out = said.fine();
    let path = ctl.0.path().display();
    assert_eq!(
        out,
        format!(
            "{path}/web/a/ipaddr.ipv4: 127.0.0.2, 127.0.3.0/24, !127.0.3.1\n\
             {path}/web/a/ipaddr.ipv6: fd00::2, fd00:1::/64\n"
        )
    );
    assert_eq!(
        ctl.text("web/a/ipaddr.ipv4").as_deref(),
        Some("127.0.0.2\n127.0.3.0/24\n!127.0.3.1\n")
    );
    assert_eq!(
        ctl.text("web/a/ipaddr.ipv6").as_deref(),
        Some("fd00::2\nfd00:1::/64\n")
    );
    let written = ["web", "web/a", "web/a/ipaddr.ipv4", "web/a/ipaddr.ipv6"];
    assert_eq!(ctl.names(), written, "and nothing else");
}

#[test]
fn none_is_for_the_other_family() {
    let ctl = Ctl::new();
    ctl.line("assign /a 127.0.0.2 none").fine();
    ctl.line("assign /b none fd00::2").fine();
    ctl.line("assign /c none").fine();
    let texts = ["a", "b", "c"].map(|cgroup| {
        ["ipv4", "ipv6"].map(|family| {
            ctl.text(&format!("{cgroup}/ipaddr.{family}"))
                .expect("both")
        })
    });
    let expected = [
        ["127.0.0.2\n", "none\n"],
        ["none\n", "fd00::2\n"],
        ["none\n", "none\n"],
    ];
    assert_eq!(texts, expected);
    ctl.line("assign /d 127.0.0.2 fd00::2 none")
        .fails(EINVAL, "EINVAL: \"none\": expected it for a family");
}

#[test]
fn loopback_is_for_the_other_family_too() {
    let ctl = Ctl::new();
    ctl.line("assign /a 127.0.0.2 loopback").fine();
    assert_eq!(ctl.text("a/ipaddr.ipv6").as_deref(), Some("loopback\n"));
    ctl.line("assign /b loopback").fine();
    assert_eq!(ctl.text("b/ipaddr.ipv4").as_deref(), Some("loopback\n"));
    ctl.line("assign /c 127.0.0.2 fd00::2 loopback")
        .fails(EINVAL, "EINVAL: \"loopback\": expected it for a family");
    ctl.line("assign /c none loopback")
        .fails(EINVAL, "EINVAL: \"loopback\": expected no other entry");
    // It is part of whatever a level above assigns, and allows nothing else below.
    ctl.line("assign /a/b loopback").fine();
    ctl.line("assign /b/c 127.0.0.2")
        .fails(EPERM, "127.0.0.2 is outside what");
}

#[test]
fn modes_whatever_the_umask() {
    let ctl = Ctl::new();
    let program = format!("umask 077; exec {PROGRAM} assign --create web/a 127.0.0.2");
    let mut command = Command::new("sh");
    command.args(["-c", &program]);
    // Even the directory is made.
    command.env("IPADDR_POLICY_DIR", ctl.path("later/ipaddr"));
    Said::of(&command.output().expect("sh starts")).fine();
    let mode = |name: &str| {
        let metadata = fs::metadata(ctl.path(name)).expect("it was written");
        assert_eq!(
            metadata.uid(),
            fs::metadata("/proc/self").expect("proc").uid()
        );
        metadata.mode() & 0o7777
    };
    assert_eq!(mode("later"), 0o755);
    assert_eq!(mode("later/ipaddr"), 0o755);
    assert_eq!(mode("later/ipaddr/web"), 0o755);
    assert_eq!(mode("later/ipaddr/web/a"), 0o755);
    assert_eq!(mode("later/ipaddr/web/a/ipaddr.ipv4"), 0o644);
    // Or anybody could keep it locked.
    assert_eq!(mode("later/ipaddr/.ipaddrctl.lock"), 0o600);
}

#[test]
fn once_only() {
    let ctl = Ctl::new();
    ctl.line("assign /web 127.0.0.2").fine();
    let path = ctl.path("web/ipaddr.ipv4");
    for again in ["127.0.0.3", "127.0.0.2"] {
        let message = format!(
            "EPERM: {}:1: IPv4 is assigned already: 127.0.0.2",
            path.display()
        );
        ctl.line(&format!("assign /web {again}"))
            .fails(EPERM, &message);
    }
    // With both families nothing is written where one is refused.
    ctl.line("assign /web 127.0.0.3 fd00::2")
        .fails(EPERM, "IPv4 is assigned already");
    assert_eq!(ctl.names(), ["web", "web/ipaddr.ipv4"]);
    assert_eq!(ctl.text("web/ipaddr.ipv4").as_deref(), Some("127.0.0.2\n"));
    // The other family is another assignment.
    ctl.line("assign /web fd00::2").fine();
    ctl.line("assign /web none")
        .fails(EPERM, "is assigned already");
}

/// The RFC's file reads so before it is written.
#[test]
fn a_file_that_says_unassigned() {
    let ctl = Ctl::new();
    ctl.0.write("web", "ipv4", "# not yet\n0.0.0.0\n");
    ctl.0.write("web", "ipv6", "::\n");
    ctl.line("assign /web 127.0.0.2 fd00::2").fine();
    assert_eq!(ctl.text("web/ipaddr.ipv4").as_deref(), Some("127.0.0.2\n"));
    assert_eq!(ctl.text("web/ipaddr.ipv6").as_deref(), Some("fd00::2\n"));
    ctl.line("assign /web 127.0.0.3")
        .fails(EPERM, "is assigned already");
}

#[test]
fn bad_addresses() {
    let ctl = Ctl::new();
    for (addresses, message) in [
        (
            "127.0.0.300",
            "EINVAL: \"127.0.0.300\": expected an IPv4 address",
        ),
        ("fd00::g", "EINVAL: \"fd00::g\": expected an IPv6 address"),
        (
            "127.0.0.1/24",
            "has bits set beyond its prefix: expected 127.0.0.0/24 or 127.0.0.1",
        ),
        (
            "!127.0.0.1",
            "expected an address or a network to exclude it from",
        ),
        ("127.0.0.2/31 !127.0.0.0/24", "the exclusions leave nothing"),
        ("::ffff:127.0.0.2", "is of another address family"),
        (
            "127.0.0.2 127.0.0.3#4",
            "\"127.0.0.3#4\": expected an IPv4 address",
        ),
        ("127.0.0.2,", "holds no entry"),
        ("127.0.0.2 ", "holds no entry"),
        (
            "0.0.0.0",
            "\"0.0.0.0\" assigns nothing: expected an address",
        ),
        ("::", "\"::\" assigns nothing: expected an address"),
        ("0.0.0.0 127.0.0.2", "it stands alone"),
        (
            "127.0.0.2 fd00::2/200",
            "\"fd00::2/200\": expected an IPv6 address",
        ),
    ] {
        ctl.line(&format!("assign /web {addresses}"))
            .fails(EINVAL, message);
    }
    assert_eq!(ctl.names(), [""; 0]);
}

#[test]
fn a_cgroup_named_like_a_file() {
    let ctl = Ctl::new();
    ctl.line("assign /web/ipaddr.ipv4/a 127.0.0.2")
        .fails(EINVAL, "a level has the name of a file");
    assert_eq!(ctl.names(), [""; 0]);
}

#[test]
fn conflicts_with_a_level_above() {
    let ctl = Ctl::new();
    ctl.line("assign / 127.0.0.0/24").fine();
    let message = format!(
        "EPERM: {0}/web/a/ipaddr.ipv4:2: 127.0.1.2 is outside what {0}/ipaddr.ipv4:1 allows",
        ctl.0.path().display()
    );
    ctl.line("assign /web/a 127.0.0.2 127.0.1.2 fd00::2")
        .fails(EPERM, &message);
    assert_eq!(ctl.names(), ["ipaddr.ipv4"]);
    ctl.line("assign /web/a 127.0.0.2").fine();
}

#[test]
fn conflicts_with_a_level_below() {
    let ctl = Ctl::new();
    ctl.line("assign /web/a/b 127.0.0.2 127.0.1.2").fine();
    let message = format!(
        "EPERM: {0}/web/a/b/ipaddr.ipv4:2: 127.0.1.2 is outside what {0}/web/ipaddr.ipv4:1 allows",
        ctl.0.path().display()
    );
    ctl.line("assign /web 127.0.0.0/24").fails(EPERM, &message);
    ctl.line("assign /web none").fails(EPERM, "is outside what");
    assert_eq!(
        ctl.names(),
        ["web", "web/a", "web/a/b", "web/a/b/ipaddr.ipv4"]
    );
    ctl.line("assign /web 127.0.0.0/23").fine();
    // A cgroup beside it is none of its business.
    ctl.line("assign /other 127.9.9.9").fine();
}

/// A source that SNAT gives has to stay allowed.
#[test]
fn conflicts_with_rules_below() {
    let ctl = Ctl::new();
    let rules = "-A CONNECT -d 127.9.0.0/16 -j SNAT --to-source 127.0.0.6\n";
    let file = ctl.0.write("web/a", "rules", rules);
    let message = format!(
        "EPERM: {}:1: 127.0.0.6 is outside what {}/web/ipaddr.ipv4:1 allows",
        file.display(),
        ctl.0.path().display()
    );
    ctl.line("assign /web 127.0.0.5").fails(EPERM, &message);
    ctl.line("assign /web 127.0.0.5 127.0.0.6").fine();
}

#[test]
fn what_is_there_and_cant_be_used() {
    let ctl = Ctl::new();
    ctl.0.write("web", "ipv4", "127.0.0.x\n");
    let place = format!("ipaddrctl: {}/web/ipaddr.ipv4:1: ", ctl.0.path().display());
    ctl.line("assign /web 127.0.0.2").fails(UNUSABLE, &place);
    ctl.line("assign /web/a 127.0.0.2").fails(UNUSABLE, &place);
    ctl.line("assign / 127.0.0.2").fails(UNUSABLE, &place);
    ctl.line("assign /web fd00::2").fails(UNUSABLE, &place);
    ctl.line("assign /beside 127.0.0.2").fine();
    assert_eq!(ctl.text("web/ipaddr.ipv4").as_deref(), Some("127.0.0.x\n"));
}

/// There the library would refuse everything.
#[test]
fn a_folder_that_anybody_may_write_to() {
    let ctl = Ctl::new();
    fs::create_dir(ctl.path("web")).expect("a directory");
    fs::set_permissions(ctl.path("web"), Permissions::from_mode(0o777)).expect("it is ours");
    ctl.line("assign /web 127.0.0.2").fails(
        UNUSABLE,
        "/web: is world-writable: expected a mode like 0755",
    );
    assert_eq!(ctl.names(), ["web"]);
}

#[test]
fn a_file_where_a_folder_has_to_be() {
    let ctl = Ctl::new();
    fs::write(ctl.path("web"), "").expect("a file");
    ctl.line("assign /web/a 127.0.0.2")
        .fails(UNUSABLE, "/web: is something else: expected a directory");
    assert_eq!(ctl.names(), ["web"]);
}

/// Somebody was killed, and the next one is not disturbed.
#[test]
fn a_file_left_unfinished() {
    let ctl = Ctl::new();
    fs::create_dir(ctl.path("web")).expect("a directory");
    fs::write(ctl.path("web/.ipaddr.ipv4.new"), "127.0.").expect("a file");
    assert!(
        ctl.line("show /web")
            .fine()
            .contains("IPv4: 0.0.0.0 (unassigned)")
    );
    ctl.line("assign /web 127.0.0.2").fine();
    assert_eq!(ctl.names(), ["web", "web/ipaddr.ipv4"]);
}

/// rename(2) doesn't replace a file that is a mount.
#[test]
fn what_fails_halfway_is_undone() {
    if !skip::root_for("mounts") || !skip::command("unshare") {
        return;
    }
    for old in [None, Some("0.0.0.0\n")] {
        let ctl = Ctl::new();
        let mount = ctl.0.write("web", "ipv6", "::\n");
        if let Some(old) = old {
            ctl.0.write("web", "ipv4", old);
        }
        let before = ctl.names();
        let script = "mount --bind \"$1\" \"$1\" && exec \"$0\" assign /web 127.0.0.2 fd00::2";
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", script, PROGRAM]);
        command.arg(&mount).env("IPADDR_POLICY_DIR", ctl.0.path());
        let said = Said::of(&command.output().expect("it starts"));
        said.fails(SYSTEM, &mount.display().to_string());
        assert_eq!(ctl.names(), before);
        assert_eq!(ctl.text("web/ipaddr.ipv4").as_deref(), old);
        assert_eq!(ctl.text("web/ipaddr.ipv6").as_deref(), Some("::\n"));
        ctl.line("assign /web 127.0.0.2 fd00::2").fine();
    }
}

/// A link that leads nowhere is no file, and yet in the way.
#[test]
fn a_link_that_leads_nowhere() {
    let ctl = Ctl::new();
    fs::create_dir(ctl.path("web")).expect("a directory");
    symlink("nowhere", ctl.path("web/ipaddr.ipv6")).expect("a link");
    let before = ctl.names();
    for address in ["127.0.0.2", "fd00::2"] {
        ctl.line(&format!("assign /web {address}"))
            .fails(UNUSABLE, "/web/ipaddr.ipv6: is a symbolic link that leads");
    }
    assert_eq!(ctl.names(), before);
}

/// Of cgroups that are beside each other; a level inside may repeat what the outer one has.
#[test]
fn an_address_that_another_cgroup_has_too() {
    let ctl = Ctl::new();
    let path = ctl.0.path().display();
    ctl.0.write(
        "web",
        "ipv4",
        "# two\n127.0.0.2\n127.0.0.3\n127.0.0.1\n224.0.0.251\n",
    );
    ctl.0.write("web", "ipv6", "fd00::2\n");
    ctl.0.write("net", "ipv4", "127.0.0.0/24\n");
    ctl.0.write("unusable", "ipv4", "127.0.0.3\n127.0.0.x\n");
    let said = ctl.line("assign /db 127.0.0.2 127.0.0.1 127.0.0.4 224.0.0.251");
    let warning = format!("{path}/web/ipaddr.ipv4:2: 127.0.0.2 is assigned to /web too");
    assert_eq!(said.warnings(), [&*warning]);
    said.done();
    ctl.line("assign /web/a 127.0.0.3").done();
    let said = ctl.line("assign /mail fd00::2 127.0.0.3");
    let warnings = [
        format!(
            "{path}/unusable/ipaddr.ipv4:1: 127.0.0.3 is assigned to /unusable too, and to 2 more"
        ),
        format!("{path}/web/ipaddr.ipv6:1: fd00::2 is assigned to /web too"),
    ];
    assert_eq!(said.warnings(), warnings.each_ref().map(|it| &**it));
    assert_eq!(said.done().lines().count(), 2);
    ctl.line("assign /other 127.0.0.9 127.0.1.0/24").fine();
    // Levels around it and inside it have no other addresses.
    ctl.line("assign /web/b/c 127.0.0.4")
        .fails(EPERM, "is outside what");
    ctl.line("assign /other/a 127.0.0.9").fine();
    ctl.line("assign /up/a/b 127.0.0.10").fine();
    ctl.line("assign /up 127.0.0.10").fine();
}
