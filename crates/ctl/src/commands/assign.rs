//! `ipaddrctl assign`

use std::io::Write;
use std::path::Path;

use ipaddr_host::cgroup_path::CgroupPath;
use ipaddr_host::level_files::Disk;
use ipaddr_host::reader::Reader;
use ipaddr_host::settings;
use ipaddr_host::tree;
use ipaddr_policy::levels::{FileName, Files, LevelFile};
use ipaddr_policy::list::{self, ParseError, Separator};
use ipaddr_policy::text::Shown;
use ipaddr_policy::trust::FileProblem;
use ipaddr_policy::{Assignment, Family};

use crate::addresses::{self, Summary};
use crate::failure::{Failure, Outcome};
use crate::store::{NewFile, Store};

/// Assigns addresses to a cgroup.
pub fn run(
    policy: Option<&Path>,
    cgroup: &CgroupPath,
    addresses: &[String],
) -> Result<Outcome, Failure> {
    let directory = settings::policy_directory(policy)?;
    check_name(cgroup)?;
    let lists = lists(addresses)?;
    // From here on no other ipaddrctl changes the directory.
    let store = Store::open(&directory)?;
    let target = Target {
        directory: &directory,
        cgroup,
    };
    let mut files = Vec::new();
    for (family, text) in lists {
        let old = target.unassigned(family)?;
        files.push(NewFile {
            name: FileName::List(family),
            text,
            old,
        });
    }
    target.check_levels(&files)?;
    store.write(cgroup, &files)?;
    let mut out = anstream::stdout().lock();
    for NewFile { name, text, .. } in &files {
        let entries: Vec<_> = text.lines().collect();
        let path = Shown(cgroup.own_file(&directory, *name));
        writeln!(out, "{path}: {}", entries.join(", "))?;
    }
    Ok(Outcome::Fine)
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
            check(&entries, family)?;
            lists.push((family, entries.join("\n") + "\n"));
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

/// The cgroup that gets an assignment.
#[derive(Clone, Copy)]
struct Target<'a> {
    directory: &'a Path,
    cgroup: &'a CgroupPath,
}

impl Target<'_> {
    /// The text of a list that is there and assigns nothing.
    ///
    /// # Errors
    /// `EPERM`: it assigns something.
    fn unassigned(&self, family: Family) -> Result<Option<Vec<u8>>, Failure> {
        let file = self.cgroup.own_file(self.directory, FileName::List(family));
        let mut disk = Disk::default();
        // A mistake in it is found with the levels.
        if disk.read(&file) != Ok(true) {
            return Ok(None);
        }
        let text = disk.text();
        let mut assignment = Assignment::UNASSIGNED;
        match list::parse(text, Separator::Line, family, &mut assignment) {
            Ok(()) if !assignment.is_unassigned() => Err(Failure::NotPermitted(format!(
                "{}:{}: {} is assigned already: {}",
                Shown(file),
                assignment.line,
                family.name(),
                Summary(&assignment, family)
            ))),
            _ => Ok(Some(text.to_vec())),
        }
    }

    /// Reads the policy of the cgroup and of each in it that has one: as it is, and as it would be.
    ///
    /// # Errors
    /// It can't be used as it is; `EPERM`: it couldn't be used as it would be.
    fn check_levels(&self, files: &[NewFile]) -> Result<(), Failure> {
        let mut reader = Reader::default();
        self.check_levels_of(self.cgroup, files, &mut reader)?;
        if !self.cgroup.directory_in(self.directory).is_dir() {
            return Ok(());
        }
        tree::walk(self.directory, self.cgroup.clone(), &mut |level| {
            let level = level?;
            let has_policy = |name: FileName| level.has(name.as_str());
            if FileName::ALL.into_iter().any(has_policy) {
                self.check_levels_of(&level.cgroup, files, &mut reader)?;
            }
            Ok(())
        })
    }

    fn check_levels_of(
        &self,
        cgroup: &CgroupPath,
        new: &[NewFile],
        reader: &mut Reader,
    ) -> Result<(), Failure> {
        let given = cgroup.given(self.directory);
        reader.read(&given, &mut Disk::default(), |_, _| ())?;
        let mut would_be = WouldBe {
            disk: Disk::default(),
            depth: self.cgroup.depth(),
            new,
            text: None,
        };
        let as_it_would_be = reader.read(&given, &mut would_be, |_, _| ());
        as_it_would_be.map_err(|error| Failure::NotPermitted(error.to_string()))
    }
}

/// The files as they would be.
struct WouldBe<'a> {
    disk: Disk,
    /// The level of the new ones.
    depth: usize,
    new: &'a [NewFile],
    /// The text of the last file, if it is a new one.
    text: Option<&'a str>,
}

impl Files for WouldBe<'_> {
    fn read(&mut self, file: &LevelFile<&[u8]>) -> Result<bool, FileProblem> {
        let new = self.new.iter().find(|new| new.name == file.name);
        let new = new.filter(|_| file.depth == self.depth);
        self.text = new.map(|new| &*new.text);
        match self.text {
            None => self.disk.read(file),
            Some(text) if text.len() >= file.name.limit() as usize => Err(FileProblem::TooLarge),
            Some(_) => Ok(true),
        }
    }

    fn text(&self) -> &[u8] {
        self.text.map_or(self.disk.text(), str::as_bytes)
    }

    fn has_directory(&mut self, file: &LevelFile<&[u8]>) -> Result<bool, FileProblem> {
        // Missing directories down to the new files' are going to be made.
        Ok(self.disk.has_directory(file)? || file.depth <= self.depth)
    }
}
