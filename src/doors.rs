//! Every libc symbol that has to do with how a socket gets its local address, and what becomes of
//! it. A test holds this table against the dynamic symbols of the libc that it finds.

/// What becomes of a symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// This library stands in front of it: it gives a socket its address or a peer, brings a
    /// socket into the process, changes with whom the sockets are shared, finds such a function,
    /// executes a program, or says what the library may do there.
    Covered,
    /// It gives no socket a local address; why.
    Harmless(&'static str),
    /// It does, inside libc, where no symbol is passed; the README says so.
    NotCovered(&'static str),
}

use Door::{Covered, Harmless, NotCovered};

const NO_DESTINATION: &str = "has no destination: the socket is connected, and so bound, already";
const RECEIVES: &str = "receives";
const BY_ITSELF: &str = "connects by a call inside libc";

/// The table, sorted.
pub const DOORS: &[(&str, Door)] = &[
    ("__connect", Covered),
    ("__recv_chk", Harmless(RECEIVES)),
    ("__recvfrom_chk", Harmless(RECEIVES)),
    ("__res_nsend", NotCovered("a DNS query")),
    ("__res_send", NotCovered("a DNS query")),
    ("__send", Harmless(NO_DESTINATION)),
    ("accept", Covered),
    ("accept4", Covered),
    ("bind", Covered),
    ("bindresvport", Covered),
    ("clone", Covered),
    ("close_range", Covered),
    ("connect", Covered),
    ("dlmopen", Covered),
    ("dlopen", Covered),
    ("dlsym", Covered),
    ("dlvsym", Covered),
    ("execl", Covered),
    ("execle", Covered),
    ("execlp", Covered),
    ("execv", Covered),
    ("execve", Covered),
    ("execveat", Covered),
    ("execvp", Covered),
    ("execvpe", Covered),
    ("fexecve", Covered),
    ("getsockname", Harmless("asks")),
    ("getsockopt", Harmless("asks")),
    ("listen", Covered),
    ("pidfd_getfd", Covered),
    ("posix_spawn", Covered),
    ("posix_spawnp", Covered),
    ("prctl", Covered),
    ("rcmd", NotCovered(BY_ITSELF)),
    ("rcmd_af", NotCovered(BY_ITSELF)),
    ("recv", Harmless(RECEIVES)),
    ("recvfrom", Harmless(RECEIVES)),
    ("recvmmsg", Covered),
    ("recvmsg", Covered),
    ("res_nsend", NotCovered("a DNS query")),
    ("res_send", NotCovered("a DNS query")),
    ("rexec", NotCovered(BY_ITSELF)),
    ("rexec_af", NotCovered(BY_ITSELF)),
    ("rresvport", Covered),
    ("rresvport_af", Covered),
    ("send", Harmless(NO_DESTINATION)),
    ("sendfile", Harmless(NO_DESTINATION)),
    ("sendfile64", Harmless(NO_DESTINATION)),
    ("sendmmsg", Covered),
    ("sendmsg", Covered),
    ("sendto", Covered),
    ("setsockopt", Covered),
    ("sockatmark", Harmless("asks")),
    ("socket", Covered),
    ("socketpair", Harmless("not of IPv4 or IPv6")),
    ("syscall", Covered),
    ("unshare", Covered),
];
