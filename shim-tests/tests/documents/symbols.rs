//! The table of symbols in docs/coverage.md, generated from the table of the library and from that of
//! the symbols that it doesn't hook.

use std::env;
use std::fmt::Write;
use std::fs;

use shim_tests::artifacts;
use shim_tests::covered::{COVERED, Covered, Guard, Hook, JUDGED};
use shim_tests::uncovered::{UNCOVERED, Uncovered};

const BEGIN: &str = "<!-- symbols: generated -->\n";
const END: &str = "<!-- symbols: end -->";

/// Has the test write the table instead of comparing it.
const REGENERATE: &str = "IPADDR_REGENERATE_DOCUMENTS";

#[test]
fn the_table_of_symbols_is_up_to_date() {
    let page = artifacts::workspace().join("docs/coverage.md");
    let text = fs::read_to_string(&page).expect("a page");
    let expected = with_table(&text, &table());
    if env::var_os(REGENERATE).is_some() {
        return fs::write(&page, expected).expect("a page that can be written");
    }
    assert!(
        text == expected,
        "the table of symbols in docs/coverage.md is out of date; write it anew by\n  \
         {REGENERATE}=1 cargo test -p shim-tests --test documents table_of_symbols"
    );
}

#[test]
fn only_the_table_is_replaced() {
    let page = |table| format!("before\n{BEGIN}{table}{END}\nafter\n");
    assert_eq!(with_table(&page("old\n"), "new\n"), page("new\n"));
}

/// That a hook has a file is what the links of the page are tested for.
#[test]
fn each_row_names_tests() {
    for row in COVERED {
        assert!(!row.tests.is_empty(), "{}: no test", row.name);
        for test in row.tests {
            let test = artifacts::workspace().join(format!("shim-tests/tests/{test}/main.rs"));
            assert!(test.is_file(), "{}: {}", row.name, test.display());
        }
    }
}

/// What the page says of the guard is what its filter does.
#[test]
fn what_the_guard_judges_is_in_its_filter() {
    let file = artifacts::workspace().join("crates/guard/src/filter/mod.rs");
    let text = fs::read_to_string(file).expect("the filter");
    let text: String = text.split_whitespace().collect();
    for row in COVERED {
        let Some(number) = row.number else { continue };
        let judges = [
            format!("Rule::always(libc::{number},Action::Judge)"),
            format!("Rule::only(libc::{number},"),
        ];
        let is_judged = judges.iter().any(|rule| text.contains(rule));
        assert_eq!(is_judged, JUDGED.contains(&number), "{}", row.name);
    }
}

/// The page with this table.
fn with_table(page: &str, table: &str) -> String {
    let (before, rest) = page.split_once(BEGIN).expect("where the table begins");
    let (_, after) = rest.split_once(END).expect("where the table ends");
    format!("{before}{BEGIN}{table}{END}{after}")
}

/// A column for each front end follows what the call is.
fn table() -> String {
    let mut table = String::from(
        "| symbol | what becomes of the call | next function | by number | shim | guard | tests |\n\
         | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for row in COVERED {
        writeln!(table, "{}", covered_row(row)).expect("a string");
    }
    for (names, why) in by_reason() {
        writeln!(table, "{}", uncovered_row(&names, why)).expect("a string");
    }
    table
}

fn covered_row(row: &Covered) -> String {
    let tests: Vec<_> = row.tests.iter().map(|test| format!("`{test}`")).collect();
    format!(
        "| [`{}({})`](../{}) | {} | {} | {} | hooked | {} | {} |",
        row.name,
        row.section,
        source(row),
        row.effect,
        next(row),
        row.number.map_or("–", |_| "yes"),
        guard(row.guard()),
        tests.join(", ")
    )
}

/// The file of the hook, from the workspace's directory.
fn source(row: &Covered) -> String {
    row.before
        .map_or("src/abi/exports.rs".into(), |(module, _)| {
            format!("src/hooks/{module}.rs")
        })
}

/// What the hook calls, and what it calls or returns where no object behind the library has that.
fn next(row: &Covered) -> String {
    if row.hook == Hook::NumberOnly {
        return "the system call".into();
    }
    let otherwise = match row.absent {
        Some("null") => "null",
        Some("failure" | "error_number") => "`ENOSYS`",
        Some(_) => "the system call",
        None => return shared_next(row),
    };
    format!("`{}`, else {otherwise}", row.name)
}

/// That of the row with the same hook, if any; a hook in place of the function calls none.
fn shared_next(row: &Covered) -> String {
    COVERED
        .iter()
        .find(|other| other.before == row.before && other.absent.is_some())
        .map_or("–".into(), next)
}

fn uncovered_row(names: &[&str], reason: Uncovered) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    let (why, shim) = match reason {
        Uncovered::Harmless(why) => (why, "not needed"),
        Uncovered::InsideLibc(why) => (why, "not hooked"),
    };
    let guard = guard(reason.guard());
    format!(
        "| {} | {why} | – | – | {shim} | {guard} | – |",
        names.join(", ")
    )
}

fn guard(guard: Guard) -> &'static str {
    match guard {
        Guard::Judged => "judged",
        Guard::Otherwise(what) => what,
        Guard::NotNeeded => "not needed",
    }
}

/// The symbols that have a reason in common, in the order of the first of each.
fn by_reason() -> Vec<(Vec<&'static str>, Uncovered)> {
    let mut groups: Vec<(Vec<&str>, Uncovered)> = Vec::new();
    for &(name, why) in UNCOVERED {
        match groups.iter_mut().find(|(_, other)| *other == why) {
            Some((names, _)) => names.push(name),
            None => groups.push((vec![name], why)),
        }
    }
    groups
}
