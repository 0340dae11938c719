//! Which policy a container has.

use shim_tests::skip;

use crate::agent::{ADDRESS, Agent, BIND, state};

#[test]
fn a_container_has_what_its_cgroup_is_assigned() {
    let (Some(cgroup), Some(other)) = (skip::cgroup(), skip::cgroup()) else {
        return;
    };
    let agent = Agent::start(&["--log", "info"]);
    agent.policy.write(cgroup.name(), "ipv4", ADDRESS);
    agent.policy.write(other.name(), "ipv4", "127.0.0.3");
    agent.container("one", Some(&cgroup)).binds("0 127.0.0.2 ");
    let mut container = agent.container("two", Some(&other));
    container.binds("0 127.0.0.3 ");
    assert!(container.ask("tcp4 bind 127.0.0.2 0").starts_with("EPERM"));
    agent.wait_for_log(&format!(
        "container \"two\", \"test\": cgroup /{}: is restricted to what its cgroup is assigned",
        other.name()
    ));
}

#[test]
fn a_container_without_an_assignment_is_free_until_there_is_one() {
    let agent = Agent::start(&["--log", "info"]);
    let mut container = agent.container("free", None);
    container.binds("0 0.0.0.0 ");
    agent.wait_for_log("runs unrestricted, nothing is assigned");
    agent.policy.write("", "ipv4", ADDRESS);
    container.binds("0 127.0.0.2 ");
    // For life.
    agent.policy.write("", "ipv4", "0.0.0.0");
    container.binds("0 127.0.0.2 ");
}

#[test]
fn with_require_it_is_refused() {
    let agent = Agent::start(&["--require"]);
    let mut container = agent.container("bare", None);
    container.binds("EPERM 0.0.0.0 0");
    assert!(
        container
            .ask("udp4 connect 127.0.0.1 9")
            .starts_with("EPERM")
    );
    agent.wait_for_log("container \"bare\", \"test\": IPADDR_REQUIRE: nothing is assigned");
    agent.policy.write("", "ipv4", ADDRESS);
    container.binds("0 127.0.0.2 ");
}

#[test]
fn a_policy_that_cannot_be_used_refuses_everything() {
    let agent = Agent::start(&[]);
    let file = agent.policy.write("", "ipv4", "nonsense\n");
    let mut container = agent.container("one", None);
    container.binds("EPERM 0.0.0.0 0");
    agent.wait_for_log(&format!("{}:1: \"nonsense\": expected", file.display()));
    agent.policy.write("", "ipv4", ADDRESS);
    container.binds("0 127.0.0.2 ");
}

#[test]
fn a_policy_with_many_rules() {
    let agent = Agent::start(&[]);
    let rules = (1..=300).map(|port| format!("-A BIND -p tcp --sport {port} -j REJECT\n"));
    agent.policy.write("", "rules", &rules.collect::<String>());
    agent.policy.write("", "ipv4", ADDRESS);
    let mut container = agent.container("one", None);
    container.binds("0 127.0.0.2 ");
    assert!(container.ask("tcp4 bind 0.0.0.0 300").starts_with("EPERM"));
}

/// `runc exec`: the container is the first process's.
#[test]
fn what_is_started_in_a_container_later_has_its_policy() {
    let agent = Agent::start(&[]);
    agent.policy.write("", "ipv4", ADDRESS);
    let mut first = agent.container("one", None);
    first.binds("0 127.0.0.2 ");
    agent.policy.write("", "ipv4", "127.0.0.3");
    let of_first = state("one", &first.pid().to_string());
    let mut later = agent.process(&of_first, None);
    later.binds("0 127.0.0.2 ");
    assert_eq!(agent.supervisors().len(), 1);
    // Its end is not the container's.
    later.end();
    first.binds("0 127.0.0.2 ");
    // Another container of the same id.
    agent.container("one", None).binds("0 127.0.0.3 ");
}

#[test]
fn the_agent_s_own_environment_is_of_no_account() {
    let mut agent = Agent::start(&[]);
    agent.kill();
    let mut command = agent.command(&[]);
    let mut with_list = command
        .env("IPADDR_IPV4", "127.0.0.4")
        .env("IPADDR_LATCH", "nonsense")
        .spawn()
        .expect("it starts");
    crate::agent::wait_for("the socket", || {
        std::os::unix::net::UnixStream::connect(agent.socket()).is_ok()
    });
    let answer = agent.container("one", None).ask(BIND);
    with_list.kill().expect("it is our child");
    with_list.wait().expect("it is our child");
    assert!(answer.starts_with("0 0.0.0.0 "), "{answer}");
}

/// As rootless runtimes: the container is root in a user namespace of its own.
#[test]
fn an_ordinary_user_s_containers() {
    let Some(agent) = Agent::start_by_nobody(&[]) else {
        return;
    };
    agent.policy.write("", "ipv4", ADDRESS);
    agent.container("one", None).binds("0 127.0.0.2 ");
    if !skip::command("unshare") {
        return;
    }
    let container = agent.in_container(&state("two", "%"), "bind");
    let words: Vec<_> = container.get_args().map(|word| word.to_owned()).collect();
    let (user, words) = words.split_at(5);
    let output = std::process::Command::new("setpriv")
        .args(user)
        .args(["unshare", "--user", "--map-root-user"])
        .args(words)
        .args(["tcp4", "0.0.0.0", "0"])
        .output()
        .expect("it starts");
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(
        out.starts_with("0 127.0.0.2 "),
        "{output:?} {}",
        agent.log()
    );
}
