//! A part of one of the arrays of [`super::memory`].

/// From `start` on, up to `end` and without it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub start: u32,
    pub end: u32,
}

impl Span {
    pub const EMPTY: Self = Self { start: 0, end: 0 };

    pub const fn is_empty(self) -> bool {
        self.start == self.end
    }

    pub const fn len(self) -> usize {
        self.end.saturating_sub(self.start) as usize
    }

    pub fn of<T>(self, all: &[T]) -> &[T] {
        all.get(self.start as usize..self.end as usize)
            .unwrap_or(&[])
    }

    pub fn of_mut<T>(self, all: &mut [T]) -> &mut [T] {
        all.get_mut(self.start as usize..self.end as usize)
            .unwrap_or(&mut [])
    }
}
