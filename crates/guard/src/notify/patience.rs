//! A limit for what should never wait: a connect of a socket that was non-blocking when it was looked
//! at may wait all the same, if another thread of the program has changed that since.

use std::cell::RefCell;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{SigEvent, SigSet, SigevNotify, Signal};
use nix::sys::timer::{Expiration, Timer, TimerSetTimeFlags};
use nix::time::ClockId;
use nix::unistd::gettid;

use crate::sys::process::interrupt_by;

/// Long enough for everything that doesn't wait.
const LIMIT: Duration = Duration::from_millis(100);

/// No signal that programs or the guard use otherwise.
const SIGNAL: Signal = Signal::SIGALRM;

/// A limit for calls of the thread that has made it.
#[derive(Debug)]
pub struct Patience(RefCell<Timer>);

impl Patience {
    /// For the calling thread.
    ///
    /// # Errors
    /// Those of timer_create(2).
    pub fn of_this_thread() -> Result<Self, Errno> {
        interrupt_by(SIGNAL)?;
        let mut signals = SigSet::empty();
        signals.add(SIGNAL);
        signals.thread_unblock()?;
        let event = SigEvent::new(SigevNotify::SigevThreadId {
            signal: SIGNAL,
            thread_id: gettid().as_raw(),
            si_value: 0,
        });
        Timer::new(ClockId::CLOCK_MONOTONIC, event).map(|timer| Self(RefCell::new(timer)))
    }

    /// Makes a call, which a signal interrupts after the limit.
    pub fn limit<T>(&self, call: impl FnOnce() -> T) -> T {
        let set = |expiration| {
            // Without it the call is made all the same.
            let _ = self
                .0
                .borrow_mut()
                .set(expiration, TimerSetTimeFlags::empty());
        };
        // Again and again, for a signal that comes before the call has begun is lost.
        set(Expiration::IntervalDelayed(LIMIT.into(), LIMIT.into()));
        let result = call();
        set(Expiration::OneShot(Duration::ZERO.into()));
        result
    }
}

#[cfg(test)]
mod tests {
    use std::thread::sleep;
    use std::time::Instant;

    use nix::unistd::pause;

    use super::*;

    #[test]
    fn what_waits_is_interrupted() {
        let patience = Patience::of_this_thread().expect("a timer");
        let begin = Instant::now();
        patience.limit(pause);
        assert!(begin.elapsed() >= LIMIT);
        // And nothing comes afterwards.
        let begin = Instant::now();
        sleep(LIMIT * 3);
        assert!(begin.elapsed() >= LIMIT * 3);
    }
}
