/*
 * dissolve KIND ADDRESS PORT THEN: connect, dissolve the association by AF_UNSPEC, connect to THEN;
 * the address after each.
 */
#include "harness.h"

int main(int argc, char **argv)
{
	int fd;

	if (argc != 5)
		return 2;
	fd = open_socket(argv[1]);
	printf("%s", outcome(connect_to(fd, argv[2], atoi(argv[3]))));
	print_local(fd);
	printf(" %s", outcome(dissolve(fd)));
	print_local(fd);
	printf(" %s", outcome(connect_to(fd, argv[4], atoi(argv[3]))));
	print_local(fd);
	puts("");
	return 0;
}
