//! The log: one line a decision, as the library writes it. A thread of its own writes, so that
//! nobody who reads slowly holds up a call; lines that find the queue full are counted.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use ipaddr_policy::text::{Shown, Text};
use ipaddr_socket::host::Level;
use libc::pid_t;
use nix::unistd::dup2_stderr;
use parking_lot::Mutex;

/// How many lines may wait to be written.
const WAITING: usize = 1024;

/// How long a flush waits for whoever reads slowly.
const PATIENCE: Duration = Duration::from_secs(1);

/// The log of all guarded processes.
#[derive(Clone, Debug)]
pub struct Log {
    level: Level,
    file: Option<PathBuf>,
    /// Of the thread that writes, which the first line starts: most guards have nothing to say.
    queue: Arc<OnceLock<SyncSender<Message>>>,
    lost: Arc<AtomicU64>,
    /// What was last said of a policy that can't be used.
    said: Arc<Mutex<String>>,
}

#[derive(Debug)]
enum Message {
    Line(String),
    /// Answered when all before it has been written.
    Flush(SyncSender<()>),
}

impl Log {
    /// To `file`, or to stderr.
    pub fn new(level: Level, file: Option<PathBuf>) -> Self {
        Self {
            level,
            file,
            queue: Arc::default(),
            lost: Arc::default(),
            said: Arc::default(),
        }
    }

    fn start(&self) -> SyncSender<Message> {
        let (queue, messages) = sync_channel(WAITING);
        let output = Output::to(self.file.clone());
        let lost = Arc::clone(&self.lost);
        thread::spawn(move || write_all(&messages, output, &lost));
        queue
    }

    /// Whether lines of this level are wanted.
    pub fn wants(&self, level: Level) -> bool {
        self.level >= level
    }

    /// A line about a process.
    pub fn line(&self, pid: pid_t, text: &impl Text) {
        self.push(format!("ipaddr[{pid}]: {}\n", Shown(text)));
    }

    /// A line about a process.
    pub fn say(&self, pid: pid_t, text: &str) {
        self.push(format!("ipaddr[{pid}]: {text}\n"));
    }

    /// An error about a process, if errors are wanted.
    pub fn error(&self, pid: pid_t, text: &str) {
        if self.wants(Level::Error) {
            self.say(pid, text);
        }
    }

    /// A policy that can't be used: said once, and again only if the reason changes.
    pub fn mistake(&self, pid: pid_t, why: &str) {
        let mut said = self.said.lock();
        if *said != why {
            why.clone_into(&mut said);
            self.error(
                pid,
                &format!("{why}; every use of IPv4 and IPv6 is refused"),
            );
        }
    }

    /// Waits until all lines are written, but not for long.
    pub fn flush(&self) {
        let Some(queue) = self.queue.get() else {
            return;
        };
        let (answer, done) = sync_channel(1);
        if queue.try_send(Message::Flush(answer)).is_ok() {
            let _ = done.recv_timeout(PATIENCE);
        }
    }

    fn push(&self, line: String) {
        let queue = self.queue.get_or_init(|| self.start());
        if queue.try_send(Message::Line(line)).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Gives stderr up, which others may be waiting to see closed.
pub fn leave_stderr() {
    if let Ok(null) = OpenOptions::new().write(true).open("/dev/null") {
        let _ = dup2_stderr(null);
    }
}

fn write_all(messages: &Receiver<Message>, mut output: Output, lost: &AtomicU64) {
    while let Ok(message) = messages.recv() {
        match message {
            Message::Line(line) => {
                let count = lost.swap(0, Ordering::Relaxed);
                if count > 0 {
                    output.write(&format!(
                        "ipaddr-guard: lines lost before this one: {count}\n"
                    ));
                }
                output.write(&line);
            }
            Message::Flush(answer) => {
                let _ = answer.try_send(());
            }
        }
    }
}

/// Where lines go: a file, or stderr.
#[derive(Debug)]
pub struct Output {
    file: Option<PathBuf>,
    complained: bool,
}

impl Output {
    /// To this file, or to stderr.
    pub const fn to(file: Option<PathBuf>) -> Self {
        Self {
            file,
            complained: false,
        }
    }

    /// Writes a line, newline and all. The caller waits until it is written.
    pub fn write(&mut self, line: &str) {
        let Some(path) = &self.file else {
            let _ = std::io::stderr().write_all(line.as_bytes());
            return;
        };
        let written = append(path).and_then(|mut file| file.write_all(line.as_bytes()));
        if let Err(error) = written
            && !self.complained
        {
            self.complained = true;
            eprintln!("ipaddr-guard: IPADDR_LOG_FILE: {}: {error}", path.display());
        }
    }
}

fn append(path: &Path) -> std::io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o640)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)
}
