//! The filter.

use libc::c_long;

use super::evaluate::{answer_of, answer_to};
use super::program::FIRST_X32;

/// `AUDIT_ARCH_I386` and `AUDIT_ARCH_ARM` of linux/audit.h.
const OTHER_ARCHITECTURES: [u32; 2] = [0x4000_0003, 0x4000_0028];

const JUDGED: u32 = libc::SECCOMP_RET_USER_NOTIF;
const PASSED: u32 = libc::SECCOMP_RET_ALLOW;

const fn refused(errno: i32) -> u32 {
    libc::SECCOMP_RET_ERRNO | errno.cast_unsigned()
}

#[test]
fn calls_that_choose_an_address_are_judged() {
    for number in [
        libc::SYS_bind,
        libc::SYS_connect,
        libc::SYS_listen,
        libc::SYS_sendmsg,
        libc::SYS_sendmmsg,
        libc::SYS_landlock_create_ruleset,
        libc::SYS_landlock_restrict_self,
    ] {
        assert_eq!(answer_to(number, [0; 6]), JUDGED, "{number}");
    }
}

#[test]
fn others_pass() {
    for number in [
        libc::SYS_read,
        libc::SYS_write,
        libc::SYS_accept,
        libc::SYS_accept4,
        libc::SYS_recvmsg,
        libc::SYS_getsockname,
        libc::SYS_execve,
    ] {
        assert_eq!(answer_to(number, [u64::MAX; 6]), PASSED, "{number}");
    }
}

#[test]
fn a_send_is_judged_with_a_destination_only() {
    let to = |pointer| answer_to(libc::SYS_sendto, [3, 1, 1, 0, pointer, 16]);
    assert_eq!(to(0), PASSED);
    assert_eq!(to(0x1000), JUDGED);
    // One whose lower half is zero is no null pointer.
    assert_eq!(to(0x1_0000_0000), JUDGED);
    assert_eq!(to(u64::MAX), JUDGED);
}

#[test]
fn of_the_options_two_are_judged() {
    let set = |level, name| answer_to(libc::SYS_setsockopt, [3, level, name, 0, 0, 0]);
    let (level, name) = (libc::IPPROTO_IPV6 as u64, libc::IPV6_PKTINFO as u64);
    assert_eq!(set(level, name), JUDGED);
    // The kernel takes ints, whatever is above them.
    assert_eq!(set(level | 1 << 32, name | 7 << 40), JUDGED);
    assert_eq!(set(level, libc::IPV6_V6ONLY as u64), PASSED);
    let no_port = libc::IP_BIND_ADDRESS_NO_PORT as u64;
    assert_eq!(set(libc::IPPROTO_IP as u64, no_port), JUDGED);
    assert_eq!(set(level, no_port), PASSED);
    assert_eq!(set(libc::SOL_SOCKET as u64, name), PASSED);
}

#[test]
fn rings_are_refused() {
    for number in [
        libc::SYS_io_uring_setup,
        libc::SYS_io_uring_enter,
        libc::SYS_io_uring_register,
    ] {
        assert_eq!(answer_to(number, [0; 6]), refused(libc::ENOSYS));
    }
}

#[test]
fn other_architectures_and_x32_are_refused() {
    for arch in OTHER_ARCHITECTURES {
        for number in [libc::SYS_bind, libc::SYS_read, 361, 0] {
            assert_eq!(answer_of(arch, number, [0; 6]), refused(libc::ENOSYS));
        }
    }
    for number in [libc::SYS_bind, 0, 520] {
        let number = number | c_long::from(FIRST_X32);
        assert_eq!(answer_to(number, [0; 6]), refused(libc::ENOSYS));
    }
}

#[test]
fn sockets_that_choose_addresses_by_themselves_are_refused() {
    let make = |family: i32, kind: i32, protocol: i32| {
        answer_to(
            libc::SYS_socket,
            [family as u64, kind as u64, protocol as u64, 0, 0, 0],
        )
    };
    let (stream, none) = (libc::SOCK_STREAM, refused(libc::EPROTONOSUPPORT));
    for family in [libc::AF_INET, libc::AF_INET6] {
        assert_eq!(make(family, stream, 0), PASSED);
        assert_eq!(make(family, libc::SOCK_DGRAM, libc::IPPROTO_UDP), PASSED);
        for protocol in [libc::IPPROTO_MPTCP, libc::IPPROTO_SCTP, 256] {
            assert_eq!(make(family, stream, protocol), none);
        }
        let kind = libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC;
        assert_eq!(make(family, kind, 0), refused(libc::ESOCKTNOSUPPORT));
    }
    assert_eq!(make(libc::AF_UNIX, libc::SOCK_SEQPACKET, 0), PASSED);
    for family in [43, libc::AF_RDS, libc::AF_RXRPC] {
        assert_eq!(make(family, stream, 0), refused(libc::EAFNOSUPPORT));
    }
}
