//! What is compared.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use shim_tests::Cgroup;

use crate::artifacts::Artifacts;
use crate::command;
use crate::kernel::Kernel;
use crate::others::Other;
use crate::policies::Policies;

/// Where a program's sockets get their address from.
#[derive(Clone, Copy, PartialEq)]
pub enum Source {
    /// Wherever they please: nothing is assigned.
    Any,
    /// They get 127.0.0.2.
    Assigned,
    /// They get 127.0.0.2, but a datagram socket that only sends has it in each packet, and none of
    /// its own.
    AssignedByPacket,
}

/// One way to run a program.
#[derive(Clone)]
pub struct Variant<'a> {
    pub name: String,
    /// `NAME=VALUE`, the whole environment.
    pub environment: Vec<(&'static str, PathBuf)>,
    pub source: Source,
    /// The cgroup that it is to run in, if that matters.
    pub cgroup: Option<&'a Cgroup>,
    /// The command that runs the program, the guard say; most often none.
    pub prefix: Vec<PathBuf>,
}

impl Variant<'_> {
    /// Has a command start in its cgroup.
    pub fn join(&self, command: &mut Command) {
        if let Some(cgroup) = self.cgroup {
            cgroup.start_in(command);
        }
    }

    /// A program of PATH, to be run this way.
    pub fn command(&self, program: &str) -> Command {
        self.command_at(command::path(program).unwrap_or(program.into()))
    }

    /// A program, to be run this way.
    pub fn command_at(&self, program: impl AsRef<OsStr>) -> Command {
        let prefix = self.prefix.iter().map(|word| word.as_os_str());
        let mut words = prefix.chain([program.as_ref()]);
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words);
        let environment = self.environment.iter().map(|(name, value)| (name, value));
        command.env_clear().envs(environment);
        self.join(&mut command);
        command
    }

    fn with(mut self, name: &'static str, value: impl Into<PathBuf>) -> Self {
        self.environment.push((name, value.into()));
        self
    }
}

/// All that variants are made of.
pub struct Variants<'a> {
    pub artifacts: &'a Artifacts,
    pub policies: &'a Policies,
    pub others: &'a [Other],
    pub kernel: Option<&'a Kernel>,
}

/// All have the same variables as far as possible: a longer environment takes longer to start with,
/// whatever is preloaded.
impl<'a> Variants<'a> {
    /// The one that all ratios are to.
    pub fn no_library(&self) -> Variant<'a> {
        Variant {
            name: "no library".to_owned(),
            environment: vec![("IPADDR_POLICY_DIR", self.policies.absent())],
            source: Source::Any,
            cgroup: None,
            prefix: Vec::new(),
        }
    }

    /// The least that a preloaded library can do.
    pub fn floor(&self) -> Variant<'a> {
        let object = &self.artifacts.floor;
        preload("C floor", Source::Assigned, object, self.policies.absent())
    }

    /// The same once more: how far it is from the first is what can't be told apart.
    pub fn floor_copy(&self) -> Variant<'a> {
        let object = &self.artifacts.floor_copy;
        let directory = self.policies.absent();
        preload("C floor, a copy", Source::Assigned, object, directory)
    }

    /// The library, nothing assigned.
    pub fn unrestricted(&self) -> [Variant<'a>; 3] {
        [
            (
                "libipaddr, unrestricted, no directory",
                self.policies.absent(),
            ),
            (
                "libipaddr, unrestricted, empty directory",
                self.policies.empty(),
            ),
            (
                "libipaddr, unrestricted by a file",
                self.policies.unassigned(),
            ),
        ]
        .map(|(name, directory)| preload(name, Source::Any, &self.artifacts.library, directory))
    }

    /// The library, the address from a variable.
    pub fn by_variable(&self) -> Variant<'a> {
        self.restricted("libipaddr, IPADDR_IPV4", self.policies.absent())
            .with("IPADDR_IPV4", "127.0.0.2")
    }

    /// The library, the address from the policy directory: what an administrator sets up.
    pub fn by_file(&self) -> Variant<'a> {
        self.restricted("libipaddr, policy file", self.policies.assigned())
    }

    /// The library, the address from some directory.
    pub fn restricted(&self, name: impl Into<String>, directory: PathBuf) -> Variant<'a> {
        let object = &self.artifacts.library;
        preload(name, Source::Assigned, object, directory)
    }

    /// The kernel does it, where that can be had.
    pub fn kernel(&self) -> Option<Variant<'a>> {
        let kernel = self.kernel?;
        Some(Variant {
            name: "cgroup-BPF".to_owned(),
            source: Source::AssignedByPacket,
            cgroup: Some(kernel.cgroup()),
            ..self.no_library()
        })
    }

    /// Other preload libraries, in the way of each call but changing nothing.
    pub fn others(&self) -> impl Iterator<Item = Variant<'a>> {
        self.others.iter().map(|other| {
            let directory = self.policies.absent();
            let mut variant = preload(other.name, Source::Any, &other.object, directory);
            variant
                .environment
                .extend(other.environment.iter().cloned());
            variant
        })
    }

    /// For sends: what a bound socket costs the kernel by itself.
    pub fn bound(&self) -> Variant<'a> {
        let bound = Variant {
            name: "no library, bound to the address".to_owned(),
            source: Source::Assigned,
            ..self.no_library()
        };
        bound.with("BOUND", "1")
    }

    /// For sends: each queries the kernel about its socket.
    pub fn has_inet6(&self) -> Variant<'a> {
        let directory = self.policies.assigned();
        self.restricted("libipaddr, has an AF_INET6 socket too", directory)
            .with("INET6", "1")
    }

    /// For connect: once a program has bound with `IP_BIND_ADDRESS_NO_PORT` itself, the library
    /// queries each socket whether it has a source already.
    pub fn chosen_source(&self) -> Variant<'a> {
        let directory = self.policies.assigned();
        self.restricted("libipaddr, has chosen a source", directory)
            .with("CHOSEN_SOURCE", "1")
    }
}

fn preload<'a>(
    name: impl Into<String>,
    source: Source,
    object: &Path,
    directory: PathBuf,
) -> Variant<'a> {
    Variant {
        name: name.into(),
        environment: vec![
            ("LD_PRELOAD", object.to_path_buf()),
            ("IPADDR_POLICY_DIR", directory),
        ],
        source,
        cgroup: None,
        prefix: Vec::new(),
    }
}
