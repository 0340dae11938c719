//! Names of systemd's units, and the cgroups that systemd makes for them: systemd.unit(5),
//! systemd.slice(5).

use std::fmt;
use std::str::FromStr;

/// A service: `web-b.service`, `web@b.service`, or all of a template, `web@.service`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service(String);

/// A slice: `system.slice`, `web-batch.slice`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slice(String);

/// Limit of a unit's name, in bytes.
const NAME_MAX: usize = 255;

impl FromStr for Service {
    type Err = String;

    /// As systemctl(1), without `.service` too.
    fn from_str(text: &str) -> Result<Self, String> {
        let name = match text.rsplit_once('.') {
            Some((_, "service")) => text.to_owned(),
            Some((_, "socket")) => {
                return Err(
                    "systemd itself binds it: expected ListenStream=ADDRESS:PORT in it".to_owned(),
                );
            }
            Some((_, kind)) if KINDS.contains(&kind) => {
                return Err("expected a service, like web-b.service".to_owned());
            }
            _ => format!("{text}.service"),
        };
        let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || b":-_.\\@".contains(&byte);
        let stem = name.trim_end_matches(".service");
        if stem.is_empty() || stem.starts_with('@') || name.len() > NAME_MAX {
            return Err("expected a unit's name, like web-b.service".to_owned());
        }
        if !name.bytes().all(is_valid) {
            return Err(
                "expected letters, digits and :-_.\\@ only; systemd-escape(1) makes such a name"
                    .to_owned(),
            );
        }
        Ok(Self(name))
    }
}

/// The other suffixes of units.
const KINDS: [&str; 9] = [
    "device",
    "mount",
    "automount",
    "swap",
    "target",
    "path",
    "timer",
    "slice",
    "scope",
];

impl Service {
    /// Whether it stands for all instances, and so for no cgroup of its own.
    pub fn is_template(&self) -> bool {
        self.0.ends_with("@.service")
    }

    /// The slice that it is in if neither it nor a drop-in says `Slice=`.
    pub fn default_slice(&self) -> Slice {
        let name = match self.0.split_once('@') {
            Some((prefix, _)) => format!("system-{}.slice", escaped(prefix)),
            None => "system.slice".to_owned(),
        };
        Slice(name)
    }

    /// The path of its cgroup; of a template that of the slice, which has all instances.
    pub fn cgroup(&self, slice: &Slice) -> String {
        let slice = slice.cgroup();
        if self.is_template() {
            return slice;
        }
        format!("{slice}/{}", level(&self.0))
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Slice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || b":-_.\\@".contains(&byte);
        match text.strip_suffix(".slice") {
            Some("-") => Ok(Self(text.to_owned())),
            Some(stem)
                if stem.bytes().all(is_valid) && stem.split('-').all(|it| !it.is_empty()) =>
            {
                Ok(Self(text.to_owned()))
            }
            _ => Err("expected a slice, like system.slice".to_owned()),
        }
    }
}

impl Slice {
    /// `a-b.slice` is in `a.slice`; the path of `-.slice` is empty.
    fn cgroup(&self) -> String {
        let stem = self.0.trim_end_matches(".slice");
        if stem == "-" {
            return String::new();
        }
        let ends = stem.match_indices('-').map(|(end, _)| end);
        let levels = ends.chain([stem.len()]);
        levels
            .map(|end| format!("/{}", level(&format!("{}.slice", &stem[..end]))))
            .collect()
    }
}

impl fmt::Display for Slice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// As systemd-escape(1) does it.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'/' => escaped.push('-'),
            b'.' if index == 0 => escaped.push_str("\\x2e"),
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b':' | b'_' | b'.' => {
                escaped.push(char::from(byte));
            }
            _ => escaped.push_str(&format!("\\x{byte:02x}")),
        }
    }
    escaped
}

/// What the kernel's own files in a cgroup begin with: the controllers, and what systemd calls so.
const CONTROLLERS: [&str; 13] = [
    "cpu",
    "cpuacct",
    "cpuset",
    "io",
    "blkio",
    "memory",
    "devices",
    "pids",
    "bpf-firewall",
    "bpf-devices",
    "bpf-foreign",
    "bpf-socket-bind",
    "bpf-restrict-network-interfaces",
];

/// The directory of a unit's cgroup: with `_` before a name that the kernel's own files might have.
fn level(unit: &str) -> String {
    let first = unit.split('.').next().unwrap_or_default();
    let is_taken = first == "cgroup" || CONTROLLERS.contains(&first);
    let prefix = if is_taken || unit.starts_with(['_', '.']) {
        "_"
    } else {
        ""
    };
    format!("{prefix}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cgroup(unit: &str, slice: Option<&str>) -> String {
        let service: Service = unit.parse().expect("a service");
        let slice = slice.map_or_else(
            || service.default_slice(),
            |it| it.parse().expect("a slice"),
        );
        service.cgroup(&slice)
    }

    #[test]
    fn cgroups() {
        for (unit, expected) in [
            ("web-b.service", "/system.slice/web-b.service"),
            ("web-b", "/system.slice/web-b.service"),
            ("web.b", "/system.slice/web.b.service"),
            (r"srv\x2dweb.service", r"/system.slice/srv\x2dweb.service"),
            (
                "web@b.service",
                "/system.slice/system-web.slice/web@b.service",
            ),
            ("web@.service", "/system.slice/system-web.slice"),
            (
                "web-front@b-1",
                r"/system.slice/system-web\x2dfront.slice/web-front@b-1.service",
            ),
            (
                r"a\x2db@c",
                r"/system.slice/system-a\x5cx2db.slice/a\x2db@c.service",
            ),
            ("memory.service", "/system.slice/_memory.service"),
            ("_web.service", "/system.slice/__web.service"),
            ("cgroup.x.service", "/system.slice/_cgroup.x.service"),
            ("memory2.service", "/system.slice/memory2.service"),
        ] {
            assert_eq!(cgroup(unit, None), expected, "{unit}");
        }
        for (slice, expected) in [
            ("-.slice", "/web.service"),
            ("web.slice", "/web.slice/web.service"),
            ("a-b-c.slice", "/a.slice/a-b.slice/a-b-c.slice/web.service"),
            (r"a\x2db.slice", r"/a\x2db.slice/web.service"),
        ] {
            assert_eq!(cgroup("web", Some(slice)), expected, "{slice}");
        }
    }

    #[test]
    fn no_services() {
        for unit in [
            "",
            ".service",
            "@.service",
            "web.socket",
            "web.slice",
            "web/b",
            "wéb",
            "a b",
        ] {
            assert!(unit.parse::<Service>().is_err(), "{unit}");
        }
        for slice in [
            "",
            ".slice",
            "web",
            "-web.slice",
            "web-.slice",
            "a--b.slice",
            "a/b.slice",
        ] {
            assert!(slice.parse::<Slice>().is_err(), "{slice}");
        }
    }
}
