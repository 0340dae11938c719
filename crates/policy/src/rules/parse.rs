//! The text of a file of rules, read as iptables-restore(8) reads it.
//!
//! What iptables has and this has not is a mistake, and never ignored. The table's header may be
//! left out, and with it COMMIT.

use super::builder::Builder;
use super::error::{RuleError, RuleProblem};
use super::memory::RuleFile;
use super::reader::{Reader, Table};
use super::words::Words;
use crate::text::Text;

impl Builder<'_> {
    /// Reads the next file, which messages call `name`.
    ///
    /// # Errors
    /// The first mistake; nothing may be made of the builder then.
    pub fn read<'a>(&mut self, name: &impl Text, text: &'a [u8]) -> Result<(), RuleError<'a>> {
        let start = self.rules();
        let file = read(self, text)?;
        self.push_file(name, file, start)
            .map_err(|problem| RuleError {
                line: 0,
                word: b"",
                problem,
            })
    }
}

/// Reads one file, whose rules the builder keeps.
///
/// # Errors
/// The first mistake.
fn read<'a>(builder: &mut Builder<'_>, text: &'a [u8]) -> Result<RuleFile, RuleError<'a>> {
    let mut reader = Reader {
        builder,
        file: RuleFile::EMPTY,
        table: Table::None,
        line: 0,
        says_something: false,
    };
    reader.read(text)?;
    Ok(reader.file)
}

impl<'a> Reader<'a, '_, '_> {
    fn read(&mut self, text: &'a [u8]) -> Result<(), RuleError<'a>> {
        for line in text.split(|&byte| byte == b'\n') {
            self.line += 1;
            if line.first() != Some(&b'#') {
                self.read_line(line)?;
            }
        }
        if let Table::Open { line, header } = self.table {
            self.line = line;
            return Err(self.fault(header, RuleProblem::NoCommit));
        }
        if self.says_something {
            return Ok(());
        }
        self.line = 0;
        Err(self.fault(b"", RuleProblem::Empty))
    }

    fn read_line(&mut self, line: &'a [u8]) -> Result<(), RuleError<'a>> {
        let mut words = Words::of(line);
        let Some(mut first) = self.next(&mut words)? else {
            return Ok(());
        };
        if self.table == Table::Committed {
            return Err(self.error(
                first.text,
                "expected nothing behind COMMIT: one table is all",
            ));
        }
        match first.text.first() {
            Some(b'*') => return self.read_table(first.text, words),
            Some(b':') => return self.read_policy(first.text, words),
            Some(b'[') => {
                self.check_counters(first.text)?;
                first = self.expect(&mut words, "expected a rule behind its counters")?;
            }
            _ => {}
        }
        match first.text {
            b"COMMIT" if matches!(self.table, Table::Open { .. }) => {
                self.table = Table::Committed;
                self.expect_end(words)
            }
            b"COMMIT" => Err(self.fault(first.text, RuleProblem::NoHeader)),
            b"-A" | b"--append" => self.read_rule(words),
            other => Err(self.error(
                other,
                "expected -A CHAIN and a rule, :CHAIN and its policy, *filter, COMMIT or a comment",
            )),
        }
    }

    fn read_table(&mut self, name: &'a [u8], words: Words<'a>) -> Result<(), RuleError<'a>> {
        if name != b"*filter" {
            return Err(self.error(name, "expected the table filter"));
        }
        if self.says_something || self.table != Table::None {
            return Err(self.error(name, "expected one table, its header before all rules"));
        }
        self.table = Table::Open {
            line: self.line,
            header: name,
        };
        self.expect_end(words)
    }

    /// `:CHAIN POLICY [PACKETS:BYTES]`
    fn read_policy(&mut self, word: &'a [u8], mut words: Words<'a>) -> Result<(), RuleError<'a>> {
        let chain = self.chain(word.get(1..).unwrap_or(&[]))?;
        let expected = "expected the chain's policy, ACCEPT or DROP";
        let policy = self.expect(&mut words, expected)?.text;
        let drops = match policy {
            b"ACCEPT" | b"-" => false,
            b"DROP" => true,
            other => return Err(self.error(other, expected)),
        };
        if let Some(counters) = self.next(&mut words)? {
            self.check_counters(counters.text)?;
        }
        let line = self.line;
        let chain = self.file.chain_mut(chain);
        chain.drops = drops;
        chain.policy_line = line;
        self.says_something = true;
        self.expect_end(words)
    }

    /// `[PACKETS:BYTES]`
    fn check_counters(&self, word: &'a [u8]) -> Result<(), RuleError<'a>> {
        let inner = word
            .strip_prefix(b"[")
            .and_then(|word| word.strip_suffix(b"]"));
        let mut halves = inner.unwrap_or(&[]).splitn(2, |&byte| byte == b':');
        let is_number = |half: Option<&[u8]>| {
            half.is_some_and(|half| !half.is_empty() && half.iter().all(u8::is_ascii_digit))
        };
        if is_number(halves.next()) && is_number(halves.next()) {
            Ok(())
        } else {
            Err(self.error(word, "expected counters like [0:0]"))
        }
    }

    fn expect_end(&self, mut words: Words<'a>) -> Result<(), RuleError<'a>> {
        match self.next(&mut words)? {
            None => Ok(()),
            Some(word) => Err(self.error(word.text, "expected the line's end")),
        }
    }
}
