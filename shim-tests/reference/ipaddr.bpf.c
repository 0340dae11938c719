/*
 * The rules of libipaddr as cgroup-BPF programs: the kernel's own way to do this job, and as strict
 * as its hooks allow. One address a family, written by the loader; zero leaves the family alone.
 * Addresses are in network byte order, ports as the kernel hands them out.
 */
#include <linux/bpf.h>
#include <linux/errno.h>
#include <linux/in.h>

#define SECTION(name) __attribute__((section(name), used))
#define INLINE static inline __attribute__((always_inline))
#define big_endian(number) __builtin_bswap32(number)

/* Of libc's headers, which are not for this target. */
enum { AF_INET = 2, AF_INET6 = 10 };

/* What a program returns. A refused call fails with EPERM. */
enum { REFUSE = 0, PASS = 1 };

typedef struct bpf_sock_addr Call;

struct sockaddr4 {
	__u16 family, port;
	__be32 address;
	__u8 zero[8];
};

struct sockaddr6 {
	__u16 family, port;
	__be32 flow, address[4], scope;
};

/* As much of the kernel's own as is read here; the loader finds out where it is. */
struct sock_common {
	unsigned char skc_ipv6only : 1;
} __attribute__((preserve_access_index));

struct sock {
	struct sock_common __sk_common;
} __attribute__((preserve_access_index));

/* Of enum bpf_field_info_kind in libbpf. */
enum { FIELD_BYTE_OFFSET = 0, FIELD_RSHIFT = 5, FIELD_LSHIFT = 4 };

static long (*const bpf_bind)(Call *, void *, int) = (void *)BPF_FUNC_bind;
static long (*const bpf_set_retval)(int) = (void *)BPF_FUNC_set_retval;
static struct sock *(*const bpf_skc_to_tcp6_sock)(void *) = (void *)BPF_FUNC_skc_to_tcp6_sock;
static struct sock *(*const bpf_skc_to_udp6_sock)(void *) = (void *)BPF_FUNC_skc_to_udp6_sock;

const volatile __be32 ipv4;
const volatile __be32 ipv6[4];

INLINE int ipv6_is_assigned(void)
{
	return ipv6[0] || ipv6[1] || ipv6[2] || ipv6[3];
}

INLINE int is_mapped(const __be32 *address)
{
	return !address[0] && !address[1] && address[2] == big_endian(0xffff);
}

INLINE int is_wildcard6(const __be32 *address)
{
	return !address[0] && !address[1] && !address[2] && !address[3];
}

INLINE int may_use4(__be32 address)
{
	return address == ipv4 || address == big_endian(INADDR_LOOPBACK);
}

INLINE int may_use6(const __be32 *address)
{
	int loopback = !address[0] && !address[1] && !address[2] && address[3] == big_endian(1);

	return loopback || (address[0] == ipv6[0] && address[1] == ipv6[1] &&
			    address[2] == ipv6[2] && address[3] == ipv6[3]);
}

/* IPV6_V6ONLY, which bpf_getsockopt() doesn't know. */
INLINE int is_ipv6_only(struct bpf_sock *socket)
{
	struct sock *sock = bpf_skc_to_tcp6_sock(socket);
	__u64 byte;

	if (!sock)
		sock = bpf_skc_to_udp6_sock(socket);
	if (!sock)
		return 0;
	byte = *(const __u8 *)((const char *)sock +
			       __builtin_preserve_field_info(sock->__sk_common.skc_ipv6only,
							     FIELD_BYTE_OFFSET));
	byte <<= __builtin_preserve_field_info(sock->__sk_common.skc_ipv6only, FIELD_LSHIFT);
	return byte >> __builtin_preserve_field_info(sock->__sk_common.skc_ipv6only, FIELD_RSHIFT);
}

SECTION("cgroup/bind4") int bind4(Call *call)
{
	/* Of another family, the kernel takes no more than 0.0.0.0 as AF_UNSPEC. */
	if (!ipv4 || call->user_family == AF_INET6 ||
	    (call->user_family != AF_INET && call->user_ip4))
		return PASS;
	if (call->user_ip4 == 0)
		call->user_ip4 = ipv4;
	return may_use4(call->user_ip4);
}

/* `::` that takes IPv4 too, with nothing but IPv4 assigned, becomes the v4-mapped address. */
INLINE int bind_dual_stack(Call *call)
{
	if (!ipv4 || !call->sk || is_ipv6_only(call->sk))
		return PASS;
	call->user_ip6[2] = big_endian(0xffff);
	call->user_ip6[3] = ipv4;
	return PASS;
}

SECTION("cgroup/bind6") int bind6(Call *call)
{
	__be32 requested[4] = { call->user_ip6[0], call->user_ip6[1], call->user_ip6[2],
			    call->user_ip6[3] };

	if (call->user_family != AF_INET6)
		return PASS;
	if (is_mapped(requested)) {
		if (!ipv4)
			return PASS;
		if (requested[3] == 0)
			call->user_ip6[3] = requested[3] = ipv4;
		return may_use4(requested[3]);
	}
	if (!ipv6_is_assigned())
		return is_wildcard6(requested) ? bind_dual_stack(call) : PASS;
	if (!is_wildcard6(requested))
		return may_use6(requested);
	call->user_ip6[0] = ipv6[0];
	call->user_ip6[1] = ipv6[1];
	call->user_ip6[2] = ipv6[2];
	call->user_ip6[3] = ipv6[3];
	return PASS;
}

/* Fails with the errno of bpf_bind(), but for EINVAL: then the kernel refuses the call by itself. */
INLINE int outcome(long bound)
{
	if (!bound || bound == -EINVAL)
		return PASS;
	bpf_set_retval(bound);
	return REFUSE;
}

/*
 * A connection to IPv4. The bind is without a port, which connect(2) picks: bpf_bind() sees to that.
 */
SECTION("cgroup/connect4") int connect4(Call *call)
{
	struct sockaddr4 source4 = { .family = AF_INET, .address = ipv4 };
	struct sockaddr6 source6 = { .family = AF_INET6,
				     .address = { 0, 0, big_endian(0xffff), ipv4 } };
	struct bpf_sock *sock = call->sk;
	__be32 local[4];

	if (!ipv4 || call->user_family != AF_INET || !sock)
		return PASS;
	if (sock->family == AF_INET) {
		if (sock->src_ip4 || sock->src_port)
			return may_use4(sock->src_ip4);
		return outcome(bpf_bind(call, &source4, sizeof(source4)));
	}
	/* Linux takes an AF_INET destination on an AF_INET6 datagram socket. */
	local[0] = sock->src_ip6[0];
	local[1] = sock->src_ip6[1];
	local[2] = sock->src_ip6[2];
	local[3] = sock->src_ip6[3];
	if (is_mapped(local))
		return may_use4(local[3]);
	if (!is_wildcard6(local) || sock->src_port)
		return REFUSE;
	return outcome(bpf_bind(call, &source6, sizeof(source6)));
}

SECTION("cgroup/connect6") int connect6(Call *call)
{
	struct sockaddr6 source = { .family = AF_INET6 };
	__be32 remote[4] = { call->user_ip6[0], call->user_ip6[1], call->user_ip6[2],
			     call->user_ip6[3] };
	struct bpf_sock *sock = call->sk;
	__be32 local[4];

	if (call->user_family != AF_INET6 || !sock)
		return PASS;
	local[0] = sock->src_ip6[0];
	local[1] = sock->src_ip6[1];
	local[2] = sock->src_ip6[2];
	local[3] = sock->src_ip6[3];
	if (is_mapped(remote)) {
		if (!ipv4)
			return PASS;
		if (is_mapped(local))
			return may_use4(local[3]);
		source.address[2] = big_endian(0xffff);
		source.address[3] = ipv4;
	} else {
		if (!ipv6_is_assigned())
			return PASS;
		if (!is_wildcard6(local))
			/* The kernel refuses to reach IPv6 from IPv4. */
			return is_mapped(local) || may_use6(local);
		source.address[0] = ipv6[0];
		source.address[1] = ipv6[1];
		source.address[2] = ipv6[2];
		source.address[3] = ipv6[3];
	}
	if (!is_wildcard6(local) || sock->src_port)
		return REFUSE;
	return outcome(bpf_bind(call, &source, sizeof(source)));
}

/* A datagram, whose source is the socket's, or one that a control message chooses. */
SECTION("cgroup/sendmsg4") int sendmsg4(Call *call)
{
	if (!ipv4)
		return PASS;
	if (call->msg_src_ip4 == 0)
		call->msg_src_ip4 = ipv4;
	return may_use4(call->msg_src_ip4);
}

SECTION("cgroup/sendmsg6") int sendmsg6(Call *call)
{
	__be32 source[4] = { call->msg_src_ip6[0], call->msg_src_ip6[1], call->msg_src_ip6[2],
			     call->msg_src_ip6[3] };

	if (!ipv6_is_assigned() || is_mapped(source))
		return PASS;
	if (!is_wildcard6(source))
		return may_use6(source);
	call->msg_src_ip6[0] = ipv6[0];
	call->msg_src_ip6[1] = ipv6[1];
	call->msg_src_ip6[2] = ipv6[2];
	call->msg_src_ip6[3] = ipv6[3];
	return PASS;
}
