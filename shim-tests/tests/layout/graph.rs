//! Cycles of a directed graph.

use std::collections::{BTreeMap, BTreeSet};

/// Which file imports which, by the names of their modules.
pub type Imports = BTreeMap<String, BTreeSet<String>>;

/// The largest sets of files of which each is reached from each other, in order.
pub fn cycles(imports: &Imports) -> Vec<Vec<String>> {
    let reached: BTreeMap<&str, BTreeSet<&str>> = imports
        .keys()
        .map(|file| (file.as_str(), reached_from(file, imports)))
        .collect();
    let is_mutual = |one: &str, other: &str| {
        let reaches = |from: &str, to: &str| reached.get(from).is_some_and(|all| all.contains(to));
        reaches(one, other) && reaches(other, one)
    };
    let mut found: Vec<Vec<String>> = Vec::new();
    for file in imports.keys().filter(|file| is_mutual(file, file)) {
        match found.iter_mut().find(|cycle| is_mutual(&cycle[0], file)) {
            Some(cycle) => cycle.push(file.clone()),
            None => found.push(vec![file.clone()]),
        }
    }
    found
}

fn reached_from<'a>(file: &str, imports: &'a Imports) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut waiting: Vec<&str> = imports
        .get(file)
        .into_iter()
        .flatten()
        .map(String::as_str)
        .collect();
    while let Some(next) = waiting.pop() {
        if reached.insert(next) {
            waiting.extend(imports.get(next).into_iter().flatten().map(String::as_str));
        }
    }
    reached
}
