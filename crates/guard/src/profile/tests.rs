//! The profile says of every call what the filter says.

use libc::c_long;
use serde_json::Value;

use super::Profile;
use crate::cli;
use crate::filter::evaluate::answer_to;

/// All system calls that a kernel may have, by number.
const NUMBERS: std::ops::Range<c_long> = 0..600;

fn profile() -> Value {
    let text = Profile::new(&cli::Profile::default())
        .to_json()
        .expect("JSON");
    serde_json::from_str(&text).expect("JSON")
}

/// The number that this machine has for the name of a system call.
fn number(name: &str) -> c_long {
    let numbers: Vec<_> = [
        ("socket", libc::SYS_socket),
        ("bind", libc::SYS_bind),
        ("connect", libc::SYS_connect),
        ("listen", libc::SYS_listen),
        ("sendto", libc::SYS_sendto),
        ("sendmsg", libc::SYS_sendmsg),
        ("sendmmsg", libc::SYS_sendmmsg),
        ("setsockopt", libc::SYS_setsockopt),
        ("landlock_create_ruleset", 444),
        ("landlock_restrict_self", 446),
        ("io_uring_setup", 425),
        ("io_uring_enter", 426),
        ("io_uring_register", 427),
    ]
    .into_iter()
    .filter(|(known, _)| *known == name)
    .collect();
    let [(_, number)] = numbers[..] else {
        panic!("{name}: expected a system call of the table");
    };
    number
}

/// What a filter made of the profile would answer: the first rule that holds decides. (Where two
/// refuse, libseccomp may choose the errno of the other.)
fn answer_of_profile(profile: &Value, called: c_long, args: [u64; 6]) -> u32 {
    let word = |value: &Value| value.as_u64().expect("a number");
    let holds = |argument: &Value| {
        let given = args[word(&argument["index"]) as usize];
        let (value, second) = (word(&argument["value"]), word(&argument["valueTwo"]));
        match argument["op"].as_str().expect("a word") {
            "SCMP_CMP_NE" => given != value,
            "SCMP_CMP_MASKED_EQ" => given & value == second,
            op => panic!("{op}: expected an operator of the table"),
        }
    };
    let of_call = profile["syscalls"].as_array().expect("a list").iter();
    let decisive = of_call
        .filter(|rule| {
            let names = rule["names"].as_array().expect("a list");
            names
                .iter()
                .any(|name| number(name.as_str().expect("a word")) == called)
        })
        .find(|rule| {
            rule["args"]
                .as_array()
                .is_none_or(|args| args.iter().all(holds))
        });
    let (action, errno) = match decisive {
        Some(rule) => (&rule["action"], &rule["errnoRet"]),
        None => (&profile["defaultAction"], &Value::Null),
    };
    match action.as_str().expect("a word") {
        "SCMP_ACT_ALLOW" => libc::SECCOMP_RET_ALLOW,
        "SCMP_ACT_NOTIFY" => libc::SECCOMP_RET_USER_NOTIF,
        "SCMP_ACT_ERRNO" => libc::SECCOMP_RET_ERRNO | word(errno) as u32,
        action => panic!("{action}: expected an action of the table"),
    }
}

/// Values of arguments that the rules tell apart, and some that they don't.
fn values() -> Vec<u64> {
    let named = [
        libc::AF_INET,
        libc::AF_INET6,
        libc::AF_RDS,
        libc::AF_RXRPC,
        43,
        libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC,
        libc::IPPROTO_IPV6,
        libc::IPPROTO_MPTCP,
        libc::IPPROTO_SCTP,
        256,
        libc::IPV6_PKTINFO,
        libc::IP_BIND_ADDRESS_NO_PORT,
    ];
    let named = named.into_iter().map(|value| value as u64);
    let (family, option) = (libc::IPPROTO_IPV6 as u64, libc::IPV6_PKTINFO as u64);
    // Other ints, and the same ones with something above them.
    let wide = [
        family | 1 << 16,
        option | 1 << 31,
        family | 1 << 32,
        option | 1 << 63,
    ];
    named
        .chain(wide)
        .chain([0, 1, libc::SOCK_SEQPACKET as u64])
        .collect()
}

#[test]
fn every_call_is_answered_as_by_the_filter() {
    let (profile, values) = (profile(), values());
    let mut answers = std::collections::BTreeSet::new();
    for called in NUMBERS {
        let one = |args| {
            let (ours, theirs) = (
                answer_to(called, args),
                answer_of_profile(&profile, called, args),
            );
            assert_eq!(ours, theirs, "system call {called}, {args:x?}");
            ours
        };
        for &value in &values {
            for value in [value, value + 1, value | 5 << 32, !value] {
                answers.insert(one([value; 6]));
            }
        }
        if ![libc::SYS_socket, libc::SYS_setsockopt, libc::SYS_sendto].contains(&called) {
            continue;
        }
        for &first in &values {
            for &second in &values {
                for &third in &values {
                    answers.insert(one([first, second, third, second, third, first]));
                }
            }
        }
    }
    assert_eq!(
        answers.len(),
        6,
        "all that the filter can say: {answers:x?}"
    );
}

#[test]
fn what_else_it_says() {
    let options = cli::Profile {
        socket: Some("/run/agent.sock".into()),
        metadata: Some("web".into()),
        flags: vec!["SECCOMP_FILTER_FLAG_LOG".into()],
    };
    let text = Profile::new(&options).to_json().expect("JSON");
    let said: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(said["listenerPath"], "/run/agent.sock");
    assert_eq!(said["listenerMetadata"], "web");
    assert_eq!(
        said["flags"],
        serde_json::json!(["SECCOMP_FILTER_FLAG_LOG"])
    );
    let without = profile();
    for name in ["listenerPath", "listenerMetadata", "flags"] {
        assert_eq!(without[name], Value::Null, "{name}");
    }
}
