//! A line, cut into words as iptables-restore(8) does: by spaces and tabs, but not within
//! double quotes.

/// A word of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word<'a> {
    /// Without its quotes; what a backslash is before is left as it is.
    pub text: &'a [u8],
    pub quoted: bool,
}

/// A double quote that isn't closed, or isn't at the beginning or the end of a word.
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
        let Some(start) = self.rest.iter().position(|&byte| !is_space(byte)) else {
            return Ok(None);
        };
        let line = self.rest.get(start..).unwrap_or(&[]);
        let quoted = line.strip_prefix(b"\"");
        let (text, rest) = match quoted {
            Some(inner) => {
                let end = closing_quote(inner).ok_or(BadQuote(line))?;
                let (text, rest) = inner.split_at_checked(end).ok_or(BadQuote(line))?;
                (text, rest.get(1..).unwrap_or(&[]))
            }
            None => {
                let end = line
                    .iter()
                    .position(|&byte| is_space(byte) || byte == b'"')
                    .unwrap_or(line.len());
                line.split_at_checked(end).ok_or(BadQuote(line))?
            }
        };
        // A quote is at the beginning and the end of a word, or nowhere.
        if rest.first().is_some_and(|&byte| !is_space(byte)) {
            return Err(BadQuote(line));
        }
        self.rest = rest;
        Ok(Some(Word {
            text,
            quoted: quoted.is_some(),
        }))
    }
}

const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
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
