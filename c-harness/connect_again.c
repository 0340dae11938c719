/*
 * connect_again KIND ADDRESS PORT REFUSED_PORT [REFUSED_ADDRESS]: a connect that is refused, then one
 * on the same socket that isn't.
 */
#include "harness.h"

int main(int argc, char **argv)
{
	int fd;

	if (argc < 5)
		return 2;
	fd = open_socket(argv[1]);
	print_outcome(connect_to(fd, argv[argc - 1 > 4 ? 5 : 2], atoi(argv[4])));
	print_call(fd, connect_to(fd, argv[2], atoi(argv[3])));
	end_line();
	return 0;
}
