//! The session of docs/ipaddrctl.md, run as it is written there: each command, and what it prints.
//!
//! It has namespaces of its own for mounts, the network, cgroups and processes: its policy directory
//! is /srv/ipaddr, and its root cgroup is one of the test's. Process ids are the only thing that may
//! differ from the page; `ps` says which id on the page is which process.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use shim_tests::{Cgroup, artifacts, skip};

use super::command::PROGRAM;

/// How long a server may take until it listens, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(60);

/// Commands that change nothing. They are repeated until they print what is expected: servers that
/// were started before them may need a moment.
const QUERIES: [&str; 5] = [
    "ipaddrctl ps",
    "ipaddrctl show",
    "ipaddrctl explain",
    "ipaddrctl check",
    "ss ",
];

/// Between the output of a command and the next one.
const END: &str = "\u{1e}end";

#[test]
fn the_session_of_the_page() {
    let page = artifacts::workspace().join("docs/ipaddrctl.md");
    let steps = steps(&fs::read_to_string(page).expect("the page"));
    assert!(steps.len() > 20, "{steps:?}");
    for program in ["unshare", "ip", "ss", "python3", "redis-server"] {
        if !skip::command(program) {
            return;
        }
    }
    let Some(mut session) = Session::begin() else {
        return;
    };
    for step in &steps {
        session.run(step);
    }
}

/// A command of the page, and the lines that are printed below it.
#[derive(Debug)]
struct Step {
    command: String,
    expected: String,
}

impl Step {
    /// Whether the shell doesn't wait for it.
    fn background(&self) -> Option<&str> {
        self.command.strip_suffix('&')
    }

    fn is_query(&self) -> bool {
        QUERIES.iter().any(|query| self.command.starts_with(query))
    }
}

/// What the page's blocks marked `console` hold.
fn steps(page: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut lines = page.lines();
    let mut is_session = false;
    while let Some(line) = lines.next() {
        if line.starts_with("```") {
            is_session = line == "```console";
        } else if let Some(command) = line.strip_prefix("$ ").filter(|_| is_session) {
            let mut command = command.to_owned();
            if command.ends_with("<<'END'") {
                for text in lines.by_ref() {
                    command = command + "\n" + text;
                    if text == "END" {
                        break;
                    }
                }
            }
            steps.push(Step {
                command,
                expected: String::new(),
            });
        } else if is_session && !line.is_empty() {
            let step = steps.last_mut().expect("a command before its output");
            step.expected += &format!("{line}\n");
        }
    }
    steps
}

/// A shell in namespaces of its own.
struct Session {
    shell: Child,
    commands: ChildStdin,
    output: BufReader<ChildStdout>,
    /// The page's process ids, and those here.
    pids: HashMap<String, String>,
    /// Removed behind the shell.
    _cgroups: Cgroups,
    work: tempfile::TempDir,
}

impl Session {
    fn begin() -> Option<Self> {
        let cgroups = Cgroups(skip::cgroup()?);
        let work = tempfile::tempdir().expect("a temporary directory");
        install(work.path());
        let mut unshare = Command::new("unshare");
        unshare
            .args(["--mount", "--net", "--cgroup", "--pid", "--fork"])
            .args(["--mount-proc", "--kill-child", "sh", "-s"])
            .current_dir(work.path())
            .env_clear()
            .env("PATH", path(work.path()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        cgroups.0.start_in(&mut unshare);
        let mut shell = unshare.spawn().expect("unshare starts");
        let mut session = Self {
            commands: shell.stdin.take().expect("piped"),
            output: BufReader::new(shell.stdout.take().expect("piped")),
            shell,
            pids: HashMap::new(),
            _cgroups: cgroups,
            work,
        };
        let (said, status) = session.answer(SETUP);
        assert_eq!((&*said, status), ("", 0), "the namespaces");
        Some(session)
    }

    /// Runs a step, and compares what it prints.
    fn run(&mut self, step: &Step) {
        let command = self.with_own_pids(&step.command);
        if let Some(command) = step.background() {
            let log = self.work.path().join("log");
            let line = format!("{command} >>{} 2>&1 </dev/null &", log.display());
            let (said, _) = self.answer(&line);
            assert_eq!(said, "", "{}", step.command);
            return;
        }
        let begin = Instant::now();
        loop {
            let (said, _) = self.answer(&command);
            let wrong = self.differs(step, &said);
            let Some(wrong) = wrong else { return };
            if !step.is_query() || begin.elapsed() > PATIENCE {
                let log = fs::read_to_string(self.work.path().join("log")).unwrap_or_default();
                panic!("$ {}\n{wrong}the servers' output:\n{log}", step.command);
            }
            thread::sleep(Duration::from_millis(200));
        }
    }

    /// What is expected and what was said, if that isn't the same.
    fn differs(&mut self, step: &Step, said: &str) -> Option<String> {
        let expected = self.with_own_pids(&step.expected);
        let is_same = if step.command == "ipaddrctl ps" {
            self.is_same_table(&step.expected, said)
        } else {
            expected == said
        };
        (!is_same).then(|| format!("expected:\n{expected}printed:\n{said}"))
    }

    /// Compares what `ps` lists, without the width of its columns, and learns the process ids.
    fn is_same_table(&mut self, page: &str, said: &str) -> bool {
        let rows = |table: &str| -> Vec<(String, Vec<String>)> {
            let words = |line: &str| line.split_whitespace().map(str::to_owned).collect();
            let rows = table.lines().map(words).filter_map(|mut row: Vec<_>| {
                let first = (!row.is_empty()).then(|| row.remove(0))?;
                Some((first, row))
            });
            rows.collect()
        };
        let (page, said) = (rows(page), rows(said));
        self.pids = page
            .iter()
            .zip(&said)
            .map(|((page, _), (own, _))| (page.clone(), own.clone()))
            .collect();
        let without_pids = |rows: Vec<(String, Vec<String>)>| -> Vec<Vec<String>> {
            rows.into_iter().map(|(_, row)| row).collect()
        };
        without_pids(page) == without_pids(said)
    }

    fn with_own_pids(&self, text: &str) -> String {
        let words = text.split_inclusive(|it: char| !it.is_alphanumeric());
        let own = words.map(|word| {
            let name = word.trim_end_matches(|it: char| !it.is_alphanumeric());
            let rest = &word[name.len()..];
            self.pids
                .get(name)
                .map_or(word.to_owned(), |own| format!("{own}{rest}"))
        });
        own.collect()
    }

    /// What a command prints, and its exit status.
    fn answer(&mut self, command: &str) -> (String, i32) {
        let line = format!("{{ {command}\n}} 2>&1\nprintf '{END} %s\\n' \"$?\"\n");
        self.commands.write_all(line.as_bytes()).expect("sh reads");
        let mut said = String::new();
        loop {
            let mut line = String::new();
            let length = self.output.read_line(&mut line).expect("sh writes");
            assert_ne!(length, 0, "sh has ended at {command}, after {said}");
            if let Some(status) = line.strip_prefix(END) {
                return (said, status.trim().parse().expect("a number"));
            }
            said += &line;
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // With it everything in its process namespace ends.
        let _ = self.shell.kill();
        let _ = self.shell.wait();
        let _ = self.output.read_to_end(&mut Vec::new());
    }
}

/// The namespaces' mounts, and their loopback interface. The page has cgroups at /sys/fs/cgroup,
/// wherever the machine has them.
const SETUP: &str = "\
unified=$(awk '/ - cgroup2 / { print $5; exit }' /proc/self/mountinfo)
umount \"$unified\" && { [ \"$unified\" = /sys/fs/cgroup ] || umount -l /sys/fs/cgroup; } &&
    mount -t cgroup2 none /sys/fs/cgroup && mount -t tmpfs -o mode=755 tmpfs /srv && ip link set lo up";

/// The programs that the page calls, where they find each other.
fn install(directory: &Path) {
    let installed = [
        (PathBuf::from(PROGRAM), "ipaddrctl"),
        (
            artifacts::workspace().join("run-restricted.sh"),
            "run-restricted.sh",
        ),
        (artifacts::library().to_owned(), "libipaddr.so"),
    ];
    for (from, name) in installed {
        fs::copy(from, directory.join(name)).expect("it can be copied");
    }
}

/// Debian's own Python before any other: it is called python3, not python3.11.
fn path(own: &Path) -> String {
    format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", own.display())
}

/// A cgroup, and those in it, which the session has made.
struct Cgroups(Cgroup);

impl Drop for Cgroups {
    fn drop(&mut self) {
        let begin = Instant::now();
        while begin.elapsed() < PATIENCE {
            let inner = fs::read_dir(self.0.path()).into_iter().flatten().flatten();
            let inner = inner.map(|entry| entry.path()).filter(|path| path.is_dir());
            // One whose last process is about to end is busy.
            if inner.filter(|path| fs::remove_dir(path).is_err()).count() == 0 {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}
