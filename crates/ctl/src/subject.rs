//! The cgroup or process that the command line names.

use std::path::Path;

use ipaddr_host::cgroup_path::CgroupPath;
use ipaddr_host::process::Process;
use ipaddr_host::settings;
use ipaddr_host::subject::{Running, Subject};

use crate::failure::Failure;
use crate::named::Places;

/// A cgroup or a process; without either, the caller's cgroup.
pub fn choose(
    policy: Option<&Path>,
    cgroup: Option<CgroupPath>,
    pid: Option<u32>,
) -> Result<Subject, Failure> {
    if let Some(pid) = pid {
        return process(policy, Process { pid });
    }
    let directory = settings::policy_directory(policy)?;
    let places = Places::new(&directory);
    places.warn_if_no_directory();
    let cgroup = match cgroup {
        Some(cgroup) => {
            let cgroup = places.cgroup(cgroup);
            places.warn_if_unknown(&cgroup);
            cgroup
        }
        None => Process::current().cgroup(settings::cgroup_controller().as_deref())?,
    };
    Ok(Subject {
        directory,
        cgroup,
        running: None,
    })
}

/// A process. Its own variables decide where its policy is, unless the command line does.
fn process(policy: Option<&Path>, process: Process) -> Result<Subject, Failure> {
    let running = Running::inspect(process);
    let directory = match (policy, running.trusted_variable("IPADDR_POLICY_DIR")) {
        (None, Some(directory)) => settings::from_variable(directory)?,
        _ => settings::policy_directory(policy)?,
    };
    Places::new(&directory).warn_if_no_directory();
    let controller = running.trusted_variable("IPADDR_CGROUP_CONTROLLER");
    let controller = controller.map_or_else(settings::cgroup_controller, |own| Some(own.to_vec()));
    Ok(Subject {
        directory,
        cgroup: process.cgroup(controller.as_deref())?,
        running: Some(running),
    })
}
