//! `ipaddrctl show`

use std::io::{self, Write};
use std::path::Path;

use ipaddr_host::cgroup_path::CgroupPath;
use ipaddr_host::error::Unreadable;
use ipaddr_host::guard::Guard;
use ipaddr_host::library::Library;
use ipaddr_host::reader::{Reader, UnusablePolicy};
use ipaddr_host::subject::{Running, Subject};
use ipaddr_policy::latch::Latch;
use ipaddr_policy::levels::{FileName, Levels};
use ipaddr_policy::text::{Printable, Shown};
use ipaddr_policy::{Assignment, Family, PerFamily, Policy};
use serde_json::{Value, json};

use crate::addresses::{self, Summary};
use crate::failure::{Failure, Outcome};
use crate::level_text::LevelText;
use crate::subject;

/// The variables that a process may have, in the order in which they are shown.
const VARIABLES: [&str; 6] = [
    "IPADDR_POLICY_DIR",
    "IPADDR_CGROUP_CONTROLLER",
    "IPADDR_LATCH",
    "IPADDR_IPV4",
    "IPADDR_IPV6",
    "IPADDR_REQUIRE",
];

/// Shows the policy of a cgroup or a process.
pub fn run(
    policy: Option<&Path>,
    cgroup: Option<CgroupPath>,
    pid: Option<u32>,
    as_json: bool,
) -> Result<Outcome, Failure> {
    let subject = subject::choose(policy, cgroup, pid)?;
    let mut reader = Reader::default();
    let effective = subject.read(&mut reader, Effective::new);
    if as_json {
        print_json(&subject, effective.as_ref())?;
    } else {
        print_text(&subject, effective.as_ref().ok())?;
    }
    effective?;
    if !as_json && let Some(latch) = subject.latch() {
        let anew = subject.read_anew(&mut reader, |policy, _| Shown(Latch(policy)).to_string());
        if !anew.is_ok_and(|anew| anew.as_bytes() == latch) {
            let mut out = anstream::stdout().lock();
            writeln!(
                out,
                "The files say something else by now: the process keeps what is latched."
            )?;
        }
    }
    Ok(Outcome::Fine)
}

/// The policy that results from all levels.
struct Effective {
    families: PerFamily<(Assignment, Option<String>)>,
}

impl Effective {
    fn new(policy: &Policy<'_>, levels: &Levels<'_, '_>) -> Self {
        let family = |family| {
            let assignment = policy.family(family).clone();
            let from = addresses::origin(&assignment, *levels.limits.get(family));
            (assignment, from)
        };
        Self {
            families: PerFamily::of(family),
        }
    }
}

fn print_text(subject: &Subject, effective: Option<&Effective>) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    if let Some(running) = &subject.running {
        print_process(&mut out, subject, running)?;
    }
    writeln!(out, "cgroup {}", subject.cgroup)?;
    let files = LevelText::of(subject);
    for family in Family::ALL {
        let effective = effective.map(|effective| effective.families.get(family));
        if let Some((assignment, from)) = effective {
            write!(out, "{}: {}", family.name(), Summary(assignment, family))?;
            match from {
                Some(from) => writeln!(out, ", by {from}")?,
                None => writeln!(out)?,
            }
        } else {
            writeln!(out, "{}: can't be used", family.name())?;
        }
        print_lines(&mut out, &files, FileName::List(family))?;
    }
    if files.iter().any(|file| file.name == FileName::Rules) {
        writeln!(out, "Rules:")?;
        print_lines(&mut out, &files, FileName::Rules)?;
    }
    Ok(())
}

fn print_process(out: &mut impl Write, subject: &Subject, running: &Running) -> io::Result<()> {
    writeln!(
        out,
        "process {} ({})",
        running.process.pid,
        running.process.name()
    )?;
    writeln!(out, "library: {}", library(running))?;
    if let Some(guard) = guard(&running.guard) {
        writeln!(out, "guard: {guard}")?;
    }
    match &running.environment {
        Err(Unreadable { error, .. }) => {
            writeln!(out, "variables: ? (its environment: {error})")?;
        }
        Ok(_) => {
            for name in VARIABLES {
                if let Some(value) = subject.variable(name) {
                    writeln!(out, "{name}={}", Shown(Printable(value)))?;
                }
            }
        }
    }
    Ok(())
}

fn library(running: &Running) -> String {
    let version = running.version.as_deref();
    let loaded = version.map_or("loaded".to_owned(), |version| format!("loaded ({version})"));
    match &running.library {
        Library::NotLoaded if matches!(running.guard, Guard::None) => {
            "not loaded: this process is not restricted".to_owned()
        }
        Library::NotLoaded => "not loaded".to_owned(),
        Library::Free => format!("{loaded}, nothing latched yet"),
        Library::Latched(text) => format!("{loaded}, latched {}", Shown(Printable(text))),
        Library::Hidden(why) => format!("{loaded}, latched ? ({why})"),
        Library::Unknown(why) => format!("? ({why})"),
    }
}

/// `None` for a process without one.
fn guard(guard: &Guard) -> Option<String> {
    Some(match guard {
        Guard::None => return None,
        Guard::Own => "this process is one of a guard's own".to_owned(),
        Guard::Supervised(supervisor) => {
            let version = supervisor.version.as_deref().unwrap_or("?");
            let latched = match &supervisor.latch {
                Some(text) => Shown(("latched ", Printable(text))).to_string(),
                None => "nothing latched yet".to_owned(),
            };
            format!("process {} ({version}), {latched}", supervisor.process.pid)
        }
        Guard::Killed(_) => {
            "killed: bind, connect and sends with a destination fail with ENOSYS".to_owned()
        }
        Guard::Unknown(why) => format!("? ({why})"),
    })
}

fn print_lines(out: &mut impl Write, files: &[LevelText], name: FileName) -> io::Result<()> {
    for file in files.iter().filter(|file| file.name == name) {
        for (number, line) in file.lines() {
            writeln!(
                out,
                "  {}:{number}: {}",
                file.path,
                Shown(Printable(line.as_bytes()))
            )?;
        }
    }
    Ok(())
}

fn print_json(subject: &Subject, effective: Result<&Effective, &UnusablePolicy>) -> io::Result<()> {
    let files = LevelText::of(subject);
    let mut value = json!({
        "cgroup": subject.cgroup.to_string(),
        "policy_directory": subject.directory.to_string_lossy(),
        "files": files.iter().map(file_json).collect::<Vec<_>>(),
    });
    match effective {
        Ok(effective) => {
            let families = &effective.families;
            value["ipv4"] = family_json(Family::Ipv4, &families.ipv4);
            value["ipv6"] = family_json(Family::Ipv6, &families.ipv6);
        }
        Err(mistake) => value["mistake"] = json!(mistake.to_string()),
    }
    if let Some(running) = &subject.running {
        value["process"] = process_json(subject, running);
    }
    writeln!(io::stdout().lock(), "{value:#}")
}

fn file_json(file: &LevelText) -> Value {
    let lines = file
        .lines()
        .map(|(line, text)| json!({"line": line, "text": text}));
    json!({"path": file.path, "lines": lines.collect::<Vec<_>>()})
}

fn family_json(family: Family, (assignment, from): &(Assignment, Option<String>)) -> Value {
    let primary = assignment
        .primary()
        .map(|primary| family.address(primary).to_string());
    let (state, address) = if assignment.is_unassigned() {
        ("unassigned", Some(addresses::wildcard(family)))
    } else if assignment.is_forbidden() {
        ("none", None)
    } else if assignment.is_loopback() {
        ("loopback", primary)
    } else {
        ("assigned", primary)
    };
    json!({
        "state": state,
        "address": address,
        "allowed": addresses::allowed(assignment, family),
        "from": from,
    })
}

fn process_json(subject: &Subject, running: &Running) -> Value {
    let variables = VARIABLES.into_iter().filter_map(|name| {
        let value = String::from_utf8_lossy(subject.variable(name)?).into_owned();
        Some((name.to_owned(), Value::from(value)))
    });
    let (loaded, latch, why) = match &running.library {
        Library::NotLoaded => (Some(false), None, None),
        Library::Free => (Some(true), None, None),
        Library::Latched(text) => (Some(true), Some(String::from_utf8_lossy(text)), None),
        Library::Hidden(why) => (Some(true), None, Some(why.to_string())),
        Library::Unknown(why) => (None, None, Some(why.to_string())),
    };
    json!({
        "pid": running.process.pid,
        "name": running.process.name(),
        "library": loaded,
        "version": running.version,
        "latch": latch,
        "unknown": why,
        "guard": guard_json(&running.guard),
        "variables": serde_json::Map::from_iter(variables),
    })
}

fn guard_json(guard: &Guard) -> Value {
    match guard {
        Guard::None => Value::Null,
        Guard::Own => json!({"state": "own"}),
        Guard::Supervised(supervisor) => json!({
            "state": "supervised",
            "pid": supervisor.process.pid,
            "version": supervisor.version,
            "latch": supervisor.latch.as_deref().map(String::from_utf8_lossy),
        }),
        Guard::Killed(_) => json!({"state": "killed"}),
        Guard::Unknown(why) => json!({"state": "unknown", "unknown": why.to_string()}),
    }
}
