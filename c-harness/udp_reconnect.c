/* udp_reconnect KIND ADDRESS PORT PORT: the port stays over a second connect. */
#include "harness.h"

int main(int argc, char **argv)
{
	int fd = open_argument(argc, argv, 4);

	print_call(fd, connect_to(fd, argv[2], atoi(argv[3])));
	print_call(fd, connect_to(fd, argv[2], atoi(argv[4])));
	end_line();
	return 0;
}
