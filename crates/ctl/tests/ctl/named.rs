//! Cgroups and policy directories as they are named on the command line: slips that are likely.

use shim_tests::{Cgroup, skip};

use super::command::{Ctl, FOUND, SYSTEM, Said};

/// A cgroup of the test's, with two in it; the path of the first.
struct Tree {
    _inner: [Cgroup; 2],
    outer: Cgroup,
}

impl Tree {
    fn new() -> Option<Self> {
        let outer = skip::cgroup()?;
        let inner = ["frontend", "mail.service"].map(|name| outer.child(name));
        Some(Self {
            _inner: inner,
            outer,
        })
    }

    fn inner(&self, name: &str) -> String {
        format!("/{}/{name}", self.outer.name())
    }
}

/// Where a cgroup's directory is given in the place of its path, that cgroup is meant.
#[test]
fn a_path_in_the_file_system() {
    let Some(tree) = Tree::new() else { return };
    let ctl = Ctl::new();
    let (cgroup, path) = (tree.inner("frontend"), tree.outer.path().join("frontend"));
    let path = path.to_str().expect("UTF-8");
    let warning = format!(
        "{path}: is a path in the file system: expected the cgroup's own, so it is taken for {cgroup}"
    );
    let assigned = ctl.run(["assign", path, "127.0.0.2"]);
    assert_eq!(assigned.warnings(), [&*warning], "{assigned:?}");
    let file = format!("{}/ipaddr.ipv4", &cgroup[1..]);
    assert_eq!(ctl.text(&file).as_deref(), Some("127.0.0.2\n"));
    for line in [
        format!("show {path}"),
        format!("explain --cgroup {path} bind 0.0.0.0:80"),
    ] {
        let said = ctl.line(&line);
        assert_eq!(said.warnings(), [&*warning], "{said:?}");
        assert!(said.done().contains("127.0.0.2"), "{line}");
    }
    let removed = ctl.run(["remove", path]);
    assert_eq!(removed.warnings(), [&*warning], "{removed:?}");
    assert_eq!(removed.status, FOUND);
    // The cgroup need not exist.
    let unborn = tree.outer.path().join("later");
    let said = ctl
        .run(["assign", unborn.to_str().expect("UTF-8"), "127.0.0.3"])
        .done();
    assert!(
        said.contains(&format!("{}/ipaddr.ipv4", &tree.inner("later")[1..])),
        "{said}"
    );
}

#[test]
fn a_name_that_is_mistyped() {
    let Some(tree) = Tree::new() else { return };
    let ctl = Ctl::new();
    for (wrong, right) in [
        ("fontend", "frontend"),
        ("frontned/a", "frontend"),
        ("mail", "mail.service"),
    ] {
        let (wrong, right) = (tree.inner(wrong), tree.inner(right));
        let expected = format!("{wrong}: there is no such cgroup: did you mean {right}?");
        let said = ctl.run(["assign", &wrong, "127.0.0.2"]);
        assert_eq!(said.warnings(), [&*expected]);
        assert_eq!((said.status, said.out.lines().count()), (0, 1), "{said:?}");
        ctl.run(["remove", "--yes", &wrong]).done();
    }
    // One that has a policy of its own isn't meant, and a cgroup of the same name elsewhere neither.
    ctl.run(["assign", &tree.inner("frontend"), "127.0.0.4"])
        .fine();
    ctl.run(["assign", &tree.inner("frontenb"), "127.0.0.5"])
        .fine();
    let elsewhere = tree.outer.child("elsewhere");
    let database = elsewhere.child("database");
    ctl.run(["assign", &tree.inner("database"), "127.0.0.9"])
        .fine();
    drop(database);
    drop(elsewhere);
    // In the slice that systemd puts around it.
    let slice = tree.outer.child("system.slice");
    let unit = slice.child("web-b.service");
    let (wrong, right) = (
        tree.inner("web-b.service"),
        tree.inner("system.slice/web-b.service"),
    );
    let expected = format!("{wrong}: there is no such cgroup: did you mean {right}?");
    assert_eq!(
        ctl.run(["assign", &wrong, "127.0.0.2"]).warnings(),
        [&*expected]
    );
    drop(unit);
    drop(slice);
}

#[test]
fn a_cgroup_that_nobody_knows() {
    let Some(tree) = Tree::new() else { return };
    let ctl = Ctl::new();
    let directory = ctl.0.path().display();
    let (wrong, right) = (tree.inner("frontned"), tree.inner("frontend"));
    let mistyped = format!(
        "{wrong}: there is no such cgroup, and nothing for it in {directory}: did you mean {right}?"
    );
    for line in [
        format!("show {wrong}"),
        format!("explain --cgroup {wrong} bind 0.0.0.0:80"),
    ] {
        let said = ctl.line(&line);
        assert_eq!(said.warnings(), [&*mistyped], "{said:?}");
        said.done();
    }
    let none = tree.inner("database");
    let unknown = format!(
        "{none}: there is no such cgroup, and nothing for it in {directory}: expected a path as in \
         /proc/PID/cgroup"
    );
    let said = ctl.run(["show", &none]);
    assert_eq!(said.warnings(), [&*unknown]);
    // Known: it is there, or has a policy, or it is the caller's own.
    ctl.run(["show", &right]).fine();
    ctl.0.write(&none[1..], "ipv4", "127.0.0.2\n");
    ctl.run(["show", &none]).fine();
    ctl.line("show").fine();
}

/// A mistyped --policy would make a directory that nothing reads.
#[test]
fn a_policy_directory_that_is_not_there() {
    let ctl = Ctl::new();
    let missing = ctl.path("etc/ipadr");
    let policy = ["--policy", missing.to_str().expect("UTF-8")];
    let assign = [&policy[..], &["assign", "/web", "127.0.0.2"]].concat();
    let message = format!(
        "{}: there is no such directory: expected the policy directory, or --create to make it",
        missing.display()
    );
    ctl.run(&assign).fails(SYSTEM, &message);
    assert_eq!(ctl.names(), [""; 0]);
    let warning = format!(
        "{}: there is no such directory, so no file assigns anything: expected the policy directory",
        missing.display()
    );
    for words in [&["show"][..], &["explain", "bind", "0.0.0.0:80"]] {
        let said = ctl.run([&policy[..], words].concat());
        assert_eq!(said.warnings(), [&*warning]);
        said.done();
    }
    ctl.run([&assign[..], &["--create"]].concat()).fine();
    let file = "etc/ipadr/web/ipaddr.ipv4";
    assert_eq!(ctl.text(file).as_deref(), Some("127.0.0.2\n"));
    ctl.run([&policy[..], &["assign", "/db", "127.0.0.3"]].concat())
        .fine();
    // Whether the default one is there or not is the machine's business.
    let mut show = ctl.command(["show"]);
    let said = Said::of(
        &show
            .env_remove("IPADDR_POLICY_DIR")
            .output()
            .expect("it starts"),
    );
    assert_eq!(said.warnings(), [""; 0]);
}
