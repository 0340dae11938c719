//! The systemd unit of a process.

use crate::cgroup_path::CgroupPath;

/// The unit that a process in this cgroup belongs to, as systemctl(1) takes its name: the innermost
/// service or scope on the path. `None` where systemd made no cgroup of either kind.
#[must_use]
pub fn of_cgroup(cgroup: &CgroupPath) -> Option<String> {
    let units = cgroup.levels().filter_map(|level| {
        let level = str::from_utf8(level).ok()?;
        // systemd puts this before a name that the kernel's own files might have.
        let unit = level.strip_prefix('_').unwrap_or(level);
        let is_unit = [".service", ".scope"].iter().any(|kind| {
            let name = unit.strip_suffix(kind);
            name.is_some_and(|name| !name.is_empty())
        });
        is_unit.then(|| unit.escape_debug().to_string().replace("\\\\", "\\"))
    });
    units.last()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(cgroup: &str) -> Option<String> {
        of_cgroup(&CgroupPath::parse(cgroup.as_bytes()).expect("it is a path"))
    }

    #[test]
    fn the_innermost_service_or_scope() {
        for (cgroup, expected) in [
            ("/system.slice/web-b.service", Some("web-b.service")),
            ("/system.slice/web-b.service/worker", Some("web-b.service")),
            (
                "/user.slice/user-1000.slice/user@1000.service/app.slice/run-7.scope",
                Some("run-7.scope"),
            ),
            (
                r"/system.slice/dev-disk\x2dby.service",
                Some(r"dev-disk\x2dby.service"),
            ),
            ("/system.slice/_cgroup.service", Some("cgroup.service")),
            ("/system.slice", None),
            ("/web/.service", None),
            ("/", None),
        ] {
            assert_eq!(unit(cgroup).as_deref(), expected, "{cgroup}");
        }
    }
}
