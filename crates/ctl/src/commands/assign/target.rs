//! The files of a cgroup as they are, and as an assignment would make them.

use std::path::Path;

use ipaddr_host::cgroup_path::CgroupPath;
use ipaddr_host::level_files::Disk;
use ipaddr_host::reader::Reader;
use ipaddr_host::tree;
use ipaddr_policy::levels::{Error, FileName, Files, LevelFile, Place};
use ipaddr_policy::list::{self, Separator};
use ipaddr_policy::text::Shown;
use ipaddr_policy::trust::FileProblem;
use ipaddr_policy::{Assignment, Family};

use crate::addresses::Summary;
use crate::failure::Failure;
use crate::store::NewFile;

/// The cgroup that gets an assignment.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    /// The policy directory.
    pub directory: &'a Path,
    /// The cgroup.
    pub cgroup: &'a CgroupPath,
    /// Whether what is assigned already may be replaced.
    pub replace: bool,
}

impl Target<'_> {
    /// The text of a list that is there and may be replaced.
    ///
    /// # Errors
    /// `EPERM`: it assigns something, and that isn't to be replaced.
    pub fn old(&self, family: Family) -> Result<Option<Vec<u8>>, Failure> {
        let file = self.cgroup.own_file(self.directory, FileName::List(family));
        let mut disk = Disk::default();
        match disk.read(&file) {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            // It may be somebody else's: that is to be settled first.
            Err(problem) if self.replace => {
                let mistake = Error::unusable(Place::File(file), problem);
                return Err(Failure::Unusable(mistake.to_string()));
            }
            // It is found with the levels.
            Err(_) => return Ok(None),
        }
        let text = disk.text();
        let mut assignment = Assignment::UNASSIGNED;
        match list::parse(text, Separator::Line, family, &mut assignment) {
            Ok(()) if !assignment.is_unassigned() && !self.replace => {
                Err(Failure::NotPermitted(format!(
                    "{}:{}: {} is assigned already: {}: expected --replace to change it",
                    Shown(file),
                    assignment.line,
                    family.name(),
                    Summary(&assignment, family)
                )))
            }
            _ => Ok(Some(text.to_vec())),
        }
    }

    /// Reads the policy of the cgroup and of each in it that has one: as it is, and as it would be.
    /// What is to be replaced need not be usable as it is.
    ///
    /// # Errors
    /// It can't be used as it is; `EPERM`: it couldn't be used as it would be.
    pub fn check_levels(&self, files: &[NewFile]) -> Result<(), Failure> {
        let mut reader = Reader::default();
        self.check_levels_of(self.cgroup, files, &mut reader)?;
        if !self.cgroup.directory_in(self.directory).is_dir() {
            return Ok(());
        }
        tree::walk(self.directory, self.cgroup.clone(), &mut |level| {
            let level = level?;
            let has_policy = |name: FileName| level.has(name.as_str());
            if FileName::ALL.into_iter().any(has_policy) {
                self.check_levels_of(&level.cgroup, files, &mut reader)?;
            }
            Ok(())
        })
    }

    fn check_levels_of(
        &self,
        cgroup: &CgroupPath,
        new: &[NewFile],
        reader: &mut Reader,
    ) -> Result<(), Failure> {
        let given = cgroup.given(self.directory);
        let as_it_is = reader.read(&given, &mut Disk::default(), |_, _| ());
        if !self.replace {
            as_it_is.clone()?;
        }
        let mut would_be = WouldBe {
            disk: Disk::default(),
            depth: self.cgroup.depth(),
            new,
            text: None,
        };
        let as_it_would_be = reader.read(&given, &mut would_be, |_, _| ());
        as_it_would_be.map_err(|error| match as_it_is {
            // It isn't the new list's fault.
            Err(now) if now == error => Failure::Unusable(error.to_string()),
            _ => Failure::NotPermitted(error.to_string()),
        })
    }
}

/// The files as they would be.
struct WouldBe<'a> {
    disk: Disk,
    /// The level of the new ones.
    depth: usize,
    new: &'a [NewFile],
    /// The text of the last file, if it is a new one.
    text: Option<&'a str>,
}

impl Files for WouldBe<'_> {
    fn read(&mut self, file: &LevelFile<&[u8]>) -> Result<bool, FileProblem> {
        let new = self.new.iter().find(|new| new.name == file.name);
        let new = new.filter(|_| file.depth == self.depth);
        self.text = new.map(|new| &*new.text);
        match self.text {
            None => self.disk.read(file),
            Some(text) if text.len() >= file.name.limit() as usize => Err(FileProblem::TooLarge),
            Some(_) => Ok(true),
        }
    }

    fn text(&self) -> &[u8] {
        self.text.map_or(self.disk.text(), str::as_bytes)
    }

    fn has_directory(&mut self, file: &LevelFile<&[u8]>) -> Result<bool, FileProblem> {
        // Missing directories down to the new files' are going to be made.
        Ok(self.disk.has_directory(file)? || file.depth <= self.depth)
    }
}
