/*
 * What the programs of this directory share: each calls the socket API in one way and prints, in one
 * line, what it got: the errno's name or 0, and local addresses as ADDRESS PORT.
 */
#ifndef HARNESS_H
#define HARNESS_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "raw.h"

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif
#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

static inline const char *errno_name(int number)
{
	static const struct {
		int number;
		const char *name;
	} names[] = {
		{ 0, "0" }, { EPERM, "EPERM" }, { EBADF, "EBADF" }, { EACCES, "EACCES" },
		{ EFAULT, "EFAULT" }, { EINVAL, "EINVAL" }, { ENOTSOCK, "ENOTSOCK" },
		{ EAFNOSUPPORT, "EAFNOSUPPORT" }, { EADDRINUSE, "EADDRINUSE" },
		{ EADDRNOTAVAIL, "EADDRNOTAVAIL" }, { ENETUNREACH, "ENETUNREACH" },
		{ EISCONN, "EISCONN" }, { ECONNREFUSED, "ECONNREFUSED" }, { EALREADY, "EALREADY" },
		{ EINPROGRESS, "EINPROGRESS" }, { EHOSTUNREACH, "EHOSTUNREACH" }, { EAGAIN, "EAGAIN" },
		{ EOPNOTSUPP, "EOPNOTSUPP" }, { EDESTADDRREQ, "EDESTADDRREQ" }, { EPIPE, "EPIPE" },
		{ ENOPROTOOPT, "ENOPROTOOPT" }, { ECONNRESET, "ECONNRESET" }, { ENOSYS, "ENOSYS" },
		{ EPROTONOSUPPORT, "EPROTONOSUPPORT" },
	};
	static char other[32];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (names[i].number == number)
			return names[i].name;
	snprintf(other, sizeof(other), "errno%d", number);
	return other;
}

/* The errno's name of a call that has just returned `result`. */
static inline const char *outcome(int result)
{
	return errno_name(result < 0 ? errno : 0);
}

static inline void die(const char *what)
{
	printf("%s: %s\n", what, errno_name(errno));
	exit(2);
}

/*
 * "tcp4", "udp6" (dual-stack), "udp6only", "raw4", "ping6", …; "mptcp4" is one that no library has
 * seen, as if it were inherited: of socket(2) the library makes TCP.
 */
static inline int open_socket(const char *kind)
{
	static const struct {
		const char *name;
		int type, ipv4, ipv6;
	} kinds[] = {
		{ "tcp", SOCK_STREAM, 0, 0 },
		{ "udp", SOCK_DGRAM, 0, 0 },
		{ "raw", SOCK_RAW, IPPROTO_ICMP, IPPROTO_ICMPV6 },
		{ "ping", SOCK_DGRAM, IPPROTO_ICMP, IPPROTO_ICMPV6 },
		{ "mptcp", SOCK_STREAM, IPPROTO_MPTCP, IPPROTO_MPTCP },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		size_t length = strlen(kinds[i].name);
		const char *family = kind + length;
		int six, only, fd, protocol;

		if (strncmp(kind, kinds[i].name, length) != 0)
			continue;
		six = *family == '6';
		only = strcmp(family, "6only") == 0;
		protocol = six ? kinds[i].ipv6 : kinds[i].ipv4;
		if (protocol == IPPROTO_MPTCP) {
			fd = (int)raw_call(SYS_socket, six ? AF_INET6 : AF_INET, kinds[i].type,
					   protocol);
			errno = -fd;
		} else {
			fd = socket(six ? AF_INET6 : AF_INET, kinds[i].type, protocol);
		}
		if (fd < 0)
			die("socket");
		if (six && kinds[i].type != SOCK_RAW &&
		    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only)) < 0)
			die("IPV6_V6ONLY");
		return fd;
	}
	fprintf(stderr, "no such kind of socket: %s\n", kind);
	exit(2);
}

/* The socket of the kind that the first of `count` arguments names; ends a program that has others. */
static inline int open_argument(int argc, char **argv, int count)
{
	if (argc != count + 1)
		exit(2);
	return open_socket(argv[1]);
}

/* Fills in an address of the family that it is written in, and returns its length. */
static inline socklen_t make_sockaddr(struct sockaddr_storage *storage, const char *address,
				      int port)
{
	struct sockaddr_in *in = (struct sockaddr_in *)storage;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)storage;

	memset(storage, 0, sizeof(*storage));
	if (strchr(address, ':')) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons((in_port_t)port);
		if (inet_pton(AF_INET6, address, &in6->sin6_addr) == 1)
			return sizeof(*in6);
	} else {
		in->sin_family = AF_INET;
		in->sin_port = htons((in_port_t)port);
		if (inet_pton(AF_INET, address, &in->sin_addr) == 1)
			return sizeof(*in);
	}
	fprintf(stderr, "no address: %s\n", address);
	exit(2);
}

static inline int bind_to(int fd, const char *address, int port)
{
	struct sockaddr_storage storage;
	socklen_t length = make_sockaddr(&storage, address, port);

	return bind(fd, (const struct sockaddr *)&storage, length);
}

static inline int connect_to(int fd, const char *address, int port)
{
	struct sockaddr_storage storage;
	socklen_t length = make_sockaddr(&storage, address, port);

	return connect(fd, (const struct sockaddr *)&storage, length);
}

/* connect(2) with AF_UNSPEC, which dissolves an association. */
static inline int dissolve(int fd)
{
	struct sockaddr unspec = { .sa_family = AF_UNSPEC };

	return connect(fd, &unspec, sizeof(unspec));
}

#define ENDPOINT_LENGTH (INET6_ADDRSTRLEN + sizeof(" 65535"))

/* Writes "ADDRESS PORT" to `text`, of ENDPOINT_LENGTH, and returns it. */
static inline char *endpoint(char *text, const struct sockaddr_storage *storage)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)storage;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)storage;
	int port;

	if (storage->ss_family == AF_INET) {
		inet_ntop(AF_INET, &in->sin_addr, text, INET6_ADDRSTRLEN);
		port = ntohs(in->sin_port);
	} else {
		inet_ntop(AF_INET6, &in6->sin6_addr, text, INET6_ADDRSTRLEN);
		port = ntohs(in6->sin6_port);
	}
	sprintf(text + strlen(text), " %d", port);
	return text;
}

/* The socket's own end. */
static inline char *local_endpoint(char *text, int fd)
{
	struct sockaddr_storage storage;
	socklen_t length = sizeof(storage);

	if (getsockname(fd, (struct sockaddr *)&storage, &length) < 0)
		die("getsockname");
	return endpoint(text, &storage);
}

/* The other end. */
static inline char *peer_endpoint(char *text, int fd)
{
	struct sockaddr_storage storage;
	socklen_t length = sizeof(storage);

	if (getpeername(fd, (struct sockaddr *)&storage, &length) < 0)
		die("getpeername");
	return endpoint(text, &storage);
}

/* " ADDRESS PORT" of the socket's own end. */
static inline void print_local(int fd)
{
	char text[ENDPOINT_LENGTH];

	printf(" %s", local_endpoint(text, fd));
}

/* What comes before the next outcome of a line: a space, but for the first. */
static const char *before_outcome = "";

/* The outcome of a call that has just returned `result`. */
static inline void print_outcome(int result)
{
	printf("%s%s", before_outcome, outcome(result));
	before_outcome = " ";
}

/* The outcome of a call on a socket, and where the socket is bound then. */
static inline void print_call(int fd, int result)
{
	print_outcome(result);
	print_local(fd);
}

static inline void end_line(void)
{
	puts("");
	before_outcome = "";
}

/* A TCP listener on an address, with a port of the kernel's choice, which is returned. */
static inline int listener(const char *address, int backlog, int *port)
{
	struct sockaddr_storage storage;
	socklen_t length = make_sockaddr(&storage, address, 0);
	int fd = socket(storage.ss_family, SOCK_STREAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&storage, length) < 0 || listen(fd, backlog) < 0 ||
	    getsockname(fd, (struct sockaddr *)&storage, &length) < 0)
		die("listener");
	*port = ntohs(((struct sockaddr_in *)&storage)->sin_port);
	return fd;
}

#endif
