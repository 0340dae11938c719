//! The process that answers the calls of one container: of its first process and all that this one
//! starts, and of what the runtime starts in it later (`runc exec`), each with a listener of its own.
//! It ends with the last of them.

use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::exit;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use ipaddr_host::process::Process;
use ipaddr_socket::host::Level;
use libc::pid_t;
use nix::sys::prctl::set_dumpable;
use nix::sys::signal::SigSet;
use nix::unistd::{chdir, setsid};

use super::handover::Handover;
use super::state::State;
use crate::failure::Failure;
use crate::launch::files;
use crate::log::Log;
use crate::notify::listener::Listener;
use crate::notify::serve::serve;
use crate::policies::Policies;
use crate::settings::Settings;
use crate::sys::message;
use crate::tree::Tree;

/// Answers calls, of further listeners that come by `channel` too. `init` is the container's first
/// process.
pub fn run(handover: Handover, init: pid_t, channel: UnixStream, settings: Settings) -> ! {
    let Handover { state, listener } = handover;
    if let Err(failure) = leave_agent(&listener, &channel) {
        eprintln!("ipaddr-guard: container {:?}: {failure}", state.id);
        exit(1)
    }
    let log = Log::new(settings.level, settings.log_file.clone());
    let started = start(&state, init, settings, log.clone());
    let status = match started {
        Ok(tree) => {
            Listeners::new(tree, channel).serve(listener);
            0
        }
        Err(failure) => {
            let why = format!("container {:?}: {failure}", state.id);
            log.error(init, &format!("{why}; its calls fail with ENOSYS"));
            1
        }
    };
    log.flush();
    exit(status)
}

/// Becomes a process that has nothing of the agent's, and that no container can trace.
fn leave_agent(listener: &OwnedFd, channel: &UnixStream) -> Result<(), Failure> {
    let system = |what| move |errno| Failure::system(what, errno);
    files::leave(&[listener.as_fd(), channel.as_fd()])?;
    // A terminal's ^C is for the agent.
    setsid().map_err(system("setsid"))?;
    set_dumpable(false).map_err(system("prctl"))?;
    chdir("/").map_err(system("chdir"))?;
    let unblocked = SigSet::empty().thread_set_mask();
    unblocked.map_err(system("sigprocmask"))
}

fn start(state: &State, init: pid_t, settings: Settings, log: Log) -> Result<Tree, Failure> {
    let first = Process {
        pid: init.cast_unsigned(),
    };
    let policies = Policies::of_container(settings, first)?;
    let (id, place) = (&state.id, policies.place());
    let metadata = match state.metadata.as_str() {
        "" => String::new(),
        metadata => format!(", {metadata:?}"),
    };
    match policies.of_tree() {
        Ok(found) if log.wants(Level::Info) => {
            let what = match found {
                Some(_) => "is restricted to what its cgroup is assigned",
                None => "runs unrestricted, nothing is assigned",
            };
            log.say(
                init,
                &format!("container {id:?}{metadata}: {place}: {what}"),
            );
        }
        Ok(_) => {}
        // It is looked at again with each call.
        Err(unusable) => {
            let why = format!("container {id:?}{metadata}: {unusable}");
            log.mistake(init, &why);
        }
    }
    Tree::new(policies, log)
}

/// The listeners of a container.
struct Listeners {
    tree: Arc<Tree>,
    channel: Arc<UnixStream>,
    /// How many have processes that may call.
    alive: Arc<AtomicUsize>,
}

impl Listeners {
    fn new(tree: Tree, channel: UnixStream) -> Self {
        Self {
            tree: Arc::new(tree),
            channel: Arc::new(channel),
            alive: Arc::default(),
        }
    }

    /// Serves this one and those that come, until none is left. None comes any more when the agent
    /// has ended.
    fn serve(&self, first: OwnedFd) {
        let mut threads = vec![self.start(first)];
        while let Some(listener) = self.receive() {
            threads.retain(|thread| !thread.is_finished());
            threads.push(self.start(listener));
        }
        for thread in threads {
            let _ = thread.join();
        }
    }

    fn start(&self, listener: OwnedFd) -> JoinHandle<()> {
        self.alive.fetch_add(1, Ordering::SeqCst);
        let (tree, channel) = (Arc::clone(&self.tree), Arc::clone(&self.channel));
        let alive = Arc::clone(&self.alive);
        thread::spawn(move || {
            if let Err(errno) = serve(&tree, &Arc::new(Listener::one_of_several(listener))) {
                tree.log
                    .error(0, &format!("the listener: {}", errno.desc()));
            }
            if alive.fetch_sub(1, Ordering::SeqCst) == 1 {
                // What has come before is still received, and nothing comes after.
                let _ = channel.shutdown(Shutdown::Both);
            }
        })
    }

    /// The next, if there is one.
    fn receive(&self) -> Option<OwnedFd> {
        match message::receive(self.channel.as_fd(), &mut [0]) {
            Ok((1, descriptors)) => descriptors.into_iter().next(),
            _ => None,
        }
    }
}
