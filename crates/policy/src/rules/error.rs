//! A file of rules that can't be used.

use crate::text::{Printable, Sink, Text};

/// A file of rules that can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleError<'a> {
    /// The line, from 1; 0 when the file as a whole is at fault.
    pub line: u32,
    /// The word at fault, as it stands there; empty where one is missing.
    pub word: &'a [u8],
    /// What is wrong, if it isn't plain, and what was expected.
    pub problem: &'static str,
}

impl Text for RuleError<'_> {
    /// The line, the word, what is wrong and what was expected.
    fn write(&self, out: &mut impl Sink) {
        if self.line != 0 {
            (self.line, ": ").write(out);
        } else {
            " ".write(out);
        }
        if !self.word.is_empty() {
            ("\"", Printable(self.word), "\": ").write(out);
        }
        self.problem.write(out);
    }
}
