//! Threads for what may take long: policy files on a slow disk above all.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;

use parking_lot::Mutex;

use super::call::Call;

/// How many threads there are.
const THREADS: usize = 2;

/// How many calls may wait for a thread. A guarded thread makes one call at a time.
const WAITING: usize = 4096;

/// Hands calls to its threads.
#[derive(Debug)]
pub struct Pool {
    queue: SyncSender<Call>,
}

/// There are too many calls that wait.
#[derive(Clone, Copy, Debug)]
pub struct Full;

impl Pool {
    /// Starts the threads; each calls `work` once to get what handles its calls.
    pub fn start<W: FnMut(Call)>(work: impl Fn() -> W + Clone + Send + 'static) -> Self {
        let (queue, calls) = sync_channel(WAITING);
        let calls = Arc::new(Mutex::new(calls));
        for _ in 0..THREADS {
            let (calls, work) = (Arc::clone(&calls), work.clone());
            thread::spawn(move || run(&calls, work()));
        }
        Self { queue }
    }

    /// Hands over a call; never waits.
    ///
    /// # Errors
    /// [`Full`]
    pub fn submit(&self, call: Call) -> Result<(), Full> {
        self.queue.try_send(call).map_err(|error| match error {
            TrySendError::Full(_) | TrySendError::Disconnected(_) => Full,
        })
    }
}

fn run(calls: &Mutex<Receiver<Call>>, mut handle: impl FnMut(Call)) {
    loop {
        // The lock is kept while this thread waits: then the others wait for the lock.
        let next = calls.lock().recv();
        match next {
            Ok(call) => handle(call),
            Err(_) => return,
        }
    }
}
