//! A reference that is set once, without a lock: of two threads at once, or a thread and a signal
//! handler, one wins.
//!
//! As once_cell's `race::OnceRef` is, which can't be used: where the tests are built in the same call,
//! others turn on its `std` feature, and std has a panic handler of its own.

use core::marker::PhantomData;
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

/// A reference that is set once.
pub struct OnceRef<T: 'static> {
    /// Null, or from a `&'static T`.
    target: AtomicPtr<T>,
    /// Shared between threads if a `&'static T` may be.
    _shares: PhantomData<&'static T>,
}

impl<T> OnceRef<T> {
    /// One that isn't set.
    pub const fn new() -> Self {
        Self {
            target: AtomicPtr::new(ptr::null_mut()),
            _shares: PhantomData,
        }
    }

    /// The reference, if it is set: one atomic load.
    #[inline]
    pub fn get(&self) -> Option<&'static T> {
        // SAFETY: null, or from a `&'static T`, see `set`; what was written before that is seen.
        unsafe { self.target.load(Ordering::Acquire).as_ref() }
    }

    /// Sets it.
    ///
    /// # Errors
    /// It is set already, and stays as it is.
    pub fn set(&self, target: &'static T) -> Result<(), ()> {
        let target = ptr::from_ref(target).cast_mut();
        self.target
            .compare_exchange(
                ptr::null_mut(),
                target,
                Ordering::Release,
                Ordering::Relaxed,
            )
            .map(|_| ())
            .map_err(|_| ())
    }
}
