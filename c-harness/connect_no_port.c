/*
 * connect_no_port KIND ADDRESS PORT LOCAL: the program itself sets IP_BIND_ADDRESS_NO_PORT and
 * binds without a port; the kernel would let a second bind replace that address.
 */
#include "harness.h"

int main(int argc, char **argv)
{
	int fd = open_argument(argc, argv, 4), on = 1;

	if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) < 0)
		die("IP_BIND_ADDRESS_NO_PORT");
	if (bind_to(fd, argv[4], 0) < 0)
		die("bind");
	print_call(fd, connect_to(fd, argv[2], atoi(argv[3])));
	end_line();
	return 0;
}
