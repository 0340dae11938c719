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

/// An argument of a system call, counted from 0.
#[derive(Clone, Copy, Debug)]
pub enum Argument {
    /// All of its 64 bits: a pointer.
    Whole(u8),
    /// An int, whose upper half the kernel takes no notice of.
    Int(u8),
}

/// What is asked of an argument.
#[derive(Clone, Copy, Debug)]
pub enum Condition {
    /// It is this.
    Is(Argument, u32),
    /// It isn't.
    IsNot(Argument, u32),
    /// These bits of it are this.
    IsMasked(Argument, u32, u32),
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
