//! The command line: from these definitions come the parser, --help, the completion and the man
//! pages.

use std::net::{IpAddr, SocketAddr};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueHint};
use clap_complete::Shell;
use ipaddr_host::cgroup_path::{CgroupPath, CgroupPathError};
use ipaddr_policy::rules::Protocol;

use crate::commands::unit::{Service, Slice};

/// The exit statuses, see [`crate::failure`].
pub const EXIT_STATUS: [(&str, &str); 7] = [
    ("0", "done, nothing wrong"),
    (
        "1",
        "check: mistakes; explain: refused; ps: a process without the library; remove: no --yes",
    ),
    ("2", "the command line can't be understood"),
    (
        "3",
        "EPERM: assigned already, or in conflict with another level",
    ),
    ("4", "EINVAL: not an address, or one that assigns nothing"),
    ("5", "there is a policy, and it can't be used"),
    ("6", "a file, directory or process can't be read or written"),
];

/// The environment variables.
pub const ENVIRONMENT: [(&str, &str); 3] = [
    (
        "IPADDR_POLICY_DIR",
        "the policy directory, an absolute path",
    ),
    (
        "IPADDR_CGROUP_CONTROLLER",
        "take cgroups from the v1 hierarchy with this controller",
    ),
    ("NO_COLOR", "no colour, not even on a terminal"),
];

/// Examples for the man pages: docs/ipaddrctl.md and docs/deployment.md have each.
pub const EXAMPLES: [&str; 11] = [
    "ipaddrctl assign --create /web 127.0.1.2 127.0.1.3",
    "ipaddrctl assign /db 127.0.3.0/24 '!127.0.3.1'",
    "ipaddrctl assign /mail 127.0.2.25 none",
    "ipaddrctl assign --replace /web 127.0.1.4",
    "ipaddrctl show /db",
    "ipaddrctl check",
    "ipaddrctl explain --cgroup /web bind '[::]:80'",
    "ipaddrctl explain --cgroup /mail connect 127.0.3.5:6380",
    "ipaddrctl explain --cgroup /mail accept 127.0.3.7:40000 127.0.2.25:25",
    "ipaddrctl remove /mail",
    "ipaddrctl unit web-b.service --ip 10.0.0.6",
];

/// The files, for the man pages.
pub const FILES: [(&str, &str); 2] = [
    (
        "/etc/ipaddr",
        "the policy directory: for each cgroup a directory with its ipaddr.ipv4, ipaddr.ipv6 and ipaddr.rules",
    ),
    (
        "/etc/ipaddr/.ipaddrctl.lock",
        "locked while this program changes the directory",
    ),
];

/// The pages that belong to this one, for the man pages.
pub const SEE_ALSO: [(&str, &str); 3] = [
    ("run-restricted", "1"),
    ("ipaddr.policy", "5"),
    ("libipaddr.so", "8"),
];

fn after_help() -> String {
    let table = |rows: &[(&str, &str)], width: usize| {
        let lines = rows
            .iter()
            .map(|(name, meaning)| format!("\n  {name:width$}  {meaning}"));
        lines.collect::<String>()
    };
    let (statuses, variables) = (table(&EXIT_STATUS, 1), table(&ENVIRONMENT, 24));
    format!("Exit status:{statuses}\n\nEnvironment:{variables}")
}

/// Assigns IP addresses to cgroups, and checks and explains the policies of libipaddr
#[derive(Debug, Parser)]
#[command(
    name = "ipaddrctl",
    version,
    propagate_version = true,
    max_term_width = 100
)]
#[command(after_help = after_help())]
pub struct Cli {
    /// The policy directory; the default is $IPADDR_POLICY_DIR, or else /etc/ipaddr
    #[arg(long, global = true, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub policy: Option<PathBuf>,
    /// What is to be done.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Assign addresses to a cgroup, once and for all
    ///
    /// Writes ipaddr.ipv4, ipaddr.ipv6 or both into the cgroup's directory: atomically, with mode 0644,
    /// and on the disk when the command ends. A family that is assigned already isn't assigned again
    /// without --replace; a file that says 0.0.0.0 (or ::) assigns nothing. An assignment is refused too if a level above
    /// doesn't allow it, or if a level below has addresses that it doesn't allow. Either the files of
    /// both families are written or none; only if the command is killed, IPv4's may be written alone.
    Assign {
        /// The cgroup's path, as in /proc/PID/cgroup: /web/a
        #[arg(value_parser = cgroup_path())]
        cgroup: CgroupPath,
        /// Addresses, of which the first is the primary one; networks; exclusions (!10.0.0.7). `none`
        /// forbids the family that has no other argument, or both families; `loopback` leaves it the
        /// loopback address, which wildcards become
        #[arg(required = true, value_name = "ADDRESS")]
        addresses: Vec<String>,
        /// Replace what is assigned already. Running processes keep what they have; they are listed,
        /// and have to be restarted
        #[arg(long)]
        replace: bool,
        /// Make the policy directory if it doesn't exist. (/etc/ipaddr is made without this)
        #[arg(long)]
        create: bool,
    },
    /// Show which addresses a cgroup or a process may use, and where that is written
    ///
    /// Unassigned is 0.0.0.0 and ::, as in the files.
    Show {
        /// The cgroup; the default is that of the caller
        #[arg(conflicts_with = "pid", value_parser = cgroup_path())]
        cgroup: Option<CgroupPath>,
        /// A process instead: its cgroup, its variables, and what it has latched
        #[arg(long)]
        pid: Option<u32>,
        /// Print JSON, for programs
        #[arg(long)]
        json: bool,
    },
    /// Check the whole policy directory
    ///
    /// A mistake makes the library refuse everything: files that can't be read or understood, and
    /// levels in conflict; or it lets anybody replace the policy directory. The library accepts what a
    /// warning is about: addresses that no interface has, cgroups whose name is likely mistyped,
    /// permissions, files that nothing reads, sources of SNAT that an inner level doesn't allow.
    Check {
        /// The directory, instead of --policy
        #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
        dir: Option<PathBuf>,
        /// Warnings count as mistakes
        #[arg(long)]
        strict: bool,
        /// Warn of each cgroup that doesn't exist, also of those of services that aren't running
        #[arg(long)]
        cgroups: bool,
    },
    /// Say what would become of a call, and which file or rule decides that
    Explain {
        #[command(flatten)]
        subject: Subject,
        /// By a guard instead of the library; that is known of the process of --pid
        #[arg(long)]
        guard: bool,
        #[command(subcommand)]
        call: Call,
    },
    /// List the processes that have the library or a guard, and those that should have one but don't
    ///
    /// For each its cgroup, whether the library is loaded, whether it is under a guard, the version of
    /// that, and what is latched: `-` is nothing yet, `?` is unknown, with the reason behind it. A process
    /// with neither in a restricted cgroup is not restricted. If the supervisor of a guard has been
    /// killed, its processes are refused everything, and so are those whose policy can't be used. What
    /// is latched is stale if the files say otherwise by now. A socket on a wildcard address, passed in or
    /// bound before, makes a process a hole. A user who may not inspect all processes
    /// is told so, and the status is 6 if there is no hole among those that he may.
    Ps {
        /// Don't list the processes of this name, or in this cgroup (/PATH) and those inside it. May be
        /// given more than once
        #[arg(long, value_name = "COMMAND|CGROUP")]
        ignore: Vec<Ignored>,
    },
    /// Remove the assignment and the rules of a cgroup
    ///
    /// Running processes keep what they have latched.
    Remove {
        /// The cgroup's path, as in /proc/PID/cgroup: /web/a
        #[arg(value_parser = cgroup_path())]
        cgroup: CgroupPath,
        /// Remove the files; without it, only print which ones
        #[arg(long)]
        yes: bool,
    },
    /// Print or install what puts a systemd service under the library
    ///
    /// That is a drop-in for the unit, and the policy of the cgroup that systemd makes for it; of a
    /// template without an instance (web@.service), of the slice that all instances are in. The service
    /// doesn't start if the library or the policy is missing, or if the library isn't loaded. Without
    /// --install the files are printed, and nothing is written.
    Unit {
        /// The service: web-b.service, web@b.service
        #[arg(value_name = "UNIT")]
        unit: Service,
        /// Assign IPv4: an address, or entries separated by commas, or `loopback` or `none`
        #[arg(long, value_name = "ADDR", required_unless_present = "ip6")]
        ip: Option<String>,
        /// The same for IPv6. Without it, --ip means --ip6 loopback; `any` leaves all of IPv6
        #[arg(long, value_name = "ADDR")]
        ip6: Option<String>,
        /// The slice that the service is in; the default is what systemctl(1) says, or else systemd's
        #[arg(long, value_name = "SLICE")]
        slice: Option<Slice>,
        /// The library; the default is that of the package
        #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath)]
        library: Option<PathBuf>,
        /// Write the files
        #[arg(long)]
        install: bool,
        /// With --install, replace what is assigned already
        #[arg(long, requires = "install")]
        replace: bool,
        /// The directory of the drop-ins, instead of /etc/systemd/system
        #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
        units: Option<PathBuf>,
    },
    /// Print the completion for a shell
    Completions {
        /// bash, elvish, fish, powershell or zsh
        #[arg(hide_possible_values = true)]
        shell: Shell,
    },
    /// Print the man page, or that of one command
    Man {
        /// The command, for example `explain bind`
        command: Vec<String>,
    },
}

/// The process whose call it is.
#[derive(Args, Debug)]
pub struct Subject {
    /// Any process of this cgroup; the default is the caller's
    #[arg(long, value_name = "PATH", conflicts_with = "pid", value_parser = cgroup_path())]
    pub cgroup: Option<CgroupPath>,
    /// This process
    #[arg(long)]
    pub pid: Option<u32>,
}

/// The call that `explain` is about.
#[derive(Debug, Subcommand)]
pub enum Call {
    /// bind(2), or listen(2) on a socket that isn't bound
    Bind {
        /// ADDRESS:PORT[/tcp|/udp]
        local: Endpoint,
        /// The socket has IPV6_V6ONLY set: [::] is IPv6 only
        #[arg(long)]
        v6only: bool,
    },
    /// connect(2), or a send with a destination
    Connect {
        /// ADDRESS:PORT[/tcp|/udp]
        remote: Endpoint,
        /// The socket is bound to this address
        #[arg(long, value_name = "ADDRESS")]
        from: Option<IpAddr>,
    },
    /// accept(2) of a connection
    Accept {
        /// The peer's ADDRESS:PORT
        #[arg(value_name = "FROM")]
        peer: SocketAddr,
        /// The local ADDRESS:PORT[/tcp|/udp]
        #[arg(value_name = "TO")]
        local: Endpoint,
    },
}

/// `10.0.0.5:80`, `[fd00::5]:80/udp`
#[derive(Clone, Copy, Debug)]
pub struct Endpoint {
    /// The address and port.
    pub address: SocketAddr,
    /// TCP if the text has none.
    pub protocol: Protocol,
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (address, protocol) = text.rsplit_once('/').unwrap_or((text, "tcp"));
        let protocol = match protocol {
            "tcp" => Protocol::Tcp,
            "udp" => Protocol::Udp,
            other => return Err(format!("protocol \"{other}\": expected tcp or udp")),
        };
        let address = address.parse().map_err(|_| {
            "expected ADDRESS:PORT, like 10.0.0.5:80 or [fd00::5]:80/udp".to_owned()
        })?;
        Ok(Self { address, protocol })
    }
}

/// Processes that `ps` doesn't list: holes that are known, say.
#[derive(Clone, Debug)]
pub enum Ignored {
    /// Those in a cgroup, and in the cgroups inside it.
    Cgroup(CgroupPath),
    /// Those of a name, as the table has it.
    Command(String),
}

impl FromStr for Ignored {
    type Err = CgroupPathError;

    fn from_str(text: &str) -> Result<Self, CgroupPathError> {
        if text.starts_with('/') {
            CgroupPath::parse(text.as_bytes()).map(Self::Cgroup)
        } else {
            Ok(Self::Command(text.to_owned()))
        }
    }
}

fn cgroup_path() -> impl TypedValueParser<Value = CgroupPath> {
    OsStringValueParser::new().try_map(|text| CgroupPath::parse(text.as_bytes()))
}
