//! The command line itself: usage, help, completion, man pages, colour.

use std::process::{Command, Stdio};

use shim_tests::skip;

use super::command::{Ctl, PROGRAM, Said, USAGE};

#[test]
fn what_cant_be_understood() {
    let ctl = Ctl::new();
    for line in [
        "",
        "asign /web 127.0.0.2",
        "assign",
        "assign /web",
        "remove",
        "explain bind",
        "explain bind 127.0.0.1",
        "explain bind 127.0.0.1:80/sctp",
        "explain bind 127.0.0.1:65536",
        "explain listen 127.0.0.1:80",
        "explain accept 127.0.0.1:80",
        "explain --cgroup /web --pid 1 bind 127.0.0.1:80",
        "explain connect 127.0.0.1:80 --from web",
        "show --pid web",
        "completions tcl",
        "man nothing",
    ] {
        ctl.run(line.split(' ').filter(|word| !word.is_empty()))
            .fails(USAGE, "--help");
    }
}

/// The statuses and the variables are in --help and in the man page, from one table.
#[test]
fn help_and_the_man_page() {
    let ctl = Ctl::new();
    let (help, man) = (ctl.line("--help").fine(), ctl.line("man").fine());
    for word in ["EPERM", "EINVAL", "IPADDR_CGROUP_CONTROLLER", "NO_COLOR"] {
        assert!(help.contains(word) && man.contains(word), "{word}");
    }
    for command in ["assign", "show", "check", "explain", "ps", "remove"] {
        assert!(
            man.contains(&format!("ipaddrctl\\-{command}(8)")),
            "{command} in {man}"
        );
        let page = ctl.run(["man", command]).fine();
        assert!(
            page.contains(&format!("ipaddrctl\\-{command} \\- ")),
            "{page}"
        );
    }
    assert!(ctl.line("man explain bind").fine().contains("v6only"));
}

#[test]
fn completion() {
    let ctl = Ctl::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let text = ctl.run(["completions", shell]).fine();
        assert!(
            text.contains("v6only") && text.contains("assign"),
            "{shell}"
        );
    }
    if skip::command("bash") {
        let script = format!(
            "eval \"$({PROGRAM} completions bash)\"; COMP_WORDS=(ipaddrctl as); COMP_CWORD=1; \
             _ipaddrctl ipaddrctl as ipaddrctl; echo \"${{COMPREPLY[@]}}\""
        );
        let bash = Command::new("bash")
            .args(["-c", &script])
            .output()
            .expect("bash starts");
        assert_eq!(Said::of(&bash).fine(), "assign\n");
    }
}

#[test]
fn nobody_reads_on() {
    let ctl = Ctl::new();
    ctl.line("assign /web 127.0.0.2").fine();
    for command in [
        "show /web",
        "check",
        "ps",
        "man",
        "completions bash",
        "explain bind 0.0.0.0:80",
    ] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut child = ctl.command(command.split(' '));
        let output = child
            .stdout(writer)
            .stderr(Stdio::piped())
            .output()
            .expect("it starts");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{command}");
        assert_eq!(output.status.code(), Some(0), "{command}");
    }
}

/// script(1) gives it a terminal.
#[test]
fn colour_on_terminals_only() {
    if !skip::command("script") {
        return;
    }
    let ctl = Ctl::new();
    ctl.0.write("web", "ipv4", "x\n");
    let on_terminal = |variable: &str| {
        let mut script = Command::new("script");
        script
            .args(["-qec", &format!("{PROGRAM} check"), "/dev/null"])
            .env("IPADDR_POLICY_DIR", ctl.0.path())
            .env_remove("NO_COLOR")
            .env("TERM", "xterm")
            .stdin(Stdio::null());
        if !variable.is_empty() {
            script.env(variable, "1");
        }
        let output = script.output().expect("script starts");
        String::from_utf8_lossy(&output.stdout).contains('\x1b')
    };
    assert!(on_terminal(""));
    assert!(!on_terminal("NO_COLOR"));
    assert!(!ctl.line("check").out.contains('\x1b'));
}
