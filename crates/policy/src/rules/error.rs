//! A file of rules that can't be used.

use crate::text::{Printable, Sink, Text, text_is_error};

/// A file of rules that can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleError<'a> {
    /// The line, from 1; 0 when the file as a whole is at fault.
    pub line: u32,
    /// The word at fault, as it is written there; empty where one is missing.
    pub word: &'a [u8],
    /// What is wrong with it.
    pub problem: RuleProblem,
}

/// What can be wrong with a file of rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleProblem {
    /// The word can't be there: what is wrong, if it isn't plain, and what was expected.
    Syntax(&'static str),
    /// The file has neither a rule nor a chain's policy.
    Empty,
    /// COMMIT, without the header of a table before it.
    NoHeader,
    /// The header of a table, without COMMIT behind it.
    NoCommit,
    /// There is no memory for more rules, addresses or ports.
    TooMany,
    /// There is no memory for one more file.
    TooManyFiles,
}

text_is_error!(['a] RuleError<'a>);

impl Text for RuleError<'_> {
    /// The line if it isn't 0, the word, what is wrong and what was expected.
    fn write(&self, out: &mut impl Sink) {
        if self.line != 0 {
            (self.line, ": ").write(out);
        }
        if !self.word.is_empty() {
            ("\"", Printable(self.word), "\": ").write(out);
        }
        match self.problem {
            RuleProblem::Syntax(what) => what,
            RuleProblem::Empty => {
                "holds no rule: expected a line like -A BIND -p tcp --sport 8000:8999 -j ACCEPT"
            }
            RuleProblem::NoHeader => "expected *filter before it, or no COMMIT",
            RuleProblem::NoCommit => "expected COMMIT at the table's end",
            RuleProblem::TooMany => {
                "is one too many: expected fewer rules, addresses or ports in all"
            }
            RuleProblem::TooManyFiles => "is one too many: expected fewer levels with rules",
        }
        .write(out);
    }
}
