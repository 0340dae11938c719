//! `ipaddrctl remove`

mod losses;

use std::io::Write;
use std::path::Path;

use ipaddr_host::cgroup_path::CgroupPath;
use ipaddr_host::library::{self, Library};
use ipaddr_host::process::Process;
use ipaddr_host::settings;
use ipaddr_policy::levels::FileName;

use crate::failure::{Failure, Outcome};
use crate::named::Places;
use crate::store::Store;

/// Removes the files of a cgroup, or prints which ones would be removed.
pub fn run(policy: Option<&Path>, cgroup: CgroupPath, yes: bool) -> Result<Outcome, Failure> {
    let directory = settings::policy_directory(policy)?;
    let cgroup = &Places::new(&directory).cgroup(cgroup);
    let own = cgroup.directory_in(&directory);
    let there = FileName::ALL
        .into_iter()
        .filter(|name| own.join(name.as_str()).symlink_metadata().is_ok());
    let there: Vec<_> = there.collect();
    let mut out = anstream::stdout().lock();
    if there.is_empty() {
        return Err(Failure::System(format!(
            "{cgroup}: there is no policy of its own in {}",
            own.display()
        )));
    }
    // Nobody else changes what is said here.
    let store = yes.then(|| Store::open(&directory, false)).transpose()?;
    let losses = losses::of_removal(&directory, cgroup, &there);
    if let Some(store) = store {
        store.remove(cgroup)?;
    }
    for name in there {
        let what = if yes { "removed" } else { "would remove" };
        writeln!(out, "{what} {}", own.join(name.as_str()).display())?;
    }
    for loss in losses {
        writeln!(out, "{loss}")?;
    }
    let Running { latched, unknown } = running(cgroup)?;
    match latched {
        0 => {}
        1 => writeln!(
            out,
            "1 process is running in {cgroup}: it keeps what it has latched"
        )?,
        count => writeln!(
            out,
            "{count} processes are running in {cgroup}: they keep what they have latched"
        )?,
    }
    match unknown {
        0 => {}
        1 => writeln!(
            out,
            "1 process in {cgroup} can't be inspected: what it has latched is unknown"
        )?,
        count => writeln!(
            out,
            "{count} processes in {cgroup} can't be inspected: what they have latched is unknown"
        )?,
    }
    if yes {
        return Ok(Outcome::Fine);
    }
    writeln!(out, "Nothing was removed; with --yes it is.")?;
    Ok(Outcome::Found)
}

/// The processes in a cgroup and in the cgroups inside it, counted.
struct Running {
    /// Those that have latched something.
    latched: usize,
    /// Those of which that is unknown.
    unknown: usize,
}

fn running(cgroup: &CgroupPath) -> Result<Running, Failure> {
    let controller = settings::cgroup_controller();
    let mut found = Running {
        latched: 0,
        unknown: 0,
    };
    for process in Process::all()? {
        let own = process.cgroup(controller.as_deref());
        if !own.is_ok_and(|own| cgroup.holds(&own)) || !process.runs_a_program() {
            continue;
        }
        match library::inspect(process).library {
            Library::Latched(_) => found.latched += 1,
            Library::Hidden(_) | Library::Unknown(_) => found.unknown += 1,
            Library::Free | Library::NotLoaded => {}
        }
    }
    Ok(found)
}
