//! `ipaddrctl assign`

mod shared;
mod target;

use std::io::Write;
use std::path::Path;

use ipaddr_host::cgroup_path::CgroupPath;
use ipaddr_host::settings;
use ipaddr_policy::levels::FileName;
use ipaddr_policy::list::{self, ParseError, Separator};
use ipaddr_policy::text::Shown;
use ipaddr_policy::{Assignment, Family};

use crate::addresses;
use crate::failure::{Failure, Outcome};
use crate::named::Places;
use crate::stale;
use crate::store::{NewFile, Store};
use target::Target;

/// What may be changed besides a file that isn't there yet.
#[derive(Clone, Copy)]
pub struct Options {
    /// The list of a family that is assigned already.
    pub replace: bool,
    /// The policy directory may be made.
    pub create: bool,
}

/// Assigns addresses to a cgroup.
pub fn run(
    policy: Option<&Path>,
    cgroup: CgroupPath,
    addresses: &[String],
    options: Options,
) -> Result<Outcome, Failure> {
    let directory = settings::policy_directory(policy)?;
    let places = Places::new(&directory);
    let cgroup = &places.cgroup(cgroup);
    check_name(cgroup)?;
    let lists = lists(addresses)?;
    write_in(&places, &directory, cgroup, lists, options)
}

/// Assigns lists, as [`list()`] makes them, to a cgroup.
pub fn write(
    directory: &Path,
    cgroup: &CgroupPath,
    lists: Vec<(Family, String)>,
    options: Options,
) -> Result<Outcome, Failure> {
    check_name(cgroup)?;
    write_in(&Places::new(directory), directory, cgroup, lists, options)
}

fn write_in(
    places: &Places,
    directory: &Path,
    cgroup: &CgroupPath,
    lists: Vec<(Family, String)>,
    options: Options,
) -> Result<Outcome, Failure> {
    // With a directory of its own the name would be a known one.
    places.warn_if_mistyped(cgroup);
    // From here on no other ipaddrctl changes the directory.
    let store = Store::open(directory, options.create)?;
    let target = Target {
        directory,
        cgroup,
        replace: options.replace,
    };
    let families: Vec<_> = lists.iter().map(|(family, _)| *family).collect();
    let mut files = Vec::new();
    for (family, text) in lists {
        let old = target.old(family)?;
        files.push(NewFile {
            name: FileName::List(family),
            text,
            old,
        });
    }
    target.check_levels(&files)?;
    store.write(cgroup, &files)?;
    print(directory, cgroup, &files)?;
    shared::warn(directory, cgroup, &files);
    if options.replace {
        let stale = stale::find(directory, cgroup, &families)?;
        stale::print(&stale, &mut anstream::stdout().lock())?;
    }
    Ok(Outcome::Fine)
}

fn print(directory: &Path, cgroup: &CgroupPath, files: &[NewFile]) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    for NewFile { name, text, .. } in files {
        let entries: Vec<_> = text.lines().collect();
        let path = Shown(cgroup.own_file(directory, *name));
        writeln!(out, "{path}: {}", entries.join(", "))?;
    }
    Ok(())
}

/// Refuses a cgroup whose directory would have the name of a policy file.
fn check_name(cgroup: &CgroupPath) -> Result<(), Failure> {
    let taken = |level: &[u8]| {
        FileName::ALL
            .iter()
            .any(|name| name.as_str().as_bytes() == level)
    };
    if cgroup.levels().any(taken) {
        return Err(Failure::Invalid(format!(
            "{cgroup}: a level has the name of a file, so its directory can't be made"
        )));
    }
    Ok(())
}

/// Words for a family that has no other address among the arguments.
const WORDS: [&str; 2] = ["none", "loopback"];

/// The lists that the arguments make, for one family or both.
fn lists(arguments: &[String]) -> Result<Vec<(Family, String)>, Failure> {
    // As in a variable, an argument may hold several entries.
    let entries = arguments.iter().flat_map(|argument| argument.split(','));
    let (mut words, entries): (Vec<_>, Vec<_>) = entries
        .map(str::trim)
        .partition(|entry| WORDS.contains(entry));
    words.dedup();
    let (ipv6, ipv4): (Vec<_>, Vec<_>) = entries.into_iter().partition(|entry| entry.contains(':'));
    let mut lists = Vec::new();
    for (family, mut entries) in [(Family::Ipv4, ipv4), (Family::Ipv6, ipv6)] {
        if entries.is_empty() {
            entries.extend(&words);
        }
        if !entries.is_empty() {
            lists.push((family, list(&entries, family)?));
        }
    }
    if let Some(word) = words.first()
        && !lists.iter().any(|(_, text)| text.trim_end() == *word)
    {
        return Err(Failure::Invalid(format!(
            "\"{word}\": expected it for a family that has no other address"
        )));
    }
    Ok(lists)
}

/// The text of a file with these entries.
///
/// # Errors
/// `EINVAL`: one is none of the family, or they assign nothing.
pub fn list(entries: &[&str], family: Family) -> Result<String, Failure> {
    check(entries, family)?;
    Ok(entries.join("\n") + "\n")
}

fn check(entries: &[&str], family: Family) -> Result<(), Failure> {
    let mut assignment = Assignment::UNASSIGNED;
    // With commas a `#` is no comment, and no entry is empty.
    let text = entries.join(",");
    let parsed = list::parse(text.as_bytes(), Separator::Comma, family, &mut assignment);
    parsed.map_err(|error| {
        // Arguments have no lines.
        let without_line = ParseError { line: 0, ..error };
        Failure::Invalid(without_line.to_string())
    })?;
    if assignment.is_unassigned() {
        let wildcard = addresses::wildcard(family);
        return Err(Failure::Invalid(format!(
            "\"{wildcard}\" assigns nothing: expected an address"
        )));
    }
    Ok(())
}
