//! A line, cut into words as iptables-restore(8) does: by spaces and tabs, but for what stands in
//! double quotes.

/// A word of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word<'a> {
    /// Without its quotes; what a backslash is before is left as it is.
    pub text: &'a [u8],
    pub quoted: bool,
}

/// A double quote that isn't closed, or that doesn't stand at the beginning and the end of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BadQuote<'a>(pub &'a [u8]);

pub(super) struct Words<'a> {
    rest: &'a [u8],
}

impl<'a> Words<'a> {
    pub const fn of(line: &'a [u8]) -> Self {
        Self { rest: line }
    }

    /// The next word; `None` at the end of the line.
    pub fn next(&mut self) -> Result<Option<Word<'a>>, BadQuote<'a>> {
        let line = self.rest.trim_ascii_start();
        match line.split_first() {
            None => Ok(None),
            Some((b'"', quoted)) => {
                let end = closing_quote(quoted).ok_or(BadQuote(line))?;
                let (text, rest) = quoted.split_at_checked(end).ok_or(BadQuote(line))?;
                let rest = rest.get(1..).unwrap_or(&[]);
                if rest.first().is_some_and(|byte| !byte.is_ascii_whitespace()) {
                    return Err(BadQuote(line));
                }
                self.rest = rest;
                Ok(Some(Word { text, quoted: true }))
            }
            Some(_) => {
                let end = line.iter().position(u8::is_ascii_whitespace);
                let (text, rest) = line
                    .split_at_checked(end.unwrap_or(line.len()))
                    .ok_or(BadQuote(line))?;
                if text.contains(&b'"') {
                    return Err(BadQuote(text));
                }
                self.rest = rest;
                Ok(Some(Word {
                    text,
                    quoted: false,
                }))
            }
        }
    }
}

/// Where the text behind an opening quote ends.
fn closing_quote(text: &[u8]) -> Option<usize> {
    let mut escaped = false;
    text.iter().position(|&byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    })
}
