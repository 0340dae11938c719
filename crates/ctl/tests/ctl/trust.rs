//! Files and directories that can't be trusted: what `check` says of them the library says too.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, lchown, symlink};
use std::path::Path;
use std::process::Command;

use shim_tests::{Cgroup, Shim, skip};

use super::command::{Ctl, FOUND, PROGRAM, Said, UNUSABLE};

/// Asserts that `check` reports one mistake, the library the same one in a process of the cgroup,
/// and `assign` refuses because of it.
#[track_caller]
fn all_say(ctl: &Ctl, cgroup: &Cgroup, mistake: &str) {
    let said = ctl.line("check");
    assert_eq!(said.status, FOUND, "{mistake}: {said:?}");
    let mistakes: Vec<_> = said
        .out
        .lines()
        .filter_map(|line| line.strip_prefix("mistake: "))
        .collect();
    assert_eq!(mistakes, [mistake], "{said:?}");

    let shim = Shim::policy(ctl.0.path()).cgroup(cgroup);
    let run = shim.harness("bind", &["tcp4", "0.0.0.0", "0"]);
    assert_eq!(run.words()[0], "EPERM", "{run:?}");
    let message = format!("]: {mistake}; every use of IPv4 and IPv6 is refused\n");
    assert!(run.err.contains(&message), "{mistake} in {run:?}");

    let assigned = ctl.line(&format!("assign /{} ::1", cgroup.name()));
    assigned.fails(UNUSABLE, mistake);
    let shown = ctl.line(&format!("show /{}", cgroup.name()));
    assert!(format!("{shown:?}").contains(mistake), "{shown:?}");
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("it is ours");
}

#[test]
fn directories_that_anybody_may_write_to() {
    let Some(outer) = skip::cgroup() else { return };
    let inner = outer.child("inner");
    let ctl = Ctl::new();
    ctl.0.write(inner.name(), "ipv4", "127.0.0.2\n");
    for directory in ["", outer.name(), inner.name()] {
        let directory = ctl.path(directory);
        let name = directory.display().to_string();
        let name = name.trim_end_matches('/');
        set_mode(&directory, 0o757);
        let expected = ": is world-writable: expected a mode like 0755";
        all_say(&ctl, &inner, &format!("{name}{expected}"));
        set_mode(&directory, 0o1777);
        let said = ctl.line("check");
        assert_eq!(said.status, 0, "{said:?}");
        set_mode(&directory, 0o755);
    }
    drop(inner);
}

#[test]
fn owners() {
    let Some(cgroup) = skip::cgroup() else { return };
    let ctl = Ctl::new();
    let file = ctl.0.write(cgroup.name(), "ipv4", "127.0.0.2\n");
    let directory = ctl.path(cgroup.name());
    let expected = "is owned by user 4711: expected root or the owner of the policy directory";
    for path in [&file, &directory] {
        chown(path, Some(4711), None).expect("we are root");
        all_say(&ctl, &cgroup, &format!("{}: {expected}", path.display()));
        chown(path, Some(0), None).expect("we are root");
    }
    fs::rename(&file, ctl.path("real")).expect("it is ours");
    symlink(ctl.path("real"), &file).expect("a link");
    lchown(&file, Some(4711), None).expect("we are root");
    all_say(&ctl, &cgroup, &format!("{}: {expected}", file.display()));
    chown(ctl.0.path(), Some(4711), None).expect("we are root");
    assert_eq!(ctl.line("check").status, 0);
}

#[test]
fn links_that_lead_nowhere() {
    let Some(cgroup) = skip::cgroup() else { return };
    let ctl = Ctl::new();
    let directory = ctl.path(cgroup.name());
    let file = directory.join("ipaddr.ipv4");
    let expected = "is a symbolic link that leads nowhere: expected a";
    fs::create_dir_all(&directory).expect("a directory");
    symlink("nowhere", &file).expect("a link");
    let mistake = format!("{}: {expected} regular file", file.display());
    all_say(&ctl, &cgroup, &mistake);
    fs::remove_file(&file).expect("it is ours");
    fs::remove_dir(&directory).expect("it is empty");
    symlink("nowhere", &directory).expect("a link");
    let mistake = format!("{}: {expected} directory", directory.display());
    all_say(&ctl, &cgroup, &mistake);
}

#[test]
fn files_in_the_place_of_directories() {
    let Some(cgroup) = skip::cgroup() else { return };
    let ctl = Ctl::new();
    let directory = ctl.path(cgroup.name());
    fs::create_dir_all(directory.parent().expect("the directory")).expect("a directory");
    fs::write(&directory, "127.0.0.2\n").expect("a file");
    let expected = "is something else: expected a directory";
    all_say(
        &ctl,
        &cgroup,
        &format!("{}: {expected}", directory.display()),
    );
    // Where no cgroup has the name it is any file.
    fs::remove_file(&directory).expect("it is ours");
    fs::write(ctl.path("README"), "").expect("a file");
    assert_eq!(ctl.line("check").status, 0);
}

#[test]
fn a_read_only_mount() {
    if !skip::root_for("mounts") || !skip::command("unshare") {
        return;
    }
    let ctl = Ctl::new();
    let file = ctl.0.write("web", "ipv4", "127.0.0.2\n");
    for path in [ctl.0.path(), &ctl.path("web"), &file] {
        set_mode(path, 0o777);
    }
    let check = |options| {
        let script = format!(
            "mount --bind \"$1\" \"$1\" && mount -o remount,bind,{options} \"$1\" && \"$0\" check \"$1\""
        );
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", &script, PROGRAM]);
        command.arg(ctl.0.path());
        Said::of(&command.output().expect("it starts"))
    };
    let said = check("ro");
    assert!(said.out.contains("mistakes: 0"), "{said:?}");
    let said = check("rw");
    assert!(said.out.contains("mistakes: 3"), "{said:?}");
}
