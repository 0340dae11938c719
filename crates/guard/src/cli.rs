//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Parser, ValueHint};
use ipaddr_socket::host::Level;

/// Gives a command, and all that it starts, one IP address and no other
///
/// Static programs, Go's, and programs that make system calls by themselves are held to it like all
/// others: the kernel asks the guard before it lets them bind, connect, listen or send. No root, no
/// namespace. The policy is that of the guard's own cgroup, narrowed by --ip and --ip6.
#[derive(Debug, Parser)]
#[command(name = "ipaddr-guard", version, max_term_width = 100)]
#[command(
    override_usage = "ipaddr-guard [--ip ADDR] [--ip6 ADDR|none|loopback|any] [--policy DIR] [--log LEVEL] -- COMMAND [ARG]…"
)]
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
}

/// What IPv6 gets where `--ip` alone is given, and assigns something.
pub fn ipv6_by_default(ip: Option<&str>) -> Option<Vec<u8>> {
    ip.filter(|&ip| ip != "0.0.0.0")
        .map(|_| b"loopback".to_vec())
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
    fn a_command_is_required() {
        for line in [
            &["ipaddr-guard"][..],
            &["ipaddr-guard", "--ip", "127.0.0.2", "--"],
        ] {
            assert!(Cli::try_parse_from(line).is_err(), "{line:?}");
        }
    }
}
