/*
 * autobind KIND: a call that makes the kernel bind the socket by itself: send(2) on a "udp4" one,
 * which fails for want of a destination; sendto ::1 on a "udp6" one; on a "raw4" one none. Prints
 * its outcome, the address, whether a datagram to 127.0.0.9 is received there, and the outcome of a
 * sendto to it.
 */
#include "harness.h"

int main(int argc, char **argv)
{
	struct sockaddr_storage local, to;
	struct sockaddr_in *in = (struct sockaddr_in *)&local;
	socklen_t length = sizeof(local);
	int fd, other = socket(AF_INET, SOCK_DGRAM, 0), six, raw;
	const char *taken;
	char bytes[64];

	if (argc != 2)
		return 2;
	six = strcmp(argv[1], "udp6") == 0;
	raw = strcmp(argv[1], "raw4") == 0;
	fd = raw ? socket(AF_INET, SOCK_RAW, IPPROTO_UDP) : open_socket(argv[1]);
	if (fd < 0)
		die("socket");
	if (raw)
		printf("0");
	else if (six)
		printf("%s", outcome((int)sendto(fd, "x", 1, 0, (struct sockaddr *)&to,
						 make_sockaddr(&to, "::1", 9))));
	else
		printf("%s", outcome((int)send(fd, "x", 1, 0)));
	if (getsockname(fd, (struct sockaddr *)&local, &length) < 0)
		die("getsockname");
	/* sin6_port is at the same place. */
	length = make_sockaddr(&to, "127.0.0.9", raw ? 9 : ntohs(in->sin_port));
	if (connect(other, (struct sockaddr *)&to, length) < 0 || send(other, "y", 1, 0) != 1)
		die("a datagram from elsewhere");
	taken = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0 ? "received" : "nothing";
	print_local(fd);
	length = make_sockaddr(&to, six ? "::ffff:127.0.0.9" : "127.0.0.9", 9);
	printf(" %s %s\n", taken,
	       outcome((int)sendto(fd, "z", 1, 0, (struct sockaddr *)&to, length)));
	return 0;
}
