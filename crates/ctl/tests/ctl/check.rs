//! `check`: every mistake of a tree, and what is likely one.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;

use shim_tests::skip;

use super::command::{Ctl, FOUND, PROGRAM, SYSTEM, Said};

/// The lines that say something of a file or directory, without the directory's path; warnings of
/// cgroups that aren't there aside, and of owners where not root runs this.
fn lines(ctl: &Ctl, said: &Said) -> Vec<String> {
    let directory = format!("{}/", ctl.0.path().display());
    said.out
        .lines()
        .filter(|line| !line.contains("there is no cgroup") && !line.contains("is owned by"))
        .filter(|line| line.starts_with("mistake: ") || line.starts_with("warning: "))
        .map(|line| line.replace(&directory, ""))
        .collect()
}

fn last_line(said: &Said) -> &str {
    said.out.lines().last().expect("it says how many")
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("it is ours");
}

#[test]
fn every_mistake_of_a_file() {
    let ctl = Ctl::new();
    ctl.0.write(
        "a",
        "ipv4",
        "127.0.0.x\n127.0.0.2\n\n127.0.0.1/8 # host bits\nfd00::1\n",
    );
    ctl.0.write("b", "ipv4", "!127.0.0.1\n");
    ctl.0.write("c", "ipv4", "\n");
    ctl.0.write("d", "ipv4", "x\n!127.0.0.1\n");
    ctl.0.write(
        "e",
        "rules",
        "*nat\n-A INPUT -j ACCEPT\n-A BIND --sport 80 -j ACCEPT\n# -A BIND\n\
         -A CONNECT -p tcp -d 10.0.0.0/33 -j ACCEPT\n-A ACCEPT -j DROP\nCOMMIT\n",
    );
    let said = ctl.line("check");
    assert_eq!(said.status, FOUND);
    let found = lines(&ctl, &said);
    let places: Vec<_> = found
        .iter()
        .map(|line| {
            line.split(": \"")
                .next()
                .expect("a place")
                .split(": holds")
                .next()
                .expect("it")
        })
        .collect();
    let expected = [
        "mistake: a/ipaddr.ipv4:1",
        "mistake: a/ipaddr.ipv4:4",
        "mistake: a/ipaddr.ipv4:5",
        "mistake: b/ipaddr.ipv4:1",
        "mistake: c/ipaddr.ipv4: holds no entry",
        "mistake: d/ipaddr.ipv4:1",
        "mistake: e/ipaddr.rules:1",
        "mistake: e/ipaddr.rules:2",
        "mistake: e/ipaddr.rules:3",
        "mistake: e/ipaddr.rules:5",
        "mistake: e/ipaddr.rules:6",
    ];
    for (place, expected) in places.iter().zip(expected) {
        assert!(
            expected.starts_with(place),
            "{place}, not {expected}, in {said:?}"
        );
    }
    assert_eq!(places.len(), expected.len(), "{said:?}");
    assert!(
        found.iter().all(|line| line.contains("expected")),
        "{found:?}"
    );
    assert!(
        last_line(&said).contains("cgroups with a policy: 5, mistakes: 11, "),
        "{said:?}"
    );
}

#[test]
fn files_that_cant_be_read() {
    let ctl = Ctl::new();
    set_mode(&ctl.0.write("a", "ipv4", "127.0.0.2\n"), 0o646);
    fs::create_dir_all(ctl.path("b/ipaddr.ipv6")).expect("a directory");
    ctl.0.write("c", "rules", &"#".repeat(256 << 10));
    ctl.0.write("d", "ipv4", "127.0.0.2\n");
    set_mode(&ctl.path("d"), 0o757);
    symlink("nowhere/../loop", ctl.path("loop")).expect("a link");
    fs::create_dir(ctl.path("e")).expect("a directory");
    symlink("ipaddr.ipv4", ctl.path("e/ipaddr.ipv4")).expect("a link");
    let said = ctl.line("check");
    assert_eq!(said.status, FOUND);
    assert_eq!(
        lines(&ctl, &said),
        [
            "mistake: loop: is a symbolic link that leads nowhere: expected a directory",
            "mistake: a/ipaddr.ipv4: is world-writable: expected a mode like 0644",
            "mistake: b/ipaddr.ipv6: is something else: expected a regular file",
            "mistake: c/ipaddr.rules: is too large: expected less than 262144 bytes",
            "mistake: d: is world-writable: expected a mode like 0755",
            "mistake: e/ipaddr.ipv4: too many symbolic links: expected a readable file",
        ]
    );
}

#[test]
fn levels_in_conflict() {
    let ctl = Ctl::new();
    ctl.0.write("", "ipv4", "127.0.0.0/24\n");
    ctl.0
        .write("web", "ipv4", "127.0.1.5\n127.0.0.5\n127.0.2.0/24\n");
    // Not said again of what lies in it.
    ctl.0.write("web/a", "ipv4", "127.0.0.5\n");
    ctl.0.write("web/b", "ipv4", "x\n");
    ctl.0.write("db", "ipv6", "::1\n");
    let snat = "-A CONNECT -d 127.9.0.0/16 -j SNAT --to-source 127.0.0.6\n\
                -A CONNECT -j SNAT --to-source 127.0.9.6\n";
    ctl.0.write("db", "rules", snat);
    let said = ctl.line("check");
    assert_eq!(said.status, FOUND);
    let outside = "is outside what ipaddr.ipv4:1 allows: expected that or a part of it";
    assert_eq!(
        lines(&ctl, &said)[..3],
        [
            format!("mistake: db/ipaddr.rules:2: 127.0.9.6 {outside}"),
            format!("mistake: web/ipaddr.ipv4:1: 127.0.1.5 {outside}"),
            format!("mistake: web/ipaddr.ipv4:3: 127.0.2.0 {outside}"),
        ],
    );
    assert!(lines(&ctl, &said)[3].starts_with("mistake: web/b/ipaddr.ipv4:1: \"x\""));
    assert_eq!(lines(&ctl, &said).len(), 4, "{said:?}");
}

/// One file in conflict doesn't hide those of the others, nor does it seem to lack something.
#[test]
fn conflicts_of_several_files() {
    let ctl = Ctl::new();
    ctl.0.write("", "ipv4", "127.0.0.0/24\n");
    ctl.0.write("", "ipv6", "::1\n");
    ctl.0.write("web", "ipv4", "127.0.1.0/24\n!127.0.1.5\n");
    ctl.0.write("web", "ipv6", "fd00::5\nfd00::6\n");
    let snat = "-A CONNECT -j SNAT --to-source 127.0.2.6\n";
    ctl.0.write("web", "rules", snat);
    let said = ctl.line("check");
    let outside =
        |family| format!("is outside what ipaddr.{family}:1 allows: expected that or a part of it");
    assert_eq!(
        lines(&ctl, &said)
            .into_iter()
            .filter(|line| line.starts_with("mistake"))
            .collect::<Vec<_>>(),
        [
            format!("mistake: web/ipaddr.ipv4:1: 127.0.1.0 {}", outside("ipv4")),
            format!("mistake: web/ipaddr.ipv6:1: fd00::5 {}", outside("ipv6")),
            format!("mistake: web/ipaddr.ipv6:2: fd00::6 {}", outside("ipv6")),
            format!("mistake: web/ipaddr.rules:1: 127.0.2.6 {}", outside("ipv4")),
        ]
    );
}

#[test]
fn sources_that_an_inner_level_takes_away() {
    let ctl = Ctl::new();
    ctl.0.write("", "ipv4", "127.0.0.5\n127.0.0.6\n");
    ctl.0.write(
        "",
        "rules",
        "-A CONNECT -d 127.9.0.0/16 -j SNAT --to-source 127.0.0.6\n",
    );
    ctl.0.write("web", "ipv4", "127.0.0.5\n");
    ctl.0.write("db", "ipv4", "127.0.0.6\n");
    let said = ctl.line("check");
    assert_eq!(
        lines(&ctl, &said),
        [
            "warning: ipaddr.rules:1: --to-source 127.0.0.6: /web doesn't allow it, so what the rule \
          matches is refused there"
        ]
    );
    assert_eq!(said.status, 0, "warnings only");
    assert_eq!(ctl.line("check --strict").status, FOUND);
}

/// In a network namespace, whose addresses are known.
#[test]
fn addresses_that_no_interface_has() {
    if !skip::command("ip") {
        return;
    }
    let Some(netns) = skip::netns("interfaces") else {
        return;
    };
    netns.add_address("10.7.7.5/24");
    netns.add_address("fd00:7::5/64");
    let ctl = Ctl::new();
    // All of a loopback interface's network is the machine's own.
    ctl.0.write(
        "web",
        "ipv4",
        "127.9.9.9\n10.7.7.5\n10.7.7.0/28\n10.7.8.5\n10.9.0.0/16\n!10.9.0.1\n",
    );
    ctl.0
        .write("web", "ipv6", "::1\nfd00:7::5\nfd00:7::/64\nfd00:7::6\n");
    let mut command = std::process::Command::new("ip");
    command
        .args(["netns", "exec", netns.name(), PROGRAM, "check"])
        .arg(ctl.0.path());
    let said = Said::of(&command.output().expect("ip starts"));
    assert_eq!(
        lines(&ctl, &said),
        [
            "warning: web/ipaddr.ipv4:4: no interface has 10.7.8.5",
            "warning: web/ipaddr.ipv4:5: no interface has an address of 10.9.0.0-10.9.255.255",
            "warning: web/ipaddr.ipv6:4: no interface has fd00:7::6",
        ]
    );
}

#[test]
fn cgroups_that_arent_there() {
    let Some(group) = skip::cgroup() else { return };
    let inner = group.child("inner");
    let ctl = Ctl::new();
    let missing = format!("{}/missing", group.name());
    for cgroup in ["", group.name(), inner.name(), &missing] {
        ctl.0.write(cgroup, "ipv4", "127.0.0.2\n");
    }
    let none = "cgroups with a policy: 4, mistakes: 0, warnings: 0";
    assert!(
        last_line(&ctl.line("check")).contains(none),
        "its service may be stopped"
    );
    let said = ctl.line("check --cgroups");
    let path = ctl.path(&missing);
    let warning = format!(
        "warning: {}: there is no cgroup /{missing}\n",
        path.display()
    );
    assert!(said.out.starts_with(&warning), "{said:?}");
    assert!(
        last_line(&said).contains("cgroups with a policy: 4, mistakes: 0, warnings: 1"),
        "{said:?}"
    );
    // Another one was likely meant, unless that one has a policy.
    let mistyped = format!("{}/innre", group.name());
    ctl.0.write(&mistyped, "ipv4", "127.0.0.2\n");
    assert!(last_line(&ctl.line("check")).contains("warnings: 0"));
    fs::remove_dir_all(ctl.path(inner.name())).expect("ours");
    let said = ctl.line("check");
    let warning = format!(
        "warning: {}: there is no cgroup /{mistyped}: did you mean /{}?\n",
        ctl.path(&mistyped).display(),
        inner.name()
    );
    assert!(said.out.starts_with(&warning), "{said:?}");
    assert_eq!((said.status, ctl.line("check --strict").status), (0, FOUND));
    drop(inner);
}

#[test]
fn unsafe_permissions() {
    if !skip::root_for("files of another user") {
        return;
    }
    let ctl = Ctl::new();
    let file = ctl.0.write("a", "ipv4", "127.0.0.2\n");
    set_mode(&file, 0o664);
    chown(ctl.0.path(), Some(4711), None).expect("we are root");
    chown(&file, Some(4711), None).expect("we are root");
    ctl.0.write("b", "ipv4", "127.0.0.2\n");
    set_mode(&ctl.path("b"), 0o770);
    fs::create_dir(ctl.path("c")).expect("a directory");
    set_mode(&ctl.path("c"), 0o757);
    set_mode(&ctl.0.write("d", "ipv4", "127.0.0.2\n"), 0o640);
    let said = ctl.line("check");
    let directory = ctl.0.path().display();
    let found = said
        .out
        .replace(&format!("{}/", ctl.0.path().display()), "");
    let found: Vec<_> = found
        .lines()
        .filter(|line| !line.contains("there is no cgroup"))
        .collect();
    let unread = "can't be read by others, whose processes are refused everything then";
    assert_eq!(
        found[..found.len() - 1],
        [
            format!("warning: {directory}: is owned by user 4711: expected root"),
            "warning: a/ipaddr.ipv4: is owned by user 4711: expected root".to_owned(),
            "warning: a/ipaddr.ipv4: is group-writable: expected a mode like 0644".to_owned(),
            "warning: b: is group-writable: expected a mode like 0755".to_owned(),
            format!("warning: b: {unread}: expected a mode like 0755"),
            "mistake: c: is world-writable: expected a mode like 0755".to_owned(),
            format!("warning: d/ipaddr.ipv4: {unread}: expected a mode like 0644"),
        ]
    );
    assert_eq!(said.status, FOUND);
}

#[test]
fn names_that_look_mistyped() {
    let ctl = Ctl::new();
    let directory = ctl.path("web");
    fs::create_dir(&directory).expect("a directory");
    for name in [
        "ipaddr.ip4",
        "ipadr.ipv6",
        "ipaddr.rule",
        "IPADDR.IPV4",
        "ipaddr.ipv4.bak",
        "ipaddr",
        "ipv6",
        "rules",
        "web.ipv4",
        "README",
        "notes.txt",
    ] {
        fs::write(directory.join(name), "127.0.0.2\n").expect("a file");
    }
    fs::write(directory.join(".ipaddr.ipv4.new"), "127.").expect("a file");
    let said = ctl.line("check");
    let nothing = "nothing reads a file of this name: expected";
    assert_eq!(
        lines(&ctl, &said),
        [
            "warning: web/.ipaddr.ipv4.new: was left by a change that was interrupted; the next \
             one removes it"
                .to_owned(),
            format!("warning: web/IPADDR.IPV4: {nothing} ipaddr.ipv4"),
            format!("warning: web/ipaddr: {nothing} ipaddr.ipv4"),
            format!("warning: web/ipaddr.ip4: {nothing} ipaddr.ipv4"),
            format!("warning: web/ipaddr.ipv4.bak: {nothing} ipaddr.ipv4"),
            format!("warning: web/ipaddr.rule: {nothing} ipaddr.rules"),
            format!("warning: web/ipadr.ipv6: {nothing} ipaddr.ipv6"),
            format!("warning: web/ipv6: {nothing} ipaddr.ipv6"),
            format!("warning: web/rules: {nothing} ipaddr.rules"),
            format!("warning: web/web.ipv4: {nothing} ipaddr.ipv4"),
        ]
    );
}

/// Links are followed, as the library follows them.
#[test]
fn links_and_circles() {
    let ctl = Ctl::new();
    ctl.0.write("web", "ipv4", "127.0.0.x\n");
    symlink("web", ctl.path("www")).expect("a link");
    symlink("..", ctl.path("web/up")).expect("a link");
    let said = ctl.line("check");
    let found = lines(&ctl, &said);
    assert!(
        found[0].starts_with("mistake: web/ipaddr.ipv4:1: "),
        "{found:?}"
    );
    assert!(
        found[1].starts_with("mistake: www/ipaddr.ipv4:1: "),
        "{found:?}"
    );
    assert_eq!(found.len(), 2, "{found:?}");
}

#[test]
fn which_directory() {
    let ctl = Ctl::new();
    let other = Ctl::new();
    other.0.write("", "ipv4", "x\n");
    let other = other.0.path().to_str().expect("UTF-8");
    assert_eq!(ctl.line("check").status, 0);
    assert_eq!(ctl.run(["check", other]).status, FOUND);
    assert_eq!(ctl.run(["check", "--policy", other]).status, FOUND);
    ctl.line("check /nonexistent/ipaddr")
        .fails(SYSTEM, "/nonexistent/ipaddr: ");
}

/// A group is no interface's address, and nothing to warn of.
#[test]
fn multicast_addresses() {
    let ctl = Ctl::new();
    let list = "127.0.0.2\n224.0.0.251\n239.0.0.0/8\n255.255.255.255\n";
    ctl.0.write("web", "ipv4", list);
    ctl.0.write("web", "ipv6", "ff02::fb\n");
    let said = ctl.line("check").fine();
    assert!(!said.contains("no interface has"), "{said}");
}

/// Who can write to a directory above the policy directory can put another one in its place.
#[test]
fn directories_above_the_policy_directory() {
    let ctl = Ctl::new();
    let above = ctl.path("srv");
    let policy = above.join("all/ipaddr");
    fs::create_dir_all(&policy).expect("ours");
    let check = || ctl.run(["check", policy.to_str().expect("UTF-8")]);
    set_mode(&above, 0o777);
    let mistake = format!(
        "mistake: {}: is world-writable, so anybody may replace the policy directory: expected a mode \
         like 0755\n",
        above.display()
    );
    let said = check();
    assert!(said.out.starts_with(&mistake), "{said:?}");
    assert_eq!(said.status, FOUND);
    assert!(last_line(&said).contains("mistakes: 1,"), "{said:?}");
    // By a link that leads there, too.
    let link = ctl.path("link");
    symlink(&policy, &link).expect("ours");
    let said = ctl.run(["check", link.to_str().expect("UTF-8")]);
    assert!(said.out.starts_with(&mistake), "{said:?}");
    // Whoever owns it.
    if skip::root_for("a directory of another user") {
        chown(&above, Some(4711), None).expect("we are root");
        assert!(check().out.starts_with(&mistake), "{said:?}");
    }
    // In a sticky directory only the owner can rename it.
    for mode in [0o1777, 0o775] {
        set_mode(&above, mode);
        assert_eq!(check().status, 0, "{mode:o}");
    }
}
