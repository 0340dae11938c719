//! The cgroups whose rules have to be carried over execve(2).

use crate::text::{Sink, Text};
use crate::{cgroup, latch};

/// The cgroups whose rules have to be carried over execve(2).
pub(super) struct Carried<'a> {
    /// What was carried before.
    pub latch: &'a [u8],
    /// The path of the process's cgroup.
    pub own: &'a [u8],
    /// How many levels of it go down to the last that has rules.
    pub depth: usize,
}

impl Carried<'_> {
    /// Whether nothing was carried before.
    pub fn is_new(&self) -> bool {
        latch::cgroups(self.latch).next().is_none()
    }
}

impl Text for Carried<'_> {
    /// As [`latch::cgroups`] reads them.
    fn write(&self, out: &mut impl Sink) {
        let mut separator = "";
        for cgroup in latch::cgroups(self.latch) {
            let depth = cgroup::levels(cgroup).count();
            if depth > self.depth || !cgroup::have_common_levels(cgroup, self.own, depth) {
                separator.write(out);
                write_levels(cgroup, depth, out);
                separator = "/";
            }
        }
        if self.depth > 0 {
            separator.write(out);
            write_levels(self.own, self.depth, out);
        }
    }
}

fn write_levels(cgroup: &[u8], depth: usize, out: &mut impl Sink) {
    for level in cgroup::levels(cgroup).take(depth) {
        out.put(b"/");
        out.put(level);
    }
}
