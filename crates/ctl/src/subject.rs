//! Whose policy it is: that of a cgroup, or of a process with its variables and its latch.

use std::path::{Path, PathBuf};

use ipaddr_policy::levels::{FileName, Files, Given, LevelFile, Levels};
use ipaddr_policy::trust::FileProblem;
use ipaddr_policy::{Policy, text::Shown};

use crate::cgroup_path::CgroupPath;
use crate::failure::Failure;
use crate::files::Disk;
use crate::latched::{self, Library};
use crate::process::{Environment, Process};
use crate::reader::Reader;
use crate::settings;

/// Whose policy it is.
pub struct Subject {
    pub directory: PathBuf,
    pub cgroup: CgroupPath,
    /// If it is that of one process.
    pub running: Option<Running>,
}

/// A process, as it was when it was looked at.
pub struct Running {
    pub process: Process,
    pub library: Library,
    /// The library's, if it says one.
    pub version: Option<String>,
    /// Why not, if its environment can't be read.
    pub environment: Result<Environment, String>,
}

impl Subject {
    /// A cgroup; without one and without a process, that of the caller.
    pub fn new(
        policy: Option<&Path>,
        cgroup: Option<CgroupPath>,
        pid: Option<u32>,
    ) -> Result<Self, Failure> {
        if let Some(pid) = pid {
            return Self::process(policy, Process { pid });
        }
        let cgroup = match cgroup {
            Some(cgroup) => cgroup,
            None => own_cgroup()?,
        };
        Ok(Self {
            directory: settings::policy_directory(policy)?,
            cgroup,
            running: None,
        })
    }

    /// A process; its own variables count, but for the directory that is asked for.
    fn process(policy: Option<&Path>, process: Process) -> Result<Self, Failure> {
        let environment = process.environment();
        let environment = environment.map_err(|error| format!("its environment: {error}"));
        // What the library ignores with more rights than its caller's.
        let is_secure = process.auxiliary().is_ok_and(|auxiliary| auxiliary.secure);
        let trusted = |name| environment.as_ref().ok()?.get(name).filter(|_| !is_secure);
        let directory = match (policy, trusted("IPADDR_POLICY_DIR")) {
            (None, Some(directory)) => settings::from_variable(directory)?,
            _ => settings::policy_directory(policy)?,
        };
        let controller = trusted("IPADDR_CGROUP_CONTROLLER").map(<[u8]>::to_vec);
        let controller = controller.or_else(settings::cgroup_controller);
        let cgroup = process.cgroup(controller.as_deref());
        let (library, version) = latched::look(process);
        Ok(Self {
            directory,
            cgroup: cgroup.map_err(Failure::System)?,
            running: Some(Running {
                process,
                library,
                version,
                environment,
            }),
        })
    }

    /// Its policy: what it has latched, else what it would get now.
    ///
    /// # Errors
    /// The policy can't be used.
    pub fn read<R>(
        &self,
        reader: &mut Reader,
        then: impl FnOnce(&Policy<'_>, &Levels<'_, '_>) -> R,
    ) -> Result<R, String> {
        let Some(latch) = self.latch() else {
            return self.read_anew(reader, then);
        };
        // The latch has everything but the rules, and the cgroups that they are of: no other level
        // counts any more. (The root cgroup is always among them.)
        let root = CgroupPath::root();
        let given = Given {
            latch: Some(latch),
            ..root.given(&self.directory)
        };
        reader.read(&given, &mut RulesOnly(Disk::default()), then)
    }

    /// What it would get now, if nothing is latched.
    ///
    /// # Errors
    /// The policy can't be used.
    pub fn read_anew<R>(
        &self,
        reader: &mut Reader,
        then: impl FnOnce(&Policy<'_>, &Levels<'_, '_>) -> R,
    ) -> Result<R, String> {
        let given = Given {
            // Empty it is reserved by the library, and says nothing.
            latch: self
                .variable("IPADDR_LATCH")
                .filter(|text| !text.is_empty()),
            ipv4: self.variable("IPADDR_IPV4"),
            ipv6: self.variable("IPADDR_IPV6"),
            require: self.variable("IPADDR_REQUIRE"),
            ..self.cgroup.given(&self.directory)
        };
        reader.read(&given, &mut Disk::default(), then)
    }

    /// What is latched, if anything is.
    pub fn latch(&self) -> Option<&[u8]> {
        match &self.running.as_ref()?.library {
            Library::Latched(text) => Some(text),
            _ => None,
        }
    }

    /// A variable of the process.
    pub fn variable(&self, name: &str) -> Option<&[u8]> {
        self.running.as_ref()?.environment.as_ref().ok()?.get(name)
    }

    /// The lists and rules of its cgroup's levels, as the files have them.
    pub fn files(&self) -> Vec<FoundFile> {
        let mut disk = Disk::default();
        let mut found = Vec::new();
        for depth in 0..=self.cgroup.depth() {
            for name in FileName::ALL {
                let file = self.cgroup.file(&self.directory, depth, name);
                if let Ok(Some(text)) = disk.read(&file) {
                    found.push(FoundFile {
                        name,
                        path: Shown(file).to_string(),
                        text: String::from_utf8_lossy(text).into_owned(),
                    });
                }
            }
        }
        found
    }
}

/// A file of a level.
pub struct FoundFile {
    pub name: FileName,
    pub path: String,
    text: String,
}

impl FoundFile {
    /// The lines that say something, with their numbers.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().map(str::trim).enumerate();
        lines
            .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
            .map(|(index, line)| (index + 1, line))
    }
}

fn own_cgroup() -> Result<CgroupPath, Failure> {
    let own = Process {
        pid: std::process::id(),
    };
    own.cgroup(settings::cgroup_controller().as_deref())
        .map_err(Failure::System)
}

/// The files of rules, and no lists.
struct RulesOnly(Disk);

impl Files for RulesOnly {
    fn read(&mut self, file: &LevelFile<'_>) -> Result<Option<&[u8]>, FileProblem> {
        match file.name {
            FileName::List(_) => Ok(None),
            FileName::Rules => self.0.read(file),
        }
    }

    fn has_directory(&mut self, file: &LevelFile<'_>) -> Result<bool, FileProblem> {
        self.0.has_directory(file)
    }
}
