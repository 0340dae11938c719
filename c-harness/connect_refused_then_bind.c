/*
 * connect_refused_then_bind KIND ADDRESS REFUSED_PORT LOCAL: after a connect that failed the
 * socket is free again: a bind to port 0 gets a port at once.
 */
#include "harness.h"

int main(int argc, char **argv)
{
	int fd;

	if (argc != 5)
		return 2;
	fd = open_socket(argv[1]);
	printf("%s", outcome(connect_to(fd, argv[2], atoi(argv[3]))));
	printf(" %s", outcome(bind_to(fd, argv[4], 0)));
	print_local(fd);
	puts("");
	return 0;
}
