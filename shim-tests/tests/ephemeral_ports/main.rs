//! A quiet bind costs no ephemeral port: as many connections fit at once as without the library.

use shim_tests::{Netns, Shim, skip};

/// Runs many_connections in a namespace with 1,000 ephemeral ports and two destinations.
fn many_connections(netns: &Netns, shim: &Shim, kind: &str) -> String {
    // A listener in the namespace that takes every connection and keeps it.
    let script = include_str!("listeners.py");
    // Only the program under test gets the library, by env, behind python.
    let inner = shim.command(shim_tests::harness("many_connections"));
    let mut words = vec!["-c".to_owned(), script.to_owned(), "env".to_owned()];
    let variables = inner
        .get_envs()
        .filter_map(|(name, value)| Some(format!("{}={}", name.to_str()?, value?.to_str()?)));
    words.extend(variables);
    words.push(inner.get_program().to_str().expect("UTF-8").to_owned());
    words.extend(
        inner
            .get_args()
            .map(|word| word.to_str().expect("UTF-8").to_owned()),
    );
    words.extend([kind.to_owned(), "3000".to_owned()]);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let run = Shim::without().netns(netns).run("python3", &words);
    assert_eq!(run.words().len(), 4, "{run:?}");
    run.words()[..3].join(" ")
}

#[test]
fn as_many_connections_as_without() {
    if !skip::command("python3") {
        return;
    }
    let Some(netns) = skip::netns("a range of ephemeral ports") else {
        return;
    };
    netns.set("ipv4/ip_local_port_range", "20000 20999");
    // So that no port waits in TIME_WAIT for the next run.
    netns.set("ipv4/tcp_max_tw_buckets", "0");
    for (kind, source, assigned) in [
        ("tcp4", "127.0.0.1", "127.0.0.2"),
        ("tcp6", "::ffff:127.0.0.1", "::ffff:127.0.0.2"),
    ] {
        let bare = many_connections(&netns, &Shim::without(), kind);
        assert_eq!(
            bare,
            format!("2000 EADDRNOTAVAIL {source}"),
            "without the library"
        );
        let under = many_connections(&netns, &Shim::ipv4("127.0.0.2"), kind);
        assert_eq!(
            under,
            format!("2000 EADDRNOTAVAIL {assigned}"),
            "under the library"
        );
    }
}
