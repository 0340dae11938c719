/*
 * multicast GROUP HOW TO [SOURCE]: a UDP socket that is bound to a group; whether it receives what is
 * sent there, and where a datagram to TO leaves from by HOW: sendto, sendmsg, sendmmsg, number
 * (sendto by syscall(2)), connect, or one of them after "many:", in a process that sends many. SOURCE
 * is chosen by a control message. The group is that of the interface m0.
 *
 * Prints what bind(2) said, whether the datagram came, what the send said, and the source.
 */
#include "harness.h"
#include "pktinfo.h"
#include "raw.h"
#include <net/if.h>
#include <sys/syscall.h>
#include <sys/time.h>

static struct sockaddr_storage group, to;
static socklen_t group_length, to_length;
static int port;

static int new_socket(void)
{
	int fd = socket(group.ss_family, SOCK_DGRAM, 0);

	if (fd < 0)
		die("socket");
	return fd;
}

static void set_port(struct sockaddr_storage *storage, int number)
{
	((struct sockaddr_in *)storage)->sin_port = htons((in_port_t)number);
}

static int port_of(int fd)
{
	struct sockaddr_storage storage;
	socklen_t length = sizeof(storage);

	if (getsockname(fd, (struct sockaddr *)&storage, &length) < 0)
		die("getsockname");
	return ntohs(((struct sockaddr_in *)&storage)->sin_port);
}

static void join(int fd)
{
	int index = (int)if_nametoindex("m0");
	struct ip_mreqn in = { .imr_ifindex = index };
	struct ipv6_mreq in6 = { .ipv6mr_interface = (unsigned int)index };
	int result;

	in.imr_multiaddr = ((struct sockaddr_in *)&group)->sin_addr;
	in6.ipv6mr_multiaddr = ((struct sockaddr_in6 *)&group)->sin6_addr;
	if (group.ss_family == AF_INET)
		result = setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &in, sizeof(in));
	else
		result = setsockopt(fd, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &in6, sizeof(in6));
	if (result < 0)
		die("join");
}

/* A datagram to the group, by raw system calls. */
static void send_to_group(void)
{
	int fd = (int)raw_call(SYS_socket, group.ss_family, SOCK_DGRAM, 0);
	int index = (int)if_nametoindex("m0");
	struct ip_mreqn in = { .imr_ifindex = index };
	struct iovec data = { "x", 1 };
	struct msghdr message = {
		.msg_name = &group,
		.msg_namelen = group_length,
		.msg_iov = &data,
		.msg_iovlen = 1,
	};

	if (group.ss_family == AF_INET)
		setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &in, sizeof(in));
	else
		setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &index, sizeof(index));
	set_port(&group, port);
	if (raw_call(SYS_sendmsg, fd, (long)&message, 0) < 0)
		die("to the group");
	close(fd);
}

static long send_by(int fd, const char *how, const char *source)
{
	struct iovec data = { "x", 1 };
	struct mmsghdr message;
	union control control;

	if (strcmp(how, "sendto") == 0)
		return sendto(fd, "x", 1, 0, (struct sockaddr *)&to, to_length);
	if (strcmp(how, "number") == 0)
		return syscall(SYS_sendto, fd, "x", 1, 0, &to, to_length);
	if (strcmp(how, "connect") == 0)
		return connect(fd, (struct sockaddr *)&to, to_length) < 0 ? -1 : send(fd, "x", 1, 0);
	memset(&message, 0, sizeof(message));
	address_message(&message.msg_hdr, &to, to_length, &data);
	choose_source(&message.msg_hdr, &control, source);
	if (strcmp(how, "sendmsg") == 0)
		return sendmsg(fd, &message.msg_hdr, 0);
	return sendmmsg(fd, &message, 1, 0);
}

static void many(void)
{
	int fd = new_socket();

	for (int i = 0; i < 100; i++)
		sendto(fd, "x", 1, MSG_DONTWAIT, (struct sockaddr *)&to, to_length);
	close(fd);
}

int main(int argc, char **argv)
{
	struct sockaddr_storage from;
	socklen_t length = sizeof(from);
	char text[ENDPOINT_LENGTH], byte;
	const struct timeval patience = { .tv_sec = 10 };
	const char *how = argv[2];
	int receiver, fd;

	group_length = make_sockaddr(&group, argv[1], 0);
	if (group.ss_family == AF_INET6)
		((struct sockaddr_in6 *)&group)->sin6_scope_id = if_nametoindex("m0");
	to_length = make_sockaddr(&to, argv[3], 0);
	receiver = (int)raw_call(SYS_socket, to.ss_family, SOCK_DGRAM, 0);
	if (raw_call(SYS_bind, receiver, (long)&to, (long)to_length) < 0)
		die("receiver");
	set_port(&to, port_of(receiver));
	if (strncmp(how, "many:", 5) == 0) {
		how += 5;
		many();
		while (recv(receiver, &byte, 1, MSG_DONTWAIT) == 1)
			;
	}
	fd = new_socket();
	printf("%s", outcome(bind(fd, (struct sockaddr *)&group, group_length)));
	port = port_of(fd);
	if (port == 0) {
		puts("");
		return 0;
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	join(fd);
	send_to_group();
	printf(" %s", recv(fd, &byte, 1, 0) == 1 ? "received" : "deaf");
	printf(" %s", send_by(fd, how, argc > 4 ? argv[4] : "-") < 0 ? errno_name(errno) : "0");
	if (recvfrom(receiver, &byte, 1, MSG_DONTWAIT, (struct sockaddr *)&from, &length) == 1) {
		*strchr(endpoint(text, &from), ' ') = '\0';
		printf(" %s", text);
	}
	puts("");
	return 0;
}
