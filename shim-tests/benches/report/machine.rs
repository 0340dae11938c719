//! What the figures belong to.

use std::process::Command;
use std::{fs, thread};

use crate::artifacts::Artifacts;
use crate::command::{self, Failure};

/// The packages whose programs and libraries are measured.
const PACKAGES: [&str; 8] = [
    "nginx",
    "redis-server",
    "redis-tools",
    "wrk",
    "libsocket-wrapper",
    "torsocks",
    "libproxychains4",
    "golang-go",
];

/// In one sentence or two: processors, kernel, libc, load, and the versions of what is measured.
pub fn describe(artifacts: &Artifacts) -> Result<String, Failure> {
    let about = command::output(artifacts.loops().arg("about"))?;
    let cpu = fs::read_to_string("/proc/cpuinfo")?;
    let model = field(&cpu, "model name").map_or("an unnamed processor", str::trim);
    let virtual_machine = field(&cpu, "flags").is_some_and(|flags| flags.contains(" hypervisor"));
    let kind = if virtual_machine {
        "a virtual machine"
    } else {
        "a machine"
    };
    let load = fs::read_to_string("/proc/loadavg")?;
    let load = load.split_whitespace().next().unwrap_or_default();
    let packages: Vec<_> = PACKAGES.iter().filter_map(|name| version(name)).collect();
    let packages = match packages.as_slice() {
        [] => String::new(),
        _ => format!(" Debian packages: {}.", packages.join(", ")),
    };
    Ok(format!(
        "On {kind}, {model}, {}; load average at the start {load}.{packages}",
        about.trim()
    ))
}

/// Date and machine, for the name of a directory: `2026-11-25-amd-epyc-2-cpus`.
pub fn label() -> Result<String, Failure> {
    let date = command::output(Command::new("date").args(["-u", "+%F"]))?;
    let cpu = fs::read_to_string("/proc/cpuinfo")?;
    let model = field(&cpu, "model name")
        .unwrap_or("unnamed")
        .to_lowercase();
    let words = model.split(|character: char| !character.is_ascii_alphanumeric());
    let mut parts = vec![date.trim()];
    parts.extend(words.filter(|word| !word.is_empty()));
    let count = thread::available_parallelism()?;
    Ok(format!("{}-{count}-cpus", parts.join("-")))
}

fn field<'a>(cpuinfo: &'a str, name: &str) -> Option<&'a str> {
    let lines = cpuinfo.lines().filter_map(|line| line.split_once(':'));
    let mut values = lines.filter(|(key, _)| key.trim() == name);
    values.next().map(|(_, value)| value.trim_end())
}

/// `NAME VERSION` of a package that is installed.
fn version(package: &str) -> Option<String> {
    let query = [
        "-W",
        "-f",
        "${db:Status-Status} ${Package} ${Version}",
        package,
    ];
    let output = Command::new("dpkg-query").args(query).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.strip_prefix("installed ")?.to_owned())
}
