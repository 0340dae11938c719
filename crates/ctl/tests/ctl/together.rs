//! `assign` by many at once: exactly one wins, and what is there is all its own.

use std::process::{Child, Stdio};

use super::command::{Ctl, EPERM, Said};

const CONTENDERS: usize = 12;
const ROUNDS: usize = 15;

/// Starts them all before the first is waited for; the winners' numbers.
fn race(ctl: &Ctl, arguments: impl Fn(usize) -> Vec<String>) -> Vec<usize> {
    let start = |number| {
        let mut command = ctl.command(arguments(number));
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("it starts")
    };
    let children: Vec<Child> = (0..CONTENDERS).map(start).collect();
    let mut winners = Vec::new();
    for (number, child) in children.into_iter().enumerate() {
        let said = Said::of(&child.wait_with_output().expect("it is our child"));
        match said.status {
            0 => winners.push(number),
            _ => said.fails(EPERM, "is assigned already"),
        }
    }
    winners
}

fn list(number: usize) -> (String, String) {
    let ipv4 = (0..20).map(|last| format!("127.0.{number}.{last}\n"));
    let ipv6 = (0..20).map(|last| format!("fd00:{number}::{last}\n"));
    (ipv4.collect(), ipv6.collect())
}

fn words(lists: &str) -> impl Iterator<Item = String> {
    lists.lines().map(str::to_owned)
}

fn assign(number: usize, with_ipv6: bool) -> Vec<String> {
    let (ipv4, ipv6) = list(number);
    let ipv6 = if with_ipv6 { ipv6 } else { String::new() };
    let command = ["assign", "/web/a"].map(str::to_owned);
    command
        .into_iter()
        .chain(words(&ipv4))
        .chain(words(&ipv6))
        .collect()
}

#[test]
fn one_wins() {
    for round in 0..ROUNDS {
        let ctl = Ctl::new();
        let winners = race(&ctl, |number| assign(number, false));
        let [winner] = winners[..] else {
            panic!("round {round}: {winners:?} have won");
        };
        assert_eq!(ctl.text("web/a/ipaddr.ipv4"), Some(list(winner).0));
        assert_eq!(ctl.names(), ["web", "web/a", "web/a/ipaddr.ipv4"]);
    }
}

#[test]
fn one_wins_both_families() {
    for round in 0..ROUNDS {
        let ctl = Ctl::new();
        let winners = race(&ctl, |number| assign(number, true));
        let [winner] = winners[..] else {
            panic!("round {round}: {winners:?} have won");
        };
        let (ipv4, ipv6) = list(winner);
        assert_eq!(ctl.text("web/a/ipaddr.ipv4"), Some(ipv4));
        assert_eq!(ctl.text("web/a/ipaddr.ipv6"), Some(ipv6));
    }
}

/// A file is replaced then, which link(2) can't guard.
#[test]
fn one_wins_over_a_file_that_says_unassigned() {
    for round in 0..ROUNDS {
        let ctl = Ctl::new();
        ctl.0.write("web/a", "ipv4", "0.0.0.0\n");
        let winners = race(&ctl, |number| assign(number, false));
        let [winner] = winners[..] else {
            panic!("round {round}: {winners:?} have won");
        };
        assert_eq!(ctl.text("web/a/ipaddr.ipv4"), Some(list(winner).0));
    }
}

/// Of two levels that contradict each other only one can come to be.
#[test]
fn levels_that_would_be_in_conflict() {
    for _ in 0..ROUNDS {
        let ctl = Ctl::new();
        let arguments = |number: usize| {
            let cgroup = if number.is_multiple_of(2) {
                "/web"
            } else {
                "/web/a"
            };
            ["assign", cgroup, &format!("127.0.0.{number}")].map(str::to_owned)
        };
        let children: Vec<_> = (0..CONTENDERS)
            .map(|number| {
                ctl.command(arguments(number))
                    .stderr(Stdio::null())
                    .stdout(Stdio::null())
                    .spawn()
            })
            .collect();
        for child in children {
            child.expect("it starts").wait().expect("it is our child");
        }
        let files = ["web/ipaddr.ipv4", "web/a/ipaddr.ipv4"].map(|name| ctl.text(name).is_some());
        assert_ne!(files, [true, true], "{:?}", ctl.names());
        assert_ne!(files, [false, false], "{:?}", ctl.names());
    }
}
