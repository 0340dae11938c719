//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueHint};
use ipaddr_socket::host::Level;

/// Gives a command, and all that it starts, one IP address and no other
///
/// Static programs, Go's, and programs that make system calls by themselves are restricted like all
/// others: the kernel asks the guard before it lets them bind, connect, listen or send. No root, no
/// namespace. The policy is that of the guard's own cgroup, narrowed by --ip and --ip6.
#[derive(Debug, Parser)]
#[command(name = "ipaddr-guard", version, max_term_width = 100)]
#[command(
    override_usage = "ipaddr-guard [--ip ADDR] [--ip6 ADDR|none|loopback|any] [--policy DIR] [--log LEVEL] -- COMMAND [ARG]…
       ipaddr-guard agent --socket PATH [--policy DIR] [--require] [--log LEVEL]
       ipaddr-guard profile [--socket PATH] [--metadata TEXT] [--flag NAME]…"
)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(disable_help_subcommand = true)]
#[command(
    after_help = "Exit status: that of the command; 125 if the guard can't run it, 126 if the command can't be executed, 127 if there is none.\n\nEnvironment: IPADDR_IPV4, IPADDR_IPV6, IPADDR_POLICY_DIR, IPADDR_CGROUP_CONTROLLER, IPADDR_REQUIRE, IPADDR_LOG, IPADDR_LOG_FILE, as for libipaddr.so."
)]
pub struct Cli {
    /// Assign IPv4 addresses: a list as in ipaddr.ipv4, with commas. With IPv4 alone, IPv6 is left its
    /// loopback address
    #[arg(long, value_name = "ADDR")]
    pub ip: Option<String>,
    /// Assign IPv6 addresses, none of them, loopback, or leave IPv6 alone (any)
    #[arg(long, value_name = "ADDR")]
    pub ip6: Option<String>,
    /// The policy directory; else $IPADDR_POLICY_DIR, else /etc/ipaddr
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub policy: Option<PathBuf>,
    /// What the log says: off, error, info or debug; else $IPADDR_LOG, else error
    #[arg(long, value_name = "LEVEL", value_parser = parse_level)]
    pub log: Option<Level>,
    /// Run the command unrestricted where nothing is assigned, until something is
    #[arg(long)]
    pub allow_unassigned: bool,
    /// Run the command where the policy can't be used: until it can, every use of IPv4 and IPv6 is
    /// refused
    #[arg(long)]
    pub allow_unusable: bool,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
    /// What to do instead of running a command.
    #[command(subcommand)]
    pub task: Option<Task>,
}

/// What the guard does instead of running a command.
#[derive(Debug, Subcommand)]
pub enum Task {
    /// Guards the containers that an OCI runtime (runc, crun) hands over, each by its cgroup's policy
    Agent(Agent),
    /// Prints the seccomp profile that such a container needs: the object linux.seccomp, as JSON
    Profile(Profile),
}

/// The options of the agent.
#[derive(Args, Debug)]
pub struct Agent {
    /// The Unix socket that the runtime connects to, `listenerPath` in the profile. It is made for the
    /// agent's own user only
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub socket: PathBuf,
    /// The policy directory; else $IPADDR_POLICY_DIR, else /etc/ipaddr
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub policy: Option<PathBuf>,
    /// Refuse every use of IPv4 and IPv6 to a container whose cgroup is assigned nothing; without it
    /// such a container runs unrestricted, until something is
    #[arg(long)]
    pub require: bool,
    /// What the log says: off, error, info or debug; else $IPADDR_LOG, else error
    #[arg(long, value_name = "LEVEL", value_parser = parse_level)]
    pub log: Option<Level>,
}

/// The options of the profile.
#[derive(Args, Debug, Default)]
pub struct Profile {
    /// The agent's socket, an absolute path: `listenerPath`
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath, value_parser = parse_socket)]
    pub socket: Option<PathBuf>,
    /// What the agent's log says of the container: `listenerMetadata`
    #[arg(long, value_name = "TEXT")]
    pub metadata: Option<String>,
    /// A flag of seccomp(2); SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV for a runtime that knows it, so
    /// that no signal interrupts a call which the agent makes
    #[arg(long = "flag", value_name = "NAME")]
    pub flags: Vec<String>,
}

/// What IPv6 gets where `--ip` alone is given, and assigns something.
pub fn ipv6_by_default(ip: Option<&str>) -> Option<Vec<u8>> {
    ip.filter(|&ip| ip != "0.0.0.0")
        .map(|_| b"loopback".to_vec())
}

fn parse_socket(path: &str) -> Result<PathBuf, String> {
    if path.starts_with('/') {
        Ok(path.into())
    } else {
        Err("expected an absolute path".to_owned())
    }
}

fn parse_level(word: &str) -> Result<Level, String> {
    Level::named(word.as_bytes()).ok_or_else(|| "expected off, error, info or debug".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definitions_are_sound() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn the_command_has_its_own_options() {
        let line = [
            "ipaddr-guard",
            "--ip",
            "127.0.0.2",
            "--",
            "server",
            "--ip=0.0.0.0",
        ];
        let cli = Cli::try_parse_from(line).expect("it is right");
        assert_eq!(cli.ip.as_deref(), Some("127.0.0.2"));
        assert_eq!(cli.command, ["server", "--ip=0.0.0.0"]);
    }

    #[test]
    fn an_agent_has_no_command() {
        let line = ["ipaddr-guard", "agent", "--socket", "/run/agent.sock"];
        let cli = Cli::try_parse_from(line).expect("it is right");
        assert!(cli.command.is_empty() && matches!(cli.task, Some(Task::Agent(_))));
        let line = ["ipaddr-guard", "--", "agent", "--socket", "/run/agent.sock"];
        let cli = Cli::try_parse_from(line).expect("it is right");
        assert!(cli.command.len() == 3 && cli.task.is_none());
    }

    #[test]
    fn a_command_is_required() {
        for line in [
            &["ipaddr-guard", "agent"][..],
            &[
                "ipaddr-guard",
                "--ip",
                "127.0.0.2",
                "agent",
                "--socket",
                "/a",
            ],
            &["ipaddr-guard", "profile", "--socket", "agent.sock"],
            &["ipaddr-guard"],
            &["ipaddr-guard", "--ip", "127.0.0.2", "--"],
        ] {
            assert!(Cli::try_parse_from(line).is_err(), "{line:?}");
        }
    }
}
