//! All mistakes of one file. The parsers stop at the first, as the library has to; so its line is
//! blanked out, and the file is read again.

use ipaddr_host::reader::{Reader, UnusablePolicy};
use ipaddr_policy::levels::{Error, LevelFile, Place};
use ipaddr_policy::list::{self, Problem, Separator};
use ipaddr_policy::rules::RuleProblem;
use ipaddr_policy::{Assignment, Family};

/// No more are reported: such a file was likely never meant for a policy.
const MAX_MISTAKES: usize = 100;

/// The mistakes of a list.
pub fn of_list(file: LevelFile<&[u8]>, text: &[u8], family: Family) -> Vec<UnusablePolicy> {
    let mut assignment = Box::new(Assignment::UNASSIGNED);
    each(text, |text, is_first| {
        let error = list::parse(text, Separator::Line, family, &mut assignment).err()?;
        // Without what was blanked out, a list may lack something.
        let follows = matches!(
            error.problem,
            Problem::Empty | Problem::OnlyExclusions | Problem::NothingLeft
        );
        (is_first || !follows).then(|| owned(Error::of_list(Place::File(file), error)))
    })
}

/// The mistakes of a file of rules.
pub fn of_rules(file: LevelFile<&[u8]>, text: &[u8], reader: &mut Reader) -> Vec<UnusablePolicy> {
    each(text, |text, is_first| {
        let error = reader.builder().read(&file, text).err()?;
        // Without what was blanked out, a file may have no rule, or a table no header.
        let follows = error.line == 0 || error.problem == RuleProblem::NoHeader;
        (is_first || !follows).then(|| owned(Error::of_rules(Place::File(file), error)))
    })
}

fn owned(error: Error<&[u8]>) -> UnusablePolicy {
    Box::new(error.map(<[u8]>::to_vec))
}

/// Calls `first` for the first mistake until there is none, the lines of earlier ones blanked out.
pub fn each(
    text: &[u8],
    mut first: impl FnMut(&[u8], bool) -> Option<UnusablePolicy>,
) -> Vec<UnusablePolicy> {
    let mut rest = text.to_vec();
    let mut found = Vec::new();
    while found.len() < MAX_MISTAKES {
        let Some(mistake) = first(&rest, found.is_empty()) else {
            return found;
        };
        let line = mistake.line;
        found.push(mistake);
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

#[cfg(test)]
mod tests {
    use ipaddr_host::cgroup_path::CgroupPath;
    use ipaddr_policy::levels::{FileName, Kind};
    use std::path::Path;

    use super::*;

    /// Each mistake is told by its fields: the line, the entry and what is wrong with it.
    #[test]
    fn of_a_list() {
        let cgroup = CgroupPath::parse(b"/web").expect("it is a path");
        let file = cgroup.own_file(Path::new("/etc/ipaddr"), FileName::List(Family::Ipv4));
        let found = of_list(file, b"10.0.0.x\nfd00::5\n10.0.0.5\nnone\n", Family::Ipv4);
        let fields = found.iter().map(|mistake| match &mistake.kind {
            Kind::List { entry, problem, .. } => (mistake.line, entry.as_slice(), *problem),
            other => panic!("{other:?}"),
        });
        let expected = [
            (1, &b"10.0.0.x"[..], Problem::Syntax),
            (2, b"fd00::5", Problem::Family),
            (4, b"none", Problem::NotAlone),
        ];
        assert_eq!(fields.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn of_a_file_of_rules() {
        let cgroup = CgroupPath::root();
        let file = cgroup.own_file(Path::new("/etc/ipaddr"), FileName::Rules);
        let problems = |text: &[u8]| {
            let found = of_rules(file, text, &mut Reader::default());
            let problem = |mistake: UnusablePolicy| match mistake.kind {
                Kind::Rules { problem, .. } => (mistake.line, problem),
                other => panic!("{other:?}"),
            };
            found.into_iter().map(problem).collect::<Vec<_>>()
        };
        assert_eq!(problems(b"# none\n"), [(0, RuleProblem::Empty)]);
        assert_eq!(
            problems(b"-A BIND -j ACCEPT\nCOMMIT\n"),
            [(2, RuleProblem::NoHeader)]
        );
        // Without its header, which is blanked out, COMMIT is no second mistake.
        let found = problems(b"*nat\n-A BIND -j DROP\n-A BIND -j ACCEPT\nCOMMIT\n");
        let lines: Vec<_> = found.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [1, 2]);
    }
}
