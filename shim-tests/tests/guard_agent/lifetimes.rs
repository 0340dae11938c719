//! Ends of containers, supervisors and agents, and many containers at once.

use std::fs;
use std::time::{Duration, Instant};

use shim_tests::memory::Memory;
use shim_tests::skip;

use crate::agent::{ADDRESS, Agent, BIND, Container, is_gone, send, state, wait_for};

fn held(options: &[&str]) -> Agent {
    let agent = Agent::start(options);
    agent.policy.write("", "ipv4", ADDRESS);
    agent
}

#[test]
fn a_supervisor_ends_with_its_container() {
    let agent = held(&[]);
    for how in ["by itself", "killed"] {
        let mut container = agent.container("one", None);
        container.binds("0 127.0.0.2 ");
        let [supervisor] = agent.supervisors()[..] else {
            panic!("{:?}", agent.supervisors());
        };
        if how == "killed" {
            send(container.pid(), libc::SIGKILL);
        } else {
            container.end();
        }
        wait_for("the supervisor ends", || is_gone(supervisor));
    }
    assert_eq!(agent.log(), "");
}

#[test]
fn without_its_supervisor_a_container_is_closed() {
    let agent = held(&[]);
    let mut container = agent.container("one", None);
    container.binds("0 127.0.0.2 ");
    send(agent.supervisors()[0], libc::SIGKILL);
    wait_for("the supervisor ends", || agent.supervisors().is_empty());
    container.binds("ENOSYS 0.0.0.0 0");
    agent.wait_for_log("container \"one\": its supervisor (process ");
    // Others are none the worse for it.
    agent.container("two", None).binds("0 127.0.0.2 ");
}

#[test]
fn containers_outlive_the_agent_and_stay_guarded() {
    let mut agent = held(&[]);
    let mut container = agent.container("one", None);
    container.binds("0 127.0.0.2 ");
    let supervisors = agent.supervisors();
    agent.kill();
    container.binds("0 127.0.0.2 ");
    // Without an agent a runtime starts none.
    let refused = agent.in_container(&state("two", "%"), "on_demand").output();
    let refused = refused.expect("it starts");
    assert!(!refused.status.success(), "{refused:?}");
    // The socket that is left behind is taken over.
    agent.restart(&[]);
    container.binds("0 127.0.0.2 ");
    agent.container("two", None).binds("0 127.0.0.2 ");
    // A second process in it has a supervisor of the new agent's.
    let of_first = state("one", &container.pid().to_string());
    agent.process(&of_first, None).binds("0 127.0.0.2 ");
    container.end();
    wait_for("the old supervisor ends", || is_gone(supervisors[0]));
}

/// As a service manager that stops the agent with all its processes.
#[test]
fn an_agent_that_is_ended_with_its_supervisors_leaves_containers_closed() {
    let mut agent = held(&[]);
    let mut container = agent.container("one", None);
    container.binds("0 127.0.0.2 ");
    let supervisors = agent.supervisors();
    assert!(agent.terminate().success());
    assert!(!agent.socket().exists(), "it removes its socket");
    send(supervisors[0], libc::SIGTERM);
    container.binds("ENOSYS 0.0.0.0 0");
    agent.restart(&[]);
    container.binds("ENOSYS 0.0.0.0 0");
}

/// Processes that are started in a container again and again, checks of its health say, leave nothing.
#[test]
fn what_was_started_in_a_container_leaves_nothing_behind() {
    let agent = held(&[]);
    let mut first = agent.container("one", None);
    first.binds("0 127.0.0.2 ");
    let of_first = state("one", &first.pid().to_string());
    let supervisor = agent.supervisors()[0];
    let count = |what: &str| {
        let listed = fs::read_dir(format!("/proc/{supervisor}/{what}"));
        listed.expect("the supervisor runs").count()
    };
    let threads = count("task");
    for _ in 0..30 {
        let mut later = agent.process(&of_first, None);
        later.binds("0 127.0.0.2 ");
        later.end();
    }
    wait_for("their threads end", || count("task") == threads);
    assert!(count("fd") < 60, "descriptors: {}", count("fd"));
    assert_eq!(agent.supervisors(), [supervisor]);
}

/// How much a container costs is in docs/guard.md.
#[test]
fn many_containers_at_once() {
    const COUNT: usize = 200;
    if !skip::root_for("the memory of a process that is not dumpable") {
        return;
    }
    let agent = held(&[]);
    let begin = Instant::now();
    let mut containers: Vec<Container> = (0..COUNT)
        .map(|number| agent.container(&format!("container-{number}"), None))
        .collect();
    for container in &mut containers {
        container.binds("0 127.0.0.2 ");
    }
    let supervisors = agent.supervisors();
    assert_eq!(supervisors.len(), COUNT);
    let sizes = supervisors
        .iter()
        .map(|&pid| Memory::of_process(pid).private_dirty);
    let (sum, most) = sizes.fold((0, 0), |(sum, most), size| (sum + size, most.max(size)));
    println!(
        "{COUNT} containers in {:?}: {sum} kB, at most {most} each",
        begin.elapsed()
    );
    assert!(most < 512, "a supervisor has {most} kB of its own");
    // All of them call at once, again and again.
    std::thread::scope(|scope| {
        for container in &mut containers {
            scope.spawn(|| {
                let end = Instant::now() + Duration::from_secs(1);
                while Instant::now() < end {
                    let answer = container.ask(BIND);
                    assert!(answer.starts_with("0 127.0.0.2 "), "{answer}");
                }
            });
        }
    });
    drop(containers);
    wait_for("all supervisors end", || agent.supervisors().is_empty());
    let descriptors = fs::read_dir(format!("/proc/{}/fd", agent.pid()));
    assert!(descriptors.expect("it runs").count() < 10);
    assert_eq!(agent.log(), "");
}
