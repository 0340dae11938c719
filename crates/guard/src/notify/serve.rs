//! The loop: one thread takes calls and answers them, and never blocks. What would take long it hands
//! to the pool.

use std::cell::OnceCell;
use std::sync::Arc;

use nix::errno::Errno;

use super::call::Call;
use super::listener::Listener;
use super::patience::Patience;
use super::pool::Pool;
use crate::calls::{Judge, Outcome};
use crate::notify::answer::Answer;
use crate::system::raise_descriptor_limit;
use crate::target::threads::Threads;
use crate::tree::Tree;

/// How many descriptors of threads are kept at most: a part of what the process may have.
const KEPT: usize = 4096;

/// A thread of the supervisor that answers calls.
struct Worker {
    tree: Arc<Tree>,
    listener: Arc<Listener>,
    threads: Threads,
}

impl Worker {
    fn new(tree: &Arc<Tree>, listener: &Arc<Listener>, kept: usize) -> Self {
        Self {
            tree: Arc::clone(tree),
            listener: Arc::clone(listener),
            threads: Threads::new(Arc::clone(&tree.processes), kept),
        }
    }

    fn judge(&mut self, call: &Call, patience: &Patience, may_wait: bool) -> Outcome {
        let mut judge = Judge {
            tree: &self.tree,
            threads: &mut self.threads,
            listener: &self.listener,
            patience,
            may_wait,
        };
        judge.judge(call)
    }

    fn answer(&self, call: &Call, answer: Answer) {
        self.listener.answer(call, answer);
    }
}

/// Answers calls until no process is left to make one.
///
/// # Errors
/// Those of timer_create(2), and of ioctl(2) on the listener.
pub fn serve(tree: &Arc<Tree>, listener: &Arc<Listener>) -> Result<(), Errno> {
    let kept = most_kept();
    let patience = Patience::of_this_thread()?;
    let start_pool = || {
        let (tree, listener) = (Arc::clone(tree), Arc::clone(listener));
        Pool::start(move || slow_worker(&tree, &listener, kept / 8))
    };
    // Most guards need none.
    let pool = OnceCell::new();
    let mut worker = Worker::new(tree, listener, kept);
    while let Some(call) = listener.receive()? {
        match worker.judge(&call, &patience, false) {
            Outcome::Answer(answer) => worker.answer(&call, answer),
            Outcome::Later => {
                if pool.get_or_init(start_pool).submit(call).is_err() {
                    tree.log
                        .error(call.tid, "a call is refused: EPERM, too many calls wait");
                    worker.answer(&call, Answer::REFUSED);
                }
            }
        }
    }
    Ok(())
}

/// What a thread of the pool, the calling one, does with a call.
fn slow_worker(
    tree: &Arc<Tree>,
    listener: &Arc<Listener>,
    kept: usize,
) -> impl FnMut(Call) + use<> {
    let mut worker = Worker::new(tree, listener, kept);
    let patience = Patience::of_this_thread();
    move |call| {
        let outcome = patience.as_ref().map(|it| worker.judge(&call, it, true));
        match outcome {
            Ok(Outcome::Answer(answer)) => worker.answer(&call, answer),
            Ok(Outcome::Later) | Err(_) => worker.answer(&call, Answer::REFUSED),
        }
    }
}

/// How many descriptors may be kept: half of what the process may have.
fn most_kept() -> usize {
    let most = raise_descriptor_limit().unwrap_or(512);
    usize::try_from(most / 2).unwrap_or(usize::MAX).min(KEPT)
}
