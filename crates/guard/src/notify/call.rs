//! A system call that waits for its answer.

use std::ffi::c_int;

use libc::{pid_t, seccomp_notif};

/// A system call of a thread in the guarded tree.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// By what the kernel knows it.
    pub id: u64,
    /// The thread, in the supervisor's PID namespace; 0 if it has none there.
    pub tid: pid_t,
    /// Its number, of the supervisor's own architecture: the filter refuses others.
    pub number: i64,
    /// Its arguments, as they were in the registers.
    pub arguments: [u64; 6],
}

impl From<seccomp_notif> for Call {
    fn from(notification: seccomp_notif) -> Self {
        Self {
            id: notification.id,
            tid: notification.pid.cast_signed(),
            number: notification.data.nr.into(),
            arguments: notification.data.args,
        }
    }
}

impl Call {
    /// An argument that the kernel takes for an int.
    pub const fn int(&self, index: usize) -> c_int {
        self.arguments[index] as c_int
    }

    /// An argument that is a pointer or a length.
    pub const fn word(&self, index: usize) -> u64 {
        self.arguments[index]
    }

    /// The descriptor, which all judged calls on sockets have first.
    pub const fn descriptor(&self) -> c_int {
        self.int(0)
    }
}
