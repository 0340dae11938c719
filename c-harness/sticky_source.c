/*
 * sticky_source SOURCE: the IPV6_PKTINFO socket option.
 */
#include "harness.h"

int main(int argc, char **argv)
{
	struct in6_pktinfo info = { .ipi6_ifindex = 0 };
	int fd = open_socket("udp6");

	if (argc < 2 || inet_pton(AF_INET6, argv[1], &info.ipi6_addr) != 1)
		return 2;
	puts(outcome(setsockopt(fd, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info))));
	return 0;
}
