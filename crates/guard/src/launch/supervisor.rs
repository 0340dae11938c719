//! The process that answers calls. It ends when the last process with the filter has.

use std::ffi::c_int;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::exit;
use std::sync::Arc;
use std::thread;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl::{set_child_subreaper, set_dumpable};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::{ForkResult, Pid, chdir, pipe2, setpgid};

use super::command::{self, Command};
use super::files;
use super::report::Report;
use crate::failure::Failure;
use crate::log::{self, Log};
use crate::notify::listener::Listener;
use crate::notify::serve::serve;
use crate::policies::Policies;
use crate::sys::{pidfd, process};
use crate::tree::Tree;

/// Starts the command, and answers its calls; the parent is told what becomes of it.
pub fn run(command: &Command<'_>, policies: Policies, mut parent: File) -> ! {
    match start(command, &mut parent) {
        Ok((pid, listener, go)) => guard(pid, listener, go, policies, parent),
        Err(failure) => {
            let _ = Report::Refused(failure.to_string()).send(&mut parent);
            exit(1)
        }
    }
}

/// Starts the command, and takes its listener. It waits for a byte in the pipe that is returned.
fn start(command: &Command<'_>, parent: &mut File) -> Result<(Pid, Listener, File), Failure> {
    let system = |what| move |errno| Failure::system(what, errno);
    set_child_subreaper(true).map_err(system("prctl"))?;
    let (number, to_us) = new_pipe()?;
    let (from_us, go) = new_pipe()?;
    let child = match process::fork_alone().map_err(system("fork"))? {
        ForkResult::Child => {
            drop((number, go));
            let Err(failure) = command.run(to_us, from_us);
            // The supervisor has been told of those before the command's name is looked up.
            if !matches!(failure, Failure::Refused(_)) {
                eprintln!("ipaddr-guard: {failure}");
            }
            exit(failure.status().into())
        }
        ForkResult::Parent { child } => child,
    };
    drop((to_us, from_us));
    files::leave(&[parent.as_fd(), number.as_fd(), go.as_fd()])?;
    let listener = take_listener(child, number)?;
    let started = Report::Started(child.as_raw()).send(parent);
    started.map_err(|error| Failure::Refused(format!("the parent has ended: {error}")))?;
    Ok((child, Listener::new(listener), go))
}

fn take_listener(child: Pid, mut from: File) -> Result<OwnedFd, Failure> {
    let mut number = [0; size_of::<c_int>()];
    from.read_exact(&mut number)
        .map_err(|error| Failure::Refused(format!("no word from the child: {error}")))?;
    let number = command::told(c_int::from_ne_bytes(number))?;
    let copied =
        pidfd::open(child.as_raw()).and_then(|child| pidfd::copy_descriptor(child.as_fd(), number));
    copied.map_err(|errno| {
        Failure::Refused(format!(
            "pidfd_getfd: {}: expected that processes may take their children's descriptors \
             (in a container of Docker's that takes --cap-add SYS_PTRACE)",
            errno.desc()
        ))
    })
}

fn guard(child: Pid, listener: Listener, mut go: File, policies: Policies, parent: File) -> ! {
    let settings = policies.settings();
    // Before there are more threads.
    let left = leave_job_control().map_err(|errno| Failure::system("setpgid", errno));
    let log = Log::new(settings.level, settings.log_file.clone());
    let prepared = left.and_then(|()| prepare(policies, log.clone()));
    let ended = prepared.and_then(|tree| {
        // Only now, for whoever waits for the parent's word has it.
        go.write_all(&[0])
            .map_err(|error| Failure::Refused(error.to_string()))?;
        drop(go);
        let (tree, listener) = (Arc::new(tree), Arc::new(listener));
        let keeper = Keeper {
            child,
            listener: Arc::clone(&listener),
            parent: Some(parent),
            log,
        };
        thread::spawn(move || keeper.keep());
        serve(&tree, &listener).map_err(|errno| Failure::system("the listener", errno))
    });
    match ended {
        // The process is the keeper's to end.
        Ok(()) => loop {
            thread::park();
        },
        Err(failure) => eprintln!("ipaddr-guard: {failure}"),
    }
    // From here on what would have been judged fails with ENOSYS.
    exit(1)
}

/// No terminal interrupts or stops it from now on. It stays in its session all the same: the kernel
/// schedules each session as one (autogroups, see sched(7)), and where processors are busy a call that
/// waits for a process of another session waits for everybody else's turn too.
fn leave_job_control() -> Result<(), Errno> {
    let own = Pid::from_raw(0);
    setpgid(own, own)?;
    let mut signals = SigSet::empty();
    // The last two would come of the log, written to a terminal by a process in the background.
    for signal in [Signal::SIGTSTP, Signal::SIGTTIN, Signal::SIGTTOU] {
        signals.add(signal);
    }
    signals.thread_block()
}

/// Becomes a process that nobody notices, and that no guarded process can trace.
fn prepare(policies: Policies, log: Log) -> Result<Tree, Failure> {
    let system = |what| move |errno| Failure::system(what, errno);
    set_dumpable(false).map_err(system("prctl"))?;
    chdir("/").map_err(system("chdir"))?;
    Tree::new(policies, log)
}

/// What is done beside the calls: processes are reaped, the parent is told, and the end is seen.
struct Keeper {
    child: Pid,
    listener: Arc<Listener>,
    /// Until it has been told how the command has ended.
    parent: Option<File>,
    log: Log,
}

impl Keeper {
    fn keep(mut self) -> ! {
        let mut signals = SigSet::empty();
        signals.add(Signal::SIGCHLD);
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let Ok(children) = SignalFd::with_flags(&signals, flags) else {
            eprintln!("ipaddr-guard: there is no descriptor left for signalfd(2)");
            exit(1)
        };
        loop {
            self.reap();
            if !self.listener.has_callers() {
                self.end()
            }
            if self.wait(children.as_fd()) && self.parent.take().is_some() {
                // As if the parent were the command.
                let _ = nix::sys::signal::kill(self.child, Signal::SIGKILL);
            }
            while let Ok(Some(_)) = children.read_signal() {}
        }
    }

    /// Waits until something happens, and says whether the parent is gone.
    fn wait(&self, children: BorrowedFd<'_>) -> bool {
        let nothing = PollFlags::empty();
        let mut polled = vec![
            PollFd::new(self.listener.as_fd(), nothing),
            PollFd::new(children, PollFlags::POLLIN),
        ];
        polled.extend(
            self.parent
                .as_ref()
                .map(|pipe| PollFd::new(pipe.as_fd(), nothing)),
        );
        let _ = poll(&mut polled, PollTimeout::NONE);
        let of_parent = polled.get(2).and_then(PollFd::revents);
        of_parent.is_some_and(|events| events.contains(PollFlags::POLLERR))
    }

    /// Takes note of all children that have ended: the command, and orphans.
    fn reap(&mut self) {
        while let Some((pid, status)) = process::reap(None) {
            if pid != self.child {
                continue;
            }
            if !self.listener.has_callers() {
                self.finish(status)
            }
            self.tell(&Report::Ended(status));
            // What the command has started may go on for long; whoever reads until the end isn't to
            // wait for that.
            log::leave_stderr();
        }
    }

    fn tell(&mut self, report: &Report) {
        self.log.flush();
        if let Some(mut parent) = self.parent.take() {
            let _ = report.send(&mut parent);
        }
    }

    fn finish(&mut self, status: c_int) -> ! {
        self.tell(&Report::Finished(status));
        exit(0)
    }

    /// Nobody is left who could call.
    fn end(&mut self) -> ! {
        if self.parent.is_some()
            && let Some((_, status)) = process::reap(Some(self.child))
        {
            self.finish(status)
        }
        self.log.flush();
        exit(0)
    }
}

fn new_pipe() -> Result<(File, File), Failure> {
    let pipe = pipe2(nix::fcntl::OFlag::O_CLOEXEC);
    let (read, write) = pipe.map_err(|errno: Errno| Failure::system("pipe", errno))?;
    Ok((read.into(), write.into()))
}
