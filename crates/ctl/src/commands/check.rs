//! `ipaddrctl check`

mod warnings;

use std::fmt::Display;
use std::io::{self, BufWriter, StdoutLock, Write};
use std::net::IpAddr;
use std::path::Path;

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use ipaddr_host::cgroup_path::CgroupPath;
use ipaddr_host::level_files::Disk;
use ipaddr_host::reader::{Reader, UnusablePolicy};
use ipaddr_host::settings;
use ipaddr_host::tree::{self, LevelDirectory};
use ipaddr_policy::levels::{BadDirectory, BadFile, FileName, Files, LevelFile, Levels};
use ipaddr_policy::text::Shown;
use ipaddr_policy::trust::FileProblem;
use ipaddr_policy::{Family, Policy};

use crate::failure::{Failure, Outcome};
use crate::mistakes;
use warnings::Machine;

/// Checks a whole policy directory.
pub fn run(directory: Option<&Path>, strict: bool) -> Result<Outcome, Failure> {
    let directory = settings::policy_directory(directory)?;
    std::fs::read_dir(&directory).map_err(|error| Failure::system(directory.display(), &error))?;
    let mut check = Check {
        report: Report::new(),
        machine: Machine::inspect()?,
        reader: Reader::default(),
        disk: Disk::default(),
        levels: Vec::new(),
        policies: 0,
    };
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

struct Check {
    report: Report,
    machine: Machine,
    reader: Reader,
    disk: Disk,
    /// From the root inward, down to the level that is being checked.
    levels: Vec<Level>,
    policies: usize,
}

impl Check {
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
                *slot = self.file(&file, &found.path.join(name.as_str()))?;
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

    /// Reports a level's directory in which others can change files.
    fn trust(&mut self, directory: &Path, cgroup: &CgroupPath) -> Result<(), Failure> {
        let file = cgroup.own_file(directory, FileName::Rules);
        match self.disk.has_directory(&file) {
            Ok(_) => Ok(()),
            Err(problem) => self.report.mistake(Shown(BadDirectory(file, problem))),
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
    fn file(&mut self, file: &LevelFile<'_>, path: &Path) -> Result<Option<Vec<u8>>, Failure> {
        let text = match self.disk.read(file) {
            Ok(None) => return Ok(None),
            Ok(Some(text)) => text.to_vec(),
            Err(problem) => {
                self.report.mistake(Shown(BadFile(*file, problem)))?;
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
            let prefix = format!("{}:", Shown(cgroup.own_file(directory, name)));
            let found = mistakes::each(text, |text, _| {
                self.levels[depth].texts[index] = Some(text.to_vec());
                let message = self.read(directory, cgroup, |_, _| ()).err()?.to_string();
                // Not what a list lacks without the lines that were in conflict.
                let (line, why) = message.strip_prefix(&prefix)?.split_once(": ")?;
                let line = line
                    .parse()
                    .ok()
                    .filter(|_| why.contains(" is outside what "))?;
                Some((line, message))
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
        let mut texts = Texts(&self.levels);
        self.reader.read(&cgroup.given(directory), &mut texts, then)
    }
}

/// The levels that have been read.
struct Texts<'a>(&'a [Level]);

impl Files for Texts<'_> {
    fn read(&mut self, file: &LevelFile<'_>) -> Result<Option<&[u8]>, FileProblem> {
        let [ipv4, ipv6, rules] = match self.0.get(file.depth) {
            Some(level) => &level.texts,
            None => return Ok(None),
        };
        let has_rules = self.0.last().is_some_and(|own| own.texts[2].is_some());
        let text = match file.name {
            FileName::List(Family::Ipv4) => ipv4,
            FileName::List(Family::Ipv6) => ipv6,
            // Those around it have been read with their own levels; with no more rules than
            // there it comes to the same, and to much time in a big tree.
            FileName::Rules if !has_rules => return Ok(None),
            FileName::Rules => rules,
        };
        Ok(text.as_deref())
    }

    fn has_directory(&mut self, file: &LevelFile<'_>) -> Result<bool, FileProblem> {
        Ok(file.depth < self.0.len())
    }
}
