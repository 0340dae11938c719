//! What restricts a process: the library, a guard, both or neither.

use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use ipaddr_host::cgroup_path::CgroupPath;
use ipaddr_host::error::Unreadable;
use ipaddr_host::guard::Supervisor;
use ipaddr_host::library::{Library, Obstacle};
use ipaddr_host::process::Process;
use ipaddr_host::process::mappings::LIBRARY;
use ipaddr_host::reader::Reader;
use ipaddr_host::settings;
use ipaddr_policy::{Assignment, Family, latch};
use nix::libc::{S_ISGID, S_ISUID};

use crate::addresses;
use crate::stale;

/// What restricts a process, in the words of the table.
pub struct Cover {
    /// Whether it has the library.
    pub library: &'static str,
    /// Whether it has a guard.
    pub guard: &'static str,
    /// What is latched, or why nothing is.
    pub latched: String,
    /// Whether it is as it should be.
    pub standing: Standing,
}

/// Whether a process is as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is restricted, or need not be.
    Fine,
    /// It should be restricted and isn't.
    Hole,
    /// The caller may not see that.
    Unseen,
}

impl Standing {
    /// Of a process about which something is unknown.
    fn unknown(why: &Obstacle) -> Self {
        if why.is_denied() {
            Self::Unseen
        } else {
            Self::Fine
        }
    }
}

/// Why the library is loaded but covers nothing.
const GO: &str = "Go program: its runtime makes system calls without libc";

const KILLED: &str =
    "its guard has been killed: bind, connect and sends with a destination fail with ENOSYS";

impl Cover {
    /// Of a process without a guard; `None` if it neither has the library nor should have it.
    pub fn by_library(process: Process, found: &Library, is_restricted: bool) -> Option<Self> {
        let is_useless = match found {
            Library::NotLoaded | Library::Unknown(_) => false,
            Library::Free => is_restricted,
            Library::Latched(_) | Library::Hidden(_) => true,
        } && process.is_go();
        let (latched, standing) = match found {
            _ if is_useless => (format!("- ({GO})"), Standing::Hole),
            Library::NotLoaded if is_restricted => (why_not(process), Standing::Hole),
            Library::Unknown(why) if is_restricted => {
                (format!("? ({why})"), Standing::unknown(why))
            }
            Library::NotLoaded | Library::Unknown(_) => return None,
            Library::Free => ("-".to_owned(), Standing::Fine),
            Library::Latched(text) => (addresses::latched(text), Standing::Fine),
            Library::Hidden(why) => (format!("? ({why})"), Standing::unknown(why)),
        };
        Some(Self {
            library: word(found),
            guard: "no",
            latched,
            standing,
        })
    }

    /// Of a process whose calls a supervisor answers. `elsewhere` is its cgroup if that has a policy:
    /// where it isn't the supervisor's, both policies hold.
    pub fn by_guard(
        process: Process,
        found: &Library,
        supervisor: &Supervisor,
        elsewhere: Option<&CgroupPath>,
    ) -> Self {
        let latch = supervisor.latch.as_deref();
        let mut latched = latch.map_or("-".to_owned(), addresses::latched);
        let own = match found {
            Library::Latched(text) if !process.is_go() => Some(addresses::latched(text)),
            Library::Hidden(why) => Some(format!("? ({why})")),
            _ => None,
        };
        if let Some(own) = own.filter(|own| *own != latched) {
            latched = format!("{own}; by the guard {latched}");
        }
        let of_tree = supervisor
            .process
            .cgroup(settings::cgroup_controller().as_deref());
        if let (Some(cgroup), Ok(of_tree)) = (elsewhere, of_tree)
            && *cgroup != of_tree
        {
            latched = format!("{latched}; and what {cgroup} is assigned");
        }
        Self {
            library: word(found),
            guard: "yes",
            latched,
            standing: Standing::Fine,
        }
    }

    /// Of a process whose supervisor has been killed: it is refused everything.
    pub fn by_killed_guard(found: &Library) -> Self {
        Self {
            library: word(found),
            guard: "killed",
            latched: format!("everything is refused ({KILLED})"),
            standing: Standing::Fine,
        }
    }

    /// Of a process that may have a guard.
    pub fn by_unknown_guard(
        process: Process,
        found: &Library,
        why: &Obstacle,
        is_restricted: bool,
    ) -> Self {
        let by_library = Self::by_library(process, found, false);
        let (latched, standing) = match by_library {
            Some(cover) if cover.standing != Standing::Hole => (cover.latched, cover.standing),
            _ if is_restricted => (above(why), Standing::unknown(why)),
            _ => (above(why), Standing::Fine),
        };
        Self {
            library: word(found),
            guard: "?",
            latched,
            standing,
        }
    }
}

fn above(why: &Obstacle) -> String {
    format!("? (the guard above it: {why})")
}

/// Adds the sockets of a restricted process that receive for every address: they were bound before it
/// was restricted, or passed to it.
pub fn add_wildcards(cover: &mut Cover, process: Process, latch: &[u8]) {
    let is_assigned = |family| {
        let mut assignment = Assignment::UNASSIGNED;
        let parsed = latch::parse(latch, family, &mut assignment);
        parsed.is_ok() && !assignment.is_unassigned()
    };
    let (ipv4, ipv6) = (is_assigned(Family::Ipv4), is_assigned(Family::Ipv6));
    let sockets = process.wildcard_sockets().unwrap_or_default();
    let list = |sockets: Vec<String>| sockets.join(", ");
    let is_hole = |socket: &SocketAddr| if socket.is_ipv4() { ipv4 } else { ipv6 };
    let (holes, others): (Vec<_>, Vec<_>) = sockets.into_iter().partition(is_hole);
    let holes = list(holes.iter().map(SocketAddr::to_string).collect());
    if !holes.is_empty() {
        cover.latched += &format!("; but receives on {holes}, bound by another or before");
        cover.standing = Standing::Hole;
    }
    // One that is IPv6 only is bound as it may be.
    let others = others.iter().filter(|socket| ipv4 && socket.is_ipv6());
    let others = list(others.map(SocketAddr::to_string).collect());
    if !others.is_empty() {
        cover.latched += &format!("; {others} is IPv6 only or receives IPv4 too");
    }
}

/// What is said in addition where the files say something else by now: `None` if they don't.
pub fn by_now(
    process: Process,
    found: &Library,
    cgroup: &CgroupPath,
    directory: &Path,
    reader: &mut Reader,
) -> Option<String> {
    match found {
        Library::Latched(text) => {
            let latched = addresses::latched(text);
            stale::differs(directory, process, cgroup.clone(), reader)
                .then(|| format!("{latched} (stale: the files say otherwise)"))
        }
        Library::Free => {
            let mistake = stale::mistake(directory, process, cgroup.clone(), reader)?;
            Some(format!("everything is refused ({mistake})"))
        }
        _ => None,
    }
}

/// Whether the library is loaded.
fn word(library: &Library) -> &'static str {
    match library {
        Library::NotLoaded => "no",
        Library::Unknown(_) => "?",
        Library::Free | Library::Latched(_) | Library::Hidden(_) => "yes",
    }
}

/// Why a process doesn't have the library, as far as that is known.
fn why_not(process: Process) -> String {
    let mode = process.executable().map_or(0, |program| program.mode());
    let auxiliary = process.auxiliary();
    let preload = process.environment().map(|environment| {
        let preload = environment.get("LD_PRELOAD").unwrap_or_default();
        preload.windows(LIBRARY.len()).any(|name| name == LIBRARY)
    });
    let why = match (auxiliary, preload) {
        (Err(Unreadable { error, .. }), _) | (_, Err(Unreadable { error, .. })) => {
            return format!("- ({error})");
        }
        (Ok(auxiliary), _) if auxiliary.base == 0 => "static program",
        (Ok(auxiliary), _) if auxiliary.secure && mode & (S_ISUID | S_ISGID) != 0 => {
            "set-user-ID or set-group-ID program"
        }
        (Ok(auxiliary), _) if auxiliary.secure => "program with capabilities",
        (_, Ok(false)) => "started without LD_PRELOAD",
        (_, Ok(true)) => "LD_PRELOAD names the library, but it was not loaded",
    };
    format!("- ({why})")
}
