//! The layout of the sources: no file of a crate imports, by way of whatever others, itself.
//!
//! A reader can then take the files of a crate one after the other, each understood from those
//! before it.

mod graph;
mod modules;

use std::fs;
use std::path::{Path, PathBuf};

use graph::cycles;
use modules::Modules;
use shim_tests::artifacts::workspace;
use syn::Item;

#[test]
fn no_import_cycle_between_files() {
    let mut found = Vec::new();
    for root in sources().iter().filter(|file| is_crate_root(file)) {
        let cycles = cycles(&Modules::read(root).imports());
        found.extend(cycles.into_iter().map(|cycle| (relative(root), cycle)));
    }
    assert!(found.is_empty(), "crate roots and modules: {found:#?}");
}

#[test]
fn every_module_is_where_its_name_says() {
    let mut found = Vec::new();
    for file in sources() {
        let text = fs::read_to_string(&file).expect("a readable file");
        let parsed = syn::parse_file(&text).expect("Rust");
        if parsed.items.iter().any(has_path) {
            found.push(relative(&file));
        }
    }
    assert!(found.is_empty(), "with #[path]: {found:#?}");
}

/// The lints of the workspace's Cargo.toml are only for the crates that ask for them.
#[test]
fn every_crate_has_the_lints_of_the_workspace() {
    let mut manifests = 0;
    visit(workspace(), &mut |file| {
        if file.ends_with("Cargo.toml") {
            let text = fs::read_to_string(file).expect("a readable file");
            let has_lints = text.contains("\n[lints]\nworkspace = true\n");
            assert!(has_lints, "no [lints] in {}", relative(file));
            manifests += 1;
        }
    });
    assert!(manifests > 5, "the manifests are not found: {manifests}");
}

/// A cycle is found at all, through `crate::`, `super::`, re-exports and macros.
#[test]
fn a_cycle_is_found() {
    let modules = Modules::of([
        ("", "mod a; mod b; mod c; pub use c::Thing;"),
        ("a", "use crate::b::{f, g};"),
        ("b", "fn f() { super::c::h() }"),
        ("c", "macro_rules! m { () => { $crate::a::x() } }"),
        ("d", "use crate::Thing;"),
    ]);
    assert_eq!(cycles(&modules.imports()), [["a", "b", "c"]]);
}

/// A `use` of all that a module has means the files below it too.
#[test]
fn a_cycle_by_way_of_a_glob_is_found() {
    let modules = Modules::of([
        ("", "mod a; mod b;"),
        ("a", "use crate::b::*; mod inner;"),
        ("a::inner", ""),
        ("b", "pub mod c; pub mod d;"),
        ("b::c", "use crate::a::f;"),
        ("b::d", "use crate::a::inner::g;"),
    ]);
    assert_eq!(cycles(&modules.imports()), [["a", "b::c"]]);
}

#[test]
fn a_chain_is_no_cycle() {
    let modules = Modules::of([
        ("", "pub use b::Thing;"),
        ("a", "use crate::Thing; use std::b::x;"),
        ("b", "use super::c::h;"),
        ("c", "fn h() {}"),
    ]);
    assert!(cycles(&modules.imports()).is_empty());
}

/// All Rust files of the workspace.
fn sources() -> Vec<PathBuf> {
    let mut files = Vec::new();
    visit(workspace(), &mut |file| {
        if file.extension().is_some_and(|extension| extension == "rs") {
            files.push(file.to_owned());
        }
    });
    assert!(files.len() > 100, "the sources are not found: {files:?}");
    files
}

/// Each test program and benchmark is a crate of its own.
fn is_crate_root(file: &Path) -> bool {
    let named = |name| file.ends_with(name);
    let parent = file.parent();
    let is_in = |name| parent.is_some_and(|parent| parent.ends_with(name));
    named("lib.rs") || named("main.rs") || is_in("tests") || is_in("benches")
}

/// From the workspace's directory.
fn relative(file: &Path) -> String {
    let inside = file.strip_prefix(workspace()).expect("in the workspace");
    inside.display().to_string()
}

fn has_path(item: &Item) -> bool {
    matches!(item, Item::Mod(item) if item.attrs.iter().any(|one| one.path().is_ident("path")))
}

fn visit(directory: &Path, each: &mut impl FnMut(&Path)) {
    for entry in fs::read_dir(directory).expect("a readable directory") {
        let path = entry.expect("a readable directory").path();
        let name = path.file_name().and_then(|name| name.to_str());
        if name.is_some_and(|name| name == "target" || name.starts_with('.')) {
            continue;
        }
        if path.is_dir() {
            visit(&path, each);
        } else {
            each(&path);
        }
    }
}
