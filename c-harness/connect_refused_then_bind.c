/*
 * connect_refused_then_bind KIND ADDRESS REFUSED_PORT LOCAL: after a connect that failed the
 * socket is free again: a bind to port 0 gets a port at once.
 */
#include "harness.h"

int main(int argc, char **argv)
{
	int fd = open_argument(argc, argv, 4);

	print_outcome(connect_to(fd, argv[2], atoi(argv[3])));
	print_call(fd, bind_to(fd, argv[4], 0));
	end_line();
	return 0;
}
