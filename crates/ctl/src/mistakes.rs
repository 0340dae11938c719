//! All mistakes of one file. The parsers stop at the first, as the library has to; so its line is
//! blanked out, and the file is read again.

use ipaddr_host::reader::Reader;
use ipaddr_policy::levels::LevelFile;
use ipaddr_policy::list::{self, ParseError, Problem, Separator};
use ipaddr_policy::rules::RuleError;
use ipaddr_policy::text::Shown;
use ipaddr_policy::{Assignment, Family};

/// No more are reported: such a file was likely never meant for a policy.
const MAX_MISTAKES: usize = 100;

/// The mistakes of a list.
pub fn of_list(file: &LevelFile<'_>, text: &[u8], family: Family) -> Vec<String> {
    let mut assignment = Box::new(Assignment::UNASSIGNED);
    each(text, |text, is_first| {
        let error = list::parse(text, Separator::Line, family, &mut assignment).err()?;
        // Without what was blanked out, a list may lack something.
        let follows = matches!(
            error.problem,
            Problem::Empty | Problem::OnlyExclusions | Problem::NothingLeft
        );
        let ParseError { line, .. } = error;
        (is_first || !follows).then(|| (line, Shown((file, ":", error)).to_string()))
    })
}

/// The mistakes of a file of rules.
pub fn of_rules(file: &LevelFile<'_>, text: &[u8], reader: &mut Reader) -> Vec<String> {
    each(text, |text, is_first| {
        let error = reader.builder().read(file, text).err()?;
        let RuleError { line, word, .. } = error;
        // Without what was blanked out, a file may have no rule, or a table no header.
        let follows = line == 0 || word == b"COMMIT";
        (is_first || !follows).then(|| (line, Shown((file, ":", error)).to_string()))
    })
}

/// Calls `first` for the first mistake until there is none, the lines of earlier ones blanked out.
pub fn each(
    text: &[u8],
    mut first: impl FnMut(&[u8], bool) -> Option<(u32, String)>,
) -> Vec<String> {
    let mut rest = text.to_vec();
    let mut found = Vec::new();
    while found.len() < MAX_MISTAKES {
        let Some((line, message)) = first(&rest, found.is_empty()) else {
            return found;
        };
        found.push(message);
        if line == 0 {
            return found;
        }
        blank_out(&mut rest, line);
    }
    found
}

fn blank_out(text: &mut [u8], line: u32) {
    let line = text.split_mut(|&byte| byte == b'\n').nth(line as usize - 1);
    line.unwrap_or(&mut []).fill(b' ');
}
