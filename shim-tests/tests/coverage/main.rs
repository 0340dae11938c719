//! What the library says of programs into which it isn't loaded, or in vain.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use shim_tests::{PolicyDir, Shim, harness, library, skip};

/// A directory with programs of each kind, which anybody may enter.
struct Programs {
    directory: PolicyDir,
}

impl Programs {
    fn new() -> Self {
        let directory = PolicyDir::new();
        // Where somebody else may read it.
        fs::copy(library(), directory.path().join("libipaddr.so")).expect("the library is copied");
        Self { directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn copy(&self, from: &Path, name: &str, mode: u32) -> PathBuf {
        let to = self.path(name);
        fs::copy(from, &to).expect("a program is copied");
        fs::set_permissions(&to, Permissions::from_mode(mode)).expect("it is ours");
        to
    }

    fn script(&self, name: &str, text: &str) -> PathBuf {
        let to = self.path(name);
        fs::write(&to, text).expect("the directory is ours");
        fs::set_permissions(&to, Permissions::from_mode(0o755)).expect("it is ours");
        to
    }

    /// A program that ends with status 7.
    fn compile(&self, name: &str, options: &[&str]) -> PathBuf {
        let source = self.path("seven.c");
        fs::write(&source, "int main(void) { return 7; }\n").expect("the directory is ours");
        let to = self.path(name);
        let status = Command::new("cc")
            .args(options)
            .arg("-o")
            .arg(&to)
            .arg(source)
            .status();
        assert!(status.expect("cc runs").success(), "{name}");
        to
    }

    /// What the library says of a command when it is loaded; nothing of one that is covered.
    fn said(&self, command: &Path, by: &[&str]) -> String {
        let path = command.to_str().expect("UTF-8");
        let library = format!("LD_PRELOAD={}", self.path("libipaddr.so").display());
        let shim = Shim::without().var("IPADDR_CHECK_COMMAND", path);
        let run = shim.by(by).run("env", &[&library, "sh", "-c", ":"]);
        assert!(run.success && run.out.is_empty(), "{run:?}");
        let lines: Vec<_> = run.err.lines().collect();
        assert!(lines.len() < 2, "{run:?}");
        let said = lines.first().and_then(|line| line.split_once(": "));
        said.map_or(String::new(), |(_, said)| said.to_owned())
    }
}

fn covered(path: &Path, why: &str) -> String {
    format!("{} is not covered by LD_PRELOAD: {why}", path.display())
}

const STATIC: &str = "it is statically linked";
const GO: &str = "it is a Go program, whose runtime makes system calls without libc";

#[test]
fn programs_that_are_covered() {
    let programs = Programs::new();
    let linkers = ["/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"];
    for program in ["/bin/sh", "/bin/true"].iter().chain(&linkers) {
        if Path::new(program).exists() {
            assert_eq!(programs.said(Path::new(program), &[]), "", "{program}");
        }
    }
    let script = programs.script("script", "#!/bin/sh\n");
    assert_eq!(programs.said(&script, &[]), "");
}

#[test]
fn programs_without_a_dynamic_linker() {
    if !skip::command("cc") {
        return;
    }
    let programs = Programs::new();
    for options in [["-static"], ["-static-pie"]] {
        let program = programs.compile("static", &options);
        assert_eq!(programs.said(&program, &[]), covered(&program, STATIC));
        let by = |name, interpreter: &Path| {
            let line = format!("#! {} -x\n", interpreter.display());
            let script = programs.script(name, &line);
            let said = format!(
                "{}, the interpreter of {}",
                program.display(),
                script.display()
            );
            assert_eq!(programs.said(&script, &[]), covered(said.as_ref(), STATIC));
            script
        };
        let script = by("script", &program);
        by("script-of-a-script", &script);
    }
}

#[test]
fn what_can_not_be_executed() {
    let programs = Programs::new();
    let said = |path: &Path| programs.said(path, &[]);
    let path = programs.path("missing");
    assert_eq!(said(&path), covered(&path, "no such file"));
    assert_eq!(
        said(Path::new("/etc/passwd")),
        covered("/etc/passwd".as_ref(), "permission denied")
    );
    assert_eq!(
        said(Path::new("/tmp")),
        covered("/tmp".as_ref(), "permission denied")
    );
    let text = programs.script("text", "text\n");
    let why = "it is neither an ELF program nor a script with a #! line";
    assert_eq!(said(&text), covered(&text, why));
    let mut last = programs.path("true");
    fs::copy("/bin/true", &last).expect("true is copied");
    for depth in 0..8 {
        let expected = if depth > 5 {
            covered(&last, "there are too many interpreters in a row")
        } else {
            String::new()
        };
        assert_eq!(said(&last), expected, "{depth}");
        // As the kernel says.
        let status = Command::new(&last).status();
        assert_eq!(status.is_ok(), expected.is_empty(), "{depth}: {status:?}");
        let line = format!("#!{}\n", last.display());
        last = programs.script(&format!("script{depth}"), &line);
    }
}

/// As the kernel says it by AT_SECURE, for root and for nobody.
#[test]
fn programs_that_gain_privileges() {
    if !skip::root_for("programs of other users") || !skip::command("setpriv") {
        return;
    }
    if !skip::command("setcap") {
        return;
    }
    let programs = Programs::new();
    let secure = harness("secure");
    let nobody = [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
    ];
    let no_new = [&nobody[..], &["--no-new-privs"]].concat();
    const SET_ID: &str = "it is set-uid or set-gid";
    const CAPABLE: &str = "it has file capabilities";
    for (name, mode, owner, capabilities, why) in [
        ("plain", 0o755, "0:0", "", ""),
        ("set-uid", 0o4755, "0:0", "", SET_ID),
        ("set-gid", 0o2755, "0:0", "", SET_ID),
        ("set-gid-locking", 0o2745, "0:65534", "", ""),
        ("own-set-uid", 0o4755, "65534:0", "", ""),
        ("own-set-gid", 0o2755, "0:65534", "", ""),
        ("capable", 0o755, "0:0", "cap_net_raw+ep", CAPABLE),
        ("able", 0o755, "0:0", "cap_net_raw+p", CAPABLE),
    ] {
        let program = programs.copy(&secure, name, 0o755);
        let run = |command: &mut Command| {
            assert!(command.status().expect("it runs").success(), "{command:?}");
        };
        run(Command::new("chown").arg(owner).arg(&program));
        // chown takes the bits away.
        fs::set_permissions(&program, Permissions::from_mode(mode)).expect("it is ours");
        if !capabilities.is_empty() {
            run(Command::new("setcap").arg(capabilities).arg(&program));
        }
        let mut seen = Vec::new();
        for by in [&[][..], &nobody, &no_new] {
            let said = programs.said(&program, by);
            let kernel = Shim::without().by(by).run(&program, &[]).out;
            let expected = if kernel == "secure 0" { "" } else { "secure 1" };
            let judged = if said.is_empty() { "" } else { "secure 1" };
            assert_eq!(judged, expected, "{name} {by:?}: {said} {kernel}");
            seen.push(said);
        }
        let expected = if why.is_empty() {
            String::new()
        } else {
            covered(&program, why)
        };
        assert_eq!(seen[1], expected, "{name}");
    }
}

#[test]
fn go_programs() {
    if !skip::command("go") {
        return;
    }
    let programs = Programs::new();
    let source = programs.path("main.go");
    for (name, text, cgo, options, why) in [
        (
            "static",
            "package main\nfunc main() {}\n",
            "0",
            &[][..],
            STATIC,
        ),
        (
            "cgo",
            "package main\nimport \"C\"\nfunc main() {}\n",
            "1",
            &[],
            GO,
        ),
        (
            "stripped",
            "package main\nimport \"C\"\nfunc main() {}\n",
            "1",
            &["-ldflags=-s -w -buildid="],
            GO,
        ),
    ] {
        fs::write(&source, text).expect("the directory is ours");
        let program = programs.path(name);
        let status = Command::new("go")
            .arg("build")
            .args(options)
            .arg("-o")
            .args([&program, &source])
            .env("CGO_ENABLED", cgo)
            .env("GOCACHE", programs.path("cache"))
            .env("GO111MODULE", "off")
            .status();
        assert!(status.expect("go runs").success(), "{name}");
        assert_eq!(
            programs.said(&program, &[]),
            covered(&program, why),
            "{name}"
        );
    }
}

const WAYS: [&str; 12] = [
    "execve",
    "execv",
    "execvp",
    "execvpe",
    "execl",
    "execle",
    "execlp",
    "fexecve",
    "posix_spawn",
    "posix_spawnp",
    "number-execve",
    "number-execveat",
];
const WAYS_OF_GLIBC: [&str; 3] = ["execveat", "execveat-empty", "fexecve-path"];

fn ways() -> Vec<&'static str> {
    let is_musl = std::env::var("IPADDR_TEST_LIBC").is_ok_and(|libc| libc == "musl");
    let others: &[_] = if is_musl { &[] } else { &WAYS_OF_GLIBC };
    [&WAYS[..], others].concat()
}

/// The arguments, on the stack too, and the environment arrive.
#[test]
fn what_is_executed_gets_what_it_should() {
    let program = harness("execute");
    let program = program.to_str().expect("UTF-8");
    for way in ways() {
        for shim in [Shim::without(), Shim::new(), Shim::ipv4("127.0.0.2")] {
            let run = shim.harness("execute", &[way, program]);
            assert_eq!(run.out, "shown b c d e f g h i yes", "{way}: {run:?}");
            assert_eq!(run.err, "", "{way}");
        }
    }
}

/// What `way` says in the log; the static program ends with status 7, which is E2BIG.
fn logged(shim: &Shim, way: &str, program: &str) -> String {
    let run = shim.harness("execute", &[way, program]);
    assert_eq!(run.out, "errno7", "{way}: {run:?}");
    assert!(run.err.lines().count() < 2, "{way}: {run:?}");
    let said = run.err.split_once(": ");
    said.map_or(String::new(), |(_, said)| said.trim().to_owned())
}

#[test]
fn an_exec_of_what_is_not_covered_is_logged() {
    if !skip::command("cc") {
        return;
    }
    let programs = Programs::new();
    let program = programs.compile("static", &["-static"]);
    let program = program.to_str().expect("UTF-8");
    let line = |path: &str| {
        format!(
            "exec {path}: not covered by LD_PRELOAD, so not restricted: {STATIC}: expected another program, or the whole service under ipaddr-guard"
        )
    };
    for way in ways() {
        let restricted = Shim::ipv4("127.0.0.2");
        let said = logged(&restricted, way, program);
        if way.starts_with("fexecve") || way == "execveat-empty" {
            assert_eq!(said, line("/proc/self/fd/3"), "{way}");
        } else {
            assert_eq!(said, line(program), "{way}");
        }
        assert_eq!(logged(&Shim::new(), way, program), "", "{way}");
        let silent = restricted.var("IPADDR_LOG", "off");
        assert_eq!(logged(&silent, way, program), "", "{way}");
    }
    // One whose policy can't be used is refused its sockets, which a static program isn't.
    let unusable = Shim::ipv4("nonsense").var("IPADDR_LOG", "error");
    let run = unusable.harness("execute", &["execve", program]);
    assert!(run.err.contains(&line(program)), "{run:?}");
}

#[test]
fn a_search_by_path_finds_what_libc_finds() {
    if !skip::command("cc") {
        return;
    }
    let programs = Programs::new();
    let program = programs.compile("found", &["-static"]);
    let directory = programs.directory.path().display().to_string();
    let first = programs.directory.path().join("first");
    fs::create_dir(&first).expect("the directory is ours");
    fs::write(first.join("found"), "not executable").expect("the directory is ours");
    let path = format!("/nonexistent:{}:{directory}:/bin", first.display());
    let shim = Shim::ipv4("127.0.0.2").var("PATH", &path);
    for way in ["execvp", "execvpe", "execlp", "posix_spawnp"] {
        let said = logged(&shim, way, "found");
        assert!(
            said.starts_with(&format!("exec {}: ", program.display())),
            "{way}: {said}"
        );
    }
    for way in ["execve", "execl", "posix_spawn"] {
        let run = shim.harness("execute", &[way, "found"]);
        assert_eq!(
            (run.out.as_str(), run.err.as_str()),
            ("errno2", ""),
            "{way}"
        );
    }
}

/// A shell's command, and what system(3) has a shell do.
#[test]
fn a_static_program_one_step_behind() {
    if !skip::command("cc") {
        return;
    }
    let programs = Programs::new();
    let program = programs.compile("static", &["-static"]);
    let path = program.to_str().expect("UTF-8");
    for arguments in [
        &["sh", "-c", "\"$0\"; true"][..],
        &["env"],
        &["timeout", "60"],
        &["nice"],
        &["perl", "-e", "system($ARGV[0] . ' ; true')"],
    ] {
        if !skip::command(arguments[0]) {
            continue;
        }
        let all = [&arguments[1..], &[path]].concat();
        let run = Shim::ipv4("127.0.0.2").run(arguments[0], &all);
        let said = format!("exec {path}: not covered by LD_PRELOAD");
        assert_eq!(run.err.matches(&said).count(), 1, "{arguments:?}: {run:?}");
        assert_eq!(run.err.lines().count(), 1, "{arguments:?}: {run:?}");
    }
}

#[test]
fn a_path_that_can_not_be_read_is_the_kernels_affair() {
    for shim in [Shim::without(), Shim::ipv4("127.0.0.2")] {
        shim.harness("execute", &["bad", ""]).says("EFAULT");
    }
}
