//! What the guard is told, by its command line and by the environment that the library reads too.

use std::env;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use ipaddr_host::settings;
use ipaddr_policy::levels::is_required;
use ipaddr_socket::host::Level;

use crate::cli::{Agent, Cli, ipv6_by_default};
use crate::failure::Failure;

/// What the guard is told.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The policy directory, an absolute path.
    pub directory: PathBuf,
    /// The controller of the cgroup v1 hierarchy that decides.
    pub controller: Option<Vec<u8>>,
    /// `--ip` or `$IPADDR_IPV4`: the list of the innermost level.
    pub ipv4: Option<Vec<u8>>,
    /// `--ip6` or `$IPADDR_IPV6`
    pub ipv6: Option<Vec<u8>>,
    /// `$IPADDR_LATCH`: what the caller has by the library.
    pub latch: Option<Vec<u8>>,
    /// Whether something has to be assigned.
    pub is_required: bool,
    /// Whether a policy that can't be used is no reason not to begin.
    pub allows_unusable: bool,
    /// How much the log says.
    pub level: Level,
    /// Where it goes; stderr without one.
    pub log_file: Option<PathBuf>,
}

impl Settings {
    /// # Errors
    /// The policy directory or the log's file is no absolute path.
    pub fn new(cli: &Cli) -> Result<Self, Failure> {
        let variable = |name: &str| env::var_os(name).map(OsStringExt::into_vec);
        let directory = settings::policy_directory(cli.policy.as_deref())
            .map_err(|error| Failure::Refused(error.to_string()))?;
        let given = |option: &Option<String>| option.clone().map(String::into_bytes);
        let ipv4 = given(&cli.ip);
        let ipv6 = match cli.ip6.as_deref() {
            Some("any") => None,
            Some(list) => Some(list.into()),
            None => variable("IPADDR_IPV6").or_else(|| ipv6_by_default(cli.ip.as_deref())),
        };
        Ok(Self {
            // Without `/` and `/.` at its end, which would follow a link that leads nowhere to nothing.
            directory: directory.components().collect(),
            controller: settings::cgroup_controller(),
            ipv4: ipv4.or_else(|| variable("IPADDR_IPV4")),
            ipv6,
            latch: variable("IPADDR_LATCH"),
            is_required: !cli.allow_unassigned
                || variable("IPADDR_REQUIRE").is_some_and(|text| is_required(&text)),
            allows_unusable: cli.allow_unusable,
            level: cli.log.unwrap_or_else(level_of_environment),
            log_file: log_file()?,
        })
    }

    /// For containers: lists and a latch in the environment are the agent's own affair.
    ///
    /// # Errors
    /// As for [`Settings::new`].
    pub fn of_agent(agent: &Agent) -> Result<Self, Failure> {
        let require = env::var_os("IPADDR_REQUIRE");
        Ok(Self {
            directory: settings::policy_directory(agent.policy.as_deref())
                .map_err(|error| Failure::Refused(error.to_string()))?,
            controller: settings::cgroup_controller(),
            ipv4: None,
            ipv6: None,
            latch: None,
            allows_unusable: true,
            is_required: agent.require || require.is_some_and(|text| is_required(text.as_bytes())),
            level: agent.log.unwrap_or_else(level_of_environment),
            log_file: log_file()?,
        })
    }
}

fn level_of_environment() -> Level {
    let Some(word) = env::var_os("IPADDR_LOG") else {
        return Level::Error;
    };
    Level::named(word.as_bytes()).unwrap_or_else(|| {
        let expected = "expected off, error, info or debug; taken for error";
        eprintln!("ipaddr-guard: IPADDR_LOG: {word:?}: {expected}");
        Level::Error
    })
}

/// `$IPADDR_LOG_FILE`
fn log_file() -> Result<Option<PathBuf>, Failure> {
    let Some(path) = env::var_os("IPADDR_LOG_FILE").map(PathBuf::from) else {
        return Ok(None);
    };
    if path.as_os_str().as_bytes().starts_with(b"/") {
        Ok(Some(path))
    } else {
        Err(Failure::Refused(format!(
            "IPADDR_LOG_FILE: {path:?}: expected an absolute path"
        )))
    }
}
