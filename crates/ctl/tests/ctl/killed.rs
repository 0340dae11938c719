//! `assign`, killed at any time: what is there is nothing or all of it, and the next one isn't
//! disturbed.

use std::collections::HashMap;
use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

use shim_tests::skip;

use super::command::{Ctl, EPERM, PROGRAM};

const ASSIGN: [&str; 4] = ["assign", "/web/a", "127.0.0.2", "127.0.3.0/24"];
const IPV4: &str = "127.0.0.2\n127.0.3.0/24\n";
const IPV6: &str = "fd00::2\n";

/// Whether it has been assigned; anything but the whole file or none is a failure.
#[track_caller]
fn is_assigned(ctl: &Ctl) -> bool {
    match ctl.text("web/a/ipaddr.ipv4") {
        None => false,
        Some(text) => {
            assert_eq!(text, IPV4, "not a part of it");
            true
        }
    }
}

/// What comes afterwards finds a directory as if nothing had happened, or all.
#[track_caller]
fn goes_on(ctl: &Ctl) {
    let check = ctl.line("check");
    assert_eq!(check.status, 0, "no mistake: {check:?}");
    if is_assigned(ctl) {
        assert!(
            ctl.line("show /web/a")
                .done()
                .contains("IPv4: 127.0.0.2, 127.0.3.0/24")
        );
        ctl.run(ASSIGN).fails(EPERM, "is assigned already");
    } else {
        assert!(
            ctl.line("show /web/a")
                .done()
                .contains("IPv4: 0.0.0.0 (unassigned)")
        );
        ctl.run(ASSIGN).fine();
        assert_eq!(
            ctl.names(),
            ["web", "web/a", "web/a/ipaddr.ipv4"],
            "nothing is left over"
        );
    }
    assert!(is_assigned(ctl));
}

#[test]
fn at_random_times() {
    const RUNS: u32 = 300;
    let mut usual = [0; 5].map(|_| {
        let start = Instant::now();
        Ctl::new().run(ASSIGN).fine();
        start.elapsed()
    });
    usual.sort();
    let longest = usual[2] * 3 / 2;
    let mut assigned = 0;
    for run in 0..RUNS {
        let ctl = Ctl::new();
        let mut child = ctl
            .command(ASSIGN)
            .stdout(Stdio::null())
            .spawn()
            .expect("it starts");
        thread::sleep(longest * run / RUNS);
        // Whether it has ended by itself makes no difference.
        let _ = child.kill();
        child.wait().expect("it is our child");
        assigned += u32::from(is_assigned(&ctl));
        goes_on(&ctl);
    }
    eprintln!("killed within {longest:?}: {assigned} of {RUNS} had assigned");
}

/// Kills it as it enters a system call, and that again for each call that it makes.
fn at_each_call(arguments: &[&str], prepare: impl Fn(&Ctl), check: impl Fn(&Ctl)) {
    if !skip::command("strace") {
        return;
    }
    let calls = calls(arguments, &prepare);
    let last = calls.len() - 1;
    let mut killed = 0;
    for (name, number) in &calls[..last] {
        let ctl = Ctl::new();
        prepare(&ctl);
        let inject = format!("inject={name}:signal=KILL:when={number}");
        let status = strace(&ctl, &["-e", &inject], arguments)
            .status()
            .expect("strace starts");
        killed += usize::from(!status.success());
        check(&ctl);
    }
    assert_eq!(killed, last, "each time it was killed");
}

/// The system calls that it makes until it prints, each with how many of its name there have been by
/// then.
fn calls(arguments: &[&str], prepare: &impl Fn(&Ctl)) -> Vec<(String, usize)> {
    let ctl = Ctl::new();
    prepare(&ctl);
    let trace = tempfile::NamedTempFile::new().expect("a temporary file");
    let path = trace.path().to_str().expect("UTF-8");
    let status = strace(&ctl, &["-o", path], arguments)
        .status()
        .expect("strace starts");
    assert!(status.success());
    let text = fs::read_to_string(path).expect("UTF-8");
    let mut counts = HashMap::new();
    // By the time it prints what is written, all is done.
    let end = text.find("\nwrite(1,").expect("it prints");
    text[..end]
        .lines()
        .filter_map(|line| line.split_once('(').map(|(name, _)| name.to_owned()))
        .map(|name| {
            let count = counts.entry(name.clone()).or_insert(0);
            *count += 1;
            (name, *count)
        })
        // Before that nothing is written; it is also what starts it.
        .skip_while(|(name, _)| name != "flock")
        .collect()
}

fn strace(ctl: &Ctl, options: &[&str], arguments: &[&str]) -> Command {
    let mut command = Command::new("strace");
    command
        .args(options)
        .arg(PROGRAM)
        .args(arguments)
        .env("IPADDR_POLICY_DIR", ctl.0.path())
        // The machine's cgroups and mounts change meanwhile, and with them how many calls are made.
        .env("IPADDR_CGROUP_CONTROLLER", "no-such")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

#[test]
fn at_each_system_call() {
    at_each_call(&ASSIGN, |_| {}, goes_on);
}

#[test]
fn at_each_system_call_over_a_file_that_says_unassigned() {
    let prepare = |ctl: &Ctl| {
        ctl.0.write("web/a", "ipv4", "0.0.0.0\n");
    };
    at_each_call(&ASSIGN, prepare, |ctl| {
        let text = ctl.text("web/a/ipaddr.ipv4").expect("there was one before");
        assert!([IPV4, "0.0.0.0\n"].contains(&&*text), "{text}");
        if text == IPV4 {
            ctl.run(ASSIGN).fails(EPERM, "is assigned already");
        } else {
            ctl.run(ASSIGN).fine();
        }
        assert_eq!(ctl.text("web/a/ipaddr.ipv4").as_deref(), Some(IPV4));
    });
}

#[test]
fn at_each_system_call_with_both_families() {
    let arguments = [&ASSIGN[..], &["fd00::2"]].concat();
    at_each_call(
        &arguments,
        |_| {},
        |ctl| {
            let (ipv4, ipv6) = (is_assigned(ctl), ctl.text("web/a/ipaddr.ipv6"));
            assert!(ipv6.is_none() || ipv6.as_deref() == Some(IPV6), "{ipv6:?}");
            match (ipv4, ipv6.is_some()) {
                (false, false) => {
                    ctl.run(&arguments).fine();
                }
                (true, is_whole) => {
                    ctl.run(&arguments).fails(EPERM, "IPv4 is assigned already");
                    if !is_whole {
                        ctl.line("assign /web/a fd00::2").fine();
                    }
                }
                (false, true) => panic!("IPv6 comes last"),
            }
            let written = ["web", "web/a", "web/a/ipaddr.ipv4", "web/a/ipaddr.ipv6"];
            if !ipv4 || ipv6.is_none() {
                assert_eq!(ctl.names(), written, "nothing is left over");
            }
            assert_eq!(ctl.text("web/a/ipaddr.ipv6").as_deref(), Some(IPV6));
        },
    );
}

/// The old list is there, or the new one; the next change goes on from either.
#[test]
fn at_each_system_call_of_a_replacement() {
    let old = "127.0.0.9\n";
    let arguments = [&ASSIGN[..], &["--replace"]].concat();
    let prepare = |ctl: &Ctl| {
        ctl.0.write("web/a", "ipv4", old);
    };
    at_each_call(&arguments, prepare, |ctl| {
        let text = ctl.text("web/a/ipaddr.ipv4").expect("there is always one");
        assert!([IPV4, old].contains(&&*text), "{text}");
        assert_eq!(ctl.line("check").status, 0);
        ctl.run(&arguments).fine();
        assert_eq!(ctl.text("web/a/ipaddr.ipv4").as_deref(), Some(IPV4));
        let written = ["web", "web/a", "web/a/ipaddr.ipv4"];
        assert_eq!(ctl.names(), written, "nothing is left over");
    });
}
