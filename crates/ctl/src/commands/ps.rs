//! `ipaddrctl ps`

use std::collections::HashMap;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anstyle::{AnsiColor, Style};
use ipaddr_host::cgroup_path::CgroupPath;
use ipaddr_host::error::Unreadable;
use ipaddr_host::level_files::Disk;
use ipaddr_host::library::{self, Inspection, Library};
use ipaddr_host::process::Process;
use ipaddr_host::process::mappings::LIBRARY;
use ipaddr_host::reader::Reader;
use ipaddr_host::settings;
use nix::libc::{S_ISGID, S_ISUID};

use crate::addresses;
use crate::failure::{Failure, Outcome};

/// Lists the processes that have the library, and those that should have it but don't.
pub fn run(policy: Option<&Path>) -> Result<Outcome, Failure> {
    let mut restricted = Restricted {
        directory: settings::policy_directory(policy)?,
        reader: Reader::default(),
        known: HashMap::new(),
    };
    let processes = Process::all()?;
    let rows: Vec<_> = processes
        .into_iter()
        .filter(|process| process.pid != std::process::id() && process.runs_a_program())
        .filter_map(|process| Row::of(process, &mut restricted))
        .collect();
    print(&rows)?;
    let has_hole = rows.iter().any(|row| row.is_hole);
    Ok(if has_hole {
        Outcome::Found
    } else {
        Outcome::Fine
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
    is_hole: bool,
}

/// Why the library is loaded but covers nothing.
const GO: &str = "Go program: its runtime makes system calls without libc";

const COLUMNS: usize = 6;

const HEADER: [&str; COLUMNS] = ["PID", "CGROUP", "LIBRARY", "VERSION", "COMMAND", "LATCHED"];

impl Row {
    /// `None` for a process that neither has the library nor should have it, or that is gone.
    fn of(process: Process, restricted: &mut Restricted) -> Option<Self> {
        let cgroup = process.cgroup(settings::cgroup_controller().as_deref());
        let is_restricted = cgroup.as_ref().is_ok_and(|cgroup| restricted.has(cgroup));
        let Inspection {
            library: found,
            version,
        } = library::inspect(process);
        let is_useless = match found {
            Library::NotLoaded | Library::Unknown(_) => false,
            Library::Free => is_restricted,
            Library::Latched(_) | Library::Hidden(_) => true,
        } && process.is_go();
        let (library, latched, is_hole) = match found {
            _ if is_useless => ("yes", format!("- ({GO})"), true),
            Library::NotLoaded if is_restricted => ("no", why_not(process), true),
            Library::Unknown(why) if is_restricted => ("?", format!("? ({why})"), false),
            Library::NotLoaded | Library::Unknown(_) => return None,
            Library::Free => ("yes", "-".to_owned(), false),
            Library::Latched(text) => ("yes", addresses::latched(&text), false),
            Library::Hidden(why) => ("yes", format!("? ({why})"), false),
        };
        // If it has ended meanwhile, what was found isn't right.
        process.runs_a_program().then_some(())?;
        let cells = [
            process.pid.to_string(),
            cgroup.map_or("?".to_owned(), |cgroup| cgroup.to_string()),
            library.to_owned(),
            version.unwrap_or("-".to_owned()),
            process.name(),
            latched,
        ];
        Some(Self { cells, is_hole })
    }
}

/// Why a process doesn't have the library, as far as that is known.
fn why_not(process: Process) -> String {
    let mode = process.executable().map_or(0, |program| program.mode());
    let auxiliary = process.auxiliary();
    let preload = process.environment().map(|environment| {
        let preload = environment.get("LD_PRELOAD").unwrap_or_default();
        preload.windows(LIBRARY.len()).any(|name| name == LIBRARY)
    });
    let why = match (auxiliary, preload) {
        (Err(Unreadable { error, .. }), _) | (_, Err(Unreadable { error, .. })) => {
            return format!("- ({error})");
        }
        (Ok(auxiliary), _) if auxiliary.base == 0 => "static program",
        (Ok(auxiliary), _) if auxiliary.secure && mode & (S_ISUID | S_ISGID) != 0 => {
            "set-user-ID or set-group-ID program"
        }
        (Ok(auxiliary), _) if auxiliary.secure => "program with capabilities",
        (_, Ok(false)) => "started without LD_PRELOAD",
        (_, Ok(true)) => "LD_PRELOAD names the library, but it was not loaded",
    };
    format!("- ({why})")
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
        let style = if row.is_hole {
            Style::new().bold().fg_color(Some(AnsiColor::Red.into()))
        } else {
            Style::new()
        };
        writeln!(out, "{style}{}{style:#}", aligned(&row.cells, widths))?;
    }
    Ok(())
}

fn aligned(cells: &[String; COLUMNS], widths: [usize; COLUMNS]) -> String {
    let [pid, cgroup, library, version, command, _] = widths;
    let [a, b, c, d, e, f] = cells;
    format!("{a:>pid$}  {b:cgroup$}  {c:library$}  {d:version$}  {e:command$}  {f}")
}
