//! `ipaddrctl remove`

use std::io::Write;
use std::path::Path;

use ipaddr_host::cgroup_path::CgroupPath;
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
        .map(|name| own.join(name.as_str()))
        .filter(|path| path.symlink_metadata().is_ok());
    let there: Vec<_> = there.collect();
    let mut out = anstream::stdout().lock();
    if there.is_empty() {
        return Err(Failure::System(format!(
            "{cgroup}: there is no policy of its own in {}",
            own.display()
        )));
    }
    if yes {
        Store::open(&directory, false)?.remove(cgroup)?;
    }
    for path in there {
        let what = if yes { "removed" } else { "would remove" };
        writeln!(out, "{what} {}", path.display())?;
    }
    match running(cgroup)? {
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
    if yes {
        return Ok(Outcome::Fine);
    }
    writeln!(out, "Nothing was removed; with --yes it is.")?;
    Ok(Outcome::Found)
}

/// How many processes are in a cgroup or in one inside it.
fn running(cgroup: &CgroupPath) -> Result<usize, Failure> {
    let controller = settings::cgroup_controller();
    let processes = Process::all()?;
    let is_in = |process: &Process| {
        let own = process.cgroup(controller.as_deref());
        own.is_ok_and(|own| cgroup.holds(&own)) && process.runs_a_program()
    };
    Ok(processes.iter().filter(|process| is_in(process)).count())
}
