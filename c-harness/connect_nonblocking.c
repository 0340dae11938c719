/*
 * connect_nonblocking KIND ADDRESS PORT: connect, wait until it is through, connect twice more:
 * the usual way to find out, then the error of a connected socket.
 */
#include "harness.h"

#include <fcntl.h>
#include <poll.h>

int main(int argc, char **argv)
{
	struct pollfd ready = { .events = POLLOUT };

	if (argc != 4)
		return 2;
	ready.fd = open_socket(argv[1]);
	fcntl(ready.fd, F_SETFL, O_NONBLOCK);
	print_outcome(connect_to(ready.fd, argv[2], atoi(argv[3])));
	poll(&ready, 1, 5000);
	print_outcome(connect_to(ready.fd, argv[2], atoi(argv[3])));
	print_call(ready.fd, connect_to(ready.fd, argv[2], atoi(argv[3])));
	end_line();
	return 0;
}
