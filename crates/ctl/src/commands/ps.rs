//! `ipaddrctl ps`

mod cover;

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use anstyle::{AnsiColor, Style};
use ipaddr_host::cgroup_path::CgroupPath;
use ipaddr_host::guard::{self, Guard};
use ipaddr_host::level_files::Disk;
use ipaddr_host::library::{self, Inspection, Library};
use ipaddr_host::process::Process;
use ipaddr_host::reader::Reader;
use ipaddr_host::settings;

use crate::cli::Ignored;
use crate::failure::{Failure, Outcome, warn};

use cover::{Cover, Standing};

/// Lists the processes that the library or a guard restricts, and those that neither does but should.
pub fn run(policy: Option<&Path>, ignored: &[Ignored]) -> Result<Outcome, Failure> {
    let mut restricted = Restricted {
        directory: settings::policy_directory(policy)?,
        reader: Reader::default(),
        known: HashMap::new(),
    };
    let processes = Process::all()?;
    let rows: Vec<_> = processes
        .into_iter()
        .filter(|process| process.pid != std::process::id() && process.runs_a_program())
        .filter(|process| !is_ignored(*process, ignored))
        .filter_map(|process| Row::of(process, &mut restricted))
        .collect();
    print(&rows)?;
    let count = |standing| rows.iter().filter(|row| row.standing == standing).count();
    let (holes, unseen) = (count(Standing::Hole), count(Standing::Unseen));
    let why = match unseen {
        0 => None,
        1 => Some("1 process can't be inspected: expected to be run by root".to_owned()),
        _ => Some(format!(
            "{unseen} processes can't be inspected: expected to be run by root"
        )),
    };
    match (holes, why) {
        (0, None) => Ok(Outcome::Fine),
        (0, Some(why)) => Err(Failure::System(why)),
        (_, why) => {
            why.inspect(|why| warn(why));
            Ok(Outcome::Found)
        }
    }
}

/// Whether a process is one of these.
fn is_ignored(process: Process, ignored: &[Ignored]) -> bool {
    ignored.iter().any(|ignored| match ignored {
        Ignored::Cgroup(cgroup) => process
            .cgroup(settings::cgroup_controller().as_deref())
            .is_ok_and(|own| cgroup.holds(&own)),
        Ignored::Command(name) => process.name() == *name,
    })
}

/// Which cgroups have a policy.
struct Restricted {
    directory: PathBuf,
    reader: Reader,
    known: HashMap<CgroupPath, bool>,
}

impl Restricted {
    /// Whether a process of the cgroup is to be restricted; also where its policy can't be used.
    fn has(&mut self, cgroup: &CgroupPath) -> bool {
        if let Some(&known) = self.known.get(cgroup) {
            return known;
        }
        let given = cgroup.given(&self.directory);
        let is_free = self.reader.read(&given, &mut Disk::default(), |policy, _| {
            policy.is_unassigned()
        });
        let has = !is_free.unwrap_or(false);
        self.known.insert(cgroup.clone(), has);
        has
    }
}

/// A line of the table.
struct Row {
    cells: [String; COLUMNS],
    standing: Standing,
}

const COLUMNS: usize = 7;

const HEADER: [&str; COLUMNS] = [
    "PID", "CGROUP", "LIBRARY", "GUARD", "VERSION", "COMMAND", "LATCHED",
];

impl Row {
    /// `None` for a process that nothing restricts and nothing should, for one of a guard's own, and for
    /// one that is gone.
    fn of(process: Process, restricted: &mut Restricted) -> Option<Self> {
        let cgroup = process.cgroup(settings::cgroup_controller().as_deref());
        let is_restricted = cgroup.as_ref().is_ok_and(|cgroup| restricted.has(cgroup));
        let Inspection { library, version } = library::inspect(process);
        let guard = guard::inspect(process);
        let mut cover = match &guard {
            Guard::Own => return None,
            Guard::None => {
                let mut cover = Cover::by_library(process, &library, is_restricted)?;
                if let (Standing::Fine, Ok(cgroup)) = (cover.standing, &cgroup) {
                    let Restricted {
                        directory, reader, ..
                    } = restricted;
                    let differs = cover::by_now(process, &library, cgroup, directory, reader);
                    cover.latched = differs.unwrap_or(cover.latched);
                }
                cover
            }
            Guard::Supervised(supervisor) => {
                let elsewhere = cgroup.as_ref().ok().filter(|_| is_restricted);
                Cover::by_guard(process, &library, supervisor, elsewhere)
            }
            Guard::Killed(_) => Cover::by_killed_guard(&library),
            Guard::Unknown(why) => Cover::by_unknown_guard(process, &library, why, is_restricted),
        };
        let latch = match (&library, &guard) {
            (Library::Latched(text), _) => Some(text),
            (_, Guard::Supervised(supervisor)) => supervisor.latch.as_ref(),
            _ => None,
        };
        if let (Standing::Fine, Some(latch)) = (cover.standing, latch) {
            cover::add_wildcards(&mut cover, process, latch);
        }
        // If it has ended meanwhile, what was found isn't right.
        process.runs_a_program().then_some(())?;
        let version = version.or(match guard {
            Guard::Supervised(supervisor) => supervisor.version,
            _ => None,
        });
        let cells = [
            process.pid.to_string(),
            cgroup.map_or("?".to_owned(), |cgroup| cgroup.to_string()),
            cover.library.to_owned(),
            cover.guard.to_owned(),
            version.unwrap_or("-".to_owned()),
            process.name(),
            cover.latched,
        ];
        Some(Self {
            cells,
            standing: cover.standing,
        })
    }
}

fn print(rows: &[Row]) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    let mut widths = HEADER.map(str::len);
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(&row.cells) {
            *width = (*width).max(cell.chars().count());
        }
    }
    writeln!(out, "{}", aligned(&HEADER.map(str::to_owned), widths))?;
    for row in rows {
        let style = if row.standing == Standing::Hole {
            Style::new().bold().fg_color(Some(AnsiColor::Red.into()))
        } else {
            Style::new()
        };
        writeln!(out, "{style}{}{style:#}", aligned(&row.cells, widths))?;
    }
    Ok(())
}

fn aligned(cells: &[String; COLUMNS], widths: [usize; COLUMNS]) -> String {
    let [pid, cgroup, library, guard, version, command, _] = widths;
    let [a, b, c, d, e, f, g] = cells;
    format!("{a:>pid$}  {b:cgroup$}  {c:library$}  {d:guard$}  {e:version$}  {f:command$}  {g}")
}
