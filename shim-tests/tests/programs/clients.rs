//! Every client program, one row a program: its connections come from the assigned address.

use shim_tests::{Shim, skip};

use crate::command::{client, source};
use crate::java::{DUAL_STACK, IPV4_ONLY};
use crate::observer::Observer;
use crate::rows::rows;
use crate::{perl, php};

rows! { connects_from:
    curl_connects_from_the_address: "curl", &["curl", "-sS", "@URL@"], "127.77.1.1", 1, 1;
    python_urllib_connects_from_the_address:
        "python3", &["python3", "@SOURCE@/urllib_client.py", "@URL@"], "127.77.11.1", 1, 1;
    asyncio_connects_from_the_address:
        "python3",
        &["python3", "@SOURCE@/asyncio_client.py", "127.0.0.1", "@PORT@"],
        "127.77.16.1", 2, 2;
    /// The connection is kept alive.
    node_keep_alive_agent_connects_from_the_address:
        "node", &["node", "@SOURCE@/http_client.js", "@URL@"], "127.77.23.1", 3, 1;
    /// java.net's connection and java.nio's.
    java_connects_from_the_address_dual_stack:
        "javac",
        &["java", DUAL_STACK, "@SOURCE@/Hello.java", "fetch", "127.0.0.1", "@PORT@"],
        "127.77.33.1", 2, 2;
    java_connects_from_the_address_with_ipv4_sockets:
        "javac",
        &["java", IPV4_ONLY, "@SOURCE@/Hello.java", "fetch", "127.0.0.1", "@PORT@"],
        "127.77.33.2", 2, 2;
    perl_connects_from_the_address:
        "perl",
        &["perl", "-MIO::Socket::INET", "-e", perl::CLIENT, "127.0.0.1:@PORT@"],
        "127.77.41.1", 1, 1;
}

#[test]
fn php_curl_connects_from_the_address() {
    if php::has("curl") {
        connects_from("php", &["php", "-r", php::CLIENT], "127.77.60.1", 1, 1);
    }
}

/// Asserts that a client's requests and connections, so many, come from the address that is assigned.
/// In its command `@SOURCE@` means the directory of these tests, `@URL@` and `@PORT@` for where
/// the observer listens, on 127.0.0.1.
fn connects_from(needs: &str, command: &[&str], ipv4: &str, requests: usize, connections: usize) {
    if !skip::command(needs) {
        return;
    }
    let observer = Observer::start();
    let port = observer.address().port().to_string();
    let fill_in = |word: &&str| {
        word.replace("@SOURCE@", &source(""))
            .replace("@URL@", &observer.url())
            .replace("@PORT@", &port)
    };
    let words: Vec<String> = command.iter().map(fill_in).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let run = client(&Shim::ipv4(ipv4), words[0], &words[1..]);
    assert!(run.success, "{run:?}");
    let answers = run.out.lines().filter(|line| line.starts_with("from "));
    let expected = vec![format!("from {ipv4}"); requests];
    assert_eq!(answers.collect::<Vec<_>>(), expected, "{run:?}");
    observer.saw(&vec![ipv4; connections]);
}
