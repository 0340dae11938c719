//! The files of a cgroup's levels, as they are shown.

use ipaddr_host::level_files::Disk;
use ipaddr_host::subject::Subject;
use ipaddr_policy::levels::{FileName, Files};
use ipaddr_policy::text::Shown;

/// A file of a level.
pub struct LevelText {
    /// Which one.
    pub name: FileName,
    /// Its path, printable.
    pub path: String,
    text: String,
}

impl LevelText {
    /// Those of a cgroup and of the cgroups around it that can be read, outer ones first.
    pub fn of(subject: &Subject) -> Vec<Self> {
        let mut disk = Disk::default();
        let mut found = Vec::new();
        for depth in 0..=subject.cgroup.depth() {
            for name in FileName::ALL {
                let file = subject.cgroup.file(&subject.directory, depth, name);
                if disk.read(&file) == Ok(true) {
                    found.push(Self {
                        name,
                        path: Shown(file).to_string(),
                        text: String::from_utf8_lossy(disk.text()).into_owned(),
                    });
                }
            }
        }
        found
    }

    /// The lines that aren't empty and no comments, with their numbers.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().map(str::trim).enumerate();
        lines
            .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
            .map(|(index, line)| (index + 1, line))
    }
}
