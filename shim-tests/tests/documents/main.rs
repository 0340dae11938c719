//! The pages of the project: each link leads to a file, and to a heading where it names one; what is
//! generated is up to date.

mod symbols;

use std::fs;
use std::path::{Path, PathBuf};

use shim_tests::artifacts;

#[test]
fn links_lead_somewhere() {
    let pages = pages();
    assert!(pages.len() > 10, "{pages:?}");
    let broken: Vec<String> = pages.iter().flat_map(|page| broken_links(page)).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn anchors_are_named_as_on_the_web() {
    for (heading, anchor) in [
        ("## Words", "words"),
        ("## run-restricted.sh, sourced", "run-restrictedsh-sourced"),
        (
            "## The whole system: /etc/ld.so.preload",
            "the-whole-system-etcldsopreload",
        ),
    ] {
        assert_eq!(anchor_of(heading).as_deref(), Some(anchor));
    }
    assert_eq!(anchor_of("no heading"), None);
}

#[test]
fn pages_say_first_what_they_answer() {
    for page in pages() {
        let text = read(&page);
        let mut lines = text.lines();
        let title = lines.next().unwrap_or_default();
        assert!(title.starts_with("# "), "{}", page.display());
        assert_eq!(lines.next(), Some(""), "{}", page.display());
        let paragraph = lines.next().unwrap_or_default();
        assert!(
            paragraph.starts_with(|first: char| first.is_alphabetic() || first == '`'),
            "{}: {paragraph}",
            page.display()
        );
    }
}

/// README.md, CONTRIBUTING.md, CHANGELOG.md, those in docs/ and those beside the tests.
fn pages() -> Vec<PathBuf> {
    let root = artifacts::workspace();
    [
        "",
        "docs",
        "shim-tests",
        "shim-tests/results",
        "shim-tests/suites",
    ]
    .iter()
    .flat_map(|directory| fs::read_dir(root.join(directory)).expect("a directory"))
    .map(|entry| entry.expect("an entry").path())
    .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
    .collect()
}

fn broken_links(page: &Path) -> Vec<String> {
    let text = read(page);
    let directory = page.parent().expect("a directory");
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target)
        .filter(|target| !target.contains("://") && !leads_somewhere(page, directory, target))
        .map(|target| format!("{}: {target}", page.display()))
        .collect()
}

fn leads_somewhere(page: &Path, directory: &Path, target: &str) -> bool {
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let file = if file.is_empty() {
        page.to_path_buf()
    } else {
        directory.join(file)
    };
    file.is_file()
        && (anchor.is_empty()
            || read(&file)
                .lines()
                .filter_map(anchor_of)
                .any(|there| there == anchor))
}

/// The anchor of a heading: lower case, blanks as hyphens, and of the other signs only `-` and `_`.
fn anchor_of(line: &str) -> Option<String> {
    let heading = line.trim_start_matches('#');
    let is_heading = heading.len() < line.len() && heading.starts_with(' ');
    let signs = heading.trim().to_lowercase().replace(' ', "-");
    is_heading.then(|| {
        signs
            .chars()
            .filter(|&sign| sign.is_alphanumeric() || sign == '-' || sign == '_')
            .collect()
    })
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("a page")
}
