/*
 * dissolve_send KIND ADDRESS PORT THEN: connect, dissolve the association by AF_UNSPEC, and send to
 * THEN, a stream by MSG_FASTOPEN; the outcome and the address.
 */
#include "harness.h"

int main(int argc, char **argv)
{
	struct sockaddr_storage to;
	socklen_t length;
	int fd = open_argument(argc, argv, 4), flags;

	connect_to(fd, argv[2], atoi(argv[3]));
	dissolve(fd);
	length = make_sockaddr(&to, argv[4], atoi(argv[3]));
	flags = strncmp(argv[1], "tcp", 3) == 0 ? MSG_FASTOPEN | MSG_NOSIGNAL : 0;
	print_call(fd, (int)sendto(fd, "x", 1, flags, (struct sockaddr *)&to, length));
	end_line();
	return 0;
}
