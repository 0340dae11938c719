//! `explain`: what it says, and that a process under the library really gets that.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use shim_tests::peer::{Listener, connect_from, is_reset, udp_port};
use shim_tests::{PolicyDir, Shim, harness, skip};

use super::command::{Ctl, FOUND, UNUSABLE};

const RULES: &str = "\
# what the mail server may do
-A BIND -p tcp -m multiport --sports 25,587 -j ACCEPT
-A BIND -p tcp ! --sport 0 -j REJECT --reject-with eacces
-A CONNECT -d 127.66.9.0/24 -p udp -j REJECT --reject-with enetunreach
-A CONNECT -d 127.66.8.0/24 -j SNAT --to-source 127.66.0.6
-A ACCEPT ! -s 127.66.0.0/16 -j REJECT
";

fn policy() -> Ctl {
    let ctl = Ctl::new();
    write(&ctl.0, "mail");
    ctl
}

fn write(directory: &PolicyDir, cgroup: &str) {
    directory.write(cgroup, "ipv4", "127.66.0.5\n127.66.0.6\n");
    directory.write(cgroup, "rules", RULES);
}

#[test]
fn the_verdict_and_what_decides() {
    let ctl = policy();
    let assigned = format!(
        "  IPv4: 127.66.0.5, 127.66.0.6 (wildcards become 127.66.0.5), by {}/mail/ipaddr.ipv4:1\n",
        ctl.0.path().display()
    );
    let ipv6 = "  IPv6: :: (unassigned)\n";
    let rule = |says: &str, line: usize| {
        let text = RULES.lines().nth(line - 1).expect("a line");
        format!(
            "  {says} by {}/mail/ipaddr.rules:{line}: {text}\n",
            ctl.0.path().display()
        )
    };
    let no_rule = |chain: &str| format!("  no rule of {chain} matches\n");
    for (status, call, answer, reasons) in [
        (
            0,
            "bind 0.0.0.0:25",
            "/tcp: allowed, becomes 127.66.0.5:25",
            vec![assigned.clone(), rule("accepted", 2)],
        ),
        (
            FOUND,
            "bind 0.0.0.0:80/tcp",
            ": refused with EACCES",
            vec![assigned.clone(), rule("refused", 3)],
        ),
        (
            0,
            "bind 0.0.0.0:53/udp",
            ": allowed, becomes 127.66.0.5:53",
            vec![assigned.clone(), no_rule("BIND")],
        ),
        (
            0,
            "bind 127.66.0.6:25",
            "/tcp: allowed as it is",
            vec![assigned.clone(), rule("accepted", 2)],
        ),
        (
            FOUND,
            "bind 127.66.0.7:25",
            "/tcp: refused with EPERM",
            vec![assigned.clone(), rule("accepted", 2)],
        ),
        (
            FOUND,
            "bind 127.66.0.7:80",
            "/tcp: refused with EPERM",
            vec![assigned.clone(), rule("refused too", 3)],
        ),
        (
            0,
            "bind [::]:25",
            "/tcp: allowed, becomes [::ffff:127.66.0.5]:25",
            vec![ipv6.to_owned(), assigned.clone(), rule("accepted", 2)],
        ),
        (
            0,
            "bind [::]:53/udp --v6only",
            ": allowed as it is",
            vec![ipv6.to_owned(), no_rule("BIND")],
        ),
        (
            FOUND,
            "bind [::]:80 --v6only",
            "/tcp: refused with EACCES",
            vec![ipv6.to_owned(), rule("refused", 3)],
        ),
        (
            0,
            "bind [::ffff:127.0.0.1]:25",
            "/tcp: allowed as it is",
            vec![assigned.clone(), rule("accepted", 2)],
        ),
        (
            0,
            "connect 127.66.7.1:443",
            "/tcp: allowed, leaves from 127.66.0.5",
            vec![assigned.clone(), no_rule("CONNECT")],
        ),
        (
            FOUND,
            "connect 127.66.9.1:443/udp",
            ": refused with ENETUNREACH",
            vec![assigned.clone(), rule("refused", 4)],
        ),
        (
            0,
            "connect 127.66.8.1:443",
            "/tcp: allowed, leaves from 127.66.0.6",
            vec![assigned.clone(), rule("source", 5)],
        ),
        (
            0,
            "connect 127.66.8.1:443 --from 127.66.0.5",
            "/tcp: allowed as it is",
            vec![
                assigned.clone(),
                "  the socket is bound to 127.66.0.5\n".to_owned(),
                rule("source", 5),
            ],
        ),
        (
            FOUND,
            "connect 127.66.7.1:443 --from 127.66.0.9",
            "/tcp: refused with EPERM",
            vec![
                assigned.clone(),
                "  the socket is bound to 127.66.0.9\n".to_owned(),
                no_rule("CONNECT"),
            ],
        ),
        (
            0,
            "connect [fd00::1]:443",
            "/tcp: allowed as it is",
            vec![ipv6.to_owned(), no_rule("CONNECT")],
        ),
        (
            0,
            "accept 127.66.3.3:999 127.66.0.5:25",
            "/tcp: allowed as it is",
            vec![no_rule("ACCEPT")],
        ),
        (
            FOUND,
            "accept 127.0.0.1:999 127.66.0.5:25",
            "/tcp: refused, the peer sees a reset",
            vec![rule("refused", 6)],
        ),
    ] {
        let said = ctl.line(&format!("explain --cgroup /mail {call}"));
        let asked = call.split(" --").next().expect("a call");
        assert_eq!(said.out, format!("{asked}{answer}\n{}", reasons.concat()));
        assert_eq!((said.status, &*said.err), (status, ""), "{call}");
    }
}

#[test]
fn a_policy_that_cant_be_used() {
    let ctl = policy();
    ctl.0.write("mail", "ipv6", "x\n");
    ctl.line("explain --cgroup /mail bind 0.0.0.0:25")
        .fails(UNUSABLE, "every use of IPv4 and IPv6 is refused");
}

/// The answer as the library's user sees it: an errno, or 0 and the local address.
fn expected(answer: &str, asked: &str) -> String {
    if let Some(errno) = answer.strip_prefix("refused with ") {
        return errno.to_owned();
    }
    let address = match answer.strip_prefix("allowed, ") {
        None => asked,
        Some(changed) => {
            let address = changed.rsplit(' ').next().expect("an address");
            let address = address.strip_suffix(":0").unwrap_or(address);
            address.trim_matches(['[', ']'])
        }
    };
    format!("0 {address}")
}

/// Calls on real sockets, in a real cgroup.
#[test]
fn a_process_gets_what_it_says() {
    let Some(group) = skip::cgroup() else { return };
    let ctl = Ctl::new();
    write(&ctl.0, group.name());
    let mut process = Shim::policy(ctl.0.path()).cgroup(&group).on_demand();
    let (cgroup, pid) = (format!("/{}", group.name()), process.pid().to_string());
    let listeners = ["127.66.7.1", "127.66.8.1"].map(|address| (address, Listener::on(address)));
    let (_receiver, udp) = udp_port("127.66.9.1");
    let mut calls: Vec<_> = [
        ("tcp4", "bind", "0.0.0.0", "0"),
        ("tcp4", "bind", "127.66.0.6", "0"),
        ("tcp4", "bind", "127.66.0.7", "0"),
        ("tcp4", "bind", "127.0.0.1", "0"),
        ("tcp4", "bind", "0.0.0.0", "8080"),
        ("tcp4", "bind", "127.66.0.6", "8080"),
        ("udp4", "bind", "0.0.0.0", "0"),
        ("udp4", "bind", "127.66.0.7", "0"),
        ("tcp6", "bind", "::", "0"),
        ("tcp6", "bind", "::", "8080"),
        ("tcp6only", "bind", "::", "0"),
        ("tcp6", "bind", "::ffff:127.66.0.6", "0"),
        ("udp4", "connect", "127.66.9.1", &udp),
    ]
    .map(|(kind, call, address, port)| (kind, call, address, port.to_owned()))
    .into();
    for (address, listener) in &listeners {
        calls.push(("tcp4", "connect", address, listener.port()));
    }
    for (kind, call, address, port) in calls {
        let got = process.call(&format!("{kind} {call} {address} {port}"));
        let endpoint = match address.contains(':') {
            true => format!("[{address}]:{port}"),
            false => format!("{address}:{port}"),
        };
        let protocol = &kind[..3];
        for subject in [["--cgroup", &cgroup], ["--pid", &pid]] {
            let call_words = [call, &format!("{endpoint}/{protocol}")].map(str::to_owned);
            let mut words = vec!["explain".to_owned()];
            words.extend(subject.map(str::to_owned));
            words.extend(call_words);
            words.extend(kind.ends_with("only").then(|| "--v6only".to_owned()));
            let said = ctl.run(&words);
            let first = said.out.lines().next().expect("a line");
            let (_, answer) = first
                .split_once(&format!("/{protocol}: "))
                .expect("an answer");
            let expected = expected(answer, address);
            let agrees = got == expected || got.starts_with(&format!("{expected} "));
            assert!(agrees, "{words:?}: {first}; it got {got}");
        }
    }
    drop(process);
}

/// Connections to a real server, from two peers.
#[test]
fn a_server_accepts_whom_it_says() {
    let Some(group) = skip::cgroup() else { return };
    let ctl = Ctl::new();
    write(&ctl.0, group.name());
    let mut command = Shim::policy(ctl.0.path())
        .cgroup(&group)
        .command(harness("accept"));
    command.args(["accept", "1"]);
    let mut server = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut output = BufReader::new(server.stdout.take().expect("piped"));
    let mut port = String::new();
    output.read_line(&mut port).expect("it listens");
    let port = port.trim().parse().expect("a port");
    let [stranger, friend] = ["127.0.0.33", "127.66.3.3"].map(|source| {
        let stream = connect_from(source, "127.66.0.5", port).expect("it listens");
        let peer = stream.local_addr().expect("it is bound").to_string();
        let local = format!("127.66.0.5:{port}");
        let cgroup = format!("/{}", group.name());
        let said = ctl.run(["explain", "--cgroup", &cgroup, "accept", &peer, &local]);
        (stream, said.status)
    });
    assert_eq!((stranger.1, friend.1), (FOUND, 0));
    writeln!(server.stdin.take().expect("piped"), "go").expect("it reads");
    let mut line = String::new();
    output.read_line(&mut line).expect("it accepts");
    assert!(line.starts_with("0 127.66.3.3 "), "{line}");
    assert!(is_reset(&Ok(stranger.0)));
    server.wait().expect("it is our child");
}

/// What is latched counts, not what the files say by now.
#[test]
fn a_process_and_its_latch() {
    let Some(group) = skip::cgroup() else { return };
    let ctl = Ctl::new();
    write(&ctl.0, group.name());
    let process = Shim::policy(ctl.0.path()).cgroup(&group).on_demand();
    let pid = process.pid().to_string();
    ctl.0.write(group.name(), "ipv4", "127.66.1.1\n");
    let said = ctl
        .run(["explain", "--pid", &pid, "bind", "0.0.0.0:25"])
        .fine();
    assert!(
        said.starts_with("bind 0.0.0.0:25/tcp: allowed, becomes 127.66.0.5:25\n"),
        "{said}"
    );
    assert!(
        said.contains(", by the latch\n") && said.contains("ipaddr.rules:2: -A BIND"),
        "{said}"
    );
    drop(process);
    let process = Shim::without().cgroup(&group).on_demand();
    let pid = process.pid().to_string();
    ctl.0.write(group.name(), "ipv4", "127.66.0.6\n");
    let said = ctl
        .run(["explain", "--pid", &pid, "bind", "0.0.0.0:25"])
        .fine();
    assert!(said.contains("becomes 127.66.0.6:25"), "{said}");
    assert!(
        said.ends_with("  but the process doesn't have the library: it is not restricted\n"),
        "{said}"
    );
    drop(process);
}

#[test]
fn loopback() {
    let ctl = Ctl::new();
    ctl.0.write("web", "ipv4", "127.66.0.5\n");
    ctl.0.write("web", "ipv6", "loopback\n");
    for (call, answer) in [
        (
            "bind [::]:80",
            "bind [::]:80/tcp: allowed, becomes [::ffff:127.66.0.5]:80\n  IPv6: loopback (only \
             ::1, wildcards become it)",
        ),
        (
            "bind --v6only [::]:80",
            "bind [::]:80/tcp: allowed, becomes [::1]:80\n  IPv6: loopback",
        ),
        (
            "connect [::1]:80",
            "connect [::1]:80/tcp: allowed, leaves from ::1\n",
        ),
    ] {
        let said = ctl.line(&format!("explain --cgroup /web {call}")).fine();
        assert!(said.starts_with(answer), "{said}");
    }
    let refused = ctl.line("explain --cgroup /web connect [2001:db8::1]:80");
    assert_eq!(refused.status, FOUND);
    assert!(
        refused.out.contains("refused with EPERM"),
        "{}",
        refused.out
    );
}

/// A wildcard destination is judged as what the kernel makes of it.
#[test]
fn a_wildcard_as_destination() {
    let ctl = Ctl::new();
    ctl.0.write("web", "ipv4", "127.66.0.5\n127.66.0.6\n");
    ctl.0
        .write("web", "rules", "-A CONNECT -d 127.66.0.5 -j REJECT\n");
    let explain = |call: &str| ctl.line(&format!("explain --cgroup /web {call}")).out;
    let refused = explain("connect 0.0.0.0:80");
    let expected = "connect 0.0.0.0:80/tcp: refused with EPERM\n  the kernel takes it to \
                    127.66.0.5:80\n";
    assert!(refused.starts_with(expected), "{refused}");
    let bound = explain("connect 0.0.0.0:80 --from 127.66.0.6");
    let expected = "connect 0.0.0.0:80/tcp: allowed as it is\n  the kernel takes it to \
                    127.66.0.6:80\n";
    assert!(bound.starts_with(expected), "{bound}");
    let ipv6 = explain("connect [::]:80");
    assert!(ipv6.contains("the kernel takes it to [::1]:80"), "{ipv6}");
    let itself = explain("connect 127.66.0.9:80");
    assert!(!itself.contains("takes it to"), "{itself}");
}

/// What differs under the guard; all else is the same.
#[test]
fn by_the_guard() {
    let ctl = Ctl::new();
    ctl.0.write("web", "ipv4", "127.0.0.2\n");
    let rules = ctl
        .0
        .write("web", "rules", "-A ACCEPT -s 127.0.0.9 -j REJECT\n");
    let explain =
        |option: &str, call: &str| ctl.line(&format!("explain{option} --cgroup /web {call}"));
    let peer = "accept 127.0.0.9:40000 127.0.0.2:80";
    let by = format!(
        "  refused by {}:1: -A ACCEPT -s 127.0.0.9 -j REJECT\n",
        rules.display()
    );
    for (option, answer) in [("", "sees a reset"), (" --guard", "gets no answer")] {
        let said = explain(option, peer);
        assert_eq!(said.status, FOUND, "{said:?}");
        assert_eq!(
            said.out,
            format!("{peer}/tcp: refused, the peer {answer}\n{by}")
        );
    }
    let bind = "bind 0.0.0.0:80";
    assert_eq!(explain(" --guard", bind).done(), explain("", bind).done());
}
