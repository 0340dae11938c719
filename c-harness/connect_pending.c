/*
 * connect_pending KIND ADDRESS: a second connect while the first one is still under way, to a
 * listener whose backlog is full.
 */
#include "harness.h"

#include <fcntl.h>

int main(int argc, char **argv)
{
	int port, fd;

	if (argc != 3)
		return 2;
	listener(argv[2], 0, &port);
	for (int i = 0; i < 3; i++) {
		fd = open_socket(argv[1]);
		fcntl(fd, F_SETFL, O_NONBLOCK);
		connect_to(fd, argv[2], port);
	}
	print_call(fd, connect_to(fd, argv[2], port));
	end_line();
	return 0;
}
