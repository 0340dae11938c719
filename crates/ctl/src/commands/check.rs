//! `ipaddrctl check`

mod warnings;

use std::fmt::Display;
use std::fs;
use std::io::{self, BufWriter, StdoutLock, Write};
use std::net::IpAddr;
use std::path::Path;

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use ipaddr_host::cgroup_path::CgroupPath;
use ipaddr_host::level_files::{self, Disk};
use ipaddr_host::reader::{Reader, UnusablePolicy};
use ipaddr_host::settings;
use ipaddr_host::tree::{self, LevelDirectory};
use ipaddr_policy::levels::{Error, FileName, Files, Kind, LevelFile, Levels, Place};
use ipaddr_policy::text::Shown;
use ipaddr_policy::trust::FileProblem;
use ipaddr_policy::{Family, Policy};

use crate::failure::{Failure, Outcome};
use crate::mistakes;
use warnings::Machine;

/// Checks a whole policy directory.
pub fn run(directory: Option<&Path>, strict: bool, cgroups: bool) -> Result<Outcome, Failure> {
    let directory = settings::policy_directory(directory)?;
    fs::read_dir(&directory).map_err(|error| Failure::system(directory.display(), &error))?;
    let mut check = Check {
        report: Report::new(),
        machine: Machine::inspect(&directory, cgroups)?,
        reader: Reader::default(),
        disk: Disk::default(),
        levels: Vec::new(),
        policies: 0,
    };
    check.ancestors(&directory)?;
    tree::walk(&directory, CgroupPath::root(), &mut |found| match found {
        Ok(found) => check.level(&directory, &found),
        // The library can't read the files in it either.
        Err(unreadable) => check.report.mistake(unreadable),
    })?;
    let policies = check.policies;
    let Report {
        mut out,
        mistakes,
        warnings,
        ..
    } = check.report;
    writeln!(
        out,
        "{}: cgroups with a policy: {policies}, mistakes: {mistakes}, warnings: {warnings}",
        directory.display()
    )?;
    out.flush()?;
    let found = mistakes > 0 || strict && warnings > 0;
    Ok(if found { Outcome::Found } else { Outcome::Fine })
}

/// Prints what is found, a line each, and counts it.
struct Report {
    out: BufWriter<StdoutLock<'static>>,
    is_colored: bool,
    mistakes: usize,
    warnings: usize,
}

impl Report {
    fn new() -> Self {
        Self {
            out: BufWriter::new(io::stdout().lock()),
            is_colored: AutoStream::choice(&io::stdout()) != ColorChoice::Never,
            mistakes: 0,
            warnings: 0,
        }
    }

    fn mistake(&mut self, what: impl Display) -> Result<(), Failure> {
        self.mistakes += 1;
        self.line("mistake", AnsiColor::Red, what)
    }

    fn warning(&mut self, what: impl Display) -> Result<(), Failure> {
        self.warnings += 1;
        self.line("warning", AnsiColor::Yellow, what)
    }

    fn line(&mut self, kind: &str, color: AnsiColor, what: impl Display) -> Result<(), Failure> {
        let style = if self.is_colored {
            Style::new().bold().fg_color(Some(color.into()))
        } else {
            Style::new()
        };
        writeln!(self.out, "{style}{kind}{style:#}: {what}")?;
        Ok(())
    }
}

/// What has been read of one level.
#[derive(Default)]
struct Level {
    /// In the order of [`FileName::ALL`].
    texts: [Option<Vec<u8>>; 3],
    /// Whether this level or one around it has a mistake: conflicts with it would be no news.
    has_mistake: bool,
    /// The sources of its SNAT rules, and where they are written.
    sources: Vec<(IpAddr, String)>,
}

struct Check<'a> {
    report: Report,
    machine: Machine<'a>,
    reader: Reader,
    disk: Disk,
    /// From the root inward, down to the level that is being checked.
    levels: Vec<Level>,
    policies: usize,
}

impl Check<'_> {
    fn level(&mut self, directory: &Path, found: &LevelDirectory) -> Result<(), Failure> {
        let depth = found.cgroup.depth();
        self.levels.truncate(depth);
        let has_mistake = self.levels.last().is_some_and(|outer| outer.has_mistake);
        let mut level = Level {
            has_mistake,
            ..Level::default()
        };
        self.machine.warn_of_directory(found, &mut self.report)?;
        let mistakes_before = self.report.mistakes;
        self.trust(directory, &found.cgroup)?;
        self.no_levels(directory, found)?;
        for (name, slot) in FileName::ALL.into_iter().zip(&mut level.texts) {
            if found.has(name.as_str()) {
                let file = found.cgroup.own_file(directory, name);
                *slot = self.file(file, &found.path.join(name.as_str()))?;
            }
        }
        level.has_mistake |= self.report.mistakes > mistakes_before;
        let has_policy = level.texts.iter().any(Option::is_some);
        let may_be_in_conflict = has_policy && !level.has_mistake;
        self.levels.push(level);
        if may_be_in_conflict {
            self.conflicts(directory, &found.cgroup)?;
        }
        if has_policy {
            self.policies += 1;
            self.machine.warn_of_cgroup(found, &mut self.report)?;
        }
        Ok(())
    }

    /// Reports a directory above the policy directory in which anybody may put another one in its place.
    /// The library doesn't check them.
    fn ancestors(&mut self, directory: &Path) -> Result<(), Failure> {
        let resolved = fs::canonicalize(directory).ok();
        let paths = resolved.iter().flat_map(|path| path.ancestors().skip(1));
        let mut paths: Vec<_> = paths.chain(directory.ancestors().skip(1)).collect();
        paths.sort_unstable();
        paths.dedup();
        for path in paths {
            if level_files::is_anybodys(path) {
                self.report.mistake(format_args!(
                    "{}: is world-writable, so anybody may replace the policy directory: expected a \
                     mode like 0755",
                    path.display()
                ))?;
            }
        }
        Ok(())
    }

    /// Reports a level's directory in which others can change files.
    fn trust(&mut self, directory: &Path, cgroup: &CgroupPath) -> Result<(), Failure> {
        let file = cgroup.own_file(directory, FileName::Rules);
        match self.disk.has_directory(&file) {
            Ok(_) => Ok(()),
            Err(problem) => {
                let place = Place::Directory(file);
                self.report.mistake(Error::unusable(place, problem))
            }
        }
    }

    /// Reports what is in the place of a level's directory: a link that leads nowhere, or a file with
    /// the name of a cgroup.
    fn no_levels(&mut self, directory: &Path, found: &LevelDirectory) -> Result<(), Failure> {
        for name in &found.files {
            let is_policy = FileName::ALL.iter().any(|known| name == known.as_str());
            let inner = found.cgroup.child(name);
            let is_level = self.machine.has_cgroup(&inner) == Some(true);
            if !is_policy && (is_level || found.path.join(name).is_symlink()) {
                self.trust(directory, &inner)?;
            }
        }
        Ok(())
    }

    /// The text of a file, if it can be used; reports what is wrong with it by itself.
    fn file(&mut self, file: LevelFile<&[u8]>, path: &Path) -> Result<Option<Vec<u8>>, Failure> {
        let text = match self.disk.read(&file) {
            Ok(false) => return Ok(None),
            Ok(true) => self.disk.text().to_vec(),
            Err(problem) => {
                let mistake = Error::unusable(Place::File(file), problem);
                self.report.mistake(mistake)?;
                return Ok(None);
            }
        };
        if let Some(metadata) = &self.disk.metadata {
            warnings::of_permissions(path, metadata, &mut self.report)?;
        }
        let mistakes = match file.name {
            FileName::List(family) => {
                self.machine
                    .warn_of_addresses(path, &text, family, &mut self.report)?;
                mistakes::of_list(file, &text, family)
            }
            FileName::Rules => mistakes::of_rules(file, &text, &mut self.reader),
        };
        for mistake in mistakes {
            self.report.mistake(mistake)?;
        }
        Ok(Some(text))
    }

    /// Checks the innermost level against those around it, one file after the other: a read stops at
    /// the first that is in conflict.
    fn conflicts(&mut self, directory: &Path, cgroup: &CgroupPath) -> Result<(), Failure> {
        let depth = cgroup.depth();
        let texts = self.levels[depth].texts.clone();
        for ((index, name), text) in FileName::ALL.into_iter().enumerate().zip(&texts) {
            let Some(text) = text else { continue };
            let found = mistakes::each(text, |text, _| {
                self.levels[depth].texts[index] = Some(text.to_vec());
                let mistake = self.read(directory, cgroup, |_, _| ()).err()?;
                // Not what a list lacks without the lines that were in conflict.
                is_conflict(&mistake, depth, name).then_some(mistake)
            });
            for mistake in &found {
                self.report.mistake(mistake)?;
            }
            if !found.is_empty() {
                self.levels[depth].has_mistake = true;
                self.levels[depth].texts[index] = None;
            }
        }
        self.levels[depth].texts = texts;
        if !self.levels[depth].has_mistake {
            self.sources(directory, cgroup)?;
        }
        Ok(())
    }

    /// Keeps the sources of this level's SNAT rules, and warns of those around it that it doesn't
    /// allow.
    fn sources(&mut self, directory: &Path, cgroup: &CgroupPath) -> Result<(), Failure> {
        let own = Shown(cgroup.own_file(directory, FileName::Rules)).to_string();
        let outer: Vec<_> = self
            .levels
            .iter()
            .flat_map(|level| level.sources.clone())
            .collect();
        let read = self.read(directory, cgroup, |policy, levels| {
            let sources = levels.rules.iter().flat_map(|rules| rules.sources());
            let sources: Vec<_> = sources
                .filter(|(_, place)| place.file == own.as_bytes())
                .map(|(source, place)| (source, Shown(place).to_string()))
                .collect();
            let narrowed: Vec<_> = outer
                .iter()
                .filter(|(source, _)| !policy.family(Family::of(*source)).allows(*source))
                .collect();
            (sources, narrowed)
        });
        match read {
            Ok((sources, narrowed)) => {
                for (source, place) in narrowed {
                    self.report.warning(format_args!(
                        "{place}: --to-source {source}: {cgroup} doesn't allow it, so what the \
                         rule matches is refused there"
                    ))?;
                }
                self.levels[cgroup.depth()].sources = sources;
                Ok(())
            }
            // Too many rules in all, say: no line of one file is at fault.
            Err(mistake) => {
                self.levels[cgroup.depth()].has_mistake = true;
                self.report.mistake(mistake)
            }
        }
    }

    fn read<R>(
        &mut self,
        directory: &Path,
        cgroup: &CgroupPath,
        then: impl FnOnce(&Policy<'_>, &Levels<'_, '_>) -> R,
    ) -> Result<R, UnusablePolicy> {
        let mut texts = Texts(&self.levels, &[]);
        self.reader.read(&cgroup.given(directory), &mut texts, then)
    }
}

/// Whether a file of the level asks for what the levels around it don't allow.
fn is_conflict(mistake: &Error<Vec<u8>>, depth: usize, name: FileName) -> bool {
    let is_of_file = |file: &LevelFile<_>| (file.depth, file.name) == (depth, name);
    matches!(&mistake.place, Place::File(file) if is_of_file(file))
        && matches!(mistake.kind, Kind::Outside { .. })
}

/// The levels that have been read, and the text of the file that was read last.
struct Texts<'a>(&'a [Level], &'a [u8]);

impl Files for Texts<'_> {
    fn read(&mut self, file: &LevelFile<&[u8]>) -> Result<bool, FileProblem> {
        let [ipv4, ipv6, rules] = match self.0.get(file.depth) {
            Some(level) => &level.texts,
            None => return Ok(false),
        };
        let has_rules = self.0.last().is_some_and(|own| own.texts[2].is_some());
        let text = match file.name {
            FileName::List(Family::Ipv4) => ipv4,
            FileName::List(Family::Ipv6) => ipv6,
            // Those around it have been read with their own levels; with no more rules than
            // there it comes to the same, and to much time in a big tree.
            FileName::Rules if !has_rules => return Ok(false),
            FileName::Rules => rules,
        };
        self.1 = text.as_deref().unwrap_or(&[]);
        Ok(text.is_some())
    }

    fn text(&self) -> &[u8] {
        self.1
    }

    fn has_directory(&mut self, file: &LevelFile<&[u8]>) -> Result<bool, FileProblem> {
        Ok(file.depth < self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use ipaddr_policy::list::Problem;

    use super::*;

    /// A conflict is told by its fields, whatever its message says.
    #[test]
    fn what_is_a_conflict() {
        let cgroup = CgroupPath::parse(b"/web/a").expect("it is a path");
        let directory = Path::new("/etc/ipaddr");
        let own = FileName::List(Family::Ipv4);
        let file = |depth, name| cgroup.file(directory, depth, name);
        let outside = Kind::Outside {
            address: [127, 0, 0, 6].into(),
            limit: Place::File(file(0, own)),
            limit_line: 1,
        };
        let lacks = Kind::List {
            entry: &b" is outside what "[..],
            family: Family::Ipv4,
            problem: Problem::Syntax,
        };
        for (place, kind, expected) in [
            (Place::File(file(2, own)), outside, true),
            (Place::File(file(1, own)), outside, false),
            (Place::File(file(2, FileName::Rules)), outside, false),
            (Place::Directory(file(2, own)), outside, false),
            (Place::Variable(Family::Ipv4), outside, false),
            (Place::File(file(2, own)), lacks, false),
        ] {
            let mistake = Error {
                place,
                line: 1,
                kind,
            };
            let mistake = mistake.map(<[u8]>::to_vec);
            assert_eq!(is_conflict(&mistake, 2, own), expected, "{mistake}");
        }
    }
}
