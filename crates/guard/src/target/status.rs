//! `/proc/PID/status`, as far as it matters: see proc_pid_status(5).

use std::fs;

use libc::pid_t;

/// What the file says of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// The process that the thread is of.
    pub process: pid_t,
    /// The parent of that.
    pub parent: pid_t,
    /// Its effective capabilities, see capabilities(7).
    pub capabilities: u64,
}

impl Status {
    /// Of a thread; `None` if it is gone.
    pub fn of(tid: pid_t) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{tid}/status")).ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        // The name, in the first line, may hold anything but a newline.
        let field = |name: &str| {
            let mut lines = text.lines().skip(1);
            lines.find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim()))
        };
        Some(Self {
            process: field("Tgid")?.parse().ok()?,
            parent: field("PPid")?.parse().ok()?,
            capabilities: u64::from_str_radix(field("CapEff")?, 16).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields() {
        let text = "Name:\tTgid:\\n1\nUmask:\t0022\nTgid:\t4711\nPid:\t4712\nPPid:\t42\nCapEff:\t0000000000000400\n";
        let expected = Status {
            process: 4711,
            parent: 42,
            capabilities: 0x400,
        };
        assert_eq!(Status::parse(text), Some(expected));
        assert_eq!(Status::parse("Name:\tx\n"), None);
    }

    #[test]
    fn the_caller() {
        let own = std::process::id().cast_signed();
        let status = Status::of(own).expect("it is there");
        assert_eq!(status.process, own);
    }
}
