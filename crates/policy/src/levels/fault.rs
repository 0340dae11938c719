//! Why a policy can't be used, while files are still being read.

use super::error::{Error, Kind};
use super::place::Place;
use crate::list::ParseError;
use crate::rules::RuleError;

/// An error whose word is known by where it is in its text. The word itself would be borrowed from
/// the files, which can't be read any further then.
pub(super) struct Fault<'a> {
    error: Error<&'a [u8]>,
    word: Option<Part>,
}

impl<'a> Fault<'a> {
    /// An error of a list, which is `text`.
    pub fn of_list(place: Place<&'a [u8]>, error: ParseError<'_>, text: &[u8]) -> Self {
        let without_word = ParseError {
            entry: &[],
            ..error
        };
        Self {
            error: Error::of_list(place, without_word),
            word: Some(Part::find(error.entry, text)),
        }
    }

    /// An error of a file of rules, which holds `text`.
    pub fn of_rules(place: Place<&'a [u8]>, error: RuleError<'_>, text: &[u8]) -> Self {
        let without_word = RuleError { word: &[], ..error };
        Self {
            error: Error::of_rules(place, without_word),
            word: Some(Part::find(error.word, text)),
        }
    }

    /// The error with its word; `text` is what it was found in.
    pub fn in_text(self, text: &'a [u8]) -> Error<&'a [u8]> {
        let Self { mut error, word } = self;
        if let (Kind::List { entry: slot, .. } | Kind::Rules { word: slot, .. }, Some(part)) =
            (&mut error.kind, word)
        {
            *slot = part.of(text);
        }
        error
    }
}

impl<'a> From<Error<&'a [u8]>> for Fault<'a> {
    /// An error whose bytes are all borrowed from what was given, see [`super::given`].
    fn from(error: Error<&'a [u8]>) -> Self {
        Self { error, word: None }
    }
}

/// Where a word is in a text.
struct Part {
    start: usize,
    len: usize,
}

impl Part {
    /// Of a word that is borrowed from `text`; of any other nothing is found there.
    fn find(word: &[u8], text: &[u8]) -> Self {
        let start = word.as_ptr().addr().wrapping_sub(text.as_ptr().addr());
        Self {
            start,
            len: word.len(),
        }
    }

    fn of(self, text: &[u8]) -> &[u8] {
        let end = self.start.saturating_add(self.len);
        text.get(self.start..end).unwrap_or(&[])
    }
}
