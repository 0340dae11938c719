//! `unit`: the drop-in of a systemd service, and the policy of its cgroup. systemd itself checks the
//! drop-in; a process in a cgroup of that name gets what it says.

use std::env;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use shim_tests::{artifacts, skip};
use tempfile::TempDir;

use super::command::{Ctl, EINVAL, EPERM, SYSTEM, Said, USAGE};

/// The program, units of its own, and the library under test.
struct Units {
    ctl: Ctl,
    units: TempDir,
}

impl Units {
    fn new() -> Self {
        Self {
            ctl: Ctl::new(),
            units: tempfile::tempdir().expect("a temporary directory"),
        }
    }

    /// `unit` with the words of a line.
    fn line(&self, line: &str) -> Said {
        let mut command = self.command(line);
        Said::of(&command.output().expect("it starts"))
    }

    fn command(&self, line: &str) -> Command {
        let mut command = self.ctl.command(["unit"]);
        command.args(line.split(' ')).arg("--units");
        command.arg(self.units.path()).arg("--library");
        command.arg(artifacts::library());
        command
    }

    fn drop_in(&self, unit: &str) -> PathBuf {
        self.units.path().join(format!("{unit}.d/libipaddr.conf"))
    }

    /// A service with this command.
    fn service(&self, unit: &str) -> PathBuf {
        let path = self.units.path().join(unit);
        let text = "[Service]\nExecStart=/bin/sleep 60\n";
        fs::write(&path, text).expect("ours");
        path
    }
}

fn library() -> String {
    let library = fs::canonicalize(artifacts::library()).expect("it is built");
    library.to_str().expect("UTF-8").to_owned()
}

#[test]
fn printed() {
    let units = Units::new();
    let policy = units.ctl.path("system.slice/web-b.service");
    let (policy, library) = (policy.display(), library());
    let said = units
        .line("web-b --ip 127.0.0.6,127.0.0.7 --slice system.slice")
        .fine();
    assert_eq!(
        said,
        format!(
            "# {drop_in}
# By ipaddrctl unit. If the library or the policy is missing, the service doesn't start.
[Unit]
AssertPathExists={library}
AssertPathExists={policy}/ipaddr.ipv4
AssertPathExists={policy}/ipaddr.ipv6

[Service]
Environment=LD_PRELOAD={library}
Environment=IPADDR_REQUIRE=1
Environment=\"IPADDR_POLICY_DIR={directory}\"
# Whether the library is loaded, which another setting of LD_PRELOAD might keep away.
ExecStartPre=/bin/grep -q -F {library} /proc/self/maps

# {policy}/ipaddr.ipv4
127.0.0.6
127.0.0.7

# {policy}/ipaddr.ipv6
loopback
",
            drop_in = units.drop_in("web-b.service").display(),
            directory = units.ctl.0.path().display(),
        )
    );
    assert_eq!(units.ctl.names(), [""; 0], "and nothing is written");
    assert!(!units.drop_in("web-b.service").exists());
    // Of the other family only what is said.
    for (options, absent, last) in [
        ("--ip 127.0.0.6 --ip6 any", "ipaddr.ipv6", "127.0.0.6"),
        ("--ip6 fd00::6", "ipaddr.ipv4", "fd00::6"),
        ("--ip 127.0.0.6 --ip6 none", "loopback", "none"),
    ] {
        let said = units.line(&format!("web-b --slice system.slice {options}"));
        let said = said.fine();
        assert!(!said.contains(absent), "{options}: {said}");
        assert_eq!(said.lines().last(), Some(last), "{options}");
    }
}

#[test]
fn installed() {
    let units = Units::new();
    let line = r"srv\x2dweb@b.service --ip 127.0.0.6 --slice web-a.slice --install";
    let said = units.line(line).fine();
    let file = r"web.slice/web-a.slice/srv\x2dweb@b.service/ipaddr.ipv4";
    assert_eq!(units.ctl.text(file).as_deref(), Some("127.0.0.6\n"));
    let drop_in = units.drop_in(r"srv\x2dweb@b.service");
    let text = fs::read_to_string(&drop_in).expect("it is written");
    let asserted = format!("\nAssertPathExists={}\n", units.ctl.path(file).display());
    assert!(text.contains(&asserted), "{asserted} in {text}");
    let remedy = r"systemctl daemon-reload && systemctl restart 'srv\x2dweb@b.service'";
    assert!(
        said.contains(&drop_in.display().to_string()) && said.contains(remedy),
        "{said}"
    );

    let other = line.replace("127.0.0.6", "127.0.0.7");
    units.line(&other).fails(EPERM, "expected --replace");
    assert_eq!(units.ctl.text(file).as_deref(), Some("127.0.0.6\n"));
    units.line(&format!("{other} --replace")).done();
    assert_eq!(units.ctl.text(file).as_deref(), Some("127.0.0.7\n"));
    assert_eq!(fs::read_to_string(&drop_in).expect("it is there"), text);
}

#[test]
fn refused() {
    let units = Units::new();
    for (line, status, message) in [
        (
            "web.socket --ip 127.0.0.6",
            USAGE,
            "expected ListenStream=ADDRESS:PORT",
        ),
        ("web/b --ip 127.0.0.6", USAGE, "systemd-escape(1)"),
        ("web --slice system", USAGE, "expected a slice"),
        ("web", USAGE, "--ip <ADDR>"),
        ("web --ip 127.0.0.6 --replace", USAGE, "--install"),
        (
            "web --ip 127.0.0.x --slice system.slice",
            EINVAL,
            "127.0.0.x",
        ),
        (
            "web --ip 0.0.0.0 --slice system.slice",
            EINVAL,
            "assigns nothing",
        ),
        ("web --ip fd00::1 --slice system.slice", EINVAL, "fd00::1"),
        (
            "web --ip6 any --slice system.slice",
            EINVAL,
            "expected --ip too",
        ),
        (
            "web@.service --ip 127.0.0.6 --slice web.slice",
            EINVAL,
            "expected an instance, like web@b.service",
        ),
    ] {
        units.line(line).fails(status, message);
    }
    // A library that is misspelt, or that no LD_PRELOAD can hold.
    let line = "unit web --ip 127.0.0.6 --slice system.slice --library";
    let ctl = &units.ctl;
    ctl.line(&format!("{line} /nonexistent/libipaddr.so"))
        .fails(SYSTEM, "/nonexistent/libipaddr.so: No such file");
    let spaced = units.units.path().join("with space.so");
    fs::write(&spaced, "").expect("ours");
    let words = line.split(' ').map(Path::new).chain([&*spaced]);
    ctl.run(words)
        .fails(EINVAL, "with space.so: expected a path of letters");
}

/// What systemctl says of a unit: here a program that stands for it.
#[test]
fn asks_systemctl() {
    let units = Units::new();
    let line = "web-b --ip 127.0.0.6";
    for (says, expected, warning) in [
        (
            "LoadState=loaded\nSlice=web-a.slice\nTriggeredBy=",
            "web.slice/web-a.slice",
            "",
        ),
        (
            "LoadState=loaded\nSlice=system.slice\nTriggeredBy=web-b.socket web-b.path",
            "system.slice",
            "web-b.service: web-b.socket passes it sockets that systemd binds",
        ),
        (
            "LoadState=not-found\nSlice=",
            "system.slice",
            "systemd knows no such unit",
        ),
        (
            "",
            "system.slice",
            "system.slice is assumed, expected --slice",
        ),
    ] {
        let program = units.units.path().join("systemctl");
        let text = match says {
            "" => "#!/bin/sh\nexit 1\n".to_owned(),
            _ => format!("#!/bin/sh\n[ \"$4\" = web-b.service ] && echo '{says}'\n"),
        };
        // Under another name first: nobody may execute what is being written.
        let unfinished = units.units.path().join("systemctl.new");
        fs::write(&unfinished, text).expect("ours");
        fs::set_permissions(&unfinished, Permissions::from_mode(0o755)).expect("ours");
        fs::rename(&unfinished, &program).expect("ours");
        let path = format!("{}:/usr/bin:/bin", units.units.path().display());
        let output = units.command(line).env("PATH", path).output();
        let said = Said::of(&output.expect("it starts"));
        let file = format!("{expected}/web-b.service/ipaddr.ipv4\n127.0.0.6\n");
        assert!(said.out.contains(&file), "{file} in {said:?}");
        assert_eq!(
            said.warnings().len(),
            usize::from(!warning.is_empty()),
            "{said:?}"
        );
        assert!(said.err.contains(warning), "{warning} in {said:?}");
    }
}

#[test]
fn systemd_takes_it() {
    if !skip::command("systemd-analyze") {
        return;
    }
    let units = Units::new();
    for (unit, template) in [
        ("web-b.service", "web-b.service"),
        (r"srv\x2dweb.service", r"srv\x2dweb.service"),
        ("web@b.service", "web@.service"),
    ] {
        units.service(template);
        // The template's drop-in, and the instance's own.
        for name in [template, unit] {
            let slice = match name.contains('@') {
                true => "system-web.slice",
                false => "system.slice",
            };
            let line = format!("{name} --ip 127.0.0.6 --slice {slice} --install --replace");
            units.line(&line).done();
        }
        let path = units.units.path().join(unit);
        let verify = || {
            let mut analyze = Command::new("systemd-analyze");
            analyze.arg("verify").arg(&path).env("LC_ALL", "C");
            Said::of(&analyze.output().expect("it starts"))
        };
        verify().fine();
        // It reads the drop-in at all.
        let drop_in = units.drop_in(unit);
        let text = fs::read_to_string(&drop_in).expect("it is written");
        fs::write(&drop_in, text + "Unknown=1\n").expect("ours");
        let said = verify();
        assert!(said.err.contains("Unknown key"), "{said:?}");
    }
}

/// The slices of templates are called as systemd-escape(1) calls things.
#[test]
fn escapes() {
    if !skip::command("systemd-escape") {
        return;
    }
    let units = Units::new();
    for prefix in ["web", "web-front", r"a\x2db", "a_b.c:d", ".a"] {
        let escape = Command::new("systemd-escape").args(["--", prefix]).output();
        let escaped = Said::of(&escape.expect("it starts")).fine();
        let said = units
            .line(&format!("{prefix}@.service --ip 127.0.0.6"))
            .fine();
        let file = format!(
            "/system.slice/system-{}.slice/ipaddr.ipv4\n",
            escaped.trim_end()
        );
        assert!(said.contains(&file), "{file} in {said}");
    }
}

/// In a cgroup of that name, as the root cgroup's namespace shows it.
#[test]
fn a_process_gets_it() {
    if !skip::command("unshare") || !skip::command("python3") {
        return;
    }
    let Some(root) = skip::cgroup() else { return };
    let slice = root.child("system.slice");
    let template = slice.child(r"system-web\x2dfront.slice");
    let cgroup = template.child("web-front@b.service");
    let units = Units::new();
    let line = r"web-front@b.service --ip 127.0.0.6 --install --slice system-web\x2dfront.slice";
    units.line(line).done();
    let text = fs::read_to_string(units.drop_in("web-front@b.service")).expect("it is written");
    let settings: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("Environment="))
        .map(|setting| setting.trim_matches('"'))
        .collect();
    let check = text
        .lines()
        .find_map(|line| line.strip_prefix("ExecStartPre="));
    let check = check.expect("it looks for the library");
    let service = |settings: &[&str], command: &str| {
        let mut unshare = Command::new("unshare");
        // The tests' own variables begin with IPADDR_ too.
        unshare.env_clear();
        unshare.env("PATH", env::var_os("PATH").unwrap_or_default());
        root.start_in(&mut unshare);
        unshare.args(["--cgroup", "sh", "-c"]);
        unshare.arg("echo $$ >\"$0/cgroup.procs\" && exec env \"$@\"");
        unshare.arg(cgroup.path()).args(settings);
        unshare.args(["sh", "-c", command]);
        Said::of(&unshare.output().expect("it starts"))
    };
    let bind = "exec python3 -c 'import socket
print(socket.create_server((\"0.0.0.0\", 0)).getsockname()[0])'";
    assert_eq!(service(&settings, bind).fine(), "127.0.0.6\n");
    service(&settings, check).fine();
    // Without the library the service doesn't start, and without the policy nothing is bound.
    let mut without = settings.clone();
    without.retain(|setting| !setting.starts_with("LD_PRELOAD="));
    assert_eq!(service(&without, check).status, 1);
    let file = units
        .ctl
        .path(r"system.slice/system-web\x2dfront.slice/web-front@b.service/ipaddr.ipv4");
    fs::remove_file(file).expect("it is there");
    fs::remove_file(
        units
            .ctl
            .path(r"system.slice/system-web\x2dfront.slice/web-front@b.service/ipaddr.ipv6"),
    )
    .expect("it is there");
    let said = service(&settings, bind);
    assert!(
        said.status != 0 && said.err.contains("PermissionError"),
        "{said:?}"
    );
}
