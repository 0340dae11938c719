//! This process, as `ipaddr-socket` sees it.

use core::ffi::c_int;

use ipaddr_policy::Policy;
use ipaddr_policy::text::Text;
use ipaddr_socket::{Assignment, Call, Host, Level};

use crate::process::descriptor::Descriptor;
use crate::process::{assignment, datagrams, log, sockets};
use crate::sys::seccomp;

/// This process; what it knows is in the statics of its modules.
pub struct ThisProcess;

/// A call of this process.
#[inline]
pub const fn call(name: &'static str, fd: c_int) -> Call<'static, Descriptor, ThisProcess> {
    Call {
        name,
        socket: Descriptor(fd),
        host: &ThisProcess,
    }
}

impl Host for ThisProcess {
    #[inline]
    fn assignment(&self) -> Assignment<'_> {
        assignment::current()
    }

    #[inline]
    fn assignment_for_send(&self) -> Assignment<'_> {
        assignment::for_send()
    }

    #[inline]
    fn latched(&self) -> Option<&Policy<'_>> {
        assignment::latched()
    }

    #[inline]
    fn wants(&self, level: Level) -> bool {
        log::wants(level)
    }

    fn log(&self, line: &impl Text) {
        log::line(line);
    }

    #[inline]
    fn is_confined(&self) -> bool {
        seccomp::is_confined()
    }

    fn may_set_options(&self) -> bool {
        seccomp::may_set_options()
    }

    fn note_left_bound(&self) {
        sockets::note_left_bound();
    }

    #[inline]
    fn may_have_left_bound(&self) -> bool {
        sockets::may_have_left_bound()
    }

    fn note_chosen_source(&self) {
        sockets::note_chosen_source();
    }

    #[inline]
    fn may_have_chosen_source(&self) -> bool {
        sockets::may_have_chosen_source()
    }

    #[inline]
    fn has_bound_datagrams(&self) -> bool {
        datagrams::are_bound()
    }

    #[inline]
    fn note_query(&self, policy: &Policy<'_>) {
        datagrams::note_query(self, policy);
    }

    fn note_sourceless(&self) {
        datagrams::give_up();
        sockets::note_foreign();
    }

    fn all_are_bound(&self) -> bool {
        sockets::all_are_bound()
    }

    fn may_have_foreign(&self) -> bool {
        sockets::may_have_foreign()
    }
}
