//! The agent's loop: one thread, so that it may fork. It waits for runtimes, and for the end of
//! supervisors; it reads no file and answers no call.

use std::convert::Infallible;
use std::io;
use std::os::fd::AsFd;
use std::process::exit;
use std::thread;
use std::time::{Duration, Instant};

use ipaddr_socket::host::Level;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl::set_dumpable;
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::Pid;

use super::containers::Containers;
use super::handover::{Connection, Received};
use super::socket::Socket;
use crate::cli;
use crate::failure::Failure;
use crate::log::Output;
use crate::settings::Settings;
use crate::sys::process;
use crate::system;

/// How many connections may be open at once; others wait.
const CONNECTIONS: usize = 64;

/// How long the agent waits where the system has nothing left for another connection.
const PAUSE: Duration = Duration::from_millis(100);

/// Guards containers until it is ended by a signal.
///
/// # Errors
/// It can't begin, or the system gives it no more than it needs to wait.
pub fn run(options: &cli::Agent) -> Result<Infallible, Failure> {
    let system = |what| move |errno| Failure::system(what, errno);
    system::check()?;
    let settings = Settings::of_agent(options)?;
    let signals: SigSet = [Signal::SIGCHLD, Signal::SIGTERM, Signal::SIGINT]
        .into_iter()
        .collect();
    let blocked = signals.thread_swap_mask(SigmaskHow::SIG_BLOCK);
    blocked.map_err(system("sigprocmask"))?;
    let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
    let signals = SignalFd::with_flags(&signals, flags).map_err(system("signalfd"))?;
    set_dumpable(false).map_err(system("prctl"))?;
    system::raise_descriptor_limit();
    let mut agent = Agent {
        socket: Socket::make(&options.socket)?,
        signals,
        connections: Vec::new(),
        log: Notes {
            level: settings.level,
            output: Output::to(settings.log_file.clone()),
        },
        containers: Containers::new(settings),
    };
    loop {
        agent.wait()?;
        agent.take_signals();
        agent.receive();
        agent.accept();
    }
}

struct Agent {
    socket: Socket,
    signals: SignalFd,
    connections: Vec<Connection>,
    containers: Containers,
    log: Notes,
}

/// What the agent itself has to say.
struct Notes {
    level: Level,
    output: Output,
}

impl Notes {
    fn error(&mut self, text: &str) {
        if self.level >= Level::Error {
            self.output.write(&format!("ipaddr-guard: {text}\n"));
        }
    }
}

impl Agent {
    /// Waits until something happens, or a connection has taken too long.
    fn wait(&self) -> Result<(), Failure> {
        let mut polled = vec![PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
        let connections = self.connections.iter();
        polled.extend(connections.map(|one| PollFd::new(one.as_fd(), PollFlags::POLLIN)));
        if self.connections.len() < CONNECTIONS {
            polled.push(PollFd::new(self.socket.as_fd(), PollFlags::POLLIN));
        }
        let first_end = self.connections.iter().map(|one| one.until).min();
        let timeout = first_end.map_or(PollTimeout::NONE, |end| {
            // Rounded up, so that it is over then.
            let left = end.saturating_duration_since(Instant::now()) + Duration::from_millis(1);
            PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
        });
        match poll(&mut polled, timeout) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => Ok(()),
            Err(errno) => Err(Failure::system("poll", errno)),
        }
    }

    fn take_signals(&mut self) {
        while let Ok(Some(signal)) = self.signals.read_signal() {
            if signal.ssi_signo.cast_signed() != libc::SIGCHLD {
                self.socket.remove();
                exit(0)
            }
        }
        while let Some((pid, status)) = process::reap(None) {
            self.note_end(pid, status);
        }
    }

    fn note_end(&mut self, pid: Pid, status: libc::c_int) {
        let id = self.containers.end(pid);
        if let (Some(id), true) = (id, libc::WIFSIGNALED(status)) {
            self.log.error(&format!(
                "container {id:?}: its supervisor (process {pid}) was ended by signal {}: calls that it \
                 would judge fail with ENOSYS from now on",
                libc::WTERMSIG(status)
            ));
        }
    }

    /// Takes what runtimes have sent.
    fn receive(&mut self) {
        for mut connection in std::mem::take(&mut self.connections) {
            let taken = match connection.receive() {
                Ok(Received::Part) => {
                    self.connections.push(connection);
                    continue;
                }
                Ok(Received::Nothing) => Ok(()),
                Ok(Received::Handover(handover)) => {
                    let id = handover.state.id.clone();
                    let taken = self.containers.take(handover);
                    taken.map_err(|why| {
                        format!("container {id:?}: {why}; its calls fail with ENOSYS")
                    })
                }
                Err(why) => Err(format!("what a runtime has sent is of no use: {why}")),
            };
            if let Err(why) = taken {
                self.log.error(&why);
            }
        }
    }

    fn accept(&mut self) {
        while self.connections.len() < CONNECTIONS {
            match self.socket.accept() {
                Ok(stream) => self.connections.push(Connection::new(stream)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    self.log.error(&format!("a connection is refused: {error}"));
                }
                Err(error) => {
                    self.log.error(&format!("accept: {error}"));
                    thread::sleep(PAUSE);
                    return;
                }
            }
        }
    }
}
