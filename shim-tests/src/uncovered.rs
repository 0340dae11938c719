//! The libc symbols that have to do with how a socket gets its local address and that the library does
//! not hook, each with the reason. [`crate::covered`] has the others; a test compares both with the
//! dynamic symbols of the libc that it finds.

use crate::covered::{Guard, PEERS};

/// Why a symbol is not hooked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uncovered {
    /// It gives no socket a local address.
    Harmless(&'static str),
    /// It does, inside libc, which calls no symbol for it.
    InsideLibc(&'static str),
}

use Uncovered::{Harmless, InsideLibc};

impl Uncovered {
    /// What becomes of the call under ipaddr-guard, which sees libc's own system calls as well.
    #[must_use]
    pub fn guard(self) -> Guard {
        match self {
            Harmless(_) => Guard::NotNeeded,
            InsideLibc(RPC_ACCEPTS) => PEERS,
            InsideLibc(_) => Guard::Judged,
        }
    }
}

const NO_DESTINATION: &str = "has no destination: the socket is connected, and so bound, already";
const RECEIVES: &str = "receives";
const BY_ITSELF: &str = "connects by a call inside libc";
const ANSWERS: &str = "answers on a socket that is bound already";
const NO_SOCKET: &str = "makes no socket";
const EXPLAINS: &str = "describes an error";
const QUERIES: &str = "queries a socket or the machine";
const DNS: &str = "a DNS query";
const OTHER_FAMILY: &str = "not of IPv4 or IPv6";
const RPC: &str = "Sun RPC, for programs linked before glibc 2.32: binds or connects inside libc";
const RPC_ACCEPTS: &str = "Sun RPC, for programs linked before glibc 2.32: accepts inside libc";

/// The table, sorted.
pub const UNCOVERED: &[(&str, Uncovered)] = &[
    ("__recv_chk", Harmless(RECEIVES)),
    ("__recvfrom_chk", Harmless(RECEIVES)),
    ("__res_nsend", InsideLibc(DNS)),
    ("__res_send", InsideLibc(DNS)),
    ("__send", Harmless(NO_DESTINATION)),
    ("authdes_create", InsideLibc(RPC)),
    ("authdes_getucred", Harmless(NO_SOCKET)),
    ("authdes_pk_create", InsideLibc(RPC)),
    ("callrpc", InsideLibc(RPC)),
    ("clnt_broadcast", InsideLibc(RPC)),
    ("clnt_create", InsideLibc(RPC)),
    ("clnt_pcreateerror", Harmless(EXPLAINS)),
    ("clnt_perrno", Harmless(EXPLAINS)),
    ("clnt_perror", Harmless(EXPLAINS)),
    ("clnt_spcreateerror", Harmless(EXPLAINS)),
    ("clnt_sperrno", Harmless(EXPLAINS)),
    ("clnt_sperror", Harmless(EXPLAINS)),
    ("clntraw_create", Harmless(NO_SOCKET)),
    ("clnttcp_create", InsideLibc(RPC)),
    ("clntudp_bufcreate", InsideLibc(RPC)),
    ("clntudp_create", InsideLibc(RPC)),
    ("clntunix_create", Harmless(OTHER_FAMILY)),
    ("get_myaddress", Harmless(QUERIES)),
    ("getrpcport", InsideLibc(RPC)),
    ("getsockname", Harmless(QUERIES)),
    ("getsockopt", Harmless(QUERIES)),
    ("pmap_getmaps", InsideLibc(RPC)),
    ("pmap_getport", InsideLibc(RPC)),
    ("pmap_rmtcall", InsideLibc(RPC)),
    ("pmap_set", InsideLibc(RPC)),
    ("pmap_unset", InsideLibc(RPC)),
    ("rcmd", InsideLibc(BY_ITSELF)),
    ("rcmd_af", InsideLibc(BY_ITSELF)),
    ("recv", Harmless(RECEIVES)),
    ("recvfrom", Harmless(RECEIVES)),
    ("registerrpc", InsideLibc(RPC)),
    ("res_nsend", InsideLibc(DNS)),
    ("res_send", InsideLibc(DNS)),
    ("rexec", InsideLibc(BY_ITSELF)),
    ("rexec_af", InsideLibc(BY_ITSELF)),
    ("rtime", InsideLibc(BY_ITSELF)),
    ("send", Harmless(NO_DESTINATION)),
    ("sendfile", Harmless(NO_DESTINATION)),
    ("sendfile64", Harmless(NO_DESTINATION)),
    ("sockatmark", Harmless(QUERIES)),
    ("socketpair", Harmless(OTHER_FAMILY)),
    ("svc_exit", Harmless(NO_SOCKET)),
    ("svc_getreq", InsideLibc(RPC_ACCEPTS)),
    ("svc_getreq_common", InsideLibc(RPC_ACCEPTS)),
    ("svc_getreq_poll", InsideLibc(RPC_ACCEPTS)),
    ("svc_getreqset", InsideLibc(RPC_ACCEPTS)),
    ("svc_register", InsideLibc(RPC)),
    ("svc_run", InsideLibc(RPC_ACCEPTS)),
    ("svc_sendreply", Harmless(ANSWERS)),
    ("svc_unregister", InsideLibc(RPC)),
    ("svcerr_auth", Harmless(ANSWERS)),
    ("svcerr_decode", Harmless(ANSWERS)),
    ("svcerr_noproc", Harmless(ANSWERS)),
    ("svcerr_noprog", Harmless(ANSWERS)),
    ("svcerr_progvers", Harmless(ANSWERS)),
    ("svcerr_systemerr", Harmless(ANSWERS)),
    ("svcerr_weakauth", Harmless(ANSWERS)),
    ("svcfd_create", Harmless(NO_SOCKET)),
    ("svcraw_create", Harmless(NO_SOCKET)),
    ("svctcp_create", InsideLibc(RPC)),
    ("svcudp_bufcreate", InsideLibc(RPC)),
    ("svcudp_create", InsideLibc(RPC)),
    ("svcudp_enablecache", Harmless(NO_SOCKET)),
    ("svcunix_create", Harmless(OTHER_FAMILY)),
    ("svcunixfd_create", Harmless(OTHER_FAMILY)),
    ("xprt_register", Harmless(NO_SOCKET)),
    ("xprt_unregister", Harmless(NO_SOCKET)),
];
