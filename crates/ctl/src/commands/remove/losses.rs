//! What the levels inside a cgroup lose by the removal of its files.

use std::convert::Infallible;
use std::path::Path;

use ipaddr_host::cgroup_path::CgroupPath;
use ipaddr_host::level_files::Disk;
use ipaddr_host::reader::Reader;
use ipaddr_host::tree::{self, LevelDirectory};
use ipaddr_policy::Family;
use ipaddr_policy::levels::{FileName, Files, LevelFile};
use ipaddr_policy::text::Shown;
use ipaddr_policy::trust::FileProblem;

use crate::addresses::Summary;

/// A line for each level inside the cgroup that has files of its own, and each of the removed files
/// that limits it or assigns it something.
pub fn of_removal(directory: &Path, cgroup: &CgroupPath, removed: &[FileName]) -> Vec<String> {
    let levels = levels_inside(directory, cgroup);
    let mut losses = Vec::new();
    for &name in removed {
        let path = Shown(cgroup.own_file(directory, name)).to_string();
        for level in &levels {
            let inner = &level.cgroup;
            // What is removed limits the outer one of two lists; that one limits the other.
            let has_list_between = levels.iter().any(|between| {
                between.has(name.as_str())
                    && between.cgroup != *inner
                    && between.cgroup.holds(inner)
            });
            losses.extend(match name {
                FileName::List(_) if has_list_between => None,
                FileName::List(family) if !level.has(name.as_str()) => {
                    let has = without(directory, cgroup, inner, family);
                    Some(format!(
                        "{inner} loses what {path} assigns: {} is {has} then",
                        family.name()
                    ))
                }
                FileName::List(_) | FileName::Rules => {
                    Some(format!("{inner} loses the limit of {path}"))
                }
            });
        }
    }
    losses
}

/// Those with files of their own, outer ones first.
fn levels_inside(directory: &Path, cgroup: &CgroupPath) -> Vec<LevelDirectory> {
    let mut levels = Vec::new();
    let walked = tree::walk(directory, cgroup.clone(), &mut |level| {
        // `check` reports a directory that can't be read.
        if let Ok(level) = level
            && level.cgroup != *cgroup
            && FileName::ALL.iter().any(|name| level.has(name.as_str()))
        {
            levels.push(level);
        }
        Ok::<_, Infallible>(())
    });
    let Ok(()) = walked;
    levels
}

/// What a level has of a family without the removed files.
fn without(directory: &Path, cgroup: &CgroupPath, level: &CgroupPath, family: Family) -> String {
    let mut files = Without {
        disk: Disk::default(),
        depth: cgroup.depth(),
    };
    let given = level.given(directory);
    let summary = Reader::default().read(&given, &mut files, |policy, _| {
        Summary(policy.family(family), family).to_string()
    });
    summary.unwrap_or_else(|mistake| format!("refused ({mistake})"))
}

/// The files but for those of one level.
struct Without {
    disk: Disk,
    /// The level whose files are removed.
    depth: usize,
}

impl Files for Without {
    fn read(&mut self, file: &LevelFile<&[u8]>) -> Result<bool, FileProblem> {
        if file.depth == self.depth {
            return Ok(false);
        }
        self.disk.read(file)
    }

    fn text(&self) -> &[u8] {
        self.disk.text()
    }

    fn has_directory(&mut self, file: &LevelFile<&[u8]>) -> Result<bool, FileProblem> {
        self.disk.has_directory(file)
    }
}
