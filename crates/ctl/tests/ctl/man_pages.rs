//! The man pages: those of packaging/man/, and those that `man` prints. They are shown without a
//! warning, and what they say is what the programs do.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use shim_tests::{PolicyDir, artifacts, skip};

use super::command::{Ctl, Said, VERSION};

const COMMANDS: [&str; 13] = [
    "",
    "assign",
    "show",
    "check",
    "explain",
    "explain bind",
    "explain connect",
    "explain accept",
    "ps",
    "remove",
    "unit",
    "completions",
    "man",
];

#[test]
fn shown_without_a_warning() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let pages = all_pages(directory.path());
    assert_eq!(pages.len(), 4 + COMMANDS.len(), "{pages:?}");
    for (program, arguments) in [
        ("man", &["--warnings", "-l"][..]),
        ("groff", &["-man", "-Tutf8", "-Kutf8", "-ww", "-z"]),
        ("mandoc", &["-T", "lint", "-W", "warning"]),
    ] {
        if !skip::command(program) {
            continue;
        }
        for page in &pages {
            let mut command = Command::new(program);
            command.args(arguments).arg(page);
            command.env("LC_ALL", "C.UTF-8").env("MANWIDTH", "80");
            let said = Said::of(&command.output().expect("it starts"));
            let complaint = if program == "mandoc" {
                &said.out
            } else {
                &said.err
            };
            assert_eq!(
                (said.status, &**complaint),
                (0, ""),
                "{program} {}",
                page.display()
            );
        }
    }
}

/// man-db shows what is in a page: words behind a wrong macro would be missing, without a warning.
#[test]
fn nothing_is_lost() {
    if !skip::command("man") {
        return;
    }
    for (page, words) in [
        (
            "ipaddr.policy.5",
            ["!ADDRESS, !NETWORK/LENGTH", "--to-source ADDRESS"],
        ),
        (
            "libipaddr.so.8",
            ["LD_PRELOAD=DIRECTORY/libipaddr.so", "daemon off;"],
        ),
        (
            "ipaddr-guard.1",
            ["ipaddr-guard agent --socket PATH", "--flag NAME"],
        ),
        (
            "run-restricted.1",
            [". DIRECTORY/run-restricted", "/usr/lib/MACHINE-linux-gnu"],
        ),
    ] {
        let mut man = Command::new("man");
        man.arg("-l").arg(source(page));
        man.env("LC_ALL", "C.UTF-8").env("MANWIDTH", "200");
        let shown = Said::of(&man.output().expect("it starts")).fine();
        for words in words {
            assert!(shown.contains(words), "{words} in {shown}");
        }
    }
}

/// Sections of man-pages(7), the version of the workspace, and one date.
#[test]
fn sections_version_and_date() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut dates = BTreeSet::new();
    for page in all_pages(directory.path()) {
        let name = page.display();
        let text = fs::read_to_string(&page).expect("a page");
        let title = text
            .lines()
            .find(|line| line.starts_with(".TH "))
            .expect("a title");
        let words: Vec<_> = title.split(' ').collect();
        let section = page.extension().and_then(OsStr::to_str).expect("a section");
        assert_eq!(words[2], section, "{title}");
        assert!(
            title.contains(&format!("\"libipaddr {VERSION}\"")),
            "{title}"
        );
        dates.insert(words[3].to_owned());
        for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "FILES", "SEE ALSO"] {
            let headings = [format!(".SH {section}"), format!(".SH \"{section}\"")];
            let found = text
                .lines()
                .filter(|line| headings.iter().any(|it| it == line))
                .count();
            assert_eq!(found, 1, "{section} in {name}");
        }
    }
    assert_eq!(dates.len(), 1, "{dates:?}");
}

/// SEE ALSO and the text name no page of this project that there isn't.
#[test]
fn pages_name_pages_that_there_are() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let pages = all_pages(directory.path());
    let known: BTreeSet<_> = pages
        .iter()
        .filter_map(|page| page.file_name()?.to_str())
        .collect();
    for page in &pages {
        let text = plain(&fs::read_to_string(page).expect("a page"));
        let words = text.split(|it: char| !(it.is_alphanumeric() || "-._()".contains(it)));
        for word in words {
            let Some((name, section)) = word.split_once('(') else {
                continue;
            };
            let is_ours = name.contains("ipaddr") || name.contains("restricted");
            let section = section.split(')').next().unwrap_or_default();
            if is_ours && !section.is_empty() {
                let file = format!("{name}.{section}");
                assert!(known.contains(&*file), "{word} in {}", page.display());
            }
        }
    }
}

#[test]
fn the_wrappers_options_and_statuses() {
    let help = help();
    let page = plain(&fs::read_to_string(source("run-restricted.1")).expect("the page"));
    assert!(options(&help).len() >= 10, "{help}");
    assert_eq!(options(&help), options(&page));
    for variable in ["RUN_RESTRICTED_LIBRARY", "RUN_RESTRICTED_GUARD"] {
        assert!(
            help.contains(variable) && page.contains(variable),
            "{variable}"
        );
    }
    for status in ["125", "126", "127"] {
        assert!(
            help.contains(&format!("\n  {status}  ")),
            "{status} in {help}"
        );
        assert!(
            page.contains(&format!("\n.B {status}\n")),
            "{status} in {page}"
        );
    }
    for command in [
        "sudo",
        "su -",
        "env -i",
        "service",
        "postfix",
        "pg_ctlcluster",
    ] {
        assert!(
            help.contains(command) && page.contains(command),
            "{command}"
        );
    }
}

#[test]
fn the_guards_options_statuses_and_variables() {
    let help = |words: &[&str]| {
        let mut guard = Command::new(artifacts::guard());
        guard.args(words).arg("--help");
        Said::of(&guard.output().expect("it starts")).fine()
    };
    let own = help(&[]);
    let all = [own.clone(), help(&["agent"]), help(&["profile"])].join("\n");
    let page = plain(&fs::read_to_string(source("ipaddr-guard.1")).expect("the page"));
    // One of the examples is the wrapper's.
    let page = page.split(".SH EXAMPLES").next().expect("all before that");
    assert!(options(&all).len() >= 10, "{all}");
    assert_eq!(options(&all), options(page));
    for status in ["125", "126", "127"] {
        assert!(own.contains(status), "{status} in {own}");
        assert!(
            page.contains(&format!("\n.B {status}\n")),
            "{status} in {page}"
        );
    }
    let [mut said, mut documented] = [BTreeSet::new(), BTreeSet::new()];
    variables_in(&own, &mut said);
    variables_in(page, &mut documented);
    assert!(said.len() >= 5, "{own}");
    assert_eq!(documented, said);
}

/// Where the wrapper searches, in its order.
#[test]
fn the_librarys_places() {
    let script = fs::read_to_string(wrapper()).expect("the wrapper");
    let list = script
        .split("for library in \"$library\" ")
        .nth(1)
        .expect("the loop");
    let list = list.split("; do").next().expect("its end");
    let places: Vec<_> = list
        .split(|it: char| it.is_whitespace() || it == '"' || it == '\\')
        .filter(|word| !word.is_empty())
        .map(|place| {
            let place = place.replace("${here%/*}", "..").replace("$here/", "");
            place.replace("$machine", "MACHINE")
        })
        .collect();
    assert!(places.len() >= 5, "{places:?}");
    let page = plain(&fs::read_to_string(source("run-restricted.1")).expect("the page"));
    let page = page.replace("/ MACHINE -", "/MACHINE-");
    let mut rest = &*page;
    for place in places {
        let found = rest
            .find(&place)
            .unwrap_or_else(|| panic!("{place} in {rest}"));
        rest = &rest[found + place.len()..];
    }
}

/// Every variable in the sources of the library and the wrapper, and no other one.
#[test]
fn the_librarys_variables() {
    let mut variables = BTreeSet::new();
    let root = artifacts::workspace();
    for directory in [
        "src",
        "crates/policy/src",
        "crates/socket/src",
        "crates/host/src",
    ] {
        for file in sources(&root.join(directory)) {
            let text = fs::read_to_string(file).expect("a source");
            // What only tests name comes behind this.
            variables_in(
                text.split("#[cfg(test)]").next().unwrap_or_default(),
                &mut variables,
            );
        }
    }
    variables_in(
        &fs::read_to_string(wrapper()).expect("the wrapper"),
        &mut variables,
    );
    // The first is between the wrapper and the library; the second stands for any name, in a comment.
    for no_setting in ["IPADDR_CHECK_COMMAND", "IPADDR_NAME"] {
        variables.remove(no_setting);
    }
    let mut documented = BTreeSet::new();
    variables_in(
        &fs::read_to_string(source("libipaddr.so.8")).expect("the page"),
        &mut documented,
    );
    assert_eq!(documented, variables);
}

fn variables_in(text: &str, variables: &mut BTreeSet<String>) {
    let words =
        text.split(|it: char| !(it.is_ascii_uppercase() || it.is_ascii_digit() || it == '_'));
    let names = words.filter(|word| word.len() > "IPADDR_".len() && word.starts_with("IPADDR_"));
    variables.extend(names.map(str::to_owned));
}

/// Each example is a command of the documents or of --help, which other tests run.
#[test]
fn examples_are_those_of_the_documents() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let root = artifacts::workspace();
    let documents = [
        "README.md",
        "docs/deployment.md",
        "docs/guard.md",
        "docs/ipaddrctl.md",
    ];
    let documents = documents.map(|page| fs::read_to_string(root.join(page)).expect("a document"));
    let documents =
        (documents.join("\n") + &help()).replace("./run-restricted.sh", "run-restricted");
    let known: BTreeSet<_> = documents
        .lines()
        .map(|line| line.trim_start_matches("$ ").trim())
        .collect();
    let mut count = 0;
    for page in all_pages(directory.path()) {
        let text = fs::read_to_string(&page).expect("a page");
        if page.ends_with("ipaddr.policy.5") {
            continue;
        }
        for (_, lines) in examples(&text) {
            for line in lines.lines() {
                assert!(known.contains(line), "{line} of {}", page.display());
                count += 1;
            }
        }
    }
    assert!(count > 20, "{count}");
}

/// The files of ipaddr.policy(5) are a policy directory without a mistake.
#[test]
fn the_files_of_the_example() {
    let text = fs::read_to_string(source("ipaddr.policy.5")).expect("the page");
    let ctl = Ctl(PolicyDir::default());
    let files = examples(&text);
    assert_eq!(files.len(), 5, "{files:?}");
    for (place, lines) in files {
        let file = place.split("/etc/ipaddr/").nth(1).expect("a file's name");
        let (cgroup, name) = file
            .trim_end_matches([' ', ':'])
            .rsplit_once('/')
            .expect("a cgroup");
        let suffix = name.strip_prefix("ipaddr.").expect("a policy file");
        ctl.0.write(cgroup, suffix, &lines);
    }
    let said = ctl.line("check").fine();
    assert!(
        said.contains("cgroups with a policy: 3, mistakes: 0,"),
        "{said}"
    );
    let shown = ctl.line("show /web/a").fine();
    assert!(
        shown.contains("IPv4: 10.0.0.6, 10.0.0.7 (wildcards become 10.0.0.6)"),
        "{shown}"
    );
    assert_eq!(shown.matches("ipaddr.rules:").count(), 7, "{shown}");
}

/// Those of packaging/man/, and what the program prints, in a directory.
fn all_pages(directory: &Path) -> Vec<PathBuf> {
    let by_hand = fs::read_dir(artifacts::workspace().join("packaging/man")).expect("a directory");
    let mut pages: Vec<_> = by_hand
        .map(|entry| entry.expect("an entry").path())
        .collect();
    pages.sort();
    let ctl = Ctl::new();
    for command in COMMANDS {
        let words = || command.split_whitespace();
        let name = words().fold("ipaddrctl".to_owned(), |name, word| {
            format!("{name}-{word}")
        });
        let page = directory.join(format!("{name}.8"));
        let text = ctl.run(["man"].into_iter().chain(words())).fine();
        fs::write(&page, text).expect("ours");
        pages.push(page);
    }
    pages
}

fn options(text: &str) -> BTreeSet<String> {
    let words = text.split(|it: char| !(it.is_ascii_alphanumeric() || it == '-'));
    let options = words.filter(|word| word.starts_with("--") && word.len() > 2);
    options.map(str::to_owned).collect()
}

fn source(page: &str) -> PathBuf {
    artifacts::workspace().join("packaging/man").join(page)
}

fn wrapper() -> PathBuf {
    artifacts::workspace().join("run-restricted.sh")
}

fn help() -> String {
    let mut sh = Command::new("sh");
    sh.arg(wrapper()).arg("--help");
    Said::of(&sh.output().expect("sh starts")).fine()
}

/// The text of a page, with fonts and macros in it, as it is shown.
fn plain(text: &str) -> String {
    let text = [
        ("\\fB", ""),
        ("\\fI", ""),
        ("\\fR", ""),
        ("\\-", "-"),
        ("\\(aq", "'"),
        ("\\*(Aq", "'"),
    ]
    .into_iter()
    .fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
    // `.BR name (8)` is shown without the space.
    let lines = text.lines().map(|line| match line.starts_with(".BR ") {
        true => line.replace(" (", "("),
        false => line.to_owned(),
    });
    lines.map(|line| line + "\n").collect()
}

/// The blocks between `.EX` and `.EE`, each with the line of text before it.
fn examples(page: &str) -> Vec<(String, String)> {
    let text = plain(page);
    let mut examples = Vec::new();
    let (mut before, mut block): (String, Option<String>) = (String::new(), None);
    for line in text.lines() {
        match (line, &mut block) {
            (".EX", _) => block = Some(String::new()),
            (".EE", Some(lines)) => {
                examples.push((before.clone(), lines.clone()));
                block = None;
            }
            (line, Some(lines)) => *lines += &format!("{line}\n"),
            (line, None) if line.contains('/') => before = line.to_owned(),
            _ => {}
        }
    }
    examples
}

fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut directories = vec![directory.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found
}
