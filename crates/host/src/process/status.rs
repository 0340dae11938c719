//! `/proc/PID/status`, as far as it matters: see proc_pid_status(5).

/// What the file says of a process. Everybody may read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Its name, with the kernel's escapes.
    pub name: String,
    /// The id of its parent, 0 if that is outside the PID namespace of /proc.
    pub parent: u32,
    /// How many seccomp filters it has. Those of a parent are inherited, and none is ever removed.
    pub filters: u32,
}

impl Status {
    /// `None` if the text lacks something. A kernel before 5.10 counts no filters.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (name, rest) = text.strip_prefix("Name:\t")?.split_once('\n')?;
        let field = |name: &str| {
            let mut lines = rest.lines();
            lines.find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim()))
        };
        Some(Self {
            name: name.to_owned(),
            parent: field("PPid")?.parse().ok()?,
            filters: field("Seccomp_filters").map_or(Some(0), |count| count.parse().ok())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields() {
        let text = "Name:\tPPid:\\n1\nPid:\t4712\nPPid:\t42\nSeccomp:\t2\nSeccomp_filters:\t3\n";
        let expected = Status {
            name: "PPid:\\n1".to_owned(),
            parent: 42,
            filters: 3,
        };
        assert_eq!(Status::parse(text), Some(expected));
        let older = Status::parse("Name:\tx\nPPid:\t1\n").expect("all that there is");
        assert_eq!(older.filters, 0);
        assert_eq!(Status::parse("Name:\tx\n"), None);
    }
}
