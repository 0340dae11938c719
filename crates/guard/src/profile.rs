//! The filter as a profile for OCI runtimes: the object `linux.seccomp` of a container's config.json,
//! see the runtime specification, "Seccomp". It is made of the same rules.
//!
//! libseccomp, which makes a filter of it, kills programs of other architectures, where the guard's
//! own filter says `ENOSYS`.

use std::path::Path;

use serde::Serialize;

use crate::cli;
use crate::filter::rule::{Action, Condition, Rule};
use crate::filter::rules;

/// The architecture whose calls the rules are about.
#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: &str = "SCMP_ARCH_X86_64";
/// The architecture whose calls the rules are about.
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: &str = "SCMP_ARCH_AARCH64";

/// The object `linux.seccomp`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Profile<'a> {
    default_action: &'static str,
    architectures: [&'static str; 1],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    flags: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    listener_path: Option<&'a Path>,
    #[serde(skip_serializing_if = "Option::is_none")]
    listener_metadata: Option<&'a str>,
    syscalls: Vec<Syscall>,
}

/// What becomes of a system call where all of `args` hold.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Syscall {
    names: [&'static str; 1],
    action: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    errno_ret: Option<i32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    args: Vec<Argument>,
}

/// A comparison of libseccomp's, see seccomp_rule_add(3). For `SCMP_CMP_MASKED_EQ` the first value is
/// the mask.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Argument {
    index: u8,
    value: u64,
    value_two: u64,
    op: &'static str,
}

impl<'a> Profile<'a> {
    /// Of the filter's rules.
    pub fn new(options: &'a cli::Profile) -> Self {
        Self {
            default_action: "SCMP_ACT_ALLOW",
            architectures: [ARCHITECTURE],
            flags: &options.flags,
            listener_path: options.socket.as_deref(),
            listener_metadata: options.metadata.as_deref(),
            syscalls: rules().iter().map(Syscall::from).collect(),
        }
    }

    /// As JSON.
    ///
    /// # Errors
    /// The path of the socket is no UTF-8.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self)
    }
}

impl From<&Rule> for Syscall {
    fn from(rule: &Rule) -> Self {
        let (action, errno_ret) = match rule.action {
            Action::Judge => ("SCMP_ACT_NOTIFY", None),
            Action::Refuse(errno) => ("SCMP_ACT_ERRNO", Some(errno)),
        };
        Self {
            names: [name(rule.number)],
            action,
            errno_ret,
            args: rule.conditions.iter().map(Argument::from).collect(),
        }
    }
}

impl From<&Condition> for Argument {
    fn from(condition: &Condition) -> Self {
        let (index, value, value_two, op) = match *condition {
            // Of an int the kernel takes the lower half only.
            Condition::Is(index, value) => (index, u32::MAX, value, "SCMP_CMP_MASKED_EQ"),
            Condition::IsMasked(index, mask, value) => (index, mask, value, "SCMP_CMP_MASKED_EQ"),
            Condition::IsNotNull(index) => (index, 0, 0, "SCMP_CMP_NE"),
        };
        Self {
            index,
            value: value.into(),
            value_two: value_two.into(),
            op,
        }
    }
}

/// The name of a system call.
///
/// # Panics
/// The rules have another: a mistake, which any test finds.
fn name(number: libc::c_long) -> &'static str {
    match number {
        libc::SYS_socket => "socket",
        libc::SYS_bind => "bind",
        libc::SYS_connect => "connect",
        libc::SYS_listen => "listen",
        libc::SYS_sendto => "sendto",
        libc::SYS_sendmsg => "sendmsg",
        libc::SYS_sendmmsg => "sendmmsg",
        libc::SYS_setsockopt => "setsockopt",
        libc::SYS_landlock_create_ruleset => "landlock_create_ruleset",
        libc::SYS_landlock_restrict_self => "landlock_restrict_self",
        libc::SYS_io_uring_setup => "io_uring_setup",
        libc::SYS_io_uring_enter => "io_uring_enter",
        libc::SYS_io_uring_register => "io_uring_register",
        _ => panic!("a system call without a name: {number}"),
    }
}

#[cfg(test)]
mod tests;
