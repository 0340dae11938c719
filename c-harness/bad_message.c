/*
 * bad_message: sendto, sendmsg, sendmmsg, recvmsg, setsockopt with pointers and lengths that the
 * kernel refuses, and with some that it takes; the outcome of each.
 */
#include "harness.h"

static struct sockaddr_storage to;
static struct iovec data = { "x", 1 };

static struct msghdr message(void)
{
	return (struct msghdr){ .msg_name = &to, .msg_namelen = sizeof(struct sockaddr_in),
				.msg_iov = &data, .msg_iovlen = 1 };
}

static void send_one(const char *what, const struct msghdr *message)
{
	int fd = open_socket("udp4");

	printf("%s:%s ", what, outcome((int)sendmsg(fd, message, 0)));
	close(fd);
}

int main(int argc, char **argv)
{
	/* The highest bit belongs to the kernel's half of the address space. */
	void *kernels[] = { NULL, (void *)-1L, (void *)(1UL << 63) };
	static const socklen_t lengths[] = { 0, 1, 2, 15, 16, 28, 128, 129, 200, 0x80000000 };
	char control[1024];
	int fd = open_socket("udp4");

	if (argc < 2)
		return 2;
	make_sockaddr(&to, "127.0.0.1", atoi(argv[1]));
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		struct msghdr bad = message();
		int other = open_socket("udp4");

		printf("%u:%s ", lengths[i],
		       outcome((int)sendto(other, "x", 1, 0, (void *)&to, lengths[i])));
		close(other);
		bad.msg_namelen = lengths[i];
		send_one("name", &bad);
	}
	for (size_t i = 0; i < sizeof(kernels) / sizeof(*kernels); i++) {
		struct msghdr bad = message();

		printf("%p:%s ", kernels[i],
		       outcome((int)sendto(fd, "x", 1, 0, kernels[i], sizeof(struct sockaddr_in))));
		send_one("message", kernels[i]);
		bad.msg_name = kernels[i];
		send_one("name", &bad);
		bad = message();
		bad.msg_control = kernels[i];
		bad.msg_controllen = 32;
		send_one("control", &bad);
		printf("many:%s ", outcome(sendmmsg(fd, kernels[i], 1, 0)));
		printf("none:%s ", outcome(sendmmsg(fd, kernels[i], 0, 0)));
		printf("receive:%s ", outcome((int)recvmsg(fd, kernels[i], MSG_DONTWAIT)));
		printf("option:%s ", outcome(setsockopt(fd, IPPROTO_IPV6, IPV6_PKTINFO, kernels[i], 20)));
		printf("short:%s ", outcome(setsockopt(fd, IPPROTO_IPV6, IPV6_PKTINFO, kernels[i], 4)));
	}
	/* Control messages of lengths that don't add up. */
	for (size_t length = 0; length <= sizeof(control); length = length * 2 + 4) {
		struct msghdr bad = message();

		memset(control, 0, sizeof(control));
		((struct cmsghdr *)control)->cmsg_len = length + 8;
		((struct cmsghdr *)control)->cmsg_level = IPPROTO_IP;
		((struct cmsghdr *)control)->cmsg_type = IP_TTL;
		bad.msg_control = control;
		bad.msg_controllen = length;
		send_one("control", &bad);
	}
	printf("descriptor:%s ", outcome((int)sendto(-1, "x", 1, 0, (void *)&to, 16)));
	printf("file:%s ", outcome((int)sendto(0, "x", 1, 0, (void *)&to, 16)));
	printf("listen:%s %s\n", outcome(listen(-1, 1)), errno_name(errno));
	return 0;
}
