//! What a process has of memory, from its smaps, see proc_pid_smaps(5).

use std::fs;

/// Memory of a process, or of some of its mappings, in kB.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Memory {
    /// Pages that are this process's own: what one more process takes.
    pub private_dirty: u64,
    /// Unchanged pages of files that other processes have mapped too.
    pub shared_clean: u64,
}

impl Memory {
    /// All of a process that runs.
    #[must_use]
    pub fn of_process(pid: u32) -> Self {
        Self::of_mappings(pid, "")
    }

    /// Of the mappings of files whose path ends so; without one, all zero.
    #[must_use]
    pub fn of_mappings(pid: u32, path_end: &str) -> Self {
        let smaps = fs::read_to_string(format!("/proc/{pid}/smaps")).expect("the process runs");
        let mut memory = Self::default();
        let mut ours = false;
        for line in smaps.lines() {
            let (key, rest) = line.split_once(' ').unwrap_or((line, ""));
            let size = || rest.trim().trim_end_matches(" kB").parse().unwrap_or(0);
            match key {
                // A mapping's first line: its addresses, and its path at the end.
                _ if !key.ends_with(':') => ours = line.ends_with(path_end),
                "Private_Dirty:" if ours => memory.private_dirty += size(),
                "Shared_Clean:" if ours => memory.shared_clean += size(),
                _ => {}
            }
        }
        memory
    }
}

/// All memory of a process, in kB.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usage {
    /// What is resident, shared or not.
    pub resident: u64,
    /// The same, with each shared page divided by the number of its users.
    pub proportional: u64,
    /// Pages that are this process's own.
    pub private: u64,
}

impl Usage {
    /// Of a process that runs; `None` if the caller may not know.
    #[must_use]
    pub fn of_process(pid: u32) -> Option<Self> {
        let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
        let size = |name: &str| {
            let mut lines = rollup.lines();
            let rest = lines.find_map(|line| line.strip_prefix(name))?;
            rest.trim().trim_end_matches(" kB").parse::<u64>().ok()
        };
        Some(Self {
            resident: size("Rss:")?,
            proportional: size("Pss:")?,
            private: size("Private_Clean:")? + size("Private_Dirty:")?,
        })
    }
}
