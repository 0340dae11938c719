//! The policy of a cgroup, or of a process with its variables and its latch.

use std::path::PathBuf;

use ipaddr_policy::levels::{FileName, Files, Given, LevelFile, Levels};
use ipaddr_policy::trust::FileProblem;
use ipaddr_policy::{PerFamily, Policy};

use crate::cgroup_path::CgroupPath;
use crate::error::Unreadable;
use crate::guard::{self, Guard};
use crate::level_files::Disk;
use crate::library::{self, Inspection, Library};
use crate::process::Process;
use crate::process::environment::Environment;
use crate::reader::{Reader, UnusablePolicy};

/// What a policy is read for.
#[derive(Debug)]
pub struct Subject {
    /// The policy directory.
    pub directory: PathBuf,
    /// The cgroup.
    pub cgroup: CgroupPath,
    /// The process, if it is one process's policy.
    pub running: Option<Running>,
}

/// A process, as it was when it was inspected.
#[derive(Debug)]
pub struct Running {
    /// The process.
    pub process: Process,
    /// Whether it has the library, and what it has latched.
    pub library: Library,
    /// The library's version, if it says one.
    pub version: Option<String>,
    /// Whether there is a guard above it, and what that has latched.
    pub guard: Guard,
    /// The environment that it was started with.
    pub environment: Result<Environment, Unreadable>,
    /// Whether it has more rights than its caller: the library ignores some variables then.
    is_secure: bool,
}

impl Running {
    /// Inspects a process.
    #[must_use]
    pub fn inspect(process: Process) -> Self {
        let environment = process.environment();
        let is_secure = process.auxiliary().is_ok_and(|auxiliary| auxiliary.secure);
        let Inspection { library, version } = library::inspect(process);
        Self {
            process,
            library,
            version,
            guard: guard::inspect(process),
            environment,
            is_secure,
        }
    }

    /// A variable of its environment.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&[u8]> {
        self.environment.as_ref().ok()?.get(name)
    }

    /// A variable that says where policies are: the library doesn't take it from a caller with fewer
    /// rights.
    #[must_use]
    pub fn trusted_variable(&self, name: &str) -> Option<&[u8]> {
        self.variable(name).filter(|_| !self.is_secure)
    }

    /// What is latched, if anything is: by its library, else by its guard.
    #[must_use]
    pub fn latch(&self) -> Option<&[u8]> {
        match (&self.library, &self.guard) {
            (Library::Latched(text), _) => Some(text),
            (_, Guard::Supervised(supervisor)) => supervisor.latch.as_deref(),
            _ => None,
        }
    }
}

impl Subject {
    /// Its policy: what it has latched, else what it would get now.
    ///
    /// # Errors
    /// The policy can't be used.
    pub fn read<R>(
        &self,
        reader: &mut Reader,
        then: impl FnOnce(&Policy<'_>, &Levels<'_, '_>) -> R,
    ) -> Result<R, UnusablePolicy> {
        let Some(latch) = self.latch() else {
            return self.read_anew(reader, then);
        };
        // The latch holds the assignment, and names the cgroups whose rules apply: no other level
        // applies any more. (The root cgroup is always among them.)
        let root = CgroupPath::root();
        let given = Given {
            latch: Some(latch),
            ..root.given(&self.directory)
        };
        reader.read(&given, &mut RulesOnly(Disk::default()), then)
    }

    /// What it would get now, if nothing were latched.
    ///
    /// # Errors
    /// The policy can't be used.
    pub fn read_anew<R>(
        &self,
        reader: &mut Reader,
        then: impl FnOnce(&Policy<'_>, &Levels<'_, '_>) -> R,
    ) -> Result<R, UnusablePolicy> {
        // The library reserves it empty, and then it says nothing.
        let latch = self.variable("IPADDR_LATCH");
        let latch = latch.filter(|text| !text.is_empty());
        self.read_with(latch, reader, then)
    }

    /// What it would get if it were restarted now: by its variables, but for the latch that its
    /// parent may have left it.
    ///
    /// # Errors
    /// The policy can't be used.
    pub fn read_restarted<R>(
        &self,
        reader: &mut Reader,
        then: impl FnOnce(&Policy<'_>, &Levels<'_, '_>) -> R,
    ) -> Result<R, UnusablePolicy> {
        self.read_with(None, reader, then)
    }

    /// What a program would get that it executes now, if it passes its variables on.
    ///
    /// # Errors
    /// The policy can't be used: what is latched is in conflict with the files, for example.
    pub fn read_executed<R>(
        &self,
        reader: &mut Reader,
        then: impl FnOnce(&Policy<'_>, &Levels<'_, '_>) -> R,
    ) -> Result<R, UnusablePolicy> {
        self.read_with(self.latch(), reader, then)
    }

    fn read_with<R>(
        &self,
        latch: Option<&[u8]>,
        reader: &mut Reader,
        then: impl FnOnce(&Policy<'_>, &Levels<'_, '_>) -> R,
    ) -> Result<R, UnusablePolicy> {
        let given = Given {
            latch,
            lists: PerFamily {
                ipv4: self.variable("IPADDR_IPV4"),
                ipv6: self.variable("IPADDR_IPV6"),
            },
            require: self.variable("IPADDR_REQUIRE"),
            ..self.cgroup.given(&self.directory)
        };
        reader.read(&given, &mut Disk::default(), then)
    }

    /// What is latched, if anything is.
    #[must_use]
    pub fn latch(&self) -> Option<&[u8]> {
        self.running.as_ref()?.latch()
    }

    /// A variable of the process.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&[u8]> {
        self.running.as_ref()?.variable(name)
    }
}

/// The files of rules, and no lists.
struct RulesOnly(Disk);

impl Files for RulesOnly {
    fn read(&mut self, file: &LevelFile<&[u8]>) -> Result<bool, FileProblem> {
        match file.name {
            FileName::List(_) => Ok(false),
            FileName::Rules => self.0.read(file),
        }
    }

    fn text(&self) -> &[u8] {
        self.0.text()
    }

    fn has_directory(&mut self, file: &LevelFile<&[u8]>) -> Result<bool, FileProblem> {
        self.0.has_directory(file)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use ipaddr_policy::Family;

    use super::*;

    /// A process without variables of ours, in the cgroup `/web`.
    fn subject(directory: PathBuf, library: Library) -> Subject {
        Subject {
            directory,
            cgroup: CgroupPath::parse(b"/web").expect("it is a path"),
            running: Some(Running {
                process: Process::current(),
                library,
                version: None,
                guard: Guard::None,
                environment: Ok(Environment::new(Vec::new())),
                is_secure: false,
            }),
        }
    }

    fn primary(subject: &Subject) -> Result<Option<String>, UnusablePolicy> {
        let primary = |policy: &Policy<'_>, _: &Levels<'_, '_>| {
            let primary = policy.family(Family::Ipv4).primary()?;
            Some(Family::Ipv4.address(primary).to_string())
        };
        subject.read(&mut Reader::default(), primary)
    }

    #[test]
    fn the_latch_before_the_files() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let web = directory.path().join("web");
        fs::create_dir(&web).expect("it is ours");
        fs::write(web.join("ipaddr.ipv4"), "127.0.0.2\n").expect("it is ours");
        let of = |library| primary(&subject(directory.path().into(), library));
        assert_eq!(of(Library::Free), Ok(Some("127.0.0.2".to_owned())));
        let latch = b"127.0.0.9|127.0.0.9-127.0.0.9;-".to_vec();
        assert_eq!(
            of(Library::Latched(latch)),
            Ok(Some("127.0.0.9".to_owned()))
        );
    }

    #[test]
    fn a_policy_that_cant_be_used() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = directory.path().join("ipaddr.ipv4");
        fs::write(&file, "127.0.0.x\n").expect("it is ours");
        let error = primary(&subject(directory.path().into(), Library::Free));
        let error = error.expect_err("it is no address").to_string();
        let place = format!("{}:1: \"127.0.0.x\": expected ", file.display());
        assert!(error.starts_with(&place), "{error}");
    }
}
