//! What is known of a file of rules while it is read.

use super::builder::Builder;
use super::chain::Chain;
use super::error::RuleError;
use super::memory::RuleFile;
use super::words::{BadQuote, Word, Words};

/// The table's header: rules stand in one, or the file has none.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Table {
    None,
    /// In this line.
    Open(u32),
    Committed,
}

/// What is known of a file while it is read.
pub(super) struct Reader<'b, 'r> {
    pub builder: &'b mut Builder<'r>,
    pub file: RuleFile,
    pub table: Table,
    /// The line that is being read, from 1.
    pub line: u32,
    /// Whether there was a rule or a policy.
    pub says_something: bool,
}

impl Reader<'_, '_> {
    pub fn chain<'a>(&self, name: &'a [u8]) -> Result<Chain, RuleError<'a>> {
        Chain::ALL
            .into_iter()
            .find(|chain| chain.name().as_bytes() == name)
            .ok_or(self.error(name, "expected a chain: BIND, CONNECT or ACCEPT"))
    }

    pub fn next<'a>(&self, words: &mut Words<'a>) -> Result<Option<Word<'a>>, RuleError<'a>> {
        words.next().map_err(|BadQuote(text)| {
            self.error(text, "expected double quotes around a whole word, or none")
        })
    }

    pub fn expect<'a>(
        &self,
        words: &mut Words<'a>,
        expected: &'static str,
    ) -> Result<Word<'a>, RuleError<'a>> {
        self.next(words)?.ok_or(self.error(b"", expected))
    }

    pub fn once<'a>(&self, option: &'a [u8], is_first: bool) -> Result<(), RuleError<'a>> {
        self.allow(option, is_first, "is given twice: expected one")
    }

    pub fn allow<'a>(
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

    pub const fn error<'a>(&self, word: &'a [u8], problem: &'static str) -> RuleError<'a> {
        RuleError {
            line: self.line,
            word,
            problem,
        }
    }
}
