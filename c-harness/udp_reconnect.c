/* udp_reconnect KIND ADDRESS PORT PORT: the port stays over a second connect. */
#include "harness.h"

int main(int argc, char **argv)
{
	int fd;

	if (argc != 5)
		return 2;
	fd = open_socket(argv[1]);
	printf("%s", outcome(connect_to(fd, argv[2], atoi(argv[3]))));
	print_local(fd);
	printf(" %s", outcome(connect_to(fd, argv[2], atoi(argv[4]))));
	print_local(fd);
	puts("");
	return 0;
}
