//! Addresses of an assignment that another cgroup has too.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::IpAddr;
use std::path::Path;

use ipaddr_host::cgroup_path::CgroupPath;
use ipaddr_host::level_files::Disk;
use ipaddr_host::tree::{self, LevelDirectory};
use ipaddr_policy::family::may_be_source;
use ipaddr_policy::levels::{FileName, Files};
use ipaddr_policy::text::Shown;
use ipaddr_policy::{Assignment, Family};

use crate::addresses;
use crate::failure;
use crate::store::NewFile;

/// Where else an address is assigned: the first place, and how many there are.
struct Elsewhere {
    place: String,
    cgroup: CgroupPath,
    count: usize,
}

/// Warns of each address that a list of another cgroup names too: of one that is neither around this
/// one nor inside it. Two services on one address are rarely meant, and get `EADDRINUSE`.
pub fn warn(directory: &Path, cgroup: &CgroupPath, files: &[NewFile]) {
    for file in files {
        let FileName::List(family) = file.name else {
            continue;
        };
        let own: Vec<_> = single_addresses(file.text.as_bytes(), family)
            .into_iter()
            .map(|(_, address)| address)
            .collect();
        for (address, elsewhere) in find(directory, cgroup, family, &own) {
            let Elsewhere {
                place,
                cgroup,
                count,
            } = elsewhere;
            let others = match count {
                1 => String::new(),
                _ => format!(", and to {} more", count - 1),
            };
            failure::warn(format_args!(
                "{place}: {address} is assigned to {cgroup} too{others}"
            ));
        }
    }
}

fn find(
    directory: &Path,
    cgroup: &CgroupPath,
    family: Family,
    own: &[IpAddr],
) -> BTreeMap<IpAddr, Elsewhere> {
    let name = FileName::List(family);
    let mut disk = Disk::default();
    let mut found: BTreeMap<IpAddr, Elsewhere> = BTreeMap::new();
    let mut visit = |level: LevelDirectory| {
        let is_related = cgroup.holds(&level.cgroup) || level.cgroup.holds(cgroup);
        if is_related || !level.has(name.as_str()) {
            return;
        }
        let file = level.cgroup.own_file(directory, name);
        if disk.read(&file) != Ok(true) {
            return;
        }
        for (line, address) in single_addresses(disk.text(), family) {
            if own.contains(&address) {
                let place = || Shown((file, ":", line)).to_string();
                let elsewhere = found.entry(address).or_insert_with(|| Elsewhere {
                    place: place(),
                    cgroup: level.cgroup.clone(),
                    count: 0,
                });
                elsewhere.count += 1;
            }
        }
    };
    let walked = tree::walk(directory, CgroupPath::root(), &mut |level| {
        // `check` reports a directory that can't be read.
        if let Ok(level) = level {
            visit(level);
        }
        Ok::<_, Infallible>(())
    });
    let Ok(()) = walked;
    found
}

/// The addresses that a list names one by one, with their lines. Loopback's and multicast addresses are
/// everybody's.
fn single_addresses(text: &[u8], family: Family) -> Vec<(u32, IpAddr)> {
    let mut memory = Box::new(Assignment::UNASSIGNED);
    addresses::ranges_by_line(text, family, &mut memory)
        .filter(|(_, range)| range.first == range.last)
        .map(|(line, range)| (line, family.address(range.first)))
        .filter(|(_, address)| may_be_source(*address) && *address != family.loopback())
        .collect()
}
