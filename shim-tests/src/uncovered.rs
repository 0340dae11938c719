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
    /// It does, inside libc, where no symbol is passed; docs/coverage.md says so.
    NotCovered(&'static str),
}

use Door::{Covered, Harmless, NotCovered};

const NO_DESTINATION: &str = "has no destination: the socket is connected, and so bound, already";
const RECEIVES: &str = "receives";
const BY_ITSELF: &str = "connects by a call inside libc";

const OTHER_FAMILY: &str = "not of IPv4 or IPv6";
const RPC: &str = "Sun RPC, for programs linked before glibc 2.32: binds or connects inside libc";
const RPC_ACCEPTS: &str = "Sun RPC, for programs linked before glibc 2.32: accepts inside libc";

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
    ("authdes_create", NotCovered(RPC)),
    ("authdes_getucred", Harmless("makes no socket")),
    ("authdes_pk_create", NotCovered(RPC)),
    ("bind", Covered),
    ("bindresvport", Covered),
    ("callrpc", NotCovered(RPC)),
    ("clnt_broadcast", NotCovered(RPC)),
    ("clnt_create", NotCovered(RPC)),
    ("clnt_pcreateerror", Harmless("says what went wrong")),
    ("clnt_perrno", Harmless("says what went wrong")),
    ("clnt_perror", Harmless("says what went wrong")),
    ("clnt_spcreateerror", Harmless("says what went wrong")),
    ("clnt_sperrno", Harmless("says what went wrong")),
    ("clnt_sperror", Harmless("says what went wrong")),
    ("clntraw_create", Harmless("makes no socket")),
    ("clnttcp_create", NotCovered(RPC)),
    ("clntudp_bufcreate", NotCovered(RPC)),
    ("clntudp_create", NotCovered(RPC)),
    ("clntunix_create", Harmless(OTHER_FAMILY)),
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
    ("get_myaddress", Harmless("asks")),
    ("getrpcport", NotCovered(RPC)),
    ("getsockname", Harmless("asks")),
    ("getsockopt", Harmless("asks")),
    ("listen", Covered),
    ("pidfd_getfd", Covered),
    ("pmap_getmaps", NotCovered(RPC)),
    ("pmap_getport", NotCovered(RPC)),
    ("pmap_rmtcall", NotCovered(RPC)),
    ("pmap_set", NotCovered(RPC)),
    ("pmap_unset", NotCovered(RPC)),
    ("posix_spawn", Covered),
    ("posix_spawnp", Covered),
    ("prctl", Covered),
    ("rcmd", NotCovered(BY_ITSELF)),
    ("rcmd_af", NotCovered(BY_ITSELF)),
    ("recv", Harmless(RECEIVES)),
    ("recvfrom", Harmless(RECEIVES)),
    ("recvmmsg", Covered),
    ("recvmsg", Covered),
    ("registerrpc", NotCovered(RPC)),
    ("res_nsend", NotCovered("a DNS query")),
    ("res_send", NotCovered("a DNS query")),
    ("rexec", NotCovered(BY_ITSELF)),
    ("rexec_af", NotCovered(BY_ITSELF)),
    ("rresvport", Covered),
    ("rresvport_af", Covered),
    ("rtime", NotCovered(RPC)),
    ("send", Harmless(NO_DESTINATION)),
    ("sendfile", Harmless(NO_DESTINATION)),
    ("sendfile64", Harmless(NO_DESTINATION)),
    ("sendmmsg", Covered),
    ("sendmsg", Covered),
    ("sendto", Covered),
    ("setsockopt", Covered),
    ("sockatmark", Harmless("asks")),
    ("socket", Covered),
    ("socketpair", Harmless(OTHER_FAMILY)),
    ("svc_exit", Harmless("makes no socket")),
    ("svc_getreq", NotCovered(RPC_ACCEPTS)),
    ("svc_getreq_common", NotCovered(RPC_ACCEPTS)),
    ("svc_getreq_poll", NotCovered(RPC_ACCEPTS)),
    ("svc_getreqset", NotCovered(RPC_ACCEPTS)),
    ("svc_register", NotCovered(RPC)),
    ("svc_run", NotCovered(RPC_ACCEPTS)),
    (
        "svc_sendreply",
        Harmless("answers on a socket that is bound already"),
    ),
    ("svc_unregister", NotCovered(RPC)),
    (
        "svcerr_auth",
        Harmless("answers on a socket that is bound already"),
    ),
    (
        "svcerr_decode",
        Harmless("answers on a socket that is bound already"),
    ),
    (
        "svcerr_noproc",
        Harmless("answers on a socket that is bound already"),
    ),
    (
        "svcerr_noprog",
        Harmless("answers on a socket that is bound already"),
    ),
    (
        "svcerr_progvers",
        Harmless("answers on a socket that is bound already"),
    ),
    (
        "svcerr_systemerr",
        Harmless("answers on a socket that is bound already"),
    ),
    (
        "svcerr_weakauth",
        Harmless("answers on a socket that is bound already"),
    ),
    ("svcfd_create", Harmless("makes no socket")),
    ("svcraw_create", Harmless("makes no socket")),
    ("svctcp_create", NotCovered(RPC)),
    ("svcudp_bufcreate", NotCovered(RPC)),
    ("svcudp_create", NotCovered(RPC)),
    ("svcudp_enablecache", Harmless("makes no socket")),
    ("svcunix_create", Harmless(OTHER_FAMILY)),
    ("svcunixfd_create", Harmless(OTHER_FAMILY)),
    ("syscall", Covered),
    ("unshare", Covered),
    ("xprt_register", Harmless("makes no socket")),
    ("xprt_unregister", Harmless("makes no socket")),
];
