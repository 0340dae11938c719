/*
 * dissolve KIND ADDRESS PORT THEN: connect, dissolve the association by AF_UNSPEC, connect to THEN;
 * the address after each.
 */
#include "harness.h"

int main(int argc, char **argv)
{
	int fd = open_argument(argc, argv, 4);

	print_call(fd, connect_to(fd, argv[2], atoi(argv[3])));
	print_call(fd, dissolve(fd));
	print_call(fd, connect_to(fd, argv[4], atoi(argv[3])));
	end_line();
	return 0;
}
