//! What becomes of one system call, by its number and its arguments.

use libc::c_long;

/// A system call, and what becomes of it where all conditions hold. The first rule of a call that
/// holds decides; where none does the call is untouched.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The number of the call.
    pub number: c_long,
    /// What has to hold.
    pub conditions: Vec<Condition>,
    /// What becomes of it.
    pub action: Action,
}

/// What becomes of a system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The supervisor judges it.
    Judge,
    /// It fails with this errno.
    Refuse(i32),
}

/// What is required of an argument. Arguments are counted from 0.
#[derive(Clone, Copy, Debug)]
pub enum Condition {
    /// This int is this. The kernel takes no notice of its upper half.
    Is(u8, u32),
    /// This pointer isn't null.
    IsNotNull(u8),
    /// Of this int these bits are this.
    IsMasked(u8, u32, u32),
}

impl Rule {
    /// For every call of this number.
    pub const fn always(number: c_long, action: Action) -> Self {
        Self {
            number,
            conditions: Vec::new(),
            action,
        }
    }

    /// For those whose arguments are such.
    pub fn only<const N: usize>(
        number: c_long,
        conditions: [Condition; N],
        action: Action,
    ) -> Self {
        Self {
            number,
            conditions: conditions.to_vec(),
            action,
        }
    }
}
