//! What is known of a file of rules while it is read.

use super::builder::Builder;
use super::chain::Chain;
use super::error::{RuleError, RuleProblem};
use super::memory::RuleFile;
use super::words::{BadQuote, Word, Words};

/// The table: all rules are in one, or the file has none.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Table<'a> {
    /// None yet.
    None,
    /// One whose COMMIT is to come.
    Open {
        /// The line of its header, from 1.
        line: u32,
        /// Its header.
        header: &'a [u8],
    },
    /// One that has ended.
    Committed,
}

/// What is known of a file while it is read; `'a` is its text's.
pub(super) struct Reader<'a, 'b, 'r> {
    pub builder: &'b mut Builder<'r>,
    pub file: RuleFile,
    pub table: Table<'a>,
    /// The line that is being read, from 1.
    pub line: u32,
    /// Whether there was a rule or a policy.
    pub says_something: bool,
}

impl<'a> Reader<'a, '_, '_> {
    pub fn chain(&self, name: &'a [u8]) -> Result<Chain, RuleError<'a>> {
        Chain::ALL
            .into_iter()
            .find(|chain| chain.name().as_bytes() == name)
            .ok_or(self.error(name, "expected a chain: BIND, CONNECT or ACCEPT"))
    }

    pub fn next(&self, words: &mut Words<'a>) -> Result<Option<Word<'a>>, RuleError<'a>> {
        words.next().map_err(|BadQuote(text)| {
            self.error(text, "expected double quotes around a whole word, or none")
        })
    }

    pub fn expect(
        &self,
        words: &mut Words<'a>,
        expected: &'static str,
    ) -> Result<Word<'a>, RuleError<'a>> {
        self.next(words)?.ok_or(self.error(b"", expected))
    }

    pub fn once(&self, option: &'a [u8], is_first: bool) -> Result<(), RuleError<'a>> {
        self.allow(option, is_first, "is given twice: expected one")
    }

    pub fn allow(
        &self,
        word: &'a [u8],
        allowed: bool,
        problem: &'static str,
    ) -> Result<(), RuleError<'a>> {
        if allowed {
            Ok(())
        } else {
            Err(self.error(word, problem))
        }
    }

    pub const fn error(&self, word: &'a [u8], expected: &'static str) -> RuleError<'a> {
        self.fault(word, RuleProblem::Syntax(expected))
    }

    pub const fn fault(&self, word: &'a [u8], problem: RuleProblem) -> RuleError<'a> {
        RuleError {
            line: self.line,
            word,
            problem,
        }
    }
}
