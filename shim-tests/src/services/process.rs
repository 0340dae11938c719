//! Processes of which there are many.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command};

/// A process that is ended and waited for where it goes out of scope.
pub(super) struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Process {
    /// Starts a command whose standard output is piped.
    pub(super) fn spawn(command: &mut Command) -> Self {
        Self(command.spawn().expect("the program starts in its cgroup"))
    }

    pub(super) fn id(&self) -> u32 {
        self.0.id()
    }

    /// The first line that it prints; what it prints later is not read.
    pub(super) fn first_line(&mut self) -> String {
        let mut line = String::new();
        let read = BufReader::new(self.output()).read_line(&mut line);
        read.expect("UTF-8");
        line.trim_end().to_owned()
    }

    /// What it prints until it ends, and whether it ended well.
    pub(super) fn end(mut self) -> (String, bool) {
        let mut said = String::new();
        self.output().read_to_string(&mut said).expect("UTF-8");
        let status = self.0.wait().expect("it is our child");
        (said, status.success())
    }

    fn output(&mut self) -> ChildStdout {
        self.0.stdout.take().expect("piped")
    }
}

/// Each process's output takes a descriptor, and many systems allow 1,024 unless the limit is raised.
pub(super) fn allow_descriptors() {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: both calls get a structure of ours, see getrlimit(2).
    unsafe {
        libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit);
        limit.rlim_cur = limit.rlim_max;
        libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
    }
}
