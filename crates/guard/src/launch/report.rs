//! What the supervisor tells the parent, by a pipe: records of one length, the last one of a message.

use std::fs::File;
use std::io::{self, Read, Write};

use libc::pid_t;

/// A record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// The command is about to run, in this process.
    Started(pid_t),
    /// It has ended, with this status as wait(2) gives it, and what it has started goes on.
    Ended(i32),
    /// It has ended likewise, and so does the supervisor: nothing is left.
    Finished(i32),
    /// It isn't run.
    Refused(String),
}

impl Report {
    /// Writes it. A parent that is gone isn't told.
    ///
    /// # Errors
    /// Those of write(2).
    pub fn send(&self, pipe: &mut File) -> io::Result<()> {
        let (kind, number, text) = match self {
            Self::Started(pid) => (b's', *pid, ""),
            Self::Ended(status) => (b'e', *status, ""),
            Self::Finished(status) => (b'f', *status, ""),
            Self::Refused(why) => (b'r', 0, why.as_str()),
        };
        let mut record = vec![kind];
        record.extend(number.to_ne_bytes());
        record.extend(text.as_bytes());
        pipe.write_all(&record)
    }

    /// Waits for the next; `None` if the supervisor has ended.
    ///
    /// # Errors
    /// Those of read(2).
    pub fn receive(pipe: &mut File) -> io::Result<Option<Self>> {
        let mut record = [0; 5];
        match pipe.read_exact(&mut record) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            read => read?,
        }
        let [kind, number @ ..] = record;
        let number = i32::from_ne_bytes(number);
        Ok(Some(match kind {
            b's' => Self::Started(number),
            b'e' => Self::Ended(number),
            b'f' => Self::Finished(number),
            _ => {
                let mut why = String::new();
                pipe.read_to_string(&mut why)?;
                Self::Refused(why)
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_is_received() {
        let (from, to) = nix::unistd::pipe().expect("a pipe");
        let (mut from, mut to) = (File::from(from), File::from(to));
        let reports = [
            Report::Started(4711),
            Report::Ended(-1),
            Report::Finished(9),
            Report::Refused("no: expected a kernel".to_owned()),
        ];
        for report in &reports {
            report.send(&mut to).expect("there is room");
        }
        drop(to);
        for report in reports {
            assert_eq!(
                Report::receive(&mut from).expect("it is there"),
                Some(report)
            );
        }
        assert_eq!(Report::receive(&mut from).expect("it is closed"), None);
    }
}
