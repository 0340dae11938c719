//! The state of a program as it is predicted.
//!
//! One model for all ways: where one of them does otherwise it calls [`Counts::differs`].

use crate::differences::{Counts, Difference, Way};
use crate::kernel::Kernel;
use crate::place::Place;
use crate::process::Process;
use crate::program::Program;
use crate::rules::Rules;

/// A program in one way, as far as it has got.
pub struct Model<'a> {
    pub way: Way,
    pub rules: Rules,
    pub counts: &'a Counts,
    pub kernel: Kernel<'a>,
    pub process: Process,
}

impl<'a> Model<'a> {
    /// As the program begins.
    pub fn new(way: Way, program: &Program, place: &'a Place, counts: &'a Counts) -> Self {
        Self {
            way,
            rules: Rules(program.setting),
            counts,
            kernel: Kernel::new(place),
            process: Process::new(way, program.setting),
        }
    }

    /// See [`Counts::differs`].
    pub fn differs(&self, difference: Difference) -> bool {
        self.counts.differs(self.way, difference)
    }
}
