// The table of all calls that the library hooks: the one place where a new hook is entered.
//
//     /// What becomes of the call, for docs/coverage.md.
//     NAME(MANUAL SECTION) HOOK next(NEXT or ABSENT) number(SYS_NAME) tests(TEST …);
//
// HOOK is the kind of the hook, with the functions in src/hooks that do its work:
//
//     around(FRAME, BEFORE, AFTER)  BEFORE judges, the next function is called, AFTER sees the result;
//                                   FRAME is what they keep on the stack meanwhile (src/abi/frame.rs)
//     ahead(BEFORE)                 BEFORE reads the arguments and returns what to jump to, most often
//                                   the next function (src/abi/forward.rs)
//     instead(FUNCTION = fn(…) -> …)  FUNCTION is called in place of libc's
//     dispatch()                    syscall(2) itself
//     number_only()                 no libc has a function for it
//
// What may be left out:
//
//     next(NEXT or ABSENT)          crate::abi::next::NEXT is the next function of this name, or, where
//                                   there is none, crate::abi::next::absent::ABSENT: the system call
//                                   itself, or a function that fails
//     number(SYS_NAME)              syscall(2) with this number is hooked too, by the same functions
//                                   around the system call itself, or by others: number(SYS_NAME HOOK)
//     noted(SYS_NAME)               syscall(2) with this number passes hooks::sharing::before_by_number
//
// TEST are the tests in shim-tests/tests that make the call.
//
// src/abi/next.rs and src/abi/exports.rs expand the table to code, shim-tests/src/covered.rs to the rows
// of docs/coverage.md. That includes this file, so the file consists of one macro.

/// Calls the macro `$then` with the table.
macro_rules! symbols {
    ($then:ident) => { $then! {
        /// The wildcard becomes the assigned address; assigned addresses and loopback pass, others are `EPERM`.
        bind(2) around(Frame, bind::before, bind::after)
            next(BIND or bind) number(SYS_bind) tests(bind_table hooks);

        /// The socket is quietly bound to the assigned address first; one that is bound to an allowed address keeps it.
        connect(2) around(Frame, connect::before, connect::after)
            next(CONNECT or connect) number(SYS_connect) tests(connect_table hooks);

        /// `connect` by glibc's other name for it.
        __connect(2) around(Frame, connect::before, connect::after)
            tests(hooks);

        /// A socket that is not bound is bound to the assigned address first.
        listen(2) around(Frame, listen::before, listen::after)
            next(LISTEN or listen) number(SYS_listen) tests(hooks);

        /// A connection whose peer the rules refuse is reset, and the call goes on.
        accept(2) around(accept::AcceptFrame, accept::before_accept, accept::after_accept)
            next(ACCEPT or accept) number(SYS_accept) tests(rules);

        /// As `accept`.
        accept4(2) around(accept::AcceptFrame, accept::before_accept4, accept::after_accept4)
            next(ACCEPT4 or accept4) number(SYS_accept4) tests(rules);

        /// With a destination: a socket that is not bound is quietly bound to the assigned address first.
        sendto(2) around(send::SendtoFrame, send::before_sendto, send::after_sendto)
            next(SENDTO or sendto)
            number(SYS_sendto around(Frame, send::before_sendto_by_number, send::after_sendto))
            tests(hooks many_datagrams multicast);

        /// As `sendto`; the source that a control message chooses is judged as a bind to it would be.
        sendmsg(2) around(message::MessageFrame, send::before_sendmsg, send::after_sendmsg)
            next(SENDMSG or sendmsg) number(SYS_sendmsg) tests(hooks many_datagrams multicast);

        /// As `sendmsg`, message by message.
        sendmmsg(2) around(message::MessageFrame, send::before_sendmmsg, send::after_sendmmsg)
            next(SENDMMSG or sendmmsg) number(SYS_sendmmsg) tests(hooks many_datagrams multicast);

        /// Goes through unchanged; the library has to know when the program installs a seccomp filter.
        prctl(2) around(seccomp::FilterFrame, seccomp::before_prctl, seccomp::after)
            next(PRCTL or prctl) number(SYS_prctl) tests(own_filter);

        /// As `prctl`.
        seccomp(2) number_only()
            number(SYS_seccomp around(seccomp::FilterFrame, seccomp::before_seccomp, seccomp::after))
            tests(own_filter);

        /// The source that the option `IPV6_PKTINFO` chooses is judged as a bind to it would be; other options pass.
        setsockopt(2) around(setsockopt::OptionFrame, setsockopt::before, nothing_after)
            next(SETSOCKOPT or setsockopt) number(SYS_setsockopt) tests(hooks);

        /// MPTCP becomes TCP; the socket of a process that sends many datagrams is bound in advance.
        socket(2) around(Frame, incoming::before_socket, incoming::after_socket)
            next(SOCKET or socket) number(SYS_socket) tests(bind_table many_datagrams);

        /// Goes through unchanged; the library has to know when a message brings a socket into the process.
        recvmsg(2) around(Frame, incoming::before_recvmsg, incoming::after_recvmsg)
            next(RECVMSG or recvmsg) number(SYS_recvmsg) tests(many_datagrams own_filter);

        /// As `recvmsg`.
        recvmmsg(2) around(Frame, incoming::before_recvmmsg, incoming::after_recvmmsg)
            next(RECVMMSG or recvmmsg) number(SYS_recvmmsg) tests(many_datagrams own_filter);

        /// An exec of a program that the library is not loaded into is logged.
        execve(2) ahead(execute::before_execve)
            next(EXECVE or execve)
            number(SYS_execve ahead(execute::before_execve_by_number))
            tests(coverage exec);

        /// As `execve`.
        execveat(2) ahead(execute::before_execveat)
            next(EXECVEAT or execveat)
            number(SYS_execveat ahead(execute::before_execveat_by_number))
            tests(coverage);

        /// Goes through unchanged; it brings a socket into the process.
        pidfd_getfd(2) around(Frame, incoming::before_pidfd_getfd, incoming::after_pidfd_getfd)
            next(PIDFD_GETFD or pidfd_getfd) number(SYS_pidfd_getfd) tests(many_datagrams own_filter);

        /// Goes through unchanged; the library has to know when memory is shared and descriptors are not, or the other way round.
        clone(2) ahead(sharing::before_clone)
            next(CLONE or failure) noted(SYS_clone) tests(many_datagrams);

        /// As `clone`.
        clone3(2) number_only() noted(SYS_clone3) tests(many_datagrams);

        /// As `clone`.
        unshare(2) ahead(sharing::before_unshare)
            next(UNSHARE or unshare) noted(SYS_unshare) tests(many_datagrams);

        /// As `clone`.
        close_range(2) ahead(sharing::before_close_range)
            next(CLOSE_RANGE or close_range) noted(SYS_close_range) tests(many_datagrams);

        /// The calls above by their numbers, as by their names; all other numbers go through.
        syscall(2) dispatch()
            next(SYSCALL or syscall) tests(hooks);

        /// Loads without `RTLD_DEEPBIND`, with which the loaded library would find libc's functions first.
        dlopen(3) ahead(dlfcn::before_dlopen)
            next(DLOPEN or null) tests(symbols);

        /// As `dlopen`; refused for a namespace of its own where something is assigned.
        dlmopen(3) ahead(dlfcn::before_dlmopen)
            next(DLMOPEN or null) tests(symbols);

        /// On a handle: the library's function where libc's would be the answer.
        dlsym(3) ahead(dlfcn::before_dlsym)
            next(DLSYM or null) tests(symbols);

        /// As `dlsym`.
        dlvsym(3) ahead(dlfcn::before_dlvsym)
            next(DLVSYM or null) tests(symbols);

        /// As `execve`.
        execv(3) ahead(execute::before_execv)
            next(EXECV or failure) tests(coverage);

        /// As `execve`.
        execvp(3) ahead(execute::before_execvp)
            next(EXECVP or failure) tests(coverage);

        /// As `execve`.
        execvpe(3) ahead(execute::before_execvpe)
            next(EXECVPE or failure) tests(coverage);

        /// As `execve`.
        execl(3) ahead(execute::before_execl)
            next(EXECL or failure) tests(coverage);

        /// As `execve`.
        execle(3) ahead(execute::before_execle)
            next(EXECLE or failure) tests(coverage);

        /// As `execve`.
        execlp(3) ahead(execute::before_execlp)
            next(EXECLP or failure) tests(coverage);

        /// As `execve`.
        fexecve(3) ahead(execute::before_fexecve)
            next(FEXECVE or failure) tests(coverage);

        /// As `execve`.
        posix_spawn(3) ahead(execute::before_posix_spawn)
            next(POSIX_SPAWN or error_number) tests(coverage);

        /// As `execve`.
        posix_spawnp(3) ahead(execute::before_posix_spawnp)
            next(POSIX_SPAWNP or error_number) tests(coverage);

        /// Binds as `bind` does, to a free privileged port.
        bindresvport(3) instead(resvport::bindresvport = fn(fd: c_int, address: *mut sockaddr_in) -> c_int)
            tests(hooks);

        /// A new socket, bound as `bindresvport` does it.
        rresvport(3) instead(resvport::rresvport = fn(port: *mut c_int) -> c_int)
            tests(hooks);

        /// As `rresvport`, also for IPv6.
        rresvport_af(3) instead(resvport::rresvport_af = fn(port: *mut c_int, family: sa_family_t) -> c_int)
            tests(hooks);
    } };
}
