//! `ipaddrctl unit`

mod drop_in;
mod name;

use std::env;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ipaddr_host::cgroup_path::CgroupPath;
use ipaddr_host::settings;
use ipaddr_policy::Family;
use ipaddr_policy::levels::FileName;
use ipaddr_policy::text::Shown;

use super::assign;
use crate::failure::{Failure, Outcome, warn};
use crate::store;
pub use name::{Service, Slice};

/// Where an administrator's drop-ins are.
const UNITS: &str = "/etc/systemd/system";

/// What the service gets, and from where.
pub struct Options<'a> {
    /// IPv4's list, entries separated by commas.
    pub ip: Option<&'a str>,
    /// IPv6's list, or `any`.
    pub ip6: Option<&'a str>,
    /// The slice that the service is in, if systemd isn't to be asked.
    pub slice: Option<&'a Slice>,
    /// The library, if it isn't to be searched for.
    pub library: Option<&'a Path>,
    /// Whether the files are written, not printed.
    pub install: bool,
    /// Whether an assignment that is there is replaced.
    pub replace: bool,
    /// The directory of the units, in the place of /etc/systemd/system.
    pub units: Option<&'a Path>,
}

/// Prints or installs what makes a service use its addresses and no other.
pub fn run(policy: Option<&Path>, unit: &Service, options: &Options) -> Result<Outcome, Failure> {
    let directory = settings::policy_directory(policy)?;
    let lists = lists(options.ip, options.ip6)?;
    let slice = match options.slice {
        Some(slice) => slice.clone(),
        None => slice_of(unit),
    };
    if unit.is_template() && slice != unit.default_slice() {
        return Err(Failure::Invalid(format!(
            "{unit}: {slice} has other services too: expected an instance, like {}",
            unit.to_string().replace("@.", "@b.")
        )));
    }
    let cgroup = CgroupPath::parse(unit.cgroup(&slice).as_bytes())
        .map_err(|error| Failure::Invalid(format!("{unit}: {error}")))?;
    let files: Vec<_> = lists
        .iter()
        .map(|(family, _)| Shown(cgroup.own_file(&directory, FileName::List(*family))).to_string())
        .collect();
    let library = library(options.library)?;
    let text = drop_in::text(&library, &directory, &files)?;
    let units = options.units.unwrap_or(Path::new(UNITS));
    let place = units.join(format!("{unit}.d")).join("libipaddr.conf");
    if options.install {
        assign::write(
            &directory,
            &cgroup,
            lists,
            assign::Options {
                replace: options.replace,
                create: false,
            },
        )?;
        store::write_file(&place, &text)?;
        let mut out = anstream::stdout().lock();
        writeln!(out, "{}", place.display())?;
        writeln!(
            out,
            "from the next start on: systemctl daemon-reload && systemctl restart {}",
            restarted(unit)
        )?;
        return Ok(Outcome::Fine);
    }
    let mut out = anstream::stdout().lock();
    writeln!(out, "# {}\n{text}", place.display())?;
    for (index, (file, (_, text))) in files.iter().zip(&lists).enumerate() {
        let space = if index == 0 { "" } else { "\n" };
        write!(out, "{space}# {file}\n{text}")?;
    }
    Ok(Outcome::Fine)
}

/// The lists of both families, as run-restricted's --ip and --ip6 mean them: with an IPv4 address alone,
/// no other address is expected, of IPv6 either.
fn lists(ip: Option<&str>, ip6: Option<&str>) -> Result<Vec<(Family, String)>, Failure> {
    let ip6 = match ip6 {
        Some("any") => None,
        None => ip.map(|_| "loopback"),
        given => given,
    };
    let given = [(Family::Ipv4, ip), (Family::Ipv6, ip6)];
    let mut lists = Vec::new();
    for (family, entries) in given {
        if let Some(entries) = entries {
            let entries: Vec<_> = entries.split(',').map(str::trim).collect();
            lists.push((family, assign::list(&entries, family)?));
        }
    }
    if lists.is_empty() {
        return Err(Failure::Invalid(
            "--ip6 any assigns nothing: expected --ip too".to_owned(),
        ));
    }
    Ok(lists)
}

/// What systemctl(1) says, or else what systemd does with a unit that says nothing. Warns where that may
/// not be what is meant.
fn slice_of(unit: &Service) -> Slice {
    if unit.is_template() {
        return unit.default_slice();
    }
    let show = Command::new("systemctl")
        .args(["show", "--property=LoadState,Slice,TriggeredBy", "--"])
        .arg(unit.to_string())
        .stdin(Stdio::null())
        .output();
    let said = match show {
        Ok(output) if output.status.success() => {
            String::from_utf8_lossy(&output.stdout).into_owned()
        }
        _ => String::new(),
    };
    let property = |name: &str| {
        let mut lines = said.lines().filter_map(|line| line.split_once('='));
        lines.find_map(|(key, value)| (key == name && !value.is_empty()).then_some(value))
    };
    for socket in property("TriggeredBy").unwrap_or_default().split(' ') {
        if socket.ends_with(".socket") {
            warn(format_args!(
                "{unit}: {socket} passes it sockets that systemd binds, which no policy restricts: expected ListenStream=ADDRESS:PORT in {socket}"
            ));
        }
    }
    if property("LoadState") == Some("not-found") {
        warn(format_args!("{unit}: systemd knows no such unit"));
    }
    if let Some(slice) = property("Slice").and_then(|slice| slice.parse().ok()) {
        return slice;
    }
    let slice = unit.default_slice();
    if said.is_empty() {
        warn(format_args!(
            "{unit}: systemctl doesn't say which slice it is in: {slice} is assumed, expected --slice if it is another"
        ));
    }
    slice
}

/// The library: where it is said to be, or where packages have it.
fn library(given: Option<&Path>) -> Result<PathBuf, Failure> {
    let resolved = |path: &Path| {
        let path = fs::canonicalize(path)?;
        match path.is_file() {
            true => Ok(path),
            false => Err(std::io::Error::from(std::io::ErrorKind::NotFound)),
        }
    };
    if let Some(path) = given {
        return resolved(path).map_err(|error| Failure::system(path.display(), &error));
    }
    let beside = env::current_exe().ok().and_then(|program| {
        let prefix = program.parent()?.parent()?;
        Some(prefix.join("lib/libipaddr/libipaddr.so"))
    });
    let places = ["/usr/lib", "/usr/local/lib"];
    let places = places.map(|place| Path::new(place).join("libipaddr/libipaddr.so"));
    let found = beside
        .into_iter()
        .chain(places)
        .find_map(|path| resolved(&path).ok());
    found.ok_or_else(|| {
        Failure::System(
            "there is no libipaddr.so: expected one in /usr/lib/libipaddr, or --library".to_owned(),
        )
    })
}

/// For systemctl restart, which takes a pattern for the instances that run.
fn restarted(unit: &Service) -> String {
    let unit = unit.to_string();
    match unit.contains("@.") || unit.contains('\\') {
        true => format!("'{}'", unit.replace("@.", "@*.")),
        false => unit,
    }
}
